/* SPDX-License-Identifier: Apache-2.0 */
/* log: one line an event, in the order of the site's log; own events that are not shared yet come last. */
#include <stdlib.h>

#include "client/cell.h"
#include "client/cloudevent.h"
#include "client/output.h"
#include "client/verbs.h"
#include "client/when.h"
#include "client/wrap.h"
#include "proto/event/hlc.h"

static const struct option_def options[] = {
    {"from", "POSITION", "begin at this position: 15, or 2.15 in the second epoch"},
    {"follow", NULL, "go on as events come in"},
    OPTIONS_END,
};

struct logging {
    bool json, failed;
    const struct felloe_value *names; /* of workers */
    int64_t now;
};

/* A text of one line, filled up to `width` columns, and cut to them on a terminal: what comes next is not known yet. */
static void print_cell(const char *text, size_t width)
{
    char *safe = out_one_line(text), *cut = safe && out_terminal() ? text_cut(safe, width) : NULL;
    const char *shown = cut ? cut : safe ? safe : "";
    size_t used = text_width(shown);
    out_text(stdout, shown);
    printf("%*s  ", used < width ? (int)(width - used) : 0, "");
    free(cut);
    free(safe);
}

static void print_words(const struct felloe_value *event, const struct cell_context *context)
{
    char *line = NULL, *safe;
    size_t len;
    const char *type = felloe_value_text(felloe_value_at(event, ITEM_TYPE));
    FILE *to = open_memstream(&line, &len);
    if (to) {
        fputs(type_label(type), to);
        fputs(felloe_value_count(felloe_value_at(event, ITEM_FIELDS)) > 0 ? ": " : "", to);
        fields_print(to, type, felloe_value_at(event, ITEM_FIELDS), context);
        fclose(to);
    }
    safe = line ? out_one_line(line) : NULL;
    out_text(stdout, safe ? safe : "");
    putchar('\n');
    free(safe);
    free(line);
}

static void print_event(const struct logging *log, const struct felloe_value *event)
{
    char position[40], time[WHEN_MAX], id[80], person[80];
    const char *name = felloe_value_text(felloe_value_at(event, ITEM_NAME));
    struct cell_context context = {.now = log->now, .names = log->names};
    position_text(felloe_value_at(event, ITEM_POSITION), position);
    hex_of(felloe_value_at(event, ITEM_ID), id, sizeof id);
    id[ID_SHORT] = '\0';
    print_cell(felloe_value_text(felloe_value_at(event, ITEM_SITE)), 8);
    print_cell(*position ? position : "waiting", 7);
    print_cell(id, ID_SHORT);
    if (felloe_value_kind(felloe_value_at(event, ITEM_TYPE)) == FELLOE_NIL) {
        bool erased = felloe_value_kind(felloe_value_at(event, ITEM_FIELDS)) == FELLOE_BOOL;
        printf("%s(%s)%s\n", out_style(STYLE_GREY),
               erased ? "erased" : "sealed: it is for others, or its key has not come yet", out_style(STYLE_PLAIN));
        return;
    }
    when_friendly((int64_t)hlc_ms((uint64_t)felloe_value_integer(felloe_value_at(event, ITEM_TIME))), log->now, time);
    hex_of(felloe_value_at(event, ITEM_PERSON), person, sizeof person);
    person[ID_SHORT] = '\0';
    print_cell(time, 12);
    print_cell(worker_name(&context, felloe_value_text(felloe_value_at(event, ITEM_WORKER))), 14);
    print_cell(*name ? name : person, 10);
    print_words(event, &context);
}

static bool show_event(void *context, const struct felloe_value *event)
{
    struct logging *log = context;
    if (log->json) {
        json_t *json = cloudevent_of(event);
        log->failed |= !out_json_line(stdout, json, JSON_COMPACT);
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
        {.name = "names", .kind = FELLOE_BOOL, .integer = !cli->json},
    };
    struct felloe_answer *workers = NULL;
    if (from && !position_parse(bytes_str(from), &position))
        return cli_fail(cli, FELLOE_INVALID, "--from %s is not a position: write 15, or 2.15 in the second epoch",
                        from);
    if (arguments[2].integer)
        setvbuf(stdout, NULL, _IOLBF, 0); /* each event is seen as it comes, in a pipe too */
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK && !cli->json) /* for their names; without them there are their ids */
        (void)felloe_view(cli->client, "workers", cli_option(cli, "site"), NULL, &workers, NULL);
    if (workers)
        log.names = felloe_value_get(felloe_answer_summary(workers), "names");
    if (code == FELLOE_OK)
        code = felloe_stream(cli->client, "log", arguments, 4, show_event, &log, NULL, NULL, &cli->error);
    if (code == FELLOE_OK && log.failed)
        code = cli_fail(cli, FELLOE_FAILED, "the log could not be written whole");
    felloe_answer_free(workers);
    return code;
}

const struct verb verb_log = {"log", "Keep it well", "", "the events as they lie in the log",
                              "With --json: CloudEvents 1.0 lines.", options, 0, 0, run};
