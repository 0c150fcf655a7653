/* SPDX-License-Identifier: Apache-2.0 */
/* hub quarantine: what revoked laptops had not shared, and handed over: listed, looked at, taken in, discarded. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/ask.h"
#include "client/cell.h"
#include "client/cloudevent.h"
#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"
#include "client/when.h"
#include "proto/event/hlc.h"

#define ITEM_FIT (ITEM_NAME + 1) /* what would become of it */

static const struct option_def options[] = {
    {"accept", NULL, "take the entries in, as what they are"},
    {"discard", NULL, "remove them for good (with --why); who looked at a record is kept, for the auditors"},
    {"why", "TEXT", "why they are discarded, for the journal"},
    {"after", "NUMBER", "show what comes after so many entries"},
    {"limit", "NUMBER", "show at most so many (1,000)"},
    OPTIONS_END,
};

/* ---- the list ---- */

static int64_t number(const struct felloe_value *map, const char *key)
{
    return felloe_value_integer(felloe_value_get(map, key));
}

static const char *text(const struct felloe_value *map, const char *key)
{
    return felloe_value_text(felloe_value_get(map, key));
}

static json_t *device_json(const struct felloe_value *device)
{
    static const char *const times[] = {"revoked", "from", "to", "settled"};
    json_t *object = json_of(device);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char time[WHEN_MAX];
        int64_t ms = number(device, times[i]);
        when_iso(ms, time);
        json_object_set_new(object, times[i], ms > 0 ? json_string(time) : json_null());
    }
    return object;
}

static void size_text(int64_t bytes, char out[32])
{
    if (bytes < 10240)
        snprintf(out, 32, "%" PRId64 " B", bytes);
    else if (bytes < (10 << 20))
        snprintf(out, 32, "%" PRId64 " KiB", bytes >> 10);
    else
        snprintf(out, 32, "%" PRId64 " MiB", bytes >> 20);
}

static void time_cell(struct table *table, size_t column, int64_t ms)
{
    char time[WHEN_MAX] = "";
    if (ms > 0)
        when_friendly(ms, when_now(), time);
    table_cell(table, column, time);
}

static void count_cell(struct table *table, size_t column, int64_t count)
{
    char digits[32] = "";
    if (count > 0)
        snprintf(digits, sizeof digits, "%" PRId64, count);
    table_cell(table, column, digits);
}

static enum felloe_code print_list(struct cli *cli, const struct felloe_answer *answer)
{
    static const char *const headings[] = {"device", "called", "worker",   "revoked", "why",     "entries",
                                           "from",   "to",     "size",     "taken in", "discarded"};
    struct table *table = table_new();
    for (size_t c = 0; c < sizeof headings / sizeof *headings; c++)
        table_column(table, headings[c], c == 5 || c > 7 ? COLUMN_RIGHT : COLUMN_PLAIN);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *device = felloe_answer_item(answer, i);
        char id[80], size[32] = "";
        hex_of(felloe_value_get(device, "device"), id, sizeof id);
        id[ID_SHORT] = '\0';
        if (number(device, "events") > 0)
            size_text(number(device, "bytes"), size);
        table_row(table);
        table_cell(table, 0, id);
        table_cell(table, 1, text(device, "label"));
        table_cell(table, 2, text(device, "worker"));
        time_cell(table, 3, number(device, "revoked"));
        table_cell(table, 4, text(device, "why"));
        count_cell(table, 5, number(device, "events"));
        time_cell(table, 6, number(device, "from"));
        time_cell(table, 7, number(device, "to"));
        table_cell(table, 8, size);
        count_cell(table, 9, number(device, "taken"));
        count_cell(table, 10, number(device, "dropped"));
        if (number(device, "events") == 0)
            table_grey(table);
    }
    return table_print(table, &cli->error);
}

static enum felloe_code list(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "hub.quarantine", NULL, 0, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    if (cli->json) {
        code = out_json(json_of_items(answer, device_json), &cli->error);
    } else if (felloe_answer_count(answer) == 0) {
        puts("Nothing is in quarantine: no revoked laptop has shown up with entries that it had not shared");
    } else {
        code = print_list(cli, answer);
    }
    felloe_answer_free(answer);
    return code;
}

/* ---- one laptop's entries ---- */

static const char *fit_words(const char *fit)
{
    static const struct {
        const char *fit, *words;
    } known[] = {{"follows", ""},
                 {"held", "in the record already"},
                 {"other", "the record has another history here: it can be read, not taken in"},
                 {"gap", "what comes before it is missing: it cannot be taken in yet"},
                 {"unseen", "the hub lacks what it has seen: it cannot be taken in yet"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].fit, fit) == 0)
            return known[i].words;
    return fit;
}

/* "note added: …", of one line; free it. */
static char *words_of(const struct felloe_value *event)
{
    const struct cell_context context = {.now = when_now()};
    const char *type = felloe_value_text(felloe_value_at(event, ITEM_TYPE));
    char *line = NULL, *safe;
    size_t len;
    if (felloe_value_kind(felloe_value_at(event, ITEM_TYPE)) == FELLOE_NIL)
        return strdup(strcmp(felloe_value_text(felloe_value_at(event, ITEM_SITE)), "audit") == 0
                          ? "(who looked at a record: for the auditors, once it is taken in)"
                          : "(sealed: it is for others, or its key is not here)");
    FILE *to = open_memstream(&line, &len);
    if (!to)
        return NULL;
    fputs(type_label(type), to);
    fputs(felloe_value_count(felloe_value_at(event, ITEM_FIELDS)) > 0 ? ": " : "", to);
    fields_print(to, type, felloe_value_at(event, ITEM_FIELDS), &context);
    fclose(to);
    safe = line ? out_one_line(line) : NULL;
    free(line);
    return safe;
}

static void add_event(struct table *table, const struct felloe_value *event)
{
    char id[80];
    const uint64_t time = (uint64_t)felloe_value_integer(felloe_value_at(event, ITEM_TIME));
    char *words = words_of(event);
    hex_of(felloe_value_at(event, ITEM_ID), id, sizeof id);
    id[ID_SHORT] = '\0';
    table_row(table);
    table_cell(table, 0, felloe_value_text(felloe_value_at(event, ITEM_SITE)));
    table_cell(table, 1, id);
    time_cell(table, 2, (int64_t)hlc_ms(time));
    table_cell(table, 3, felloe_value_text(felloe_value_at(event, ITEM_WORKER)));
    table_cell(table, 4, felloe_value_text(felloe_value_at(event, ITEM_NAME)));
    table_cell(table, 5, words ? words : "");
    table_cell(table, 6, fit_words(felloe_value_text(felloe_value_at(event, ITEM_FIT))));
    free(words);
}

static enum felloe_code print_events(struct cli *cli, const struct felloe_answer *answer)
{
    static const char *const headings[] = {"site", "id", "when", "who", "about", "what", ""};
    const struct felloe_value *summary = felloe_answer_summary(answer);
    int64_t total = number(summary, "total"), told = number(summary, "events");
    if (total == 0) {
        printf("Nothing of the laptop of %s is kept aside\n", text(summary, "worker"));
        return FELLOE_OK;
    }
    struct table *table = table_new();
    for (size_t c = 0; c < sizeof headings / sizeof *headings; c++)
        table_column(table, headings[c], c > 4 ? COLUMN_WRAP : COLUMN_PLAIN);
    for (size_t i = 0; i < felloe_answer_count(answer); i++)
        add_event(table, felloe_answer_item(answer, i));
    enum felloe_code code = table_print(table, &cli->error);
    if (code != FELLOE_OK)
        return code;
    printf("%" PRId64 " of %" PRId64 " entries that the laptop of %s had not shared. None of it is in the record: "
           "--accept takes it in, --discard removes it\n", told, total, text(summary, "worker"));
    return FELLOE_OK;
}

static json_t *events_json(const struct felloe_answer *answer)
{
    json_t *events = json_array(), *all = json_of(felloe_answer_summary(answer));
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *event = felloe_answer_item(answer, i);
        json_t *json = cloudevent_of(event);
        json_object_set_new(json, "fit", json_string(felloe_value_text(felloe_value_at(event, ITEM_FIT))));
        json_array_append_new(events, json);
    }
    json_object_set_new(all, "entries", events);
    return all;
}

static enum felloe_code take_number(struct cli *cli, const char *option, struct felloe_argument *out)
{
    const char *given = cli_option(cli, option);
    char *end = NULL;
    *out = (struct felloe_argument){.name = option, .kind = FELLOE_INTEGER};
    if (!given)
        return FELLOE_OK;
    out->integer = strtoll(given, &end, 10);
    return *given && !*end && out->integer >= 0 ? FELLOE_OK
                                                : cli_fail(cli, FELLOE_USAGE, "--%s takes a number", option);
}

static enum felloe_code show(struct cli *cli)
{
    struct felloe_argument arguments[3] = {{.name = "device", .kind = FELLOE_TEXT, .text = cli->words[0]}};
    struct felloe_answer *answer;
    enum felloe_code code = take_number(cli, "after", &arguments[1]);
    if (code == FELLOE_OK)
        code = take_number(cli, "limit", &arguments[2]);
    if (code == FELLOE_OK)
        code = cli_ask(cli, "hub.quarantine", arguments, 3, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    code = cli->json ? out_json(events_json(answer), &cli->error) : print_events(cli, answer);
    felloe_answer_free(answer);
    return code;
}

/* ---- what becomes of them ---- */

static void tell_settled(const struct felloe_value *summary, bool accept)
{
    int64_t left = number(summary, "left"), count = number(summary, accept ? "taken" : "dropped");
    printf("%" PRId64 " %s %s%s\n", count, count == 1 ? "entry" : "entries", accept ? "taken in" : "discarded",
           accept && count > 0 ? ", and shared with everybody of their sites" : "");
    if (number(summary, "looks") > 0)
        printf("Who looked at a record (%" PRId64 " of the entries) is not discarded: the auditors have it now\n",
               number(summary, "looks"));
    if (left > 0)
        printf("%" PRId64 " could not be taken in, and stay where they are: `felloe hub quarantine DEVICE` says why\n",
               left);
}

static enum felloe_code settle(struct cli *cli, bool accept)
{
    struct felloe_answer *answer;
    const char *why = cli_option(cli, "why");
    char *asked = NULL;
    enum felloe_code code = FELLOE_OK;
    if (!accept && !why && ask_possible(cli))
        code = ask_line(cli, "Why are they discarded?", NULL, &asked);
    if (code == FELLOE_OK && !accept && !why && (!asked || !*asked))
        code = cli_fail(cli, FELLOE_USAGE, "say why they are discarded: --why TEXT. What is discarded is gone");
    const struct felloe_argument arguments[] = {
        {.name = "device", .kind = FELLOE_TEXT, .text = cli->words[0]},
        {.name = "do", .kind = FELLOE_TEXT, .text = accept ? "accept" : "discard"},
        {.name = "why", .kind = FELLOE_TEXT, .text = why ? why : asked},
    };
    if (code == FELLOE_OK)
        code = cli_ask(cli, "hub.quarantine", arguments, 3, NULL, &answer);
    free(asked);
    if (code != FELLOE_OK)
        return code;
    if (cli->json)
        code = out_json(json_of(felloe_answer_summary(answer)), &cli->error);
    else
        tell_settled(felloe_answer_summary(answer), accept);
    felloe_answer_free(answer);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    bool accept = cli_option(cli, "accept") != NULL, discard = cli_option(cli, "discard") != NULL;
    if (accept && discard)
        return cli_fail(cli, FELLOE_USAGE, "either --accept or --discard");
    if (cli->word_count == 0 && (accept || discard))
        return cli_fail(cli, FELLOE_USAGE, "say whose entries: felloe hub quarantine DEVICE --%s",
                        accept ? "accept" : "discard");
    if (accept || discard)
        return settle(cli, accept);
    return cli->word_count > 0 ? show(cli) : list(cli);
}

const struct verb verb_hub_quarantine = {
    "hub quarantine", GROUP_SETUP, "[DEVICE]", "what revoked laptops had not shared, and handed over",
    "Kept apart from the record until somebody looks at it. With DEVICE (an id, a prefix of it, a label or a worker): "
    "its entries.",
    options, 0, 1, run};
