/* SPDX-License-Identifier: Apache-2.0 */
/* settle: what to-settle lists, agreed upon. It is looked up, checked to be open still, and recorded as having seen
 * just what it was looked up in: so nothing that came meanwhile is settled unseen. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/control/control_draft.h"
#include "daemon/views/view_linked.h"
#include "proto/domain/settled.h"
#include "proto/domain/text_fold.h"

#define CHOICES_MAX 16u

/* A row of to-settle, taken apart; points into the rows. */
struct open_row {
    struct person_id subject;
    uint32_t site;
    struct bytes field, which, key;
    struct bytes values[CHOICES_MAX], choices[CHOICES_MAX];
    size_t value_count, choice_count;
};

struct settling {
    struct control_request *request;
    struct reading *reading;
    struct felloe_error *error;
    struct mp_reader *r;
    struct query_rows rows;
    struct control_shown *shown;   /* whose rows are told of */
    /* whom and what it is about, as far as was said */
    bool has_person;
    struct person_id person;
    struct bytes key, what, which;
    char site[SLUG_MAX + 1];       /* of a number; else empty */
    struct open_row row;           /* what was found */
};

/* How much of a text a message has room for, in whole characters. */
static int shown(struct bytes text)
{
    size_t len = text.len < 80 ? text.len : 80;
    while (len > 0 && len < text.len && (text.data[len] & 0xc0) == 0x80)
        len--;
    return (int)len;
}

/* ---- rows ---- */

static size_t take_texts(struct mp_reader *r, struct bytes out[CHOICES_MAX])
{
    size_t kept = 0;
    if (mp_peek(r) != MP_ARRAY) {
        mp_skip(r);
        return 0;
    }
    uint32_t count = mp_array(r, 0, MP_TAPE_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (kept < CHOICES_MAX && mp_peek(r) == MP_STR)
            out[kept++] = mp_str(r, 0, EVENT_SIZE_MAX);
        else
            mp_skip(r);
    return kept;
}

static struct bytes take_text(struct mp_reader *r)
{
    if (mp_peek(r) == MP_STR)
        return mp_str(r, 0, EVENT_SIZE_MAX);
    mp_skip(r);
    return (struct bytes){0};
}

static bool read_row(struct settling *s, const struct query_row *from, struct open_row *out)
{
    struct mp_reader *r = s->r;
    *out = (struct open_row){.subject = from->subject, .site = from->site};
    mp_reader_init(r, bytes_of(s->rows.cells.data + from->begin, from->len));
    uint32_t count = mp_next(r) ? mp_array(r, SETTLE_COLUMNS, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < count; i++)
        switch (i) {
        case SETTLE_FIELD: out->field = take_text(r); break;
        case SETTLE_WHICH: out->which = take_text(r); break;
        case SETTLE_KEY: out->key = take_text(r); break;
        case SETTLE_VALUES: out->value_count = take_texts(r, out->values); break;
        case SETTLE_CHOICES: out->choice_count = take_texts(r, out->choices); break;
        default: mp_skip(r); break;
        }
    return !r->failed && out->key.len > 0;
}

static bool begins_with(struct bytes text, struct bytes begin)
{
    struct buffer a = {0}, b = {0};
    text_fold(text, &a);
    text_fold(begin, &b);
    bool yes = !a.failed && !b.failed && b.len > 0 && b.len <= a.len && memcmp(a.data, b.data, b.len) == 0;
    buffer_release(&a);
    buffer_release(&b);
    return yes;
}

/* By the beginning of the words that the row shows, by its key, or the beginning of an id in it. */
static bool fits_which(const struct settling *s, const struct open_row *row)
{
    const struct register_def *def;
    struct bytes each;
    if (s->which.len == 0 || begins_with(row->which, s->which))
        return true;
    return settle_key_read(row->key, &def, &each) &&
           (bytes_equal(s->which, each) ||
            (s->which.len >= 4 && s->which.len < each.len && memcmp(each.data, s->which.data, s->which.len) == 0));
}

static bool fits(const struct settling *s, const struct open_row *row)
{
    const struct register_def *def = register_def_find(row->field);
    if (s->has_person && !person_id_equal(&s->person, &row->subject))
        return false;
    if (s->site[0] && strcmp(s->site, s->reading->scope.sites[row->site]) != 0)
        return false;
    if (s->key.len > 0)
        return bytes_equal(s->key, row->key);
    return (bytes_equal(s->what, row->field) || (def && text_fold_equal(s->what, bytes_str(def->label)))) &&
           fits_which(s, row);
}

/* ---- too late ---- */

static void name_worker(struct settling *s, struct bytes id, char *out, size_t size)
{
    struct buffer names = {0};
    query_put_worker_names(&s->reading->views, &s->reading->scope, &s->request->daemon->identity, &names);
    snprintf(out, size, "%.*s", shown(id), (const char *)id.data);
    mp_reader_init(s->r, buffer_bytes(&names));
    uint32_t count = !names.failed && mp_next(s->r) ? mp_map(s->r, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < count && !s->r->failed; i++) {
        bool is = bytes_equal(mp_str(s->r, 0, EVENT_SIZE_MAX), id);
        struct bytes name = mp_str(s->r, 0, EVENT_SIZE_MAX);
        if (is && name.len > 0)
            snprintf(out, size, "%.*s", shown(name), (const char *)name.data);
    }
    buffer_release(&names);
}

static void tell_settled(struct settling *s, const struct settled *settled)
{
    char who[100], when[40] = "", value[200] = "";
    time_t seconds = (time_t)(settled->ms / 1000);
    struct tm tm;
    name_worker(s, settled->by, who, sizeof who);
    if (localtime_r(&seconds, &tm))
        strftime(when, sizeof when, " on %e %b %Y at %H:%M", &tm);
    if (settled->label)
        snprintf(value, sizeof value, ": %s", settled->label);
    else if (settled->value.len > 0)
        snprintf(value, sizeof value, ": “%.*s%s”", shown(settled->value), (const char *)settled->value.data,
                 settled->value.len > 80 ? "…" : "");
    felloe_fail(s->error, FELLOE_INVALID, "That is no longer to settle. %s %s%s%s. Nothing was recorded.", who,
                settled->agreed ? "settled it" : "wrote anew", when, value);
}

/* What holds in this register now, in whichever site has the person. */
static bool find_settled(struct settling *s, const struct register_def *def, struct bytes each)
{
    struct document *document = views_new_document(&s->reading->views);
    struct buffer plain = {0};
    struct settled settled;
    bool found = false;
    control_shown_add(s->shown, &s->person);
    for (size_t i = 0; document && !found && i < 2 * s->reading->scope.count; i++) {
        struct bytes site = bytes_str(s->reading->scope.sites[i / 2]);
        document_clear(document);
        enum views_found there = i % 2 == 0 ? views_get_document(&s->reading->views, site, &s->person, &plain)
                                            : views_get_restricted(&s->reading->views, site, &s->person, &plain);
        found = there == VIEWS_FOUND && document_decode(document, buffer_bytes(&plain)) &&
                settled_read(document, def, each, &settled);
    }
    if (found)
        tell_settled(s, &settled);
    buffer_release(&plain);
    document_free(document);
    return found;
}

static enum felloe_code tell_missing(struct settling *s)
{
    const struct register_def *def;
    struct bytes each, key = s->key.len > 0 ? s->key : s->what;
    if (settle_key_read(key, &def, &each) && find_settled(s, def, s->key.len > 0 ? each : s->which))
        return s->error->code;
    return felloe_fail(s->error, FELLOE_NOT_FOUND,
                       "There is nothing of that to settle (any more). `felloe to-settle` lists what is.");
}

static enum felloe_code tell_several(struct settling *s, const struct open_row *first, const struct open_row *second)
{
    return felloe_fail(s->error, FELLOE_AMBIGUOUS,
                       "Several things to settle fit: %.*s %.*s, %.*s %.*s, perhaps more. Say which, or give the "
                       "number that `felloe to-settle` shows.",
                       shown(first->field), (const char *)first->field.data, shown(first->which),
                       first->which.data ? (const char *)first->which.data : "", shown(second->field),
                       (const char *)second->field.data, shown(second->which),
                       second->which.data ? (const char *)second->which.data : "");
}

/* ---- what is meant ---- */

static enum felloe_code read_number(struct settling *s, int64_t number)
{
    struct settle_name name;
    if (!settle_number_find(s->request->daemon->settle_numbers, number, &name))
        return felloe_fail(s->error, FELLOE_NOT_FOUND,
                           "Nothing has the number %lld. `felloe to-settle` shows what is to settle, and its numbers; "
                           "they are given anew each time felloed starts.",
                           (long long)number);
    memcpy(s->site, name.site, sizeof s->site);
    s->person = name.person;
    s->has_person = true;
    s->key = name.key;
    return FELLOE_OK;
}

static enum felloe_code read_target(struct settling *s)
{
    struct control_request *request = s->request;
    struct bytes person = control_arg_text(request, "person");
    if (control_arg(request, "number"))
        return read_number(s, control_arg_integer(request, "number", 0));
    s->key = control_arg_text(request, "key");
    s->what = control_arg_text(request, "what");
    s->which = control_arg_text(request, "which");
    if (s->key.len == 0 && s->what.len == 0)
        return felloe_fail(s->error, FELLOE_USAGE,
                           "Say what to settle: the number that `felloe to-settle` shows, or the person and what it is "
                           "about.");
    struct bytes site_given = control_arg_text(request, "site");
    struct scope one;
    if (site_given.len > 0) {
        if (scope_of(request->daemon, s->reading->log, site_given, false, &one, s->error) != FELLOE_OK)
            return s->error->code;
        memcpy(s->site, one.sites[0], sizeof s->site);
    }
    if (person.len == 0)
        return FELLOE_OK;
    struct finder finder;
    size_t site;
    finder_init(&finder, request->daemon, &s->reading->views, s->reading->log, &s->reading->scope);
    enum felloe_code code = finder_person(&finder, person, &s->person, &site, s->error);
    control_shown_told(s->shown, &finder);
    finder_release(&finder);
    s->has_person = code == FELLOE_OK;
    return code;
}

/* Its values are told: where the choice is none of them, and in the answer. */
static void note_row(struct settling *s, const struct query_row *row)
{
    control_shown_add(s->shown, &row->subject);
    control_shown_row(s->shown, bytes_of(s->rows.cells.data + row->begin, row->len));
}

static enum felloe_code find_row(struct settling *s)
{
    struct open_row row;
    size_t found = 0;
    query_view(&s->reading->views, &s->reading->scope, VIEW_TO_SETTLE, &s->rows);
    query_duplicates(&s->reading->views, &s->reading->scope, &s->rows);
    if (s->rows.failed)
        return felloe_fail(s->error, FELLOE_FAILED, "Memory ran out.");
    for (size_t i = 0; i < s->rows.count; i++) {
        if (!read_row(s, &s->rows.rows[i], &row) || !fits(s, &row))
            continue;
        note_row(s, &s->rows.rows[i]);
        if (found++ > 0)
            return tell_several(s, &s->row, &row);
        s->row = row;
    }
    return found > 0 ? FELLOE_OK : tell_missing(s);
}

/* ---- what holds from now on ---- */

static void list_values(const struct open_row *row, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < row->value_count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%zu “%.*s”", i > 0 ? ", " : "", i + 1, shown(row->values[i]),
                                (const char *)row->values[i].data);
    for (len = strlen(out); len > 0 && !utf8_valid(bytes_of(out, len)); len--) /* cut within a character */
        out[len - 1] = '\0';
}

/* Other words than those that were written. Where there are only codes, one of these. */
static enum felloe_code choose_words(struct settling *s, struct bytes text, const char *list, struct bytes *out)
{
    const struct register_def *def = register_def_find(s->row.field);
    *out = text;
    for (size_t i = 0; def && def->codes && i < def->codes->count; i++) {
        const struct code *code = &def->codes->codes[i];
        if (!text_fold_equal(text, bytes_str(code->code)) && !text_fold_equal(text, bytes_str(code->label)))
            continue;
        *out = bytes_str(code->code);
        return FELLOE_OK;
    }
    if (!def || !def->codes)
        return FELLOE_OK;
    return felloe_fail(s->error, FELLOE_INVALID, "“%.*s” is none of what it can be: %s.", shown(text),
                       (const char *)text.data, list);
}

static enum felloe_code choose(struct settling *s, struct bytes *out)
{
    const struct open_row *row = &s->row;
    struct control_request *request = s->request;
    struct bytes value = control_arg_text(request, "value"), text = control_arg_text(request, "text");
    int64_t number = control_arg_integer(request, "choose", 0);
    const bool by_number = control_arg(request, "choose") != NULL;
    char list[300];
    list_values(row, list, sizeof list);
    if (by_number + (value.len > 0) + (text.len > 0) != 1)
        return felloe_fail(s->error, FELLOE_USAGE, "Say what holds: choose one of %s, or give other words.", list);
    if (text.len > 0)
        return choose_words(s, text, list, out);
    if (by_number && number >= 1 && (uint64_t)number <= row->choice_count) {
        *out = row->choices[number - 1];
        return FELLOE_OK;
    }
    for (size_t i = 0; !by_number && i < row->choice_count; i++)
        if (text_fold_equal(value, row->choices[i]) ||
            (i < row->value_count && text_fold_equal(value, row->values[i]))) {
            *out = row->choices[i];
            return FELLOE_OK;
        }
    if (by_number)
        return felloe_fail(s->error, FELLOE_INVALID, "There is no choice %lld. The choices are: %s.", (long long)number,
                           list);
    return felloe_fail(s->error, FELLOE_INVALID,
                       "“%.*s” is none of what was written: %s. Choose one of them; if it is meant to be something "
                       "else, say so with --text.",
                       shown(value), (const char *)value.data, list);
}

/* ---- the draft ---- */

static void put_pair(struct buffer *out, const char *name, struct bytes text, uint32_t *pairs)
{
    if (text.len == 0)
        return;
    mp_put_text(out, name);
    mp_put_str(out, text);
    ++*pairs;
}

static void put_with(const struct control_request *request, struct buffer *out, uint32_t *pairs)
{
    const struct control_arg *with = control_arg(request, "with");
    if (with && with->type == MP_STR)
        put_pair(out, "with", with->text, pairs);
    if (!with || with->type != MP_ARRAY || with->text_count == 0)
        return;
    mp_put_text(out, "with");
    mp_put_array(out, with->text_count);
    for (uint32_t i = 0; i < with->text_count; i++)
        mp_put_str(out, request->texts[with->first_text + i]);
    ++*pairs;
}

/* Links have no field for whom it was settled with: it goes into why. */
static void put_why(struct settling *s, struct buffer *out, uint32_t *pairs)
{
    struct control_request *request = s->request;
    const struct control_arg *with = control_arg(request, "with");
    struct bytes why = control_arg_text(request, "why");
    struct buffer text = {0};
    uint32_t count = !with ? 0 : with->type == MP_ARRAY ? with->text_count : with->text.len > 0;
    buffer_append(&text, why.data, why.len);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes name = with->type == MP_ARRAY ? request->texts[with->first_text + i] : with->text;
        const char *before = i > 0 ? ", " : text.len > 0 ? " (with " : "(with ";
        buffer_append(&text, (const uint8_t *)before, strlen(before));
        buffer_append(&text, name.data, name.len);
    }
    if (count > 0)
        buffer_append_byte(&text, ')');
    put_pair(out, "why", buffer_bytes(&text), pairs);
    out->failed |= text.failed;
    buffer_release(&text);
}

/* All is settled by conflict.settled, but for links, which have types of their own. */
static const char *put_fields(struct settling *s, const struct register_def *def, struct bytes each,
                              struct bytes chosen, struct buffer *out, uint32_t *pairs)
{
    struct bytes why = control_arg_text(s->request, "why");
    if (def->id == REG_linked) {
        put_pair(out, "other", each, pairs);
        put_why(s, out, pairs);
        return catalogue_at(bytes_is(chosen, "linked") ? TYPE_person_linked : TYPE_person_unlinked)->name;
    }
    put_pair(out, "what", bytes_str(def->name), pairs);
    put_pair(out, "which", each, pairs);
    put_pair(out, "chosen", chosen, pairs);
    put_with(s->request, out, pairs);
    put_pair(out, "text", why, pairs);
    return catalogue_at(TYPE_conflict_settled)->name;
}

static void put_draft(struct settling *s, const struct register_def *def, struct bytes each, struct bytes chosen,
                      struct made *out)
{
    const struct open_row *row = &s->row;
    struct buffer fields = {0}, map = {0};
    uint32_t pairs = 0;
    char person[2 * sizeof row->subject.b + 1] = "";
    struct control_draft draft = {.worker = control_arg_text(s->request, "worker"), .anyway = true};
    draft.type = bytes_str(put_fields(s, def, each, chosen, &fields, &pairs));
    if (!person_id_is_none(&row->subject))
        hex_encode(bytes_of(row->subject.b, sizeof row->subject.b), person);
    draft.person = bytes_str(person);
    draft.site = bytes_str(s->reading->scope.sites[row->site]);
    mp_put_map(&map, pairs);
    buffer_append(&map, fields.data, fields.len);
    draft.fields = buffer_bytes(&map);
    control_put_draft(&out->drafts, &draft);
    out->drafts.failed |= fields.failed || map.failed;
    buffer_release(&fields);
    buffer_release(&map);
    put_pair(&out->summary, "what", bytes_str(def->name), &out->summary_count);
    put_pair(&out->summary, "which", row->which.len > 0 ? row->which : each, &out->summary_count);
    put_pair(&out->summary, "chosen", chosen, &out->summary_count);
    for (size_t i = 0; i < row->choice_count && i < row->value_count; i++)
        if (bytes_equal(row->choices[i], chosen)) {
            put_pair(&out->summary, "chosen_words", row->values[i], &out->summary_count);
            return;
        }
}

static enum felloe_code make(struct control_request *request, struct reading *reading, struct made *out,
                             struct felloe_error *error)
{
    struct settling s = {.request = request, .reading = reading, .error = error, .r = malloc(sizeof *s.r),
                         .shown = out->shown};
    const struct register_def *def;
    struct bytes each, chosen = {0};
    enum felloe_code code = s.r ? read_target(&s) : felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
    if (code == FELLOE_OK)
        code = find_row(&s);
    if (code == FELLOE_OK)
        code = choose(&s, &chosen);
    if (code == FELLOE_OK && chosen.len == 0)
        code = felloe_fail(error, FELLOE_INVALID,
                           "That there is none any more cannot be chosen: record it anew, with an empty text, as when "
                           "it was written first (for a date of birth: felloe details PERSON --born \"\").");
    if (code == FELLOE_OK && settle_key_read(s.row.key, &def, &each))
        put_draft(&s, def, each, chosen, out);
    query_rows_release(&s.rows);
    free(s.r);
    return code;
}

void control_verb_SETTLE(struct control_request *request)
{
    control_record_made(request, make);
}
