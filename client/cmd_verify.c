/* SPDX-License-Identifier: Apache-2.0 */
/* verify: every chain, hash, signature and position of the log, from the first event on. */
#include <inttypes.h>

#include "client/output.h"
#include "client/upkeep.h"
#include "client/verbs.h"

enum felloe_code ask_with_progress(struct cli *cli, const char *what, struct felloe_answer **out)
{
    struct progress progress;
    progress_init(&progress, what, cli->json);
    struct felloe_progress reports = progress_reports(&progress);
    enum felloe_code code = cli_ask(cli, cli->verb->name, NULL, 0, &reports, out);
    progress_end(&progress);
    return code;
}

/* What was looked at, a line a site. */
static enum felloe_code print_sites(struct cli *cli, const struct felloe_value *sites)
{
    static const struct { const char *key, *heading; } columns[] = {
        {"events", "events"}, {"own", "written here"}, {"signatures", "signatures"}, {"sealed", "without a key here"},
        {"problems", "problems"}};
    size_t count = sizeof columns / sizeof *columns;
    struct table *table = table_new();
    table_column(table, "site", COLUMN_PLAIN);
    for (size_t c = 0; c < count; c++)
        table_column(table, columns[c].heading, COLUMN_RIGHT);
    for (size_t i = 0; i < felloe_value_count(sites); i++) {
        const struct felloe_value *site = felloe_value_at(sites, i);
        table_row(table);
        table_cell(table, 0, felloe_value_text(felloe_value_get(site, "site")));
        for (size_t c = 0; c < count; c++) {
            char text[32];
            int64_t number = felloe_value_integer(felloe_value_get(site, columns[c].key));
            snprintf(text, sizeof text, "%" PRId64, number);
            table_cell(table, c + 1, number > 0 || c < 3 ? text : "");
        }
    }
    return table_print(table, &cli->error);
}

static enum felloe_code print_result(struct cli *cli, const struct felloe_value *summary, int64_t events)
{
    const struct felloe_value *problems = felloe_value_get(summary, "problems");
    for (size_t i = 0; i < felloe_value_count(problems); i++) {
        out_text(stdout, felloe_value_text(felloe_value_at(problems, i)));
        putchar('\n');
    }
    if (felloe_value_count(problems) == 0)
        printf("All %" PRId64 " events verify: every chain, hash, signature and position\n", events);
    putchar('\n');
    return print_sites(cli, felloe_value_get(summary, "sites"));
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = ask_with_progress(cli, "verifying", &answer);
    if (code != FELLOE_OK)
        return code;
    const struct felloe_value *summary = felloe_answer_summary(answer);
    size_t count = felloe_value_count(felloe_value_get(summary, "problems"));
    int64_t events = felloe_value_integer(felloe_value_get(summary, "events"));
    code = cli->json ? out_json(json_of(summary), &cli->error) : print_result(cli, summary, events);
    felloe_answer_free(answer);
    if (code == FELLOE_OK && count > 0)
        return cli_fail(cli, FELLOE_DAMAGED,
                        "%zu problem%s in %" PRId64 " events: keep a copy of the directory, and let this device join "
                        "anew; what it had shared is at the hub",
                        count, count == 1 ? "" : "s", events);
    return code;
}

const struct verb verb_verify = {"verify", GROUP_KEEP, "", "check every chain, hash, signature and position of the log",
                                 NULL, NULL, 0, 0, run};
