/* SPDX-License-Identifier: Apache-2.0 */
/* Records of one person; see view_linked.h. */
#include "daemon/views/view_linked.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/domain/duplicates.h"

/* ---- everybody ---- */

struct known {
    struct person_id id;
    uint32_t site;
    size_t begin, len; /* in bytes */
};
struct everybody {
    struct known *people;
    size_t count, cap;
    struct buffer bytes;
    uint32_t site;
    bool only_linked;
    bool failed;
};

static void everybody_release(struct everybody *e)
{
    free(e->people);
    buffer_release(&e->bytes);
}

static bool note_person(void *context, const struct person_id *subject, struct bytes identity)
{
    struct everybody *e = context;
    if (e->count == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 256;
        struct known *grown = realloc(e->people, cap * sizeof *grown);
        if (!grown)
            return !(e->failed = true);
        e->people = grown;
        e->cap = cap;
    }
    e->people[e->count++] = (struct known){*subject, e->site, e->bytes.len, identity.len};
    buffer_append(&e->bytes, identity.data, identity.len);
    return !(e->failed |= e->bytes.failed);
}

static void read_everybody(struct everybody *e, struct views_txn *txn, const struct scope *scope)
{
    for (e->site = 0; e->site < scope->count && !e->failed; e->site++)
        (e->only_linked ? views_linked_identities : views_identities)(txn, bytes_str(scope->sites[e->site]),
                                                                      note_person, e);
}

static struct bytes identity_of(const struct everybody *e, size_t index)
{
    return bytes_of(e->bytes.data + e->people[index].begin, e->people[index].len);
}

/* ---- links ---- */

struct link {
    struct person_id a, b;
    bool linked;
};
struct links {
    struct link *at;
    size_t count, cap;
    bool failed;
};

static void add_link(struct links *links, const struct person_id *about, const struct identity_link *said)
{
    if (links->count == links->cap) {
        size_t cap = links->cap ? links->cap * 2 : 32;
        struct link *grown = realloc(links->at, cap * sizeof *grown);
        if (!grown) {
            links->failed = true;
            return;
        }
        links->at = grown;
        links->cap = cap;
    }
    links->at[links->count++] = (struct link){*about, said->other, said->linked};
}

static void read_links(struct links *links, struct views_txn *txn, const struct scope *scope)
{
    struct everybody e = {.only_linked = true};
    struct mp_reader *r = malloc(sizeof *r);
    struct person_identity *identity = malloc(sizeof *identity);
    read_everybody(&e, txn, scope);
    for (size_t i = 0; r && identity && i < e.count; i++)
        if (person_identity_read(identity_of(&e, i), r, identity))
            for (uint32_t k = 0; k < identity->link_count; k++)
                add_link(links, &e.people[i].id, &identity->links[k]);
    links->failed |= e.failed || !r || !identity;
    free(identity);
    free(r);
    everybody_release(&e);
}

/* What the other side says of a pair does not count where the record with the lower id says something: it is there that
 * links are recorded. */
static bool counts(const struct links *links, const struct link *link)
{
    if (!link->linked || memcmp(link->a.b, link->b.b, sizeof link->a.b) < 0)
        return link->linked;
    for (size_t i = 0; i < links->count; i++)
        if (person_id_equal(&links->at[i].a, &link->b) && person_id_equal(&links->at[i].b, &link->a))
            return false;
    return true;
}

static size_t add_once(struct person_id *out, size_t count, const struct person_id *id)
{
    for (size_t i = 0; i < count; i++)
        if (person_id_equal(&out[i], id))
            return count;
    if (count < LINKED_MAX)
        out[count++] = *id;
    return count;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct person_id));
}

size_t query_linked(struct views_txn *txn, const struct scope *scope, const struct person_id *person,
                    struct person_id out[LINKED_MAX])
{
    struct links links = {0};
    size_t count = 1;
    out[0] = *person;
    read_links(&links, txn, scope);
    for (size_t i = 0; i < count; i++) /* grows while it is walked */
        for (size_t k = 0; k < links.count; k++) {
            const struct link *link = &links.at[k];
            const struct person_id *other = person_id_equal(&link->a, &out[i])   ? &link->b
                                            : person_id_equal(&link->b, &out[i]) ? &link->a
                                                                                 : NULL;
            if (other && counts(&links, link))
                count = add_once(out, count, other);
        }
    if (count > 2)
        qsort(out + 1, count - 1, sizeof *out, by_id);
    free(links.at);
    return count;
}

/* ---- likely duplicates ---- */

struct proposing {
    const struct everybody *everybody;
    struct query_rows *out;     /* NULL: they are only counted */
    uint64_t *counts;
    struct mp_reader *r;
    size_t proposed;
};

/* The names that show. */
static size_t take_names(struct mp_reader *r, struct bytes identity, struct bytes *first, struct buffer *all)
{
    size_t count = 0;
    mp_reader_init(r, identity);
    while (mp_next(r) && mp_peek(r) == MP_STR) {
        struct bytes name = mp_str(r, 0, EVENT_SIZE_MAX);
        if (count++ == 0)
            *first = name;
        mp_put_str(all, name);
    }
    return count;
}

static void put_cells(struct proposing *p, const struct known *one, const struct known *other, struct bytes names,
                      size_t name_count, struct bytes other_name, const char *why)
{
    struct buffer *cells = &p->out->cells;
    const struct register_def *linked = register_def_of(REG_linked);
    char which[240], key[120], hex[2 * sizeof other->id.b + 1];
    size_t len = other_name.len < 180 ? other_name.len : 180;
    while (len > 0 && len < other_name.len && (other_name.data[len] & 0xc0) == 0x80) /* whole characters */
        len--;
    hex_encode(bytes_of(other->id.b, sizeof other->id.b), hex);
    snprintf(which, sizeof which, "%.*s%s%.8s%s", (int)len,
             other_name.data ? (const char *)other_name.data : "", other_name.len > 0 ? " (" : "", hex,
             other_name.len > 0 ? ")" : "");
    snprintf(key, sizeof key, "%s%c%s", linked->name, EACH_SEPARATOR, hex);
    mp_put_array(cells, SETTLE_COLUMNS);
    mp_put_nil(cells);
    mp_put_array(cells, (uint32_t)name_count);
    buffer_append(cells, names.data, names.len);
    mp_put_bin(cells, one->id.b, sizeof one->id.b);
    mp_put_text(cells, linked->name);
    mp_put_text(cells, which);
    mp_put_array(cells, (uint32_t)linked->codes->count);
    for (size_t i = 0; i < linked->codes->count; i++)
        mp_put_text(cells, linked->codes->codes[i].label);
    mp_put_array(cells, 0);
    mp_put_text(cells, why);
    mp_put_nil(cells);
    mp_put_text(cells, key);
    mp_put_array(cells, (uint32_t)linked->codes->count);
    for (size_t i = 0; i < linked->codes->count; i++)
        mp_put_text(cells, linked->codes->codes[i].code);
}

static void propose(void *context, size_t first, size_t second, const char *why)
{
    struct proposing *p = context;
    const struct everybody *e = p->everybody;
    const struct known *one = &e->people[first], *other = &e->people[second];
    if (p->counts)
        p->counts[one->site]++;
    struct query_row *row = p->out ? query_add(p->out) : NULL;
    if (!row)
        return;
    struct buffer names = {0}, rest = {0};
    struct bytes name = {0}, other_name = {0};
    size_t name_count = take_names(p->r, identity_of(e, first), &name, &names);
    take_names(p->r, identity_of(e, second), &other_name, &rest);
    row->sort = (uint64_t)SETTLE_REST << 56 | (uint64_t)1 << 55 | p->proposed++;
    row->subject = one->id;
    row->site = one->site;
    row->begin = p->out->cells.len;
    put_cells(p, one, other, buffer_bytes(&names), name_count, other_name, why);
    row->len = p->out->cells.len - row->begin;
    p->out->failed |= names.failed || rest.failed || p->out->cells.failed;
    buffer_release(&names);
    buffer_release(&rest);
}

static bool find(struct views_txn *txn, const struct scope *scope, struct proposing *p)
{
    struct everybody e = {0};
    read_everybody(&e, txn, scope);
    struct duplicate_person *people = calloc(e.count + 1, sizeof *people);
    p->everybody = &e;
    p->r = malloc(sizeof *p->r);
    bool ok = !e.failed && people && p->r;
    for (size_t i = 0; ok && i < e.count; i++)
        people[i] = (struct duplicate_person){e.people[i].id, identity_of(&e, i)};
    ok = ok && duplicates_find(people, e.count, propose, p);
    free(p->r);
    free(people);
    everybody_release(&e);
    return ok;
}

void query_duplicates(struct views_txn *txn, const struct scope *scope, struct query_rows *out)
{
    struct proposing p = {.out = out};
    out->failed |= !find(txn, scope, &p);
}

void query_count_duplicates(struct views_txn *txn, const struct scope *scope, uint64_t *counts)
{
    struct proposing p = {.counts = counts};
    find(txn, scope, &p);
}
