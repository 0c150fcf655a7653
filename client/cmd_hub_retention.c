/* SPDX-License-Identifier: Apache-2.0 */
/* hub retention: whose support has ended, and until when their record is to be kept. */
#include <inttypes.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"
#include "client/when.h"

enum { ROW_NAMES, ROW_PERSON, ROW_SITE, ROW_ENDED, ROW_LAST, ROW_UNTIL };

static json_t *row_json(const struct felloe_value *row)
{
    char person[80], ended[WHEN_MAX], last[WHEN_MAX];
    hex_of(felloe_value_at(row, ROW_PERSON), person, sizeof person);
    when_iso(felloe_value_integer(felloe_value_at(row, ROW_ENDED)), ended);
    when_iso(felloe_value_integer(felloe_value_at(row, ROW_LAST)), last);
    json_t *names = json_of(felloe_value_at(row, ROW_NAMES));
    return json_pack("{s:s,s:o,s:s,s:s,s:s,s:s}", "person", person, "known_as", names ? names : json_null(), "site",
                     felloe_value_text(felloe_value_at(row, ROW_SITE)), "farewell", ended, "last_entry", last,
                     "keep_until", felloe_value_text(felloe_value_at(row, ROW_UNTIL)));
}

static enum felloe_code print_json(struct cli *cli, const struct felloe_answer *answer)
{
    return out_json(json_of_items(answer, row_json), &cli->error);
}

static void add_row(struct table *table, const struct felloe_value *row, int64_t now)
{
    char id[80], time[WHEN_MAX];
    table_row(table);
    table_cell(table, 0, felloe_value_text(felloe_value_at(felloe_value_at(row, ROW_NAMES), 0)));
    hex_of(felloe_value_at(row, ROW_PERSON), id, sizeof id);
    id[ID_SHORT] = '\0';
    table_cell(table, 1, id);
    table_cell(table, 2, felloe_value_text(felloe_value_at(row, ROW_SITE)));
    when_friendly(felloe_value_integer(felloe_value_at(row, ROW_ENDED)), now, time);
    table_cell(table, 3, time);
    when_friendly(felloe_value_integer(felloe_value_at(row, ROW_LAST)), now, time);
    table_cell(table, 4, time);
    table_cell(table, 5, felloe_value_text(felloe_value_at(row, ROW_UNTIL)));
}

static enum felloe_code print_table(struct cli *cli, const struct felloe_answer *answer)
{
    static const char *const headings[] = {"person", "id", "site", "farewell", "last entry", "keep until"};
    const size_t count = felloe_answer_count(answer);
    const int64_t years = felloe_value_integer(felloe_value_get(felloe_answer_summary(answer), "years"));
    if (count == 0) {
        puts("Nobody has said farewell.");
        return FELLOE_OK;
    }
    struct table *table = table_new();
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
        table_column(table, headings[i], COLUMN_PLAIN);
    for (size_t i = 0; i < count; i++)
        add_row(table, felloe_answer_item(answer, i), when_now());
    enum felloe_code code = table_print(table, &cli->error);
    if (code == FELLOE_OK && !felloe_value_bool(felloe_value_get(felloe_answer_summary(answer), "names")))
        puts("\nNames are for workers: [users] in felloe.conf says who is one");
    if (code == FELLOE_OK)
        printf("\nKept for %" PRId64 " years after the farewell (retention_years in felloe.conf). Nothing is erased by "
               "itself: felloe hub erase\n", years);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    const struct felloe_argument arguments[] = {
        {.name = "site", .kind = FELLOE_TEXT, .text = cli_option(cli, "site")},
    };
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "hub.retention", arguments, 1, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    code = cli->json ? print_json(cli, answer) : print_table(cli, answer);
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_hub_retention = {
    "hub retention", GROUP_SETUP, "", "whose support has ended, and until when their record is to be kept",
    "The earliest farewell first. Nothing is erased by itself: felloe hub erase.", NULL, 0, 0, run};
