/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing what others tell of a site's log with the log that is here. */
#include "daemon/log/witness.h"

#include <stdlib.h>

static int by_position(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    int order = position_compare(x->head.at, y->head.at);
    return order != 0 ? order : position_compare(x->at, y->at);
}

static bool is_held(const struct log_head *heads, size_t count, struct position at)
{
    for (size_t i = 0; i < count; i++)
        if (heads[i].at.epoch == at.epoch)
            return at.n <= heads[i].at.n;
    return false;
}

/* The log, read upward; it stands behind `head`. */
struct running {
    struct log_reader *reader;
    struct bytes site;
    struct log_head head;
    struct log_walk walk;
    bool begun;
};

static void stop(struct running *run)
{
    if (run->begun)
        log_walk_end(&run->walk);
    run->begun = false;
}

/* Goes on from where it stands, unless a checkpoint is nearer. */
static bool move_to(struct running *run, struct position to)
{
    struct log_head *head = &run->head;
    if (!run->begun || head->at.epoch != to.epoch || to.n < head->at.n || to.n - head->at.n > CHECKPOINT_EVERY) {
        stop(run);
        head->at = to;
        if (!log_hash_at(run->reader, run->site, to, &head->hash))
            return false;
        log_walk_begin(&run->walk, run->reader, run->site, (struct position){to.epoch, to.n + 1});
        run->begun = true;
    }
    struct log_item item;
    while (head->at.n < to.n && log_walk_next(&run->walk, &item)) {
        struct event_id id;
        if (item.event.len == 0 || item.at.epoch != to.epoch || item.at.n != head->at.n + 1)
            break;
        event_id_of(item.event, &id);
        log_head_advance(head, &id);
    }
    return head->at.n == to.n;
}

void witness_compare(struct log_reader *reader, struct bytes site, struct told *told, size_t count)
{
    struct log_head heads[SEEN_MAX];
    struct running run = {.reader = reader, .site = site};
    const size_t head_count = count > 0 ? log_heads(reader, site, heads) : 0;
    if (count > 1)
        qsort(told, count, sizeof *told, by_position);
    for (size_t i = 0; i < count; i++) {
        struct told *t = &told[i];
        if (t->at.epoch == t->head.at.epoch && t->at.n <= t->head.at.n) {
            t->outcome = HEAD_BEHIND;
        } else if (!is_held(heads, head_count, t->head.at)) {
            t->outcome = HEAD_NOT_YET;
        } else if (!move_to(&run, t->head.at)) {
            t->outcome = HEAD_UNREAD;
            stop(&run);
        } else {
            t->outcome = memcmp(&run.head.hash, &t->head.hash, sizeof t->head.hash) == 0 ? HEAD_SAME : HEAD_OTHER;
        }
    }
    stop(&run);
}

bool told_add(struct told_list *list, const struct event_body *body, const struct device_id *device,
              struct position at)
{
    if (!body->has_head)
        return true;
    if (list->count == list->cap) {
        size_t cap = list->cap > 0 ? 2 * list->cap : 64;
        struct told *more = realloc(list->items, cap * sizeof *more);
        if (more == NULL)
            return false;
        list->items = more;
        list->cap = cap;
    }
    list->items[list->count++] = (struct told){.head = body->head, .device = *device, .at = at};
    return true;
}

void told_release(struct told_list *list)
{
    free(list->items);
    *list = (struct told_list){0};
}
