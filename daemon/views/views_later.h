/* SPDX-License-Identifier: Apache-2.0 */
/* Rows whose keys are random (an event's id, a hash) are put into their table all at once, in the order of the keys: a
 * few of them lie on each page, which is then looked for and copied once, and not for each of them. */
#ifndef FELLOE_DAEMON_VIEWS_LATER_H
#define FELLOE_DAEMON_VIEWS_LATER_H

#include "daemon/store/store.h"

/* Starts as {0}; release it. */
struct views_later {
    struct later_row {
        uint64_t begin;     /* the key's first 8 bytes; or, if all keys begin alike, those behind that */
        uint32_t at;        /* the key, then the value: how far into the blocks, one behind the other */
        uint16_t key_len, value_len;
    } *rows;
    size_t count, room;
    uint8_t **blocks;       /* small ones: malloc keeps much of what was once freed in large pieces */
    size_t block_count, block_room;
    size_t used;            /* of the last one */
};
void views_later_clear(struct views_later *later);
void views_later_release(struct views_later *later);
/* A key has 8 bytes at least; what is small in all is meant. False: it is too long, or memory ran out. */
bool views_later_add(struct views_later *later, struct bytes key, struct bytes value);
void views_later_sort(struct views_later *later);
struct bytes views_later_key(const struct views_later *later, size_t i);
struct bytes views_later_value(const struct views_later *later, size_t i);
/* It will be wanted after so many others: once they are sorted, they lie everywhere. */
#define LATER_AHEAD 6u
void views_later_prepare(const struct views_later *later, size_t i);
/* Sorts them and puts them; of those with one key the last stays. Then there are none. */
void views_later_put(struct views_later *later, struct store_txn *txn, unsigned table);

#endif
