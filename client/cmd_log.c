/* SPDX-License-Identifier: Apache-2.0 */
/* log: one line an event, in the order of the site's log; own events that are not shared yet come last. */
#include <stdlib.h>

#include "client/cell.h"
#include "client/cloudevent.h"
#include "client/output.h"
#include "client/verbs.h"
#include "client/when.h"
#include "proto/hlc.h"

static const struct option_def options[] = {
    {"from", "POSITION", "begin at this position: 15, or 2.15 in the second epoch"},
    {"follow", NULL, "go on as events come in"},
    OPTIONS_END,
};

struct logging {
    bool json, failed;
    int64_t now;
};

static void print_event(const struct logging *log, const struct felloe_value *event)
{
    char position[40], time[WHEN_MAX], id[80], person[80], *line = NULL, *safe;
    size_t len;
    const char *type = felloe_value_text(felloe_value_at(event, ITEM_TYPE));
    struct cell_context context = {.now = log->now};
    position_text(felloe_value_at(event, ITEM_POSITION), position);
    hex_of(felloe_value_at(event, ITEM_ID), id, sizeof id);
    when_friendly((int64_t)hlc_ms((uint64_t)felloe_value_integer(felloe_value_at(event, ITEM_TIME))), log->now, time);
    printf("%-10s %-8s %.*s  ", felloe_value_text(felloe_value_at(event, ITEM_SITE)), *position ? position : "waiting",
           ID_SHORT, id);
    if (felloe_value_kind(felloe_value_at(event, ITEM_TYPE)) == FELLOE_NIL) {
        printf("%s(sealed: its key is not on this device)%s\n", out_style(STYLE_GREY), out_style(STYLE_PLAIN));
        return;
    }
    printf("%-12s %-10s ", time, felloe_value_text(felloe_value_at(event, ITEM_WORKER)));
    hex_of(felloe_value_at(event, ITEM_PERSON), person, sizeof person);
    printf("%-*.*s  ", ID_SHORT, ID_SHORT, person);
    FILE *to = open_memstream(&line, &len);
    if (to) {
        fputs(type_label(type), to);
        fputs(": ", to);
        fields_print(to, type, felloe_value_at(event, ITEM_FIELDS), &context);
        fclose(to);
    }
    safe = line ? out_one_line(line) : NULL;
    puts(safe ? safe : type);
    free(safe);
    free(line);
}

static bool show_event(void *context, const struct felloe_value *event)
{
    struct logging *log = context;
    if (log->json) {
        json_t *json = cloudevent_of(event);
        log->failed |= !json || json_dumpf(json, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF;
        json_decref(json);
    } else {
        log->now = when_now();
        print_event(log, event);
    }
    return !log->failed && !ferror(stdout);
}

static enum felloe_code run(struct cli *cli)
{
    struct logging log = {.json = cli->json};
    struct position position;
    const char *from = cli_option(cli, "from");
    const struct felloe_argument arguments[] = {
        {.name = "site", .kind = FELLOE_TEXT, .text = cli_option(cli, "site")},
        {.name = "from", .kind = FELLOE_TEXT, .text = from},
        {.name = "follow", .kind = FELLOE_BOOL, .integer = cli_option(cli, "follow") != NULL},
    };
    if (from && !position_parse(bytes_str(from), &position))
        return cli_fail(cli, FELLOE_INVALID, "--from %s is not a position: write 15, or 2.15 in the second epoch",
                        from);
    if (arguments[2].integer)
        setvbuf(stdout, NULL, _IOLBF, 0); /* each event is seen as it comes, in a pipe too */
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK)
        code = felloe_stream(cli->client, "log", arguments, 3, show_event, &log, NULL, NULL, &cli->error);
    if (code == FELLOE_OK && log.failed)
        code = cli_fail(cli, FELLOE_FAILED, "the log could not be written whole");
    return code;
}

const struct verb verb_log = {"log", "Keep it well", "", "the events as they lie in the log",
                              "With --json: CloudEvents 1.0 lines.", options, 0, 0, run};
