/* SPDX-License-Identifier: Apache-2.0 */
/* connections: whether what was offered came about, what is stuck longest first. resources: what is near. */
#include <stdlib.h>

#include "proto/domain/text_fold.h"
#include "proto/domain/view_community.h"

/* ---- connections ---- */

static int by_resource(const void *left, const void *right)
{
    const struct item *a = *(const struct item *const *)left, *b = *(const struct item *const *)right;
    int order = bytes_compare(item_text(a, "resource"), item_text(b, "resource"));
    return order ? order : stamp_compare(&a->stamp, &b->stamp);
}

/* Of those about one resource the last that nobody has gone beyond. */
static const struct item *latest(const struct item **updates, size_t from, size_t to)
{
    const struct item *last = updates[to - 1];
    for (size_t i = to; i-- > from;) {
        bool seen = false;
        for (size_t j = from; j < to && !seen; j++)
            seen = stamp_has_seen(&updates[j]->stamp, &updates[i]->stamp);
        if (!seen)
            return updates[i];
    }
    return last;
}

bool connections_each(const struct document *document, connection_visit visit, void *context)
{
    const struct items all = record_of(document, TYPE_connection_updated);
    const size_t count = all.count;
    const struct item **updates = calloc(count + 1, sizeof *updates);
    bool ok = updates != NULL;
    if (ok && count > 0)
        memcpy(updates, all.at, count * sizeof *updates);
    if (ok && count > 1)
        qsort(updates, count, sizeof *updates, by_resource);
    for (size_t from = 0, to; ok && from < count; from = to) {
        bool made = false;
        for (to = from; to < count && bytes_equal(item_text(updates[from], "resource"),
                                                  item_text(updates[to], "resource")); to++)
            made = made || bytes_is(item_text(updates[to], "status"), "made");
        ok = visit(context, latest(updates, from, to), made);
    }
    free(updates);
    return ok;
}

struct connecting {
    struct row_maker *maker;
    uint32_t sub;
};

static bool put_connection(void *context, const struct item *item, bool made)
{
    struct connecting *connecting = context;
    struct row_maker *maker = connecting->maker;
    struct bytes status = item_text(item, "status"), resource = item_text(item, "resource");
    (void)made;
    if ((!bytes_is(status, "offered") && !bytes_is(status, "agreed")) || resource.len != sizeof(struct event_id))
        return true;
    row_begin(maker, VIEW_CONNECTIONS);
    put_who(maker);
    mp_put_bin(&maker->cells, resource.data, resource.len);
    mp_put_str_or_nil(&maker->cells, status);
    mp_put_int(&maker->cells, item_ms(item));
    if (item_value(item, "warm").len > 0)
        mp_put_bool(&maker->cells, item_yes(item, "warm"));
    else
        mp_put_nil(&maker->cells);
    return row_emit(maker, VIEW_CONNECTIONS, item_sort_ms(item), connecting->sub++);
}

bool rows_connections(struct row_maker *maker)
{
    struct connecting connecting = {.maker = maker};
    return !is_ours(maker->state) || connections_each(maker->document, put_connection, &connecting);
}

/* ---- resources ---- */

struct near {
    struct bytes each;
    struct buffer order; /* area and name, folded, with a NUL between */
};

static void put_shown(struct buffer *cells, const struct document *document, enum register_id id, struct bytes each)
{
    mp_put_str_or_nil(cells, reading_text(record_reading_of(document, id, each)));
}

/* When somebody last wrote of it. */
static bool last_checked(const struct document *document, struct bytes each, int64_t *out)
{
    char own[2 * sizeof(struct event_id) + 1];
    bool found = false;
    const struct items recorded = record_of(document, TYPE_resource_recorded);
    for (size_t i = 0; i < recorded.count; i++) {
        const struct item *item = recorded.at[i];
        struct bytes of = item_text(item, "resource");
        hex_encode(of.len == sizeof item->name.b ? of : bytes_of(item->name.b, sizeof item->name.b), own);
        if (bytes_is(each, own) && (!found || item_ms(item) > *out)) {
            *out = item_ms(item);
            found = true;
        }
    }
    return found;
}

static bool put_resource(struct row_maker *maker, const struct near *near, uint32_t sub)
{
    const struct document *document = maker->document;
    struct buffer *cells = &maker->cells;
    const struct bytes each = near->each;
    int64_t capacity = 0, checked = 0;
    const struct reading *room = record_reading_of(document, REG_resource_capacity, each);
    bool has_room = room && value_number(room->writes[0].value, &capacity);
    bool was_checked = last_checked(document, each, &checked);
    row_begin(maker, VIEW_RESOURCES);
    put_shown(cells, document, REG_resource_name, each);
    put_shown(cells, document, REG_resource_area, each);
    put_shown(cells, document, REG_resource_place, each);
    put_shown(cells, document, REG_resource_contact, each);
    put_shown(cells, document, REG_resource_schedule, each);
    put_shown(cells, document, REG_resource_schedule, each);
    put_time(cells, has_room, capacity);
    put_register(cells, record_reading_of(document, REG_resource_status, each));
    put_time(cells, was_checked, checked);
    put_event_key(cells, each);
    uint64_t sort = 0;
    for (size_t i = 0; i < sizeof sort; i++)
        sort = sort << 8 | (i < near->order.len ? near->order.data[i] : 0);
    return row_emit(maker, VIEW_RESOURCES, sort, sub);
}

static int by_area(const void *left, const void *right)
{
    const struct near *a = left, *b = right;
    int order = bytes_compare(buffer_bytes(&a->order), buffer_bytes(&b->order));
    return order ? order : bytes_compare(a->each, b->each);
}

/* Every resource that has a name, with where it sorts. Returns how many; all have to be released. */
static size_t collect_near(const struct document *document, const struct reading *names, size_t count,
                           struct near *out, bool *ok)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (names[i].values == 0)
            continue;
        struct near *near = &out[found++];
        near->each = names[i].each;
        text_fold(reading_text(record_reading_of(document, REG_resource_area, near->each)), &near->order);
        buffer_append_byte(&near->order, 0);
        text_fold(reading_text(&names[i]), &near->order);
        *ok = *ok && !near->order.failed;
    }
    return found;
}

bool rows_resources(struct row_maker *maker)
{
    size_t count;
    const struct reading *names = readings_of(maker->document, REG_resource_name, &count);
    struct near *near = calloc(count + 1, sizeof *near);
    bool ok = near != NULL;
    size_t found = ok ? collect_near(maker->document, names, count, near, &ok) : 0;
    if (ok && found > 1)
        qsort(near, found, sizeof *near, by_area);
    for (size_t i = 0; ok && i < found; i++)
        ok = put_resource(maker, &near[i], (uint32_t)i);
    for (size_t i = 0; i < found; i++)
        buffer_release(&near[i].order);
    free(near);
    return ok;
}
