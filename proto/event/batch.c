/* SPDX-License-Identifier: Apache-2.0 */
/* Lent memory and batches of events. */
#include "proto/event/batch.h"

#include <assert.h>
#include <stdlib.h>

void lent_return(struct lent *lent)
{
    struct lent given = *lent;
    *lent = (struct lent){0};
    if (given.release)
        given.release(given.owner);
}

struct batch *batch_new(uint32_t count)
{
    if (count > BATCH_ENTRIES_MAX)
        return NULL;
    struct batch *batch = malloc(sizeof(struct batch) + count * sizeof(struct entry) +
                                 (count / CHECKPOINT_EVERY + 1) * sizeof(struct log_hash));
    if (batch)
        *batch = (struct batch){.room = count};
    return batch;
}

struct log_hash *batch_checkpoint(struct batch *batch, uint64_t n)
{
    struct log_hash *first = (struct log_hash *)(void *)(batch->entries + batch->room);
    const uint64_t at = n / CHECKPOINT_EVERY - (batch->first_n + CHECKPOINT_EVERY - 1) / CHECKPOINT_EVERY;
    assert(n % CHECKPOINT_EVERY == 0 && n >= batch->first_n && at <= batch->room / CHECKPOINT_EVERY);
    return &first[at];
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    lent_return(&batch->body);
    free(batch->streams);
    free(batch);
}
