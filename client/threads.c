/* SPDX-License-Identifier: Apache-2.0 */
/* What a later entry refers to: found in the person's story, or in the view that has what is open. */
#include "client/threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/view_output.h"
#include "client/when.h"
#include "client/workers.h"
#include "proto/domain/catalogue.h"
#include "proto/domain/text_fold.h"

/* What ends a thread, or says it in other words: an entry of `type` whose `field` names it, where `when` (a field) is
 * not `unless`. */
static const struct ending { enum type_id of, type; const char *field, *when, *unless; } endings[] = {
    {TYPE_task_raised, TYPE_task_closed, "task", NULL, NULL},
    {TYPE_concern_raised, TYPE_concern_stooddown, "which", NULL, NULL},
    {TYPE_goal_set, TYPE_goal_changed, "goal", "status", "active"},
    {TYPE_contact_planned, TYPE_contact_recorded, "appointment", NULL, NULL},
    {TYPE_contact_planned, TYPE_contact_planned, "appointment", "cancelled", "no"},
};

/* Where threads of all people, or of the site, are listed: the columns with the entry and its words; the kind that the
 * row must have; and which columns are fields of the entry, for what is changed in part. */
static const struct listing {
    enum type_id of;
    const char *what;
    enum view view;
    const char *id, *words, *kind;
    struct { const char *field, *column; } fields[8];
} listings[] = {
    {TYPE_task_raised, "task", VIEW_MY_DAY, "entry", "what", "task", {{NULL, NULL}}},
    {TYPE_contact_planned, "appointment", VIEW_MY_DAY, "entry", "what", "appointment",
     {{"when", "time"}, {"what", "what"}, {"place", "place"}, {"with", "workers"}, {"minutes", "minutes"}}},
    {TYPE_session_recorded, "session", VIEW_MY_DAY, "entry", "what", "session",
     {{"name", "what"}, {"place", "place"}, {"when", "time"}, {"workers", "workers"}, {"minutes", "minutes"},
      {"schedule", "hours"}}},
    {TYPE_goal_set, "goal", VIEW_GOALS, "entry", "goal", NULL, {{NULL, NULL}}},
    {TYPE_concern_raised, "concern", VIEW_SAFETY, "entries", "concerns", NULL, {{NULL, NULL}}},
    {TYPE_resource_recorded, "resource", VIEW_RESOURCES, "id", "name", NULL, {{NULL, NULL}}},
    {TYPE_worker_out, "outing", VIEW_PLACES, "id", "place", NULL, {{NULL, NULL}}},
    {TYPE_worry_shared, "worry", VIEW_WORRIES, "id", "words", NULL, {{NULL, NULL}}},
};

/* ---- the list ---- */

void threads_release(struct thread_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct thread_item *item = &list->items[i];
        for (size_t f = 0; f < item->field_count; f++) {
            free((char *)item->fields[f].name);
            free((char *)item->fields[f].value);
        }
        free(item->fields);
        free(item->words);
    }
    free(list->items);
    list->items = NULL;
    list->count = 0;
}

static struct thread_item *add_item(struct thread_list *list, const struct felloe_value *id, char *words)
{
    struct thread_item *items = words ? reallocarray(list->items, list->count + 1, sizeof *items) : NULL;
    if (!items) {
        free(words);
        return NULL;
    }
    list->items = items;
    items[list->count] = (struct thread_item){.words = words, .open = true};
    hex_of(id, items[list->count].id, sizeof items[list->count].id);
    return &items[list->count++];
}

static struct thread_item *item_of(struct thread_list *list, const struct felloe_value *id)
{
    char hex[80];
    hex_of(id, hex, sizeof hex);
    for (size_t i = 0; *hex && i < list->count; i++)
        if (strcmp(list->items[i].id, hex) == 0)
            return &list->items[i];
    return NULL;
}

/* ---- fields, as one would type them ---- */

static bool put_field(struct thread_item *item, const struct type_def *type, const char *name,
                      const struct felloe_value *value)
{
    const struct field_def *field = type ? catalogue_field(type, bytes_str(name)) : NULL;
    char text[80];
    const char *typed = text;
    switch (felloe_value_kind(value)) {
    case FELLOE_ARRAY:
        for (size_t i = 0; i < felloe_value_count(value); i++)
            if (!put_field(item, type, name, felloe_value_at(value, i)))
                return false;
        return true;
    case FELLOE_TEXT: typed = felloe_value_text(value); break;
    case FELLOE_INTEGER:
        if (field && field->kind == KIND_TIME)
            when_iso(felloe_value_integer(value), text);
        else
            snprintf(text, sizeof text, "%" PRId64, felloe_value_integer(value));
        break;
    case FELLOE_BOOL: typed = felloe_value_bool(value) ? "yes" : "no"; break;
    case FELLOE_BYTES: hex_of(value, text, sizeof text); break;
    case FELLOE_NIL:
    case FELLOE_MAP: return true;
    }
    struct felloe_field *fields = reallocarray(item->fields, item->field_count + 1, sizeof *fields);
    if (!fields)
        return false;
    item->fields = fields;
    fields[item->field_count] = (struct felloe_field){strdup(name), strdup(typed)};
    return fields[item->field_count].name && fields[item->field_count++].value;
}

static void take_fields(struct thread_item *item, const struct type_def *type, const struct felloe_value *fields)
{
    for (size_t f = 0; f < item->field_count; f++) {
        free((char *)item->fields[f].name);
        free((char *)item->fields[f].value);
    }
    item->field_count = 0;
    for (size_t i = 0; i < felloe_value_count(fields); i++)
        if (!put_field(item, type, felloe_value_key(fields, i), felloe_value_at(fields, i)))
            return;
}

/* The entry in one line, the words that it is called by in front. */
static char *words_of(const char *type, const struct felloe_value *fields, const struct cell_context *context)
{
    static const char *const first[] = {"what", "words", "own_words", "text", "name"};
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        return NULL;
    const char *called = "";
    for (size_t i = 0; i < sizeof first / sizeof *first && !*called; i++)
        called = felloe_value_text(felloe_value_get(fields, first[i]));
    const struct felloe_value *when = felloe_value_get(fields, "when");
    if (*called)
        fputs(called, to);
    else
        fields_print(to, type, fields, context);
    if (*called && felloe_value_kind(when) == FELLOE_INTEGER) {
        char time[WHEN_MAX];
        when_friendly(felloe_value_integer(when), context->now, time);
        fprintf(to, ", %s", time);
    }
    fclose(to);
    char *line = text ? out_one_line(text) : NULL;
    free(text);
    return line;
}

/* ---- one person's story ---- */

/* What comes later in the story than the entry that opened the thread. */
static void follow(struct thread_list *list, const struct type_def *target, const struct type_def *type,
                   const struct felloe_value *fields, const struct cell_context *context)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const struct ending *ending = &endings[i];
        if (ending->of != target->id || ending->type != type->id)
            continue;
        struct thread_item *item = item_of(list, felloe_value_get(fields, ending->field));
        if (!item)
            continue;
        const struct felloe_value *when = ending->when ? felloe_value_get(fields, ending->when) : NULL;
        const char *text = felloe_value_text(when);
        bool said = felloe_value_kind(when) == FELLOE_BOOL ? felloe_value_bool(when)
                                                           : *text && strcmp(text, ending->unless) != 0;
        if (!ending->when || said)
            item->open = false;
        else if (*text)
            item->open = true;
        bool again = type->id == target->id;
        if (again || *felloe_value_text(felloe_value_get(fields, "text"))) {
            char *words = type->id == TYPE_goal_changed || again ? words_of(type->name, fields, context) : NULL;
            if (words) {
                free(item->words);
                item->words = words;
            }
        }
        if (again)
            take_fields(item, type, fields);
    }
}

/* The field by which an entry of the type says that it is of another one of the type. */
static const char *self_field(const struct type_def *type)
{
    for (size_t i = 0; type && i < type->field_count; i++)
        if (type->fields[i].self)
            return type->fields[i].name;
    return NULL;
}

static void read_story(struct thread_list *list, const struct type_def *target, const struct felloe_answer *answer)
{
    const struct view_def *view = view_of(VIEW_PERSON);
    const struct cell_context context = context_of(answer);
    const char *self = self_field(target);
    char person[33];
    hex_of(felloe_value_get(felloe_answer_summary(answer), "person"), person, sizeof person);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i), *fields = row_cell(view, row, "fields");
        const char *name = felloe_value_text(row_cell(view, row, "type"));
        const struct type_def *type = catalogue_find(bytes_str(name));
        if (*felloe_value_text(row_cell(view, row, "struck")) || (target && !type))
            continue;
        if (!target || (type == target && !(self && felloe_value_get(fields, self)))) {
            struct thread_item *item = add_item(list, row_cell(view, row, "id"), words_of(name, fields, &context));
            if (item) {
                memcpy(item->person, person, sizeof item->person);
                take_fields(item, type, fields);
            }
        } else if (target) {
            follow(list, target, type, fields, &context);
        }
    }
}

/* ---- a view ---- */

/* The row's cells as fields. A session of each week has a time that was worked out: its hours say more. */
static void take_cells(struct thread_item *item, const struct listing *listing, const struct view_def *view,
                       const struct felloe_value *row)
{
    const struct type_def *type = NULL;
    for (size_t i = 0; i < catalogue_count() && !type; i++)
        type = catalogue_at(i)->id == listing->of ? catalogue_at(i) : NULL;
    bool weekly = *felloe_value_text(row_cell(view, row, "hours"));
    for (size_t i = 0; i < sizeof listing->fields / sizeof *listing->fields && listing->fields[i].field; i++) {
        const struct felloe_value *cell = row_cell(view, row, listing->fields[i].column);
        if (cell && !(weekly && strcmp(listing->fields[i].field, "when") == 0))
            put_field(item, type, listing->fields[i].field, cell);
    }
}

static bool names_worker(const struct felloe_value *workers, const char *me)
{
    for (size_t i = 0; i < felloe_value_count(workers); i++)
        if (strcmp(felloe_value_text(felloe_value_at(workers, i)), me) == 0)
            return true;
    return false;
}

static bool is_listed(const struct listing *listing, const struct view_def *view, const struct felloe_value *row)
{
    if (listing->of == TYPE_worker_out) /* beside sessions, which say whether they take place */
        return !*felloe_value_text(row_cell(view, row, "status"));
    return !listing->kind || strcmp(felloe_value_text(row_cell(view, row, "kind")), listing->kind) == 0;
}

static void read_row(struct thread_list *list, const struct listing *listing, const struct view_def *view,
                     const struct felloe_value *row, const char *me)
{
    const struct felloe_value *id = row_cell(view, row, listing->id), *words = row_cell(view, row, listing->words);
    bool several = felloe_value_kind(id) == FELLOE_ARRAY;
    for (size_t i = 0; is_listed(listing, view, row) && i < (several ? felloe_value_count(id) : 1); i++) {
        const struct felloe_value *one = felloe_value_kind(words) == FELLOE_ARRAY
                                             ? felloe_value_at(words, several ? i : 0) : words;
        struct thread_item *item = add_item(list, several ? felloe_value_at(id, i) : id,
                                            out_one_line(felloe_value_text(one)));
        if (!item)
            return;
        item->others = *me && !names_worker(row_cell(view, row, "workers"), me);
        if (view_has(view, "person"))
            hex_of(row_cell(view, row, "id"), item->person, sizeof item->person);
        take_cells(item, listing, view, row);
    }
}

static enum felloe_code read_view(struct cli *cli, const struct listing *listing, struct thread_list *list)
{
    const struct view_def *view = view_of(listing->view);
    const struct felloe_argument arguments[] = {{.name = "name", .kind = FELLOE_TEXT, .text = view->name},
                                                {.name = "days", .kind = FELLOE_INTEGER, .integer = 3650},
                                                {.name = "worker", .kind = FELLOE_TEXT, .text = "*"}};
    struct felloe_answer *answer;
    char me[WORKER_ID_MAX] = "";
    enum felloe_code code = listing->of == TYPE_worker_out ? worker_find(cli, "@me", me) : FELLOE_OK;
    if (code == FELLOE_OK)
        code = cli_ask(cli, "view", arguments, 3, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    for (size_t i = 0; i < felloe_answer_count(answer); i++)
        read_row(list, listing, view, felloe_answer_item(answer, i), me);
    felloe_answer_free(answer);
    return FELLOE_OK;
}

static const struct listing *listing_of(const struct type_def *target)
{
    for (size_t i = 0; target && i < sizeof listings / sizeof *listings; i++)
        if (listings[i].of == target->id)
            return &listings[i];
    return NULL;
}

enum felloe_code threads_find(struct cli *cli, const char *type, const char *field, const char *person,
                              struct thread_list *out)
{
    const struct type_def *def = catalogue_find(bytes_str(type));
    const struct field_def *reference = def ? catalogue_field(def, bytes_str(field)) : NULL;
    const struct type_def *target = reference ? field_refers(reference) : NULL;
    const struct listing *listing = listing_of(target);
    *out = (struct thread_list){.what = listing ? listing->what : target ? target->label : "entry", .whose = person,
                                .whole = true};
    if (person && (!target || target->about != ABOUT_SITE)) {
        struct felloe_answer *answer;
        enum felloe_code code = cli_connect(cli);
        if (code == FELLOE_OK)
            code = felloe_view(cli->client, "person", cli_option(cli, "site"), person, &answer, &cli->error);
        if (code != FELLOE_OK)
            return code;
        read_story(out, target, answer);
        felloe_answer_free(answer);
        return FELLOE_OK;
    }
    out->of_people = target && target->about == ABOUT_PERSON;
    return listing ? read_view(cli, listing, out) : FELLOE_OK;
}

/* ---- which one ---- */

/* An appointment's words are followed by its time: by what it is called it is meant all the same. */
static bool is_called(const struct thread_item *item, struct bytes folded)
{
    struct buffer words = {0};
    for (size_t f = 0; f < item->field_count; f++)
        if (strcmp(item->fields[f].name, "what") == 0)
            text_fold(bytes_str(item->fields[f].value), &words);
    bool called = !words.failed && words.len > 0 && bytes_equal(buffer_bytes(&words), folded);
    buffer_release(&words);
    return called;
}

/* 4: a prefix of the id; 3: all of its words; 2: their beginning; 1: somewhere in them. */
static int fits(const struct thread_item *item, const char *text, struct bytes folded)
{
    struct buffer words = {0};
    size_t len = strlen(text);
    int fit = 0;
    if (len >= 4 && strspn(text, "0123456789abcdefABCDEF") == len && strncasecmp(item->id, text, len) == 0)
        return 4;
    if (is_called(item, folded))
        return 3;
    text_fold(bytes_str(item->words), &words);
    if (!words.failed && folded.len > 0 && words.len >= folded.len) {
        if (memcmp(words.data, folded.data, folded.len) == 0)
            fit = words.len == folded.len ? 3 : 2;
        else if (memmem(words.data, words.len, folded.data, folded.len))
            fit = 1;
    }
    buffer_release(&words);
    return fit;
}

/* How well the best of them fits, open ones before others: 10 more. */
static int best_of(const struct thread_list *list, const char *text, struct bytes folded, size_t *count,
                   const struct thread_item **found)
{
    int best = 0;
    *count = 0;
    for (size_t i = 0; i < list->count; i++) {
        int fit = fits(&list->items[i], text, folded);
        fit += fit && list->items[i].open ? 10 : 0;
        if (fit == 0 || fit < best)
            continue;
        *count = fit > best ? 1 : *count + 1;
        best = fit;
        *found = &list->items[i];
    }
    return best;
}

/* "benefits form (1a2b3c4d), bus pass (5e6f7081)" */
static void tell_all(const struct thread_list *list, const char *text, struct bytes folded, int best, char *out,
                     size_t size)
{
    size_t used = 0, told = 0;
    out[0] = '\0';
    for (size_t i = list->count; i-- > 0 && used + 1 < size;) { /* the latest first */
        int fit = text ? fits(&list->items[i], text, folded) : 1;
        fit += fit && list->items[i].open ? 10 : 0;
        if (text ? fit != best : !list->items[i].open)
            continue;
        if (told++ == 6) {
            snprintf(out + used, size - used, " and more");
            return;
        }
        int more = snprintf(out + used, size - used, "%s%.50s (%.*s)", used ? "; " : "", list->items[i].words, ID_SHORT,
                            list->items[i].id);
        used += more > 0 ? (size_t)more : 0;
    }
}

static enum felloe_code none_fits(struct cli *cli, const struct thread_list *list, const char *text)
{
    char all[420];
    size_t len = strlen(text);
    const char *whose = list->whose ? list->whose : "", *of = *whose ? " of " : "";
    if (list->whole && len >= 4 && strspn(text, "0123456789abcdefABCDEF") == len)
        return FELLOE_OK; /* an id that the daemon may know */
    if (list->of_people)
        return cli_fail(cli, FELLOE_NOT_FOUND, "no %s that is listed begins with \"%.60s\": say whose it is, PERSON "
                        "before it", list->what, text);
    tell_all(list, NULL, (struct bytes){0}, 0, all, sizeof all);
    if (*all)
        return cli_fail(cli, FELLOE_NOT_FOUND, "no %s%s%s begins with \"%.60s\"; there is: %s", list->what, of, whose,
                        text, all);
    return cli_fail(cli, FELLOE_NOT_FOUND, "no %s%s%s is open, and \"%.60s\" is no entry's id", list->what, of, whose,
                    text);
}

static enum felloe_code pick_only(struct cli *cli, const struct thread_list *list, const struct thread_item **out)
{
    char all[420];
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].open && !list->items[i].others) {
            *out = &list->items[i];
            count++;
        }
    if (count == 1)
        return FELLOE_OK;
    *out = NULL;
    if (count == 0)
        return cli_fail(cli, FELLOE_NOT_FOUND, "no %s is open%s", list->what, list->count ? " of yours" : "");
    tell_all(list, NULL, (struct bytes){0}, 0, all, sizeof all);
    return cli_fail(cli, FELLOE_AMBIGUOUS, "say which %s: %s", list->what, all);
}

enum felloe_code threads_pick(struct cli *cli, const struct thread_list *list, const char *text,
                              const struct thread_item **out)
{
    struct buffer folded = {0};
    size_t count;
    char all[420];
    *out = NULL;
    if (strcmp(text, "@only") == 0)
        return pick_only(cli, list, out);
    text_fold(bytes_str(text), &folded);
    enum felloe_code code = FELLOE_OK;
    int best = best_of(list, text, buffer_bytes(&folded), &count, out);
    if (count > 1) {
        tell_all(list, text, buffer_bytes(&folded), best, all, sizeof all);
        code = cli_fail(cli, FELLOE_AMBIGUOUS, "\"%.60s\" could be several: %s. Say more of it, or the id", text, all);
        *out = NULL;
    } else if (count == 0) {
        code = none_fits(cli, list, text);
    }
    buffer_release(&folded);
    return code;
}
