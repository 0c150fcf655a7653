/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes documents. The first byte says how to take the rest.
 *
 * Even: as a document's bytes. What is accepted is written and read again to the same bytes, and every view of it can
 * be made. Odd: as a history, a sequence of pairs of objects: an array (laptop, how far it had seen, time, type, and
 * where it goes on as a new incarnation from here on: how many of the present one are its own) and a map of fields.
 * Every fifth has a second position; what is the first after such a going on takes the place of an earlier one (was).
 * Whatever it is, folding it forwards, backwards, twice, and before positions are
 * known must give the same bytes and the same rows. */
#include "tests/fuzz/fuzz.h"

#include "proto/domain/sense.h"
#include "proto/domain/view.h"

unsigned long fuzz_accepted;

#define HISTORY_MAX 40
#define LAPTOPS 3

static const struct person_id subject = {{0x40}};

/* ---- histories ---- */

struct line {
    struct fold_event event;
    struct event_body body;
    struct buffer plain; /* what the body points into */
};

static struct line lines[HISTORY_MAX];

/* Makes a real event of it: what no event can be is not folded. */
static bool line_make(struct line *line, const struct event_clear *clear, const struct branches *after,
                      const struct event_id *was, uint64_t time, struct bytes type, struct bytes fields)
{
    static const struct data_key key;
    static const uint8_t nonce[EVENT_NONCE_SIZE];
    const struct type_def *known = catalogue_find(type);
    struct event_body body = {.time = time, .type = type, .has_subject = !known || known->about != ABOUT_SITE,
                              .subject = subject, .after = *after, .has_was = was,
                              .worker = bytes_str("ash-grey"), .fields = fields};
    struct buffer raw = {0};
    struct event event;
    if (was)
        body.was = *was;
    bool ok = event_seal(clear, &body, &key, nonce, &raw);
    if (ok) {
        MUST(event_decode(buffer_bytes(&raw), &event) && event_open(&event, &key, &line->plain, &line->body));
        line->event = (struct fold_event){.device = clear->device, .incarnation = clear->incarnation, .seq = clear->seq,
                                          .seen = clear->seen, .by_hub = clear->device.b[0] != 1,
                                          .home = site_tag(clear->site), .log = site_tag(clear->site),
                                          .body = &line->body};
        event_id_of(buffer_bytes(&raw), &line->event.id);
    }
    buffer_release(&raw);
    return ok;
}

struct laptop {
    uint32_t incarnation;
    uint64_t seq, seen;
    struct branches after;
};

static void go_on(struct laptop *laptop, uint64_t own)
{
    struct branches *after = &laptop->after;
    own %= laptop->seq + 1;
    if (own > 0) {
        if (after->count == BRANCHES_MAX)
            memmove(after->at, after->at + 1, --after->count * sizeof after->at[0]);
        after->at[after->count++] = (struct branch){laptop->incarnation, own};
    }
    laptop->incarnation++;
    laptop->seq = 0;
}

static size_t read_history(struct bytes in)
{
    static struct mp_reader r;
    struct laptop laptops[LAPTOPS] = {{.incarnation = 1}, {.incarnation = 1}, {.incarnation = 1}};
    size_t count = 0;
    mp_reader_init(&r, in);
    while (count < HISTORY_MAX && mp_next(&r)) {
        uint32_t parts = mp_array(&r, 4, 5);
        size_t which = (size_t)mp_uint(&r, UINT64_MAX) % LAPTOPS;
        struct laptop *laptop = &laptops[which];
        uint64_t n = mp_uint(&r, UINT64_MAX) % (count + 1), time = mp_uint(&r, UINT64_MAX);
        struct bytes type = mp_str(&r, 0, TYPE_MAX);
        if (parts == 5)
            go_on(laptop, mp_uint(&r, UINT64_MAX));
        if (!mp_next(&r))
            break;
        mp_skip_rest(&r);
        if (n > laptop->seen)
            laptop->seen = n; /* it never goes back */
        struct event_clear clear = {.device = {{(uint8_t)(which + 1)}}, .incarnation = laptop->incarnation,
                                    .site = bytes_str("dale"), .seq = laptop->seq + 1};
        clear.prev.b[0] = laptop->seq > 0;
        seen_advance(&clear.seen, (struct position){1, laptop->seen});
        const struct event_id *was = parts == 5 && count > 0 ? &lines[(size_t)time % count].event.id : NULL;
        if (!line_make(&lines[count], &clear, &laptop->after, was, time, type, mp_object(&r)))
            break;
        laptop->seq++;
        count++;
        lines[count - 1].event.at = (struct position){1, count};
    }
    return count;
}

/* ---- looking at a document ---- */

static bool add_row(void *context, const struct view_row *row)
{
    struct buffer *b = context;
    mp_put_uint(b, row->view);
    mp_put_uint(b, row->sort);
    mp_put_uint(b, row->sub);
    buffer_append(b, row->cells.data, row->cells.len);
    return true;
}

static void add_name(void *context, struct bytes name)
{
    mp_put_str(context, name);
}

static void add_device(void *context, const struct device_id *device, const uint8_t *key, struct bytes worker)
{
    mp_put_bin(context, device->b, sizeof device->b);
    mp_put_bool(context, key != NULL);
    mp_put_str(context, worker);
}

/* Its bytes, then everything that is shown of it. */
static void look(const struct document *document, struct buffer *out)
{
    struct bytes episode;
    document_encode(document, out);
    MUST(view_rows(document, &subject, add_row, out));
    document_names(document, add_name, out);
    document_devices(document, add_device, out);
    uint32_t to_settle;
    MUST(document_to_settle(document, &to_settle));
    mp_put_uint(out, to_settle);
    mp_put_uint(out, document_not_recognised(document));
    if (document_current_episode(document, &episode))
        mp_put_bin(out, episode.data, episode.len);
    document_summary(document, out);
    MUST(!out->failed);
}

/* ---- the two ways ---- */

static struct document *first, *second;

static void fold_line(struct document *document, size_t i, bool with_position)
{
    struct fold_event event = lines[i].event;
    if (!with_position)
        event.at = (struct position){0};
    MUST(document_fold(document, &event));
    event.at = (struct position){2, i + 1};
    if (i % 5 == 4)
        MUST(document_fold(document, &event));
}

static void fold_every_way(size_t count)
{
    struct buffer one = {0}, other = {0};
    document_clear(first);
    for (size_t i = 0; i < count; i++)
        fold_line(first, i, true);
    look(first, &one);
    for (unsigned way = 0; way < 3; way++) {
        document_clear(second);
        buffer_clear(&other);
        for (size_t i = 0; i < count; i++)
            fold_line(second, way == 0 ? count - 1 - i : (i * 7 + way) % count, way != 2);
        for (size_t i = 0; i < count; i++) /* again, and those that the steps of 7 left out */
            fold_line(second, i, true);
        look(second, &other);
        MUST(bytes_equal(buffer_bytes(&one), buffer_bytes(&other)));
    }
    buffer_clear(&other);
    document_encode(first, &other);
    MUST(document_decode(second, buffer_bytes(&other)));
    buffer_clear(&other);
    look(second, &other);
    MUST(bytes_equal(buffer_bytes(&one), buffer_bytes(&other)));
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&other);
        MUST(view_timeline_cells(first, &lines[i].event, &other));
    }
    buffer_release(&one);
    buffer_release(&other);
}

/* Would the last of them make sense, after all the others? Whatever it says, it says it in whole characters. */
static void make_sense(size_t count)
{
    const struct event_body *body = &lines[count - 1].body;
    struct felloe_error error = {0}, warning;
    const struct sense_case c = {.type = catalogue_find(body->type), .fields = body->fields, .document = first,
                                 .subject = subject, .site = bytes_str("dale"), .worker = body->worker,
                                 .now = 1795262400000};
    if (!c.type)
        return;
    document_clear(first);
    for (size_t i = 0; i + 1 < count; i++)
        fold_line(first, i, true);
    enum felloe_code code = sense_check(&c, &error, &warning);
    MUST(code == FELLOE_OK || code == FELLOE_INVALID);
    MUST(code == error.code && utf8_valid(bytes_str(error.message)) && utf8_valid(bytes_str(warning.message)));
}

static bool take_document(struct bytes in)
{
    if (!document_decode(first, in))
        return false;
    struct buffer one = {0}, again = {0};
    document_encode(first, &one);
    MUST(document_decode(second, buffer_bytes(&one)));
    document_encode(second, &again);
    MUST(bytes_equal(buffer_bytes(&one), buffer_bytes(&again)));
    buffer_clear(&again);
    look(first, &again);
    buffer_release(&one);
    buffer_release(&again);
    return true;
}

static void documents_needed(void)
{
    if (!first)
        first = document_new();
    if (!second)
        second = document_new();
    MUST(first && second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    documents_needed();
    if (size == 0)
        return 0;
    struct bytes in = bytes_of(data + 1, size - 1);
    if (data[0] & 1) {
        size_t count = read_history(in);
        if (count > 0) {
            fold_every_way(count);
            make_sense(count);
        }
        for (size_t i = 0; i < HISTORY_MAX; i++)
            buffer_release(&lines[i].plain);
        fuzz_accepted += count > 0;
    } else {
        fuzz_accepted += take_document(in);
    }
    return 0;
}

/* ---- seeds ---- */

struct told {
    unsigned laptop, seen;
    const char *type, *name, *value;
    unsigned own; /* above 0: it goes on as a new incarnation */
};

/* Who is introduced, renamed by two at once, supported, ended, struck, settled; and a team. */
static const struct told story[] = {
    {0, 0, "person.introduced", "known_as", "Robin", 0},
    {0, 1, "support.started", "episode", "first", 0},
    {0, 2, "person.details.recorded", "known_as", "Rob", 0},
    {1, 2, "person.details.recorded", "known_as", "Robyn", 0},
    {1, 2, "person.details.recorded", "date_of_birth", "1990-02-28", 0},
    {2, 1, "person.details.recorded", "date_of_birth", "1990-02-27", 0},
    {2, 6, "support.ended", "episode", "first", 0},
    {1, 4, "contact.recorded", "attendance", "5", 0},
    {0, 7, "team.joined", "worker", "ash-grey", 0},
    {1, 7, "team.left", "worker", "ash-grey", 0},
    {2, 9, "keyworker.agreed", "worker", "ash-grey", 0},
    {0, 9, "keyworker.agreed", "worker", "kim", 3},
    {1, 12, "note.added", "text", "Prefers to be called after four.", 2},
    {1, 12, "of.a.later.version", "text", "?", 0},
};
#define STORY (sizeof story / sizeof story[0])

static void put_line(struct buffer *out, const struct told *told, uint64_t time)
{
    mp_put_array(out, told->own > 0 ? 5 : 4);
    mp_put_uint(out, told->laptop);
    mp_put_uint(out, told->seen);
    mp_put_uint(out, time);
    mp_put_text(out, told->type);
    if (told->own > 0)
        mp_put_uint(out, told->own);
    mp_put_map(out, 1);
    mp_put_text(out, told->name);
    mp_put_text(out, told->value);
}

/* What names an event by its id: it can be known only after that event was made. */
static void put_strike(struct buffer *out, const struct event_id *of)
{
    mp_put_array(out, 4);
    mp_put_uint(out, 2);
    mp_put_uint(out, STORY);
    mp_put_uint(out, (uint64_t)1 << 50);
    mp_put_text(out, "entry.struck");
    mp_put_map(out, 2);
    mp_put_text(out, "of");
    mp_put_bin(out, of->b, sizeof of->b);
    mp_put_text(out, "why");
    mp_put_text(out, "another person's");
}

/* A value of the field's kind; of an entry, one of the lines so far that is of the type that is meant. */
static void put_value(struct buffer *out, const struct field_def *field, size_t count)
{
    const struct type_def *meant = field_refers(field);
    size_t line = 0;
    switch (field->kind) {
    case KIND_CODE: mp_put_text(out, field->codes->codes[count % field->codes->count].code); break;
    case KIND_NUMBER:
    case KIND_DURATION:
    case KIND_TIME: mp_put_int(out, field->min); break;
    case KIND_DATE: mp_put_text(out, "2026-02-28"); break;
    case KIND_YESNO: mp_put_bool(out, true); break;
    case KIND_PERSON: mp_put_bin(out, subject.b, sizeof subject.b); break;
    case KIND_EVENT:
        for (size_t i = 0; meant && i < count; i++)
            line = bytes_is(lines[i].body.type, meant->name) ? i : line;
        mp_put_bin(out, lines[line].event.id.b, 32);
        break;
    case KIND_NHS: mp_put_text(out, "9434765919"); break;
    case KIND_HEX: mp_put_text(out, "404142434445464748494a4b4c4d4e4f"); break;
    case KIND_BYTES: mp_put_bin(out, "\x93", 1); break;
    case KIND_SCHEDULE: mp_put_text(out, "mon-fri 09:00-17:00"); break;
    default: mp_put_text(out, "ash-grey"); break;
    }
}

/* An entry of that type with all its fields. */
static void put_whole(struct buffer *out, const struct type_def *type, size_t count)
{
    mp_put_array(out, 4);
    mp_put_uint(out, count % LAPTOPS);
    mp_put_uint(out, count / 2);
    mp_put_uint(out, (uint64_t)(2000 + count) << 16);
    mp_put_text(out, type->name);
    mp_put_map(out, (uint32_t)type->field_count);
    for (size_t f = 0; f < type->field_count; f++) {
        const struct field_def *field = &type->fields[f];
        uint32_t items = field->items > 0 ? field->items : 1;
        mp_put_text(out, field->name);
        if (field->list)
            mp_put_array(out, items);
        while (items-- > 0)
            put_value(out, field, count);
    }
}

/* Eight types, what each of them speaks of first, each twice; as a history, and as the document of it. */
static bool seed_of_types(unsigned number, struct buffer *out)
{
    struct buffer history = {0};
    size_t count = 0;
    for (size_t t = number / 2 * 8; t < number / 2 * 8 + 8 && t < catalogue_count(); t++) {
        const struct type_def *type = catalogue_at(t), *before = NULL;
        for (size_t f = 0; f < type->field_count && !before; f++)
            before = field_refers(&type->fields[f]);
        for (unsigned i = 0; i < 3; i++) {
            put_whole(&history, i == 0 && before ? before : type, count);
            count = read_history(buffer_bytes(&history)); /* what names it by its id needs it made */
        }
    }
    buffer_append_byte(out, number % 2 == 0);
    if (number % 2 == 0) {
        buffer_append(out, history.data, history.len);
    } else {
        document_clear(first);
        for (size_t i = 0; i < count; i++)
            fold_line(first, i, true);
        document_encode(first, out);
    }
    buffer_release(&history);
    return true;
}

static bool seed_of_a_story(unsigned number, struct buffer *out)
{
    static const size_t lengths[] = {1, 6, STORY};
    struct buffer history = {0};
    for (size_t i = 0; i < lengths[number % 4 < 3 ? number % 4 : 2]; i++)
        put_line(&history, &story[i], (uint64_t)(1000 + i) << 16);
    size_t count = read_history(buffer_bytes(&history));
    if (number % 4 == 3) {
        struct event_id struck = lines[0].event.id;
        put_strike(&history, &struck);
        count = read_history(buffer_bytes(&history));
    }
    buffer_append_byte(out, number < 4);
    if (number < 4) {
        buffer_append(out, history.data, history.len);
    } else {
        document_clear(first);
        for (size_t i = 0; i < count; i++)
            fold_line(first, i, true);
        document_encode(first, out);
    }
    buffer_release(&history);
    return true;
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number >= 8 + 2 * ((catalogue_count() + 7) / 8))
        return false;
    documents_needed();
    bool made = number < 8 ? seed_of_a_story(number, out) : seed_of_types(number - 8, out);
    for (size_t i = 0; i < HISTORY_MAX; i++)
        buffer_release(&lines[i].plain);
    return made;
}
