/* SPDX-License-Identifier: Apache-2.0 */
/* What is to happen in the in-memory world: frames under way and things asked of stores, in lanes that keep their
 * order. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/sync_world_internal.h"

void item_release(struct item *item)
{
    buffer_release(&item->header);
    lent_return(&item->body);
    batch_free(item->spoke_asks.batch);
    buffer_release(&item->spoke_asks.header);
    lent_return(&item->spoke_asks.body);
    free(item->spoke_asks.receipt);
    free(item->spoke_asks.welcome);
    free(item->spoke_asks.keys);
    batch_free(item->hub_asks.batch);
    buffer_release(&item->hub_asks.header);
    lent_return(&item->hub_asks.body);
    free(item->hub_asks.keys);
}

struct item *queue_add(struct world *world, enum item_kind kind, uint32_t spoke)
{
    if (world->item_count == world->item_cap) {
        world->item_cap = world->item_cap ? world->item_cap * 2 : 64;
        world->items = realloc(world->items, world->item_cap * sizeof *world->items);
        if (!world->items)
            abort();
    }
    struct item *item = &world->items[world->item_count++];
    *item = (struct item){.kind = kind, .spoke = spoke};
    return item;
}

static bool same_lane(const struct item *a, const struct item *b)
{
    return a->kind == b->kind && (a->kind == ITEM_HUB_ASKS || a->spoke == b->spoke);
}

static void remove_at(struct world *world, uint32_t at)
{
    world->item_count--;
    memmove(&world->items[at], &world->items[at + 1], (world->item_count - at) * sizeof world->items[0]);
}

static void add_copy(struct world *world, const struct item *like)
{
    struct item *copy = queue_add(world, like->kind, like->spoke);
    copy->peer = like->peer;
    buffer_append(&copy->header, like->header.data, like->header.len);
    struct buffer body = {0};
    buffer_append(&body, like->body.bytes.data, like->body.bytes.len);
    copy->body = (struct lent){.bytes = buffer_bytes(&body), .release = free, .owner = body.data};
}

/* One bit, that depends on the frame's number alone. */
static void spoil(struct world *world, struct item *frame)
{
    world->spoilt = true;
    uint64_t place = world->frames * 0x9e3779b97f4a7c15u;
    struct buffer body = {0};
    buffer_append(&body, frame->body.bytes.data, frame->body.bytes.len);
    lent_return(&frame->body);
    size_t at = (size_t)((place >> 3) % (frame->header.len + body.len));
    uint8_t *byte = at < frame->header.len ? &frame->header.data[at] : &body.data[at - frame->header.len];
    *byte ^= (uint8_t)(1u << (place >> 61));
    frame->body = (struct lent){.bytes = buffer_bytes(&body), .release = free, .owner = body.data};
}

static void note_frame(struct world *world, bool up, uint32_t spoke, struct bytes header, struct bytes body)
{
    char line[64];
    (void)message_decode(header, &world->message);
    int len = snprintf(line, sizeof line, "%u%c %s\n", spoke, up ? '>' : '<', message_name(world->message.kind));
    buffer_append(&world->trace, line, (size_t)len);
    uint64_t h = world->fingerprint;
    for (size_t i = 0; i < header.len; i++)
        h = (h ^ header.data[i]) * 0x100000001b3u;
    for (size_t i = 0; i < body.len; i++)
        h = (h ^ body.data[i]) * 0x100000001b3u;
    world->fingerprint = h;
}

void queue_frame(struct world *world, bool up, uint32_t spoke, uint64_t peer, struct buffer *header, struct lent *body)
{
    note_frame(world, up, spoke, buffer_bytes(header), body->bytes);
    enum frame_fate fate = FRAME_PASSES;
    if (world->config.frame)
        fate = world->config.frame(world->config.context, world->frames, up, spoke, world->message.kind);
    world->frames++;
    struct item frame = {
        .kind = up ? ITEM_UP : ITEM_DOWN, .spoke = spoke, .peer = peer, .header = *header, .body = *body};
    *header = (struct buffer){0};
    *body = (struct lent){0};
    if (fate == FRAME_LOST) {
        item_release(&frame);
        return;
    }
    if (fate == FRAME_SPOILT)
        spoil(world, &frame);
    frame.held = fate == FRAME_SWAPPED;
    *queue_add(world, frame.kind, spoke) = frame;
    if (fate == FRAME_DOUBLED)
        add_copy(world, &frame);
    for (uint32_t i = 0; i + 1 < world->item_count && !frame.held; i++)
        if (world->items[i].held && same_lane(&world->items[i], &frame)) { /* it goes behind this one */
            struct item behind = world->items[i];
            behind.held = false;
            remove_at(world, i);
            *queue_add(world, behind.kind, behind.spoke) = behind;
            return;
        }
}

static uint64_t next_random(struct world *world)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return world->random;
}

bool queue_take(struct world *world, struct item *out)
{
    uint32_t at = 0;
    if (world->item_count == 0)
        return false;
    if (world->random != 0) { /* any lane, but in it the first */
        uint32_t pick = (uint32_t)(next_random(world) % world->item_count);
        while (!same_lane(&world->items[at], &world->items[pick]))
            at++;
    }
    if (world->items[at].held) {
        for (at = 0; at < world->item_count && world->items[at].held;)
            at++;
        if (at == world->item_count) { /* nothing else is left: the swap comes to nothing */
            for (uint32_t i = 0; i < world->item_count; i++)
                world->items[i].held = false;
            at = 0;
        }
    }
    *out = world->items[at];
    remove_at(world, at);
    return true;
}

void queue_drop_frames(struct world *world, uint32_t spoke)
{
    for (uint32_t i = world->item_count; i > 0; i--) {
        struct item *item = &world->items[i - 1];
        if ((item->kind == ITEM_UP || item->kind == ITEM_DOWN || item->kind == ITEM_RECONNECT) &&
            item->spoke == spoke) {
            item_release(item);
            remove_at(world, i - 1);
        }
    }
}

void queue_drop_asked(struct world *world, uint32_t node)
{
    for (uint32_t i = world->item_count; i > 0; i--) {
        struct item *item = &world->items[i - 1];
        if ((item->kind == ITEM_HUB_ASKS && node == WORLD_HUB) ||
            (item->kind == ITEM_SPOKE_ASKS && item->spoke == node)) {
            item_release(item);
            remove_at(world, i - 1);
        }
    }
}
