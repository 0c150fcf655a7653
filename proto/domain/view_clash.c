/* SPDX-License-Identifier: Apache-2.0 */
/* Promises of one worker that overlap. */
#include "proto/domain/view_clash.h"

#include "proto/domain/view_settle.h"

#define MINUTE_MS ((int64_t)60000)
#define MINUTES_UNSAID 30
#define WORKERS_MAX 64
#define TIME_OF_DAY_AT 11 /* in the words of a moment */

static bool take_number(struct mp_reader *r, int64_t *out)
{
    bool number = mp_peek(r) == MP_UINT || mp_peek(r) == MP_INT;
    if (number)
        *out = mp_int(r, INT64_MIN / 2, INT64_MAX / 2);
    else
        mp_skip(r);
    return number && !r->failed;
}

static struct bytes take_text(struct mp_reader *r)
{
    if (mp_peek(r) == MP_STR)
        return mp_str(r, 0, EVENT_SIZE_MAX);
    mp_skip(r);
    return (struct bytes){0};
}

/* The first of an array of texts. */
static struct bytes take_first(struct mp_reader *r)
{
    struct bytes first = {0};
    if (mp_peek(r) != MP_ARRAY) {
        mp_skip(r);
        return first;
    }
    for (uint32_t i = 0, count = mp_array(r, 0, MP_TAPE_MAX); i < count; i++) {
        struct bytes text = take_text(r);
        first = i == 0 ? text : first;
    }
    return first;
}

bool promise_read(struct bytes cells, struct mp_reader *r, struct promise *out)
{
    int64_t minutes = MINUTES_UNSAID;
    struct bytes kind = {0};
    *out = (struct promise){.cells = cells};
    mp_reader_init(r, cells);
    if (!mp_next(r) || mp_array(r, MY_DAY_COLUMNS, MY_DAY_COLUMNS) == 0)
        return false;
    for (size_t i = 0; i < MY_DAY_COLUMNS; i++)
        switch (i) {
        case MY_DAY_TIME: out->timed = take_number(r, &out->from); break;
        case MY_DAY_PERSON: out->name = take_first(r); break;
        case MY_DAY_ID:
            if (!mp_nil(r))
                out->person = mp_bin(r, 0, EVENT_SIZE_MAX);
            break;
        case MY_DAY_WHAT: out->what = take_text(r); break;
        case MY_DAY_KIND: kind = take_text(r); break;
        case MY_DAY_MINUTES: take_number(r, &minutes); break;
        default: mp_skip(r); break;
        }
    out->timed = out->timed && !bytes_is(kind, "task");
    out->until = out->from + (minutes > 0 && minutes <= 24 * 60 ? minutes : MINUTES_UNSAID) * MINUTE_MS;
    return mp_done(r);
}

/* Returns how many workers the row names. */
static uint32_t take_workers(struct bytes cells, struct mp_reader *r, struct bytes out[WORKERS_MAX])
{
    mp_reader_init(r, cells);
    if (!mp_next(r) || mp_array(r, MY_DAY_COLUMNS, MY_DAY_COLUMNS) == 0)
        return 0;
    for (size_t i = 0; i < MY_DAY_WORKERS; i++)
        mp_skip(r);
    uint32_t count = mp_peek(r) == MP_ARRAY ? mp_array(r, 0, WORKERS_MAX) : 0;
    for (uint32_t i = 0; i < count; i++)
        out[i] = take_text(r);
    mp_skip_rest(r);
    return r->failed ? 0 : count;
}

static bool one_of_them(const struct bytes *workers, uint32_t count, const struct promise *other, struct mp_reader *r)
{
    struct bytes theirs[WORKERS_MAX];
    const uint32_t all = take_workers(other->cells, r, theirs);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < all; j++)
            if (bytes_equal(workers[i], theirs[j]))
                return true;
    return false;
}

/* Of one person the record itself says so. */
static bool overlap(const struct promise *a, const struct promise *b)
{
    bool same = a->person.len > 0 && bytes_equal(a->person, b->person);
    return a->timed && b->timed && !same && a->from < b->until && b->from < a->until;
}

/* "13:30 Jo, the form". */
static void append_promise(const struct promise *promise, struct buffer *out)
{
    char when[MOMENT_WORDS_MAX];
    moment_words(promise->from, when);
    buffer_append(out, "; ", out->len > 0 ? 2 : 0);
    buffer_append(out, when + TIME_OF_DAY_AT, strlen(when + TIME_OF_DAY_AT));
    buffer_append(out, " ", 1);
    buffer_append(out, promise->name.data, promise->name.len);
    buffer_append(out, ", ", promise->name.len > 0 ? 2 : 0);
    buffer_append(out, promise->what.data, promise->what.len);
}

bool view_clash(const struct promise *promises, size_t count, size_t which, struct mp_reader *r, struct buffer *out)
{
    struct bytes workers[WORKERS_MAX];
    struct buffer others = {0};
    const struct promise *promise = &promises[which];
    const uint32_t mine = promise->timed ? take_workers(promise->cells, r, workers) : 0;
    for (size_t i = 0; i < count && mine > 0; i++)
        if (i != which && overlap(promise, &promises[i]) && one_of_them(workers, mine, &promises[i], r))
            append_promise(&promises[i], &others);
    mp_reader_init(r, promise->cells);
    mp_put_array(out, mp_next(r) ? mp_array(r, MY_DAY_COLUMNS, MY_DAY_COLUMNS) : 0);
    for (size_t i = 0; i < MY_DAY_COLUMNS; i++) {
        if (i != MY_DAY_ALSO || others.len == 0) {
            mp_copy(r, out);
            continue;
        }
        struct buffer also = {0};
        struct bytes known = take_text(r);
        buffer_append(&also, known.data, known.len);
        buffer_append(&also, "; ", known.len > 0 ? 2 : 0);
        buffer_append(&also, others.data, others.len);
        mp_put_str(out, buffer_bytes(&also));
        out->failed = out->failed || also.failed;
        buffer_release(&also);
    }
    out->failed = out->failed || others.failed;
    buffer_release(&others);
    return mp_done(r) && !out->failed;
}
