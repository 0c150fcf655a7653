/* SPDX-License-Identifier: Apache-2.0 */
/* show: a person's story: who they are, and the timeline. */
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/verbs.h"
#include "client/view_output.h"
#include "client/when.h"

/* The members of the summary that are about the person, as JSON. */
static json_t *about(const struct felloe_value *summary)
{
    static const char *const others[] = {"as_of", "sites", "total", "names"};
    json_t *object = json_object();
    for (size_t i = 0; i < felloe_value_count(summary); i++) {
        const char *key = felloe_value_key(summary, i);
        bool other = false;
        for (size_t o = 0; o < sizeof others / sizeof *others; o++)
            other |= strcmp(key, others[o]) == 0;
        if (!other)
            json_object_set_new(object, key, json_of(felloe_value_at(summary, i)));
    }
    return object;
}

static void print_texts(const struct felloe_value *value, const struct cell_context *names, const char *between)
{
    bool list = felloe_value_kind(value) == FELLOE_ARRAY;
    for (size_t i = 0; i < (list ? felloe_value_count(value) : 1); i++) {
        const char *text = felloe_value_text(list ? felloe_value_at(value, i) : value);
        fputs(i ? between : "", stdout);
        out_text(stdout, names ? worker_name(names, text) : text);
    }
}

static bool is_there(const struct felloe_value *value)
{
    return felloe_value_count(value) > 0 || *felloe_value_text(value);
}

/* What is known of the person beside names, on one line. */
static void details(const struct felloe_value *summary)
{
    static const struct { const char *key, *label; } shown[] = {{"pronouns", "Pronouns"},
                                                                {"contact", "Contact"},
                                                                {"date_of_birth", "Born"},
                                                                {"nhs_number", "NHS number"}};
    const char *between = "";
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const struct felloe_value *value = felloe_value_get(summary, shown[i].key);
        if (!is_there(value))
            continue;
        printf("%s%s: ", between, shown[i].label);
        print_texts(value, NULL, " / ");
        between = " · ";
    }
    if (*between)
        putchar('\n');
}

static void header(const struct felloe_value *summary)
{
    const struct cell_context names = {.names = felloe_value_get(summary, "names")};
    const struct felloe_value *known_as = felloe_value_get(summary, "known_as"),
                              *key_workers = felloe_value_get(summary, "key_workers"),
                              *support = felloe_value_get(summary, "support");
    int64_t to_settle = felloe_value_integer(felloe_value_get(summary, "to_settle"));
    char id[80];
    hex_of(felloe_value_get(summary, "person"), id, sizeof id);
    fputs(out_style(STYLE_BOLD), stdout);
    if (is_there(known_as))
        print_texts(known_as, NULL, " / ");
    else
        fputs("(no name yet)", stdout);
    printf("%s  %s%s%s\n", out_style(STYLE_PLAIN), out_style(STYLE_GREY), id, out_style(STYLE_PLAIN));
    details(summary);
    const char *between = "";
    if (is_there(key_workers)) {
        fputs("Key worker: ", stdout);
        print_texts(key_workers, &names, " / ");
        between = " · ";
    }
    if (is_there(support)) {
        printf("%sSupport: ", between);
        print_texts(support, NULL, " / ");
        between = " · ";
    }
    if (to_settle > 0) {
        printf("%sTo settle: %lld (see `felloe to-settle`)", between, (long long)to_settle);
        between = " · ";
    }
    puts(*between ? "\n" : "");
}

/* What an entry says, with what is to be known of it before one reads it. */
static char *words(const struct view_def *view, const struct felloe_value *row, const struct cell_context *context)
{
    char *text = NULL, time[WHEN_MAX];
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        return NULL;
    const char *struck = felloe_value_text(row_cell(view, row, "struck"));
    if (*struck)
        fprintf(to, "[struck: %s] ", struck);
    if (felloe_value_bool(row_cell(view, row, "late"))) {
        when_friendly(felloe_value_integer(row_cell(view, row, "recorded")), context->now, time);
        fprintf(to, "[late entry, recorded %s] ", time);
    }
    if (felloe_value_bool(row_cell(view, row, "not_recognised")))
        fputs("[not recognised by this version] ", to);
    fields_print(to, felloe_value_text(row_cell(view, row, "type")), row_cell(view, row, "fields"), context);
    fclose(to);
    return text;
}

static enum felloe_code story(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer)
{
    const struct cell_context context = context_of(answer);
    struct table *table = table_new();
    table_column(table, "when", COLUMN_PLAIN);
    table_column(table, "who", COLUMN_WRAP);
    table_column(table, "what", COLUMN_PLAIN);
    table_column(table, "entry", COLUMN_PLAIN);
    table_column(table, "in words", COLUMN_WRAP);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i);
        char time[WHEN_MAX], id[80], *text = words(view, row, &context);
        when_friendly(felloe_value_integer(row_cell(view, row, "when")), context.now, time);
        hex_of(row_cell(view, row, "id"), id, sizeof id);
        id[ID_SHORT] = '\0';
        table_row(table);
        table_cell(table, 0, time);
        table_cell(table, 1, worker_name(&context, felloe_value_text(row_cell(view, row, "who"))));
        table_cell(table, 2, type_label(felloe_value_text(row_cell(view, row, "type"))));
        table_cell(table, 3, id);
        table_cell(table, 4, text);
        if (*felloe_value_text(row_cell(view, row, "struck")))
            table_grey(table);
        free(text);
    }
    return table_print(table, &cli->error);
}

static enum felloe_code run(struct cli *cli)
{
    const struct view_def *view = view_of(VIEW_PERSON);
    struct felloe_answer *answer;
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK)
        code = felloe_view(cli->client, view->name, cli_option(cli, "site"), cli->words[0], &answer, &cli->error);
    if (code != FELLOE_OK)
        return code;
    if (cli->json) {
        code = view_json(cli, view, answer, about(felloe_answer_summary(answer)));
    } else {
        header(felloe_answer_summary(answer));
        code = story(cli, view, answer);
        putchar('\n');
        view_footer(answer);
    }
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_show = {"show", "Look at what the team holds together", "PERSON", "a person's story", NULL,
                               NULL, 1, 1, run};
