/* SPDX-License-Identifier: Apache-2.0 */
/* verify: every chain, hash, signature and position of the log, from the first event on. */
#include <inttypes.h>
#include <string.h>

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
        {"unreadable", "unreadable"}, {"problems", "problems"}};
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

/* What was written so that it cannot be read is no damage, and nothing that this device could mend. */
static void print_unreadable(const struct felloe_value *unreadable, bool at_hub)
{
    static const struct { const char *why, *here, *hub; } words[] = {
        {"no-key", "the key is not here yet; it comes from the hub where this device may have it",
         "the key is not here yet; the laptop that wrote them brings it when it is online"},
        {"for-others", "restricted to workers among whom you are not", "restricted to some workers"},
        {"erased", "about people who were erased", "about people who were erased"},
        {"does-not-open", "sealed under another key than they name; ask who looks after that device",
         "sealed under another key than they name; look into that device: felloe hub devices"},
        {"not-well-formed", "they open, but this version cannot make sense of them; ask who looks after that device",
         "they open, but this version cannot make sense of them; look into that device: felloe hub devices"}};
    for (size_t i = 0; i < felloe_value_count(unreadable); i++) {
        const struct felloe_value *one = felloe_value_at(unreadable, i);
        const char *why = felloe_value_text(felloe_value_get(one, "why"));
        int64_t events = felloe_value_integer(felloe_value_get(one, "events"));
        const char *first = felloe_value_text(felloe_value_get(one, "first")), *text = "";
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            if (strcmp(words[w].why, why) == 0)
                text = at_hub ? words[w].hub : words[w].here;
        printf("%" PRId64 " event%s of device %.8s in %s cannot be read (%s%s): %s\n", events, events == 1 ? "" : "s",
               felloe_value_text(felloe_value_get(one, "device")), felloe_value_text(felloe_value_get(one, "site")),
               events == 1 ? "" : "from ", first, text);
    }
}

static enum felloe_code print_result(struct cli *cli, const struct felloe_value *summary, int64_t events, bool at_hub)
{
    const struct felloe_value *problems = felloe_value_get(summary, "problems");
    for (size_t i = 0; i < felloe_value_count(problems); i++) {
        out_text(stdout, felloe_value_text(felloe_value_at(problems, i)));
        putchar('\n');
    }
    if (felloe_value_count(problems) == 0)
        printf("All %" PRId64 " events verify: every chain, hash, signature and position\n", events);
    print_unreadable(felloe_value_get(summary, "unreadable"), at_hub);
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
    bool at_hub = strcmp(felloe_value_text(felloe_value_get(summary, "role")), "hub") == 0;
    code = cli->json ? out_json(json_of(summary), &cli->error) : print_result(cli, summary, events, at_hub);
    felloe_answer_free(answer);
    if (code == FELLOE_OK && count > 0)
        return cli_fail(cli, FELLOE_DAMAGED,
                        "%zu problem%s in %" PRId64 " events: stop felloed, then `felloe repair`; what it cannot prove "
                        "comes back from %s",
                        count, count == 1 ? "" : "s", events, at_hub ? "the laptops" : "the hub");
    return code;
}

const struct verb verb_verify = {
    "verify", GROUP_KEEP, "", "check every chain, hash, signature and position of the log",
    "Goes through the whole log, from the first event on, while everything goes on. Says which event is wrong, and\n"
    "how; the exit code is then 12, and `felloe repair` is what to do. Events that cannot be read because their key\n"
    "is not here are listed, but are no damage.",
    NULL, 0, 0, run};
