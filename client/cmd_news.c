/* SPDX-License-Identifier: Apache-2.0 */
/* news: what others wrote since this worker looked last. */
#include <errno.h>
#include <stdlib.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/verbs.h"
#include "client/view_output.h"
#include "client/when.h"
#include "client/wrap.h"

/* What is shown of a long text; `felloe show` has all of it. */
#define WORDS_SHOWN 240

/* What the entry says, after what is to be known of it before one reads it. */
static char *words(const struct felloe_value *row, const struct cell_context *context)
{
    char *all = NULL, time[WHEN_MAX];
    size_t len;
    FILE *to = open_memstream(&all, &len);
    if (!to)
        return NULL;
    const char *struck = felloe_value_text(felloe_value_at(row, NEWS_STRUCK));
    if (*struck)
        fprintf(to, "[struck: %s] ", struck);
    if (felloe_value_bool(felloe_value_at(row, NEWS_LATE))) {
        when_friendly(felloe_value_integer(felloe_value_at(row, NEWS_WHEN)), context->now, time);
        fprintf(to, "[late entry: %s] ", time);
    }
    if (felloe_value_bool(felloe_value_at(row, NEWS_NOT_RECOGNISED)))
        fputs("[not recognised by this version] ", to);
    fields_print(to, felloe_value_text(felloe_value_at(row, NEWS_TYPE)), felloe_value_at(row, NEWS_FIELDS), context);
    fclose(to);
    char *line = all ? out_one_line(all) : NULL, *cut = line ? text_cut(line, WORDS_SHOWN) : NULL;
    free(line);
    free(all);
    return cut;
}

static enum felloe_code print_table(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer)
{
    static const struct { enum news_column cell; enum column_style style; } columns[] = {
        {NEWS_RECORDED, COLUMN_PLAIN}, {NEWS_PERSON, COLUMN_WRAP}, {NEWS_WHO, COLUMN_WRAP},
        {NEWS_TYPE, COLUMN_PLAIN}, {NEWS_ENTRY, COLUMN_PLAIN}, {NEWS_FIELDS, COLUMN_WRAP}};
    const struct cell_context context = context_of(answer);
    struct table *table = table_new();
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        table_column(table, view->columns[columns[c].cell].label, columns[c].style);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i);
        table_row(table);
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            const enum news_column cell = columns[c].cell;
            char *text = cell == NEWS_FIELDS ? words(row, &context)
                                             : cell_text(&view->columns[cell], felloe_value_at(row, cell), &context);
            table_cell(table, c, text);
            free(text);
        }
        if (*felloe_value_text(felloe_value_at(row, NEWS_STRUCK)))
            table_grey(table);
    }
    return table_print(table, &cli->error);
}

/* Since when, and whether it will be news again. */
static void print_heading(const struct felloe_value *summary)
{
    int64_t looked = felloe_value_integer(felloe_value_get(summary, "looked"));
    char time[WHEN_MAX];
    when_friendly(looked, when_now(), time);
    if (looked > 0)
        printf("%sSince you last looked, %s%s\n\n", out_style(STYLE_BOLD), time, out_style(STYLE_PLAIN));
    else
        printf("%sYou look for the first time: the last 7 days%s\n\n", out_style(STYLE_BOLD), out_style(STYLE_PLAIN));
}

enum { MOVED_PERSON, MOVED_NAME, MOVED_SITE, MOVED_TO, MOVED_WHEN, MOVED_ENTRIES };

/* Whose record this laptop let go of in the last days. */
static void print_moved(const struct felloe_answer *answer)
{
    const struct felloe_value *moved = felloe_value_get(felloe_answer_summary(answer), "moved");
    for (size_t i = 0; i < felloe_value_count(moved); i++) {
        const struct felloe_value *one = felloe_value_at(moved, i);
        const char *name = felloe_value_text(felloe_value_at(one, MOVED_NAME));
        char id[80], time[WHEN_MAX];
        hex_of(felloe_value_at(one, MOVED_PERSON), id, sizeof id);
        when_friendly(felloe_value_integer(felloe_value_at(one, MOVED_WHEN)), when_now(), time);
        out_text(stdout, *name ? name : "A person");
        printf(" (%.*s) moved from %s to %s, %s: this laptop let go of the record\n", ID_SHORT, id,
               felloe_value_text(felloe_value_at(one, MOVED_SITE)), felloe_value_text(felloe_value_at(one, MOVED_TO)),
               time);
    }
    if (felloe_value_count(moved) > 0)
        putchar('\n');
}

static json_t *moved_json(const struct felloe_value *moved)
{
    json_t *all = json_array();
    for (size_t i = 0; i < felloe_value_count(moved); i++) {
        const struct felloe_value *one = felloe_value_at(moved, i);
        char id[80], time[WHEN_MAX];
        hex_of(felloe_value_at(one, MOVED_PERSON), id, sizeof id);
        when_iso(felloe_value_integer(felloe_value_at(one, MOVED_WHEN)), time);
        json_array_append_new(
            all, json_pack("{s:s,s:o,s:o,s:o,s:s,s:o}", "person", id, "known_as",
                           json_of(felloe_value_at(one, MOVED_NAME)), "site",
                           json_of(felloe_value_at(one, MOVED_SITE)), "to", json_of(felloe_value_at(one, MOVED_TO)),
                           "when", time, "entries", json_of(felloe_value_at(one, MOVED_ENTRIES))));
    }
    return all;
}

static void print_rest(const struct cli *cli, const struct felloe_answer *answer)
{
    const struct felloe_value *summary = felloe_answer_summary(answer);
    int64_t total = felloe_value_integer(felloe_value_get(summary, "total"));
    int64_t shown = (int64_t)felloe_answer_count(answer);
    const char *problem = felloe_value_text(felloe_value_get(summary, "problem"));
    if (*problem)
        fprintf(stderr, "felloe: that you have looked could not be noted: %s\n", problem);
    if (total > shown)
        printf("%sThe newest are shown; older ones: --limit %lld. Until they are shown, all of it stays news.%s\n",
               out_style(STYLE_GREY), (long long)total, out_style(STYLE_PLAIN));
    else if (cli_option(cli, "keep") && shown > 0)
        printf("%sThis stays news.%s\n", out_style(STYLE_GREY), out_style(STYLE_PLAIN));
}

static json_t *about(const struct felloe_answer *answer)
{
    const struct felloe_value *summary = felloe_answer_summary(answer);
    json_t *out = json_object();
    char time[WHEN_MAX];
    int64_t looked = felloe_value_integer(felloe_value_get(summary, "looked"));
    when_iso(looked, time);
    json_object_set_new(out, "looked", looked > 0 ? json_string(time) : json_null());
    json_object_set_new(out, "worker", json_of(felloe_value_get(summary, "worker")));
    json_object_set_new(out, "total", json_of(felloe_value_get(summary, "total")));
    json_object_set_new(out, "noted", json_of(felloe_value_get(summary, "noted")));
    json_object_set_new(out, "moved", moved_json(felloe_value_get(summary, "moved")));
    return out;
}

static enum felloe_code ask(struct cli *cli, struct felloe_answer **out)
{
    struct felloe_argument arguments[4];
    size_t count = 0;
    const char *limit = cli_option(cli, "limit");
    const char *const names[] = {"site", "worker"};
    for (size_t i = 0; i < 2; i++)
        if (cli_option(cli, names[i]))
            arguments[count++] = (struct felloe_argument){.name = names[i], .kind = FELLOE_TEXT,
                                                          .text = cli_option(cli, names[i])};
    if (limit) {
        char *end;
        errno = 0;
        int64_t number = strtoll(limit, &end, 10);
        if (errno != 0 || *end || end == limit || number < 1)
            return cli_fail(cli, FELLOE_INVALID, "--limit %.40s is not a number of entries: write 50", limit);
        arguments[count++] = (struct felloe_argument){.name = "limit", .kind = FELLOE_INTEGER, .integer = number};
    }
    if (cli_option(cli, "keep"))
        arguments[count++] = (struct felloe_argument){.name = "keep", .kind = FELLOE_BOOL, .integer = 1};
    return cli_ask(cli, "news", arguments, count, NULL, out);
}

static enum felloe_code run(struct cli *cli)
{
    const struct view_def *view = view_of(VIEW_NEWS);
    struct felloe_answer *answer;
    enum felloe_code code = ask(cli, &answer);
    if (code != FELLOE_OK)
        return code;
    if (cli->json) {
        code = view_json(cli, view, answer, about(answer));
    } else {
        if (felloe_answer_count(answer) > 0) {
            print_heading(felloe_answer_summary(answer));
            code = print_table(cli, view, answer);
            putchar('\n');
        } else {
            puts(view->empty);
        }
        print_moved(answer);
        print_rest(cli, answer);
        view_footer(answer);
    }
    felloe_answer_free(answer);
    return code;
}

static const struct option_def options[] = {
    {"keep", NULL, "look without noting it: the same is news again next time"},
    {"limit", "N", "the newest so many"},
    {"worker", "WORKER", "what is news to this worker"},
    OPTIONS_END,
};

const struct verb verb_news = {
    "news", "Look at what the team holds together", "", "what others wrote since you looked last",
    "Newest first, by when it was recorded; what was written down more than an hour after it happened says so. Each\n"
    "worker has a mark of their own on each laptop; the first time, the last 7 days are news.",
    options, 0, 0, run};
