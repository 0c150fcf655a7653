/* SPDX-License-Identifier: Apache-2.0 */
/* verify: every chain, hash, signature and position of the log, from the first event on. */
#include <inttypes.h>
#include <string.h>

#include "client/output.h"
#include "client/upkeep.h"
#include "client/verbs.h"

static enum felloe_code ask_about(struct cli *cli, const char *what, const struct felloe_argument *arguments,
                                  size_t count, struct felloe_answer **out)
{
    struct progress progress;
    progress_init(&progress, what, cli->json);
    struct felloe_progress reports = progress_reports(&progress);
    enum felloe_code code = cli_ask(cli, cli->verb->name, arguments, count, &reports, out);
    progress_end(&progress);
    return code;
}

enum felloe_code ask_with_progress(struct cli *cli, const char *what, struct felloe_answer **out)
{
    return ask_about(cli, what, NULL, 0, out);
}

enum felloe_code expect_all_sites(struct cli *cli)
{
    if (cli_option(cli, "site") == NULL)
        return FELLOE_OK;
    return cli_fail(cli, FELLOE_USAGE, "%s goes through all sites: leave --site out", cli->verb->name);
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
        {"locked", "the laptop is locked to them; they are read once it is unlocked by whom they are for", ""},
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

/* Whoever looks at the same position and reads out other words was told another story by the hub. */
static enum felloe_code print_heads(struct cli *cli, const struct felloe_value *sites)
{
    const char *none = cli_option(cli, "at") ? "not received" : "nothing yet";
    struct table *table = table_new();
    table_column(table, "site", COLUMN_PLAIN);
    table_column(table, "up to", COLUMN_RIGHT);
    table_column(table, "words, the same wherever the record is the same up to there", COLUMN_PLAIN);
    for (size_t i = 0; i < felloe_value_count(sites); i++) {
        const struct felloe_value *site = felloe_value_at(sites, i);
        const char *head = felloe_value_text(felloe_value_get(site, "head"));
        table_row(table);
        table_cell(table, 0, felloe_value_text(felloe_value_get(site, "site")));
        table_cell(table, 1, *head ? head : "-");
        table_cell(table, 2, *head ? felloe_value_text(felloe_value_get(site, "words")) : none);
    }
    return table_print(table, &cli->error);
}

static void print_stories(const struct felloe_value *stories)
{
    for (size_t i = 0; i < felloe_value_count(stories); i++) {
        const struct felloe_value *one = felloe_value_at(stories, i);
        const char *same = felloe_value_text(felloe_value_get(one, "same_to"));
        if (strcmp(felloe_value_text(felloe_value_get(one, "kind")), "not-signed") == 0) {
            int64_t count = felloe_value_integer(felloe_value_get(one, "count"));
            printf("%s: %" PRId64 " event%s in the name of laptop %.8s, from %s on, that it never signed: they may be "
                   "made up\n",
                   felloe_value_text(felloe_value_get(one, "site")), count, count == 1 ? "" : "s",
                   felloe_value_text(felloe_value_get(one, "device")),
                   felloe_value_text(felloe_value_get(one, "told_at")));
            continue;
        }
        printf("%s: two stories: laptop %.8s has received another record at %s than this one%s%s%s\n",
               felloe_value_text(felloe_value_get(one, "site")), felloe_value_text(felloe_value_get(one, "device")),
               felloe_value_text(felloe_value_get(one, "position")), *same ? " (up to " : "", same,
               *same ? " it is the same)" : "");
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
    print_stories(felloe_value_get(summary, "stories"));
    print_unreadable(felloe_value_get(summary, "unreadable"), at_hub);
    putchar('\n');
    enum felloe_code code = print_sites(cli, felloe_value_get(summary, "sites"));
    putchar('\n');
    return code == FELLOE_OK ? print_heads(cli, felloe_value_get(summary, "sites")) : code;
}

/* What is damaged comes first: it can be mended. */
static enum felloe_code tell_outcome(struct cli *cli, const struct felloe_value *summary, bool at_hub)
{
    size_t count = felloe_value_count(felloe_value_get(summary, "problems"));
    size_t stories = felloe_value_count(felloe_value_get(summary, "stories"));
    if (count > 0)
        return cli_fail(cli, FELLOE_DAMAGED,
                        "%zu problem%s in %" PRId64 " events: stop felloed, then `felloe repair`; what it cannot prove "
                        "comes back from %s",
                        count, count == 1 ? "" : "s", felloe_value_integer(felloe_value_get(summary, "events")),
                        at_hub ? "the laptops" : "the hub");
    if (stories > 0)
        return cli_fail(cli, FELLOE_DAMAGED,
                        "nothing is damaged here, but the hub, or %s, does not tell the truth: compare the words by "
                        "phone (`felloe verify --at POSITION` on both), and tell who looks after the hub before "
                        "anybody repairs anything",
                        stories == 1 ? "the laptop named above" : "each of the laptops named above");
    return FELLOE_OK;
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    const char *at = cli_option(cli, "at");
    const struct felloe_argument about = {.name = "at", .kind = FELLOE_TEXT, .text = at};
    enum felloe_code code = expect_all_sites(cli);
    if (code == FELLOE_OK)
        code = ask_about(cli, "verifying", &about, at != NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    const struct felloe_value *summary = felloe_answer_summary(answer);
    int64_t events = felloe_value_integer(felloe_value_get(summary, "events"));
    bool at_hub = strcmp(felloe_value_text(felloe_value_get(summary, "role")), "hub") == 0;
    code = cli->json ? out_json(json_of(summary), &cli->error) : print_result(cli, summary, events, at_hub);
    if (code == FELLOE_OK)
        code = tell_outcome(cli, summary, at_hub);
    felloe_answer_free(answer);
    return code;
}

static const struct option_def options[] = {
    {"at", "POSITION", "the words of this position (1.120), to compare with somebody who has received less, or more"},
    OPTIONS_END,
};

const struct verb verb_verify = {
    "verify", GROUP_KEEP, "", "check every chain, hash, signature and position of the log",
    "Goes through the whole log, from the first event on, while everything goes on. Says which event is wrong, and\n"
    "how; the exit code is then 12, and `felloe repair` is what to do. Events that cannot be read because their key\n"
    "is not here are listed, but are no damage.\n"
    "Compares what other laptops say of the record with what is here. Where the hub told two laptops two stories, the\n"
    "laptop and the position are named (exit code 12 too), and there is nothing to repair. The words stand for the\n"
    "whole record of a site up to a position: two people can compare them by phone.",
    options, 0, 0, run};
