/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a connection through the proxy; see way.h. */
#include "tests/net/way.h"

#include <stdlib.h>

#define GREETING  64 /* ZMTP 3: what both ends say first */
#define LONG      0x02
#define COMMAND   0x04 /* the handshake's; what comes after it is CURVE's MESSAGE, in plain frames */
#define OF_10000  10000

enum { IN_GREETING, IN_HEAD, IN_BODY };
enum { PASS, DROP, TWICE, SWAP, CUT };

struct piece {
    struct piece *next;
    uint64_t due_ms;
    size_t len, sent;
    uint8_t data[];
};

uint64_t way_random(uint64_t *state, uint64_t limit)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return limit > 0 ? (*state * 0x2545f4914f6cdd1d >> 11) % limit : 0;
}

void way_init(struct way *way, const struct faults *faults, struct way_counts *counts, uint64_t seed)
{
    *way = (struct way){.faults = faults, .counts = counts, .random = seed * 2 + 1, .left = GREETING};
    way->last = &way->first;
    for (int i = 0; i < 8; i++) /* seeds that lie side by side part */
        way_random(&way->random, 0);
}

void way_release(struct way *way)
{
    for (struct piece *piece = way->first, *next; piece != NULL; piece = next) {
        next = piece->next;
        free(piece);
    }
    buffer_release(&way->held);
    way->first = NULL;
}

/* ---- out ---- */

static void put(struct way *way, const uint8_t *data, size_t len)
{
    struct piece *piece = len > 0 ? malloc(sizeof *piece + len) : NULL;
    if (piece == NULL) {
        way->broken |= len > 0;
        return;
    }
    *piece = (struct piece){.due_ms = way->due_ms, .len = len};
    memcpy(piece->data, data, len);
    *way->last = piece;
    way->last = &piece->next;
    way->waiting += len;
}

struct bytes way_ready(const struct way *way, uint64_t now_ms)
{
    const struct piece *piece = way->first;
    if (piece == NULL || piece->due_ms > now_ms)
        return (struct bytes){0};
    return bytes_of(piece->data + piece->sent, piece->len - piece->sent);
}

void way_sent(struct way *way, size_t len)
{
    struct piece *piece = way->first;
    way->waiting -= len;
    way->counts->bytes += len;
    piece->sent += len;
    if (piece->sent < piece->len)
        return;
    way->first = piece->next;
    if (way->first == NULL)
        way->last = &way->first;
    free(piece);
}

/* ---- in ---- */

static void choose_fate(struct way *way, bool command)
{
    const struct faults *f = way->faults;
    uint64_t die = way_random(&way->random, OF_10000);
    way->fate = PASS;
    if (command || way->holding)
        return;
    way->counts->frames++;
    if (die < f->drop) {
        way->fate = DROP;
        way->counts->dropped++;
    } else if ((die -= f->drop) < f->twice) {
        way->fate = TWICE;
        way->counts->doubled++;
    } else if ((die -= f->twice) < f->swap) {
        way->fate = SWAP;
        way->counts->swapped++;
    } else if (die - f->swap < f->cut) {
        way->fate = CUT;
        way->counts->cut++;
        way->cut_after = way_random(&way->random, way->left);
    }
}

static void pass_on(struct way *way, const uint8_t *data, size_t len)
{
    switch (way->fate) {
    case DROP:
        return;
    case TWICE:
    case SWAP:
        buffer_append(&way->held, data, len);
        way->broken |= way->held.failed;
        return;
    default:
        put(way, data, len);
    }
}

static void frame_ends(struct way *way)
{
    if (way->fate == SWAP) {
        way->holding = true;
    } else if (way->fate == TWICE || way->holding) {
        for (int times = way->holding ? 1 : 2; times > 0; times--)
            put(way, way->held.data, way->held.len);
        buffer_clear(&way->held);
        way->holding = false;
    }
    way->part = IN_HEAD;
    way->head_len = 0;
}

/* A frame begins with flags and its length, in one byte or eight. */
static size_t take_head(struct way *way, struct bytes bytes, uint64_t now_ms)
{
    size_t wanted = way->head_len > 0 && way->head[0] & LONG ? 9 : 2, taken = 0;
    while (way->head_len < wanted && taken < bytes.len) {
        way->head[way->head_len++] = bytes.data[taken++];
        wanted = way->head[0] & LONG ? 9 : 2;
    }
    if (way->head_len < wanted)
        return taken;
    way->left = 0;
    for (size_t i = 1; i < wanted; i++)
        way->left = way->left << 8 | way->head[i];
    uint64_t due = now_ms + way->faults->delay + way_random(&way->random, way->faults->jitter + 1);
    way->due_ms = due > way->due_ms ? due : way->due_ms;
    choose_fate(way, way->head[0] & COMMAND);
    way->part = IN_BODY;
    pass_on(way, way->head, wanted);
    if (way->left == 0)
        frame_ends(way);
    return taken;
}

static size_t take_body(struct way *way, struct bytes bytes)
{
    size_t len = bytes.len < way->left ? bytes.len : (size_t)way->left;
    if (way->fate == CUT && len > way->cut_after) {
        put(way, bytes.data, (size_t)way->cut_after);
        way->broken = true;
        return bytes.len;
    }
    if (way->fate == CUT)
        way->cut_after -= len;
    pass_on(way, bytes.data, len);
    way->left -= len;
    if (way->left == 0 && way->part == IN_BODY)
        frame_ends(way);
    else if (way->left == 0)
        way->part = IN_HEAD;
    return len;
}

void way_take(struct way *way, struct bytes bytes, uint64_t now_ms)
{
    while (bytes.len > 0 && !way->broken) {
        size_t taken = way->part == IN_HEAD ? take_head(way, bytes, now_ms) : take_body(way, bytes);
        bytes.data += taken;
        bytes.len -= taken;
    }
}
