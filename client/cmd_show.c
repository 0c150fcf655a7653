/* SPDX-License-Identifier: Apache-2.0 */
/* show: a person's record: what is to be known before all else, then the story. */
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/record.h"
#include "client/show.h"
#include "client/verbs.h"
#include "client/view_output.h"
#include "client/when.h"

/* What the record says now: an object a register. */
static json_t *record_json(const struct felloe_value *record)
{
    json_t *all = json_array();
    for (size_t i = 0; i < felloe_value_count(record); i++) {
        const struct felloe_value *entry = felloe_value_at(record, i), *which = felloe_value_at(entry, 1);
        char written[WHEN_MAX];
        when_iso(felloe_value_integer(felloe_value_at(entry, 3)), written);
        json_array_append_new(all, json_pack("{s:s,s:o,s:o,s:s,s:b,s:b}", "register",
                                             felloe_value_text(felloe_value_at(entry, 0)), "which", json_of(which),
                                             "values", json_of(felloe_value_at(entry, 2)), "written", written,
                                             "from_before", felloe_value_bool(felloe_value_at(entry, 4)), "to_settle",
                                             felloe_value_bool(felloe_value_at(entry, 5))));
    }
    return all;
}

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
        const struct felloe_value *value = felloe_value_at(summary, i);
        if (!other)
            json_object_set_new(object, key, strcmp(key, "record") == 0 ? record_json(value) : json_of(value));
    }
    return object;
}

/* ---- the story ---- */

struct telling {
    const struct felloe_answer *story, *resources; /* resources: NULL where they could not be had */
};

static char *name_of_resource(const struct felloe_answer *resources, const char *wanted)
{
    char found[80];
    for (size_t i = 0; resources && i < felloe_answer_count(resources); i++) {
        const struct felloe_value *row = felloe_answer_item(resources, i);
        hex_of(felloe_value_at(row, RESOURCE_ID), found, sizeof found);
        if (strcmp(wanted, found) == 0)
            return strdup(felloe_value_text(felloe_value_at(row, RESOURCE_NAME)));
    }
    return NULL;
}

/* What an entry that another one names is called, where it is in the story; or a resource. */
static char *words_of_entry(void *context, const struct felloe_value *id)
{
    const struct telling *telling = context;
    const struct felloe_answer *answer = telling->story;
    const struct view_def *view = view_of(VIEW_PERSON);
    static const char *const called[] = {"what", "words", "own_words", "name", "text"};
    char wanted[80], found[80];
    hex_of(id, wanted, sizeof wanted);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i), *fields = row_cell(view, row, "fields");
        hex_of(row_cell(view, row, "id"), found, sizeof found);
        if (strcmp(wanted, found) != 0)
            continue;
        for (size_t c = 0; c < sizeof called / sizeof *called; c++) {
            const char *words = felloe_value_text(felloe_value_get(fields, called[c]));
            if (*words)
                return strdup(words);
        }
        char when[WHEN_MAX], *text = NULL;
        when_friendly(felloe_value_integer(row_cell(view, row, "when")), when_now(), when);
        const char *type = type_label(felloe_value_text(row_cell(view, row, "type")));
        return asprintf(&text, "%s of %s", type, when) < 0 ? NULL : text;
    }
    return name_of_resource(telling->resources, wanted);
}

/* What others put right in a contact: "[corrected: minutes 45]". */
static void print_corrections(FILE *to, const struct view_def *view, const struct felloe_answer *answer,
                              const struct felloe_value *contact)
{
    char wanted[80], found[80];
    hex_of(row_cell(view, contact, "id"), wanted, sizeof wanted);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i), *fields = row_cell(view, row, "fields");
        if (strcmp(felloe_value_text(row_cell(view, row, "type")), "contact.corrected") != 0 ||
            *felloe_value_text(row_cell(view, row, "struck")))
            continue;
        hex_of(felloe_value_get(fields, "of"), found, sizeof found);
        if (strcmp(wanted, found) == 0)
            fprintf(to, "[corrected: %s %s] ", felloe_value_text(felloe_value_get(fields, "field")),
                    felloe_value_text(felloe_value_get(fields, "value")));
    }
}

/* What an entry says, with what is to be known of it before one reads it. */
static char *words(const struct view_def *view, const struct felloe_answer *answer, const struct felloe_value *row,
                   const struct cell_context *context)
{
    char *text = NULL, time[WHEN_MAX];
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        return NULL;
    const char *struck = felloe_value_text(row_cell(view, row, "struck")),
               *type = felloe_value_text(row_cell(view, row, "type"));
    if (*struck)
        fprintf(to, "[struck: %s] ", struck);
    if (felloe_value_bool(row_cell(view, row, "late"))) {
        when_friendly(felloe_value_integer(row_cell(view, row, "recorded")), context->now, time);
        fprintf(to, "[late entry, recorded %s] ", time);
    }
    if (strcmp(type, "entry.restricted") == 0)
        fputs("[restricted: only some may read it] ", to);
    else if (felloe_value_bool(row_cell(view, row, "restricted")) ||
             felloe_value_count(felloe_value_get(row_cell(view, row, "fields"), "audience")) > 0)
        fputs("[restricted] ", to);
    if (felloe_value_bool(row_cell(view, row, "not_recognised")))
        fputs("[not recognised by this version] ", to);
    if (strcmp(type, "contact.recorded") == 0)
        print_corrections(to, view, answer, row);
    fields_print(to, type, row_cell(view, row, "fields"), context);
    fclose(to);
    return text;
}

static enum felloe_code story(struct cli *cli, const struct view_def *view, struct felloe_answer *answer)
{
    struct cell_context context = context_of(answer);
    struct table *table = table_new();
    struct felloe_answer *resources = NULL;
    struct felloe_error unheard;
    if (felloe_view(cli->client, "resources", NULL, NULL, &resources, &unheard) != FELLOE_OK)
        resources = NULL;
    struct telling telling = {answer, resources};
    context.entries = words_of_entry;
    context.entries_context = &telling;
    table_column(table, "when", COLUMN_PLAIN);
    table_column(table, "who", COLUMN_WRAP);
    table_column(table, "what", COLUMN_PLAIN);
    table_column(table, "entry", COLUMN_PLAIN);
    table_column(table, "in words", COLUMN_WRAP);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i);
        char time[WHEN_MAX], id[80], *text = words(view, answer, row, &context);
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
    felloe_answer_free(resources);
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
        show_record(cli, answer);
        printf("%sThe story%s\n", out_style(STYLE_BOLD), out_style(STYLE_PLAIN));
        code = story(cli, view, answer);
        putchar('\n');
        view_footer(answer);
        view_freshness_hint(cli);
    }
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_show = {
    "show", GROUP_LOOK, "PERSON", "a person's record: what is to be known first, then the story",
    "What others wrote late is marked, what is struck is grey with its reason, and restricted entries say so.", NULL,
    1, 1, run};
