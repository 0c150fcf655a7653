/* SPDX-License-Identifier: Apache-2.0 */
/* Two walks over the site audit: first the keys of runs, then what was looked at under them. A look that came twice (a
 * laptop that was set back carries over what the hub may lack) is told once. */
#include "daemon/log/look_scan.h"

#include <sodium.h>
#include <stdlib.h>

#include "proto/event/hlc.h"

#define PROGRESS_EVERY 4096u

struct scan {
    const struct look_secrets *secrets;
    const struct look_filter *filter;
    struct look_found *out;
    struct look_key envelope;
    struct look_key *keys; /* ascending by id once all are there */
    size_t key_count, key_cap;
    bool keys_only;
    struct buffer plain, inner; /* an event's body; that of one that another carries */
    look_progress progress;
    void *context;
    uint64_t done, total;
};

void look_found_release(struct look_found *found)
{
    free(found->rows);
    free(found->people);
    *found = (struct look_found){0};
}

/* ---- keys ---- */

static int compare_keys(const void *a, const void *b)
{
    return memcmp(&((const struct look_key *)a)->id, &((const struct look_key *)b)->id, sizeof(struct key_id));
}

static const struct look_key *find_key(const struct scan *s, const struct key_id *id)
{
    struct look_key wanted = {.id = *id};
    return s->key_count > 0 ? bsearch(&wanted, s->keys, s->key_count, sizeof wanted, compare_keys) : NULL;
}

/* Grows without leaving copies of keys behind. */
static bool room_for_key(struct scan *s)
{
    if (s->key_count < s->key_cap)
        return true;
    size_t cap = s->key_cap ? 2 * s->key_cap : 64;
    struct look_key *grown = calloc(cap, sizeof *grown);
    if (grown == NULL)
        return false;
    if (s->key_count > 0) {
        memcpy(grown, s->keys, s->key_count * sizeof *grown);
        sodium_memzero(s->keys, s->key_count * sizeof *grown);
    }
    free(s->keys);
    s->keys = grown;
    s->key_cap = cap;
    return true;
}

static void take_key(struct scan *s, struct bytes fields)
{
    struct look_key key;
    struct box_public whose;
    bool opened = false, read = look_key_read(fields, NULL, &key, &whose, &opened);
    for (size_t i = 0; read && !opened && i < s->secrets->count; i++)
        if (memcmp(&whose, &s->secrets->at[i].public_key, sizeof whose) == 0)
            read = look_key_read(fields, &s->secrets->at[i].secret, &key, &whose, &opened);
    if (opened && room_for_key(s))
        s->keys[s->key_count++] = key;
    else if (opened)
        s->out->failed = true;
    sodium_memzero(&key, sizeof key);
}

/* ---- looks ---- */

static bool grow(void **items, size_t *cap, size_t count, size_t size)
{
    if (count <= *cap)
        return true;
    size_t more = *cap ? *cap : 64;
    while (more < count)
        more *= 2;
    void *grown = realloc(*items, more * size);
    if (grown == NULL)
        return false;
    *items = grown;
    *cap = more;
    return true;
}

static bool is_wanted(const struct look_filter *filter, const struct event_body *body, const struct look *look)
{
    bool names = !filter->has_person;
    for (size_t i = 0; i < look->count && !names; i++)
        names = person_id_equal(&look->people[i], &filter->person);
    return names && (filter->worker.len == 0 || bytes_equal(filter->worker, body->worker)) &&
           (int64_t)hlc_ms(body->time) >= filter->since_ms;
}

static void take_look(struct scan *s, const struct event *event, const struct event_body *body)
{
    struct look_found *out = s->out;
    struct person_id people[LOOK_PEOPLE_MAX];
    struct look look;
    if (!look_read(body->fields, &look, people) || !is_wanted(s->filter, body, &look))
        return;
    if (!grow((void **)&out->rows, &out->cap, out->count + 1, sizeof *out->rows) ||
        !grow((void **)&out->people, &out->people_cap, out->people_count + look.count, sizeof *out->people)) {
        out->failed = true;
        return;
    }
    struct look_row *row = &out->rows[out->count++];
    *row = (struct look_row){.time = body->time, .device = event->clear.device, .uid = look.uid,
                             .people = out->people_count, .count = look.count};
    event_id_of(event->raw, &row->id);
    bytes_to_text(body->worker, row->worker, sizeof row->worker);
    bytes_to_text(look.how, row->how, sizeof row->how);
    bytes_to_text(look.what, row->what, sizeof row->what);
    bytes_to_text(look.user, row->user, sizeof row->user);
    if (look.count > 0)
        memcpy(out->people + out->people_count, people, look.count * sizeof *people);
    out->people_count += look.count;
}

static void take_sealed(struct scan *s, const struct event *event, struct buffer *plain)
{
    const struct look_key *key = find_key(s, &event->clear.key);
    struct event_body body;
    if (s->keys_only)
        return;
    if (key == NULL || !event_open(event, &key->key, plain, &body))
        s->out->sealed++;
    else if (bytes_is(body.type, LOOK_TYPE))
        take_look(s, event, &body);
}

static void take_event(struct scan *s, struct bytes raw, const struct device_id *by, struct buffer *plain)
{
    struct event event;
    struct event_body body;
    struct bytes carried;
    if (!event_decode(raw, &event) || !site_is_audit(event.clear.site) ||
        (by != NULL && !device_id_equal(&event.clear.device, by))) /* nobody carries another's */
        return;
    if (memcmp(&event.clear.key, &s->envelope.id, sizeof s->envelope.id) != 0) {
        take_sealed(s, &event, plain);
        return;
    }
    if (!event_open(&event, &s->envelope.key, plain, &body))
        return;
    if (s->keys_only && bytes_is(body.type, LOOK_KEY_TYPE))
        take_key(s, body.fields);
    else if (by == NULL && bytes_is(body.type, LOOK_AGAIN_TYPE) && look_again_read(body.fields, &carried))
        take_event(s, carried, &event.clear.device, &s->inner);
}

/* ---- the walk ---- */

static bool walk(struct scan *s, struct log_reader *reader, bool keys_only)
{
    struct log_walk way;
    struct log_item item;
    bool goes_on = true;
    s->keys_only = keys_only;
    log_walk_begin(&way, reader, bytes_str(AUDIT_SITE), (struct position){1, 1});
    while (goes_on && !s->out->failed && log_walk_next(&way, &item)) {
        take_event(s, item.event, NULL, &s->plain);
        s->out->failed |= s->plain.failed || s->inner.failed;
        if (++s->done % PROGRESS_EVERY == 0 && s->progress != NULL)
            goes_on = s->progress(s->context, s->done, s->total);
    }
    log_walk_end(&way);
    return goes_on;
}

static int compare_rows(const void *left, const void *right)
{
    const struct look_row *a = left, *b = right;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return memcmp(&a->id, &b->id, sizeof a->id);
}

static void drop_doubles(struct look_found *out)
{
    size_t kept = 0;
    if (out->count > 1)
        qsort(out->rows, out->count, sizeof *out->rows, compare_rows);
    for (size_t i = 0; i < out->count; i++)
        if (kept == 0 || !event_id_equal(&out->rows[kept - 1].id, &out->rows[i].id))
            out->rows[kept++] = out->rows[i];
    out->count = kept;
}

void look_scan(struct log_reader *reader, const struct look_secrets *secrets, const struct look_filter *filter,
               look_progress progress, void *context, struct look_found *out)
{
    struct scan s = {.secrets = secrets, .filter = filter, .out = out, .progress = progress, .context = context};
    struct log_head heads[SEEN_MAX];
    size_t count = log_heads(reader, bytes_str(AUDIT_SITE), heads);
    for (size_t i = 0; i < count; i++)
        s.total += 2 * heads[i].at.n;
    look_envelope_key(&s.envelope);
    bool goes_on = walk(&s, reader, true);
    if (s.key_count > 1)
        qsort(s.keys, s.key_count, sizeof *s.keys, compare_keys);
    if (goes_on)
        walk(&s, reader, false);
    drop_doubles(out);
    if (s.keys != NULL)
        sodium_memzero(s.keys, s.key_cap * sizeof *s.keys);
    if (s.plain.data != NULL)
        sodium_memzero(s.plain.data, s.plain.cap);
    if (s.inner.data != NULL)
        sodium_memzero(s.inner.data, s.inner.cap);
    free(s.keys);
    buffer_release(&s.plain);
    buffer_release(&s.inner);
}
