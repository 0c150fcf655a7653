/* SPDX-License-Identifier: Apache-2.0 */
/* hub devices: the laptops that the hub has let in, and when each was last heard. */

#include "client/cell.h"
#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"
#include "client/when.h"

/* What the daemon gives of a device, in this order. */
enum shown_as { SHOW_ID, SHOW_TEXT, SHOW_TEXTS, SHOW_TIME, SHOW_NUMBER };
static const struct {
    const char *key, *heading;
    enum shown_as as;
} columns[] = {
    {"device", "device", SHOW_ID},      {"label", "called", SHOW_TEXT},      {"worker", "worker", SHOW_TEXT},
    {"name", "name", SHOW_TEXT},        {"role", "role", SHOW_TEXT},         {"agency", "agency", SHOW_TEXT},
    {"sites", "sites", SHOW_TEXTS},     {"joined", "joined", SHOW_TIME},     {"heard", "last heard", SHOW_TIME},
    {"waiting", "waiting", SHOW_NUMBER}, {"revoked", "revoked", SHOW_TIME},  {"why", "why", SHOW_TEXT},
    {"words", "words", SHOW_TEXT},
};
#define COLUMNS (sizeof columns / sizeof *columns)

static json_t *device_json(const struct felloe_value *device)
{
    json_t *object = json_of(device);
    for (size_t c = 0; c < COLUMNS; c++) {
        char time[WHEN_MAX];
        int64_t ms = felloe_value_integer(felloe_value_get(device, columns[c].key));
        if (columns[c].as != SHOW_TIME)
            continue;
        when_iso(ms, time);
        json_object_set_new(object, columns[c].key, ms > 0 ? json_string(time) : json_null());
    }
    return object;
}

static void cell(struct table *table, size_t c, const struct felloe_value *value)
{
    char text[1200] = "";
    size_t used = 0;
    int64_t number = felloe_value_integer(value);
    switch (columns[c].as) {
    case SHOW_ID:
        hex_of(value, text, sizeof text);
        text[ID_SHORT] = '\0';
        break;
    case SHOW_TEXT:
        snprintf(text, sizeof text, "%s", felloe_value_text(value));
        break;
    case SHOW_TEXTS:
        for (size_t i = 0; i < felloe_value_count(value) && used < sizeof text - 64; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "",
                                     felloe_value_text(felloe_value_at(value, i)));
        break;
    case SHOW_TIME:
        if (number > 0)
            when_friendly(number, when_now(), text);
        break;
    case SHOW_NUMBER:
        if (felloe_value_kind(value) == FELLOE_INTEGER)
            snprintf(text, sizeof text, "%lld", (long long)number);
        break;
    }
    table_cell(table, c, text);
}

static enum felloe_code print_devices(struct cli *cli, const struct felloe_answer *answer)
{
    struct table *table = table_new();
    for (size_t c = 0; c < COLUMNS; c++)
        table_column(table, columns[c].heading, columns[c].as == SHOW_NUMBER ? COLUMN_RIGHT : COLUMN_PLAIN);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *device = felloe_answer_item(answer, i);
        table_row(table);
        for (size_t c = 0; c < COLUMNS; c++)
            cell(table, c, felloe_value_get(device, columns[c].key));
        if (felloe_value_integer(felloe_value_get(device, "revoked")) > 0)
            table_grey(table);
    }
    return table_print(table, &cli->error);
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "hub.devices", NULL, 0, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    if (cli->json) {
        code = out_json(json_of_items(answer, device_json), &cli->error);
    } else if (felloe_answer_count(answer) == 0) {
        puts("No laptop has joined yet: `felloe hub invite` makes a ticket for one");
    } else {
        code = print_devices(cli, answer);
    }
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_hub_devices = {"hub devices", GROUP_SETUP, "", "the laptops that were let in", NULL, NULL, 0, 0,
                                      run};
