/* SPDX-License-Identifier: Apache-2.0 */
/* search: what was said of something, the best first, with the line that says it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/output.h"
#include "client/verbs.h"
#include "client/view_output.h"
#include "client/when.h"
#include "proto/domain/search.h"

#define BOLD_MAX 32

/* The words as one query; an argument with spaces is several words, and a phrase only between quotes of its own. */
static char *join_words(const struct cli *cli)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        return NULL;
    for (size_t i = 0; i < cli->word_count; i++)
        fprintf(to, "%s%s", i > 0 ? " " : "", cli->words[i]);
    fclose(to);
    return text;
}

static enum felloe_code read_since(struct cli *cli, int64_t *since)
{
    const char *text = cli_option(cli, "since");
    struct when when;
    if (!when_parse(text, WHEN_BACK, when_now(), &when))
        return cli_fail(cli, FELLOE_INVALID, "--since %.40s is not a day: write 2026-12-01, yesterday, or monday",
                        text);
    *since = when.ms;
    return FELLOE_OK;
}

static enum felloe_code read_limit(struct cli *cli, int64_t *limit)
{
    const char *text = cli_option(cli, "limit");
    char *end;
    errno = 0;
    *limit = strtoll(text, &end, 10);
    if (errno != 0 || *end || end == text || *limit < 1)
        return cli_fail(cli, FELLOE_INVALID, "--limit %.40s is not a number of entries: write 50", text);
    return FELLOE_OK;
}

static void add_text(struct felloe_argument *arguments, size_t *count, const char *name, const char *text)
{
    if (text)
        arguments[(*count)++] = (struct felloe_argument){.name = name, .kind = FELLOE_TEXT, .text = text};
}

static enum felloe_code ask(struct cli *cli, const char *query, struct felloe_answer **out)
{
    struct felloe_argument arguments[8];
    struct progress progress;
    size_t count = 0;
    int64_t number = 0;
    add_text(arguments, &count, "words", query);
    add_text(arguments, &count, "site", cli_option(cli, "site"));
    add_text(arguments, &count, "person", cli_option(cli, "person"));
    add_text(arguments, &count, "worker", cli_option(cli, "worker"));
    if (cli_option(cli, "since")) {
        if (read_since(cli, &number) != FELLOE_OK)
            return cli->error.code;
        arguments[count++] = (struct felloe_argument){.name = "since", .kind = FELLOE_INTEGER, .integer = number};
    }
    if (cli_option(cli, "limit")) {
        if (read_limit(cli, &number) != FELLOE_OK)
            return cli->error.code;
        arguments[count++] = (struct felloe_argument){.name = "limit", .kind = FELLOE_INTEGER, .integer = number};
    }
    if (cli_option(cli, "struck"))
        arguments[count++] = (struct felloe_argument){.name = "struck", .kind = FELLOE_BOOL, .integer = 1};
    progress_init(&progress, "searching", cli->json);
    const struct felloe_progress reports = progress_reports(&progress);
    enum felloe_code code = cli_ask(cli, "search", arguments, count, &reports, out);
    progress_end(&progress);
    return code;
}

/* ---- the table ---- */

static void put_line(struct table *table, size_t column, const struct search_query *query, const char *struck,
                     const char *line)
{
    struct search_span spans[BOLD_MAX];
    struct buffer scratch = {0};
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        return;
    size_t before = *struck ? (size_t)fprintf(to, "[struck: %s] ", struck) : 0;
    fputs(line, to);
    fclose(to);
    char *shown = text ? out_one_line(text) : NULL;
    table_cell(table, column, shown);
    size_t count = shown ? search_spans(query, bytes_str(shown), &scratch, spans, BOLD_MAX) : 0;
    while (count-- > 0)
        if (spans[count].begin >= before)
            table_bold(table, column, spans[count].begin, spans[count].end);
    buffer_release(&scratch);
    free(shown);
    free(text);
}

static void put_row(struct table *table, const struct search_query *query, const struct felloe_value *row,
                    const struct cell_context *context)
{
    static const struct { size_t column; enum search_column cell; } plain[] = {
        {0, SEARCH_WHEN}, {1, SEARCH_PERSON}, {2, SEARCH_WHO}, {3, SEARCH_TYPE}, {4, SEARCH_ENTRY}};
    const char *struck = felloe_value_text(felloe_value_at(row, SEARCH_STRUCK));
    table_row(table);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        char *text = cell_text(&search_view.columns[plain[i].cell], felloe_value_at(row, plain[i].cell), context);
        table_cell(table, plain[i].column, text);
        free(text);
    }
    put_line(table, 5, query, struck, felloe_value_text(felloe_value_at(row, SEARCH_LINE_OF)));
    if (*struck)
        table_grey(table);
}

static enum felloe_code print_hits(struct cli *cli, const struct search_query *query,
                                   const struct felloe_answer *answer)
{
    static const struct { const char *heading; enum column_style style; } columns[] = {
        {"when", COLUMN_PLAIN}, {"person", COLUMN_WRAP}, {"who", COLUMN_WRAP},
        {"what", COLUMN_PLAIN}, {"entry", COLUMN_PLAIN}, {"in words", COLUMN_WRAP}};
    const struct cell_context context = context_of(answer);
    struct table *table = table_new();
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        table_column(table, columns[i].heading, columns[i].style);
    for (size_t i = 0; i < felloe_answer_count(answer); i++)
        put_row(table, query, felloe_answer_item(answer, i), &context);
    return table_print(table, &cli->error);
}

/* The foot of the table says how many match. */
static void print_more(const struct felloe_answer *answer)
{
    int64_t total = felloe_value_integer(felloe_value_get(felloe_answer_summary(answer), "total"));
    if (total > (int64_t)felloe_answer_count(answer))
        printf("%sThe best are shown. More: --limit, or one more word.%s\n", out_style(STYLE_GREY),
               out_style(STYLE_PLAIN));
}

static enum felloe_code print_answer(struct cli *cli, const char *words, const struct felloe_answer *answer)
{
    struct search_query query;
    enum felloe_code code = search_parse(&query, bytes_str(words), &cli->error);
    if (felloe_answer_count(answer) == 0)
        puts(search_view.empty);
    else if (code == FELLOE_OK)
        code = print_hits(cli, &query, answer);
    if (code != FELLOE_OK)
        return code;
    if (felloe_answer_count(answer) > 0)
        putchar('\n');
    print_more(answer);
    view_footer(answer);
    return FELLOE_OK;
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    char *query = join_words(cli);
    if (!query)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    enum felloe_code code = ask(cli, query, &answer);
    if (code == FELLOE_OK) {
        if (cli->json) {
            int64_t total = felloe_value_integer(felloe_value_get(felloe_answer_summary(answer), "total"));
            code = view_json(cli, &search_view, answer, json_pack("{s:s,s:I}", "query", query, "total",
                                                                  (json_int_t)total));
        } else {
            code = print_answer(cli, query, answer);
        }
        felloe_answer_free(answer);
    }
    free(query);
    return code;
}

static const struct option_def options[] = {
    {"person", "PERSON", "only about this person"},
    {"worker", "WORKER", "only what this worker wrote"},
    {"since", "DAY", "only what happened since then"},
    {"limit", "N", "the best so many (20)"},
    {"struck", NULL, "also what is struck"},
    OPTIONS_END,
};

const struct verb verb_search = {
    "search", "Look at what the team holds together", "WORDS…", "find words in notes, names, own words, resources",
    "Finds the entries that have all the words, whatever their case and accents; best first: whole words before\n"
    "beginnings of words, names before all else, recent ones before old ones. A phrase stands between quotes of its\n"
    "own: felloe search '\"benefits form\"'. All that this laptop can read is searched; no network is needed.",
    options, 1, 64, run};
