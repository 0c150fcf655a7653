/* SPDX-License-Identifier: Apache-2.0 */
/* A view's answer as a table or as JSON. */
#include "client/view_output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/when.h"
#include "client/wrap.h"

struct cell_context context_of(const struct felloe_answer *answer)
{
    return (struct cell_context){.names = felloe_value_get(felloe_answer_summary(answer), "names"), .now = when_now()};
}

/* The type of the event that a row shows, for its fields. */
static const char *row_type(const struct view_def *view, const struct felloe_value *row)
{
    for (size_t i = 0; i < view->column_count; i++)
        if (strcmp(view->columns[i].name, "type") == 0)
            return felloe_value_text(felloe_value_at(row, i));
    return NULL;
}

static json_t *as_of(const struct felloe_answer *answer)
{
    const struct felloe_value *time = felloe_value_get(felloe_answer_summary(answer), "as_of");
    char text[WHEN_MAX];
    if (felloe_value_kind(time) != FELLOE_INTEGER)
        return json_null();
    when_iso(felloe_value_integer(time), text);
    return json_string(text);
}

enum felloe_code view_json(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer,
                           json_t *extra)
{
    struct cell_context context = context_of(answer);
    json_t *all = json_object(), *rows = json_array();
    json_object_set_new(all, "view", json_string(view->name));
    json_object_set_new(all, "as_of", as_of(answer));
    if (extra)
        json_object_update_missing(all, extra);
    json_decref(extra);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *cells = felloe_answer_item(answer, i);
        json_t *row = json_object();
        context.type = row_type(view, cells);
        for (size_t c = 0; c < view->column_count; c++)
            cell_json(row, &view->columns[c], felloe_value_at(cells, c), &context);
        json_array_append_new(rows, row);
    }
    const struct felloe_value *total = felloe_value_get(felloe_answer_summary(answer), "total");
    if (total) /* of a page: how many there are in all */
        json_object_set_new(all, "total", json_integer(felloe_value_integer(total)));
    json_object_set_new(all, "rows", rows);
    if (felloe_value_count(context.names) > 0)
        json_object_set_new(all, "names", json_of(context.names));
    return out_json(all, &cli->error);
}

const struct felloe_value *row_cell(const struct view_def *view, const struct felloe_value *row, const char *name)
{
    for (size_t c = 0; c < view->column_count; c++)
        if (strcmp(view->columns[c].name, name) == 0)
            return felloe_value_at(row, c);
    return NULL;
}

bool view_has(const struct view_def *view, const char *name)
{
    for (size_t c = 0; c < view->column_count; c++)
        if (strcmp(view->columns[c].name, name) == 0)
            return true;
    return false;
}

/* ---- tables ---- */

static enum column_style style_of(enum cell_kind kind)
{
    switch (kind) {
    case CELL_NUMBER:
    case CELL_SINCE:
    case CELL_MEAN:
    case CELL_CHANGE: return COLUMN_RIGHT;
    case CELL_TEXT:
    case CELL_TEXTS:
    case CELL_WORKERS:
    case CELL_FIELDS:
    case CELL_CODES:
    case CELL_RESOURCE: return COLUMN_WRAP;
    default: return COLUMN_PLAIN;
    }
}

/* A day that a task is due on has no time of day; one that is over is said to be. */
static char *due_text(int64_t ms, int64_t now)
{
    char iso[WHEN_MAX], today[WHEN_MAX], day[WHEN_MAX], *text = NULL;
    char date[sizeof "2026-12-01"];
    when_iso(ms, iso);
    when_iso(now, today);
    snprintf(date, sizeof date, "%.10s", iso);
    when_weekday(date, now, day);
    int order = strncmp(iso, today, 10);
    if (asprintf(&text, "%s%s", order == 0 ? "today" : day, order < 0 ? ", overdue" : "") < 0)
        return NULL;
    return text;
}

static char *told_cell(const struct view_def *view, const struct felloe_value *row, size_t column,
                       const struct cell_context *context)
{
    const struct column_def *def = &view->columns[column];
    const struct felloe_value *cell = felloe_value_at(row, column);
    bool task = view->view == VIEW_MY_DAY && strcmp(felloe_value_text(row_cell(view, row, "kind")), "task") == 0;
    if (task && def->kind == CELL_TIME && felloe_value_kind(cell) == FELLOE_INTEGER)
        return due_text(felloe_value_integer(cell), context->now);
    return cell_text(def, cell, context);
}

char *view_cell_text(const struct view_def *view, const struct felloe_value *row, const char *name,
                     const struct cell_context *context)
{
    for (size_t c = 0; c < view->column_count; c++)
        if (strcmp(view->columns[c].name, name) == 0)
            return told_cell(view, row, c, context);
    return NULL;
}

/* What deserves to be seen first: a clock that ran out, a task or an outing that is over its time. */
static bool stands_out(const struct view_def *view, const struct felloe_value *row, size_t column, int64_t now)
{
    const struct column_def *def = &view->columns[column];
    const struct felloe_value *cell = felloe_value_at(row, column);
    if (def->kind == CELL_CLOCK)
        return clock_is_over(cell, now);
    bool limit = strcmp(def->name, "back_by") == 0 || (view->view == VIEW_MY_DAY && strcmp(def->name, "time") == 0);
    return limit && felloe_value_kind(cell) == FELLOE_INTEGER && felloe_value_integer(cell) < now;
}

/* ---- a view that is wider than the terminal ---- */

#define GAP 2
#define LEAST 12 /* as table.c wraps */

/* How narrow the table can get. */
static size_t least_width(const struct view_def *view, const struct felloe_answer *answer)
{
    struct cell_context context = context_of(answer);
    size_t total = 0;
    for (size_t c = 0; c < view->column_count; c++) {
        size_t widest = 0;
        for (size_t i = 0; i < felloe_answer_count(answer) && !view->columns[c].quiet; i++) {
            const struct felloe_value *row = felloe_answer_item(answer, i);
            context.type = row_type(view, row);
            char *text = told_cell(view, row, c, &context);
            size_t width = text ? text_width(text) : 0;
            widest = width > widest ? width : widest;
            free(text);
        }
        size_t heading = text_width(view->columns[c].label);
        if (widest == 0)
            continue;
        if (style_of(view->columns[c].kind) == COLUMN_WRAP && widest > LEAST)
            widest = LEAST;
        total += (widest > heading ? widest : heading) + GAP;
    }
    return total > GAP ? total - GAP : 0;
}

/* One row below the other: who it is about in bold, then a line a column. */
static void print_cards(const struct view_def *view, const struct felloe_answer *answer)
{
    struct cell_context context = context_of(answer);
    size_t width = out_width(), label = 0;
    for (size_t c = 0; c < view->column_count; c++)
        if (text_width(view->columns[c].label) > label)
            label = text_width(view->columns[c].label);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i);
        bool first = true;
        context.type = row_type(view, row);
        fputs(i ? "\n" : "", stdout);
        for (size_t c = 0; c < view->column_count; c++) {
            char *text = view->columns[c].quiet ? NULL : told_cell(view, row, c, &context);
            char *line = text && *text ? out_one_line(text) : NULL;
            char *wrapped = line && !first && width > label + 20 ? text_wrap(line, width - label - 4) : NULL;
            bool bold = first || stands_out(view, row, c, context.now);
            for (const char *at = wrapped ? wrapped : line; at && *at;) {
                size_t len = strcspn(at, "\n");
                bool begins = at == (wrapped ? wrapped : line);
                if (!first)
                    printf("  %s%*s  ", begins ? view->columns[c].label : "",
                           (int)(label - (begins ? text_width(view->columns[c].label) : 0)), "");
                printf("%s%.*s%s\n", bold ? out_style(STYLE_BOLD) : "", (int)len, at,
                       bold ? out_style(STYLE_PLAIN) : "");
                at += len + (at[len] == '\n');
            }
            first = first && !line;
            free(wrapped);
            free(line);
            free(text);
        }
    }
}

enum felloe_code view_table(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer)
{
    if (out_width() > 0 && least_width(view, answer) > out_width()) {
        print_cards(view, answer);
        return FELLOE_OK;
    }
    struct cell_context context = context_of(answer);
    struct table *table = table_new();
    for (size_t c = 0; c < view->column_count; c++)
        if (!view->columns[c].quiet)
            table_column(table, view->columns[c].label, style_of(view->columns[c].kind));
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i);
        context.type = row_type(view, row);
        table_row(table);
        for (size_t c = 0, shown = 0; c < view->column_count; c++) {
            if (view->columns[c].quiet)
                continue;
            char *text = told_cell(view, row, c, &context);
            table_cell(table, shown, text);
            if (text && stands_out(view, row, c, context.now))
                table_bold(table, shown, 0, strlen(text));
            free(text);
            shown++;
        }
    }
    return table_print(table, &cli->error);
}

enum felloe_code view_tasks(struct cli *cli, const struct felloe_answer *answer)
{
    const struct view_def *view = view_of(VIEW_MY_DAY);
    static const char *const shown[] = {"person", "id", "what", "time", "workers", "entry"};
    struct cell_context context = context_of(answer);
    struct table *table = cli->json ? NULL : table_new();
    json_t *rows = cli->json ? json_array() : NULL;
    const size_t columns = sizeof shown / sizeof *shown;
    for (size_t c = 0; c < columns && table; c++)
        for (size_t v = 0; v < view->column_count; v++)
            if (strcmp(view->columns[v].name, shown[c]) == 0)
                table_column(table, strcmp(shown[c], "time") == 0 ? "by when" : view->columns[v].label,
                             style_of(view->columns[v].kind));
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i);
        json_t *object = rows ? json_object() : NULL;
        if (strcmp(felloe_value_text(row_cell(view, row, "kind")), "task") != 0) {
            json_decref(object);
            continue;
        }
        table_row(table);
        for (size_t v = 0; v < view->column_count; v++) {
            if (object)
                cell_json(object, &view->columns[v], felloe_value_at(row, v), &context);
            for (size_t c = 0; c < columns && table; c++) {
                if (strcmp(view->columns[v].name, shown[c]) != 0)
                    continue;
                char *text = told_cell(view, row, v, &context);
                table_cell(table, c, text);
                free(text);
            }
        }
        if (object)
            json_array_append_new(rows, object);
    }
    return rows ? out_json(json_pack("{s:o}", "rows", rows), &cli->error) : table_print(table, &cli->error);
}

/* ---- to settle ---- */

/* Each value has its writer; but what was worked out of several entries has choices that nobody wrote. */
static bool tells_writers(const struct felloe_value *row)
{
    static const char *const derived[] = {"joint_visit", "double_booking", "fourth_goal"};
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++)
        if (strcmp(felloe_value_text(felloe_value_at(row, SETTLE_FIELD)), derived[i]) == 0)
            return false;
    return felloe_value_count(felloe_value_at(row, SETTLE_WORKERS)) ==
           felloe_value_count(felloe_value_at(row, SETTLE_VALUES));
}

void settle_choices(FILE *to, const struct felloe_value *row, const struct felloe_answer *answer)
{
    const struct cell_context context = context_of(answer);
    const struct felloe_value *values = felloe_value_at(row, SETTLE_VALUES),
                              *choices = felloe_value_at(row, SETTLE_CHOICES),
                              *workers = felloe_value_at(row, SETTLE_WORKERS);
    size_t count = felloe_value_count(choices) > felloe_value_count(values) ? felloe_value_count(choices)
                                                                           : felloe_value_count(values);
    for (size_t i = 0; i < count; i++) {
        const char *text = felloe_value_text(felloe_value_at(i < felloe_value_count(values) ? values : choices, i));
        fprintf(to, "    %zu  ", i + 1);
        out_text(to, text);
        if (tells_writers(row) && i < felloe_value_count(workers)) {
            fprintf(to, "  (");
            out_text(to, worker_name(&context, felloe_value_text(felloe_value_at(workers, i))));
            fputc(')', to);
        }
        fputc('\n', to);
    }
}

/* "3  Jo 1a2b3c4d: date of birth, since 3 Nov", its choices numbered, who wrote them and why it is to settle. */
static void settle_row(const struct felloe_value *row, const struct felloe_answer *answer)
{
    const struct view_def *view = view_of(VIEW_TO_SETTLE);
    const struct cell_context context = context_of(answer);
    static const struct { enum settle_column column; const char *before, *after; } head[] = {
        {SETTLE_PERSON, "", " "}, {SETTLE_ID, "", ": "}, {SETTLE_FIELD, "", ""}, {SETTLE_WHICH, ", ", ""},
        {SETTLE_SINCE, ", since ", ""},
    };
    printf("%s%lld%s  ", out_style(STYLE_BOLD), (long long)felloe_value_integer(felloe_value_at(row, SETTLE_NUMBER)),
           out_style(STYLE_PLAIN));
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
        char *text = cell_text(&view->columns[head[i].column], felloe_value_at(row, head[i].column), &context);
        if (text && *text) {
            fputs(head[i].before, stdout);
            out_text(stdout, text);
            fputs(head[i].after, stdout);
        }
        free(text);
    }
    putchar('\n');
    settle_choices(stdout, row, answer);
    const struct felloe_value *workers = felloe_value_at(row, SETTLE_WORKERS);
    char *by = cell_text(&view->columns[SETTLE_WORKERS], workers, &context);
    bool told = tells_writers(row);
    const char *why = felloe_value_text(felloe_value_at(row, SETTLE_WHY));
    if ((by && *by && !told) || *why) {
        fputs("    ", stdout);
        out_text(stdout, why);
        if (by && *by && !told) {
            fputs(*why ? "; written by " : "written by ", stdout);
            out_text(stdout, by);
        }
        putchar('\n');
    }
    free(by);
}

static void settle_list(const struct felloe_answer *answer)
{
    for (size_t i = 0; i < felloe_answer_count(answer); i++)
        settle_row(felloe_answer_item(answer, i), answer);
    printf("\n%s`felloe settle %lld --choose 1 --with NAME` settles the first; --text TEXT says it in other words.%s\n",
           out_style(STYLE_GREY),
           (long long)felloe_value_integer(felloe_value_at(felloe_answer_item(answer, 0), SETTLE_NUMBER)),
           out_style(STYLE_PLAIN));
}

/* ---- the frame around it ---- */

void view_footer(const struct felloe_answer *answer)
{
    const struct felloe_value *summary = felloe_answer_summary(answer);
    const struct felloe_value *time = felloe_value_get(summary, "as_of");
    int64_t total = felloe_value_integer(felloe_value_get(summary, "total"));
    char text[WHEN_MAX];
    printf("%s", out_style(STYLE_GREY));
    if (felloe_value_kind(time) == FELLOE_INTEGER) {
        when_friendly(felloe_value_integer(time), when_now(), text);
        printf("As of %s", text);
    }
    if (total > (int64_t)felloe_answer_count(answer))
        printf("%s%zu of %" PRId64 " shown", felloe_value_kind(time) == FELLOE_INTEGER ? ". " : "",
               felloe_answer_count(answer), total);
    printf("%s\n", out_style(STYLE_PLAIN));
}

#define DAY_MS (24ll * 3600 * 1000)
#define FORGOTTEN_DAYS 60 /* a laptop that is quiet for longer is lost rather than late */
#define TOLD_MAX 4

/* When the laptop of a row was heard last; 0: never. */
static int64_t heard_at(const struct felloe_value *row)
{
    const struct felloe_value *heard = felloe_value_at(row, FRESHNESS_LAST_HEARD);
    if (felloe_value_kind(heard) != FELLOE_INTEGER)
        heard = felloe_value_at(row, FRESHNESS_LAST_EVENT);
    return felloe_value_integer(heard);
}

/* Not for a day, on any of the worker's laptops; of several, told once, at the one heard last. */
static bool is_quiet(const struct felloe_answer *answer, size_t index, int64_t now)
{
    const struct felloe_value *row = felloe_answer_item(answer, index);
    const char *worker = felloe_value_text(felloe_value_at(row, FRESHNESS_WORKER));
    int64_t heard = heard_at(row);
    if (felloe_value_kind(felloe_value_at(row, FRESHNESS_REVOKED)) == FELLOE_TEXT) /* it will not be heard again */
        return false;
    if (!*worker || heard == 0 || now - heard < DAY_MS || now - heard > FORGOTTEN_DAYS * DAY_MS)
        return false;
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *other = felloe_answer_item(answer, i);
        bool same = strcmp(felloe_value_text(felloe_value_at(other, FRESHNESS_WORKER)), worker) == 0;
        int64_t at = heard_at(other);
        if (same && (at > heard || (at == heard && i < index)))
            return false;
    }
    return true;
}

void view_freshness_hint(struct cli *cli)
{
    struct felloe_answer *answer;
    struct felloe_error unheard;
    size_t told = 0;
    if (!cli->client ||
        felloe_view(cli->client, "freshness", cli_option(cli, "site"), NULL, &answer, &unheard) != FELLOE_OK)
        return; /* what it hints at is no reason to fail */
    const struct cell_context context = context_of(answer);
    for (size_t i = 0; i < felloe_answer_count(answer) && told < TOLD_MAX; i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i);
        if (!is_quiet(answer, i, context.now))
            continue;
        char days[WHEN_MAX];
        when_days(heard_at(row), context.now, days);
        printf("%s%s", told ? ", " : out_style(STYLE_GREY), told ? "" : "Not heard from ");
        out_text(stdout, worker_name(&context, felloe_value_text(felloe_value_at(row, FRESHNESS_WORKER))));
        printf(" for %s", days);
        told++;
    }
    if (told > 0)
        printf(" (`felloe freshness`)%s\n", out_style(STYLE_PLAIN));
    felloe_answer_free(answer);
}

/* That there is nobody, or nothing, cannot be said then. */
static bool is_filtered(const struct cli *cli)
{
    static const char *const filters[] = {"worker", "team", "person", "since", "urgency", "after"};
    bool filtered = cli->word_count > 0;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        filtered |= cli_option(cli, filters[i]) != NULL;
    return filtered;
}

enum felloe_code view_print(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer)
{
    enum felloe_code code = FELLOE_OK;
    if (felloe_answer_count(answer) > 0) {
        printf("%s%s%s\n\n", out_style(STYLE_BOLD), view->title, out_style(STYLE_PLAIN));
        if (view->view == VIEW_TO_SETTLE)
            settle_list(answer);
        else
            code = view_table(cli, view, answer);
        putchar('\n');
    } else {
        puts(is_filtered(cli) ? "Nothing here fits what was asked for." : view->empty);
    }
    if (code != FELLOE_OK)
        return code;
    view_footer(answer);
    if (view->view != VIEW_FRESHNESS && view->view != VIEW_WORKERS)
        view_freshness_hint(cli);
    return FELLOE_OK;
}
