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

/* Goes on from where it stands, unless a checkpoint is nearer. */
static bool move_to(struct log_reader *reader, struct bytes site, struct log_head *run, struct position to)
{
    if (run->at.epoch != to.epoch || to.n < run->at.n || to.n - run->at.n > CHECKPOINT_EVERY) {
        run->at = to;
        return log_hash_at(reader, site, to, &run->hash);
    }
    struct log_walk walk;
    struct log_item item;
    log_walk_begin(&walk, reader, site, (struct position){to.epoch, run->at.n + 1});
    while (run->at.n < to.n && log_walk_next(&walk, &item)) {
        struct event_id id;
        if (item.event.len == 0 || item.at.epoch != to.epoch || item.at.n != run->at.n + 1)
            break;
        event_id_of(item.event, &id);
        log_head_advance(run, &id);
    }
    log_walk_end(&walk);
    return run->at.n == to.n;
}

void witness_compare(struct log_reader *reader, struct bytes site, struct told *told, size_t count)
{
    struct log_head heads[SEEN_MAX], run = {0};
    const size_t head_count = count > 0 ? log_heads(reader, site, heads) : 0;
    if (count > 1)
        qsort(told, count, sizeof *told, by_position);
    for (size_t i = 0; i < count; i++) {
        struct told *t = &told[i];
        if (t->at.epoch == t->head.at.epoch && t->at.n <= t->head.at.n) {
            t->outcome = HEAD_BEHIND;
        } else if (!is_held(heads, head_count, t->head.at)) {
            t->outcome = HEAD_NOT_YET;
        } else if (!move_to(reader, site, &run, t->head.at)) {
            t->outcome = HEAD_UNREAD;
            run = (struct log_head){0};
        } else {
            t->outcome = memcmp(&run.hash, &t->head.hash, sizeof run.hash) == 0 ? HEAD_SAME : HEAD_OTHER;
        }
    }
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
