/* SPDX-License-Identifier: Apache-2.0 */
/* digest: one hash a site and view. The same events give the same digests on every device. */
#include <inttypes.h>
#include <string.h>

#include "client/output.h"
#include "client/upkeep.h"
#include "client/verbs.h"

/* Is the line of the site that was asked for? */
static bool is_wanted(const struct cli *cli, const struct felloe_value *line)
{
    const char *site = cli_option(cli, "site");
    return !site || strcmp(site, felloe_value_text(felloe_value_at(line, 0))) == 0;
}

static enum felloe_code print_json(struct cli *cli, const struct felloe_value *sites)
{
    json_t *all = json_array();
    for (size_t i = 0; i < felloe_value_count(sites); i++) {
        const struct felloe_value *line = felloe_value_at(sites, i);
        char hex[130];
        if (!is_wanted(cli, line))
            continue;
        hex_of(felloe_value_at(line, 3), hex, sizeof hex);
        json_array_append_new(all, json_pack("{s:s,s:s,s:I,s:s}", "site", felloe_value_text(felloe_value_at(line, 0)),
                                             "view", felloe_value_text(felloe_value_at(line, 1)), "rows",
                                             (json_int_t)felloe_value_integer(felloe_value_at(line, 2)), "digest",
                                             hex));
    }
    return out_json(json_pack("{s:o}", "sites", all), &cli->error);
}

static enum felloe_code print_table(struct cli *cli, const struct felloe_value *sites)
{
    struct table *table = table_new();
    table_column(table, "site", COLUMN_PLAIN);
    table_column(table, "view", COLUMN_PLAIN);
    table_column(table, "rows", COLUMN_RIGHT);
    table_column(table, "digest", COLUMN_WRAP);
    for (size_t i = 0; i < felloe_value_count(sites); i++) {
        const struct felloe_value *line = felloe_value_at(sites, i);
        char hex[130], rows[32];
        if (!is_wanted(cli, line))
            continue;
        hex_of(felloe_value_at(line, 3), hex, sizeof hex);
        snprintf(rows, sizeof rows, "%" PRId64, felloe_value_integer(felloe_value_at(line, 2)));
        table_row(table);
        table_cell(table, 0, felloe_value_text(felloe_value_at(line, 0)));
        table_cell(table, 1, felloe_value_text(felloe_value_at(line, 1)));
        table_cell(table, 2, rows);
        table_cell(table, 3, hex);
    }
    return table_print(table, &cli->error);
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = ask_with_progress(cli, "reading", &answer);
    if (code != FELLOE_OK)
        return code;
    const struct felloe_value *sites = felloe_value_get(felloe_answer_summary(answer), "sites");
    bool any = false;
    for (size_t i = 0; i < felloe_value_count(sites); i++)
        any |= is_wanted(cli, felloe_value_at(sites, i));
    if (!any && cli_option(cli, "site"))
        code = cli_fail(cli, FELLOE_NOT_FOUND, "the site %s is not here: `felloe status` lists those that are",
                        cli_option(cli, "site"));
    else
        code = cli->json ? print_json(cli, sites) : print_table(cli, sites);
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_digest = {"digest", GROUP_KEEP, "", "one hash a view: equal on all devices that hold the same",
                                 NULL, NULL, 0, 0, run};
