/* SPDX-License-Identifier: Apache-2.0 */
/* Lent memory and batches of events. */
#include "proto/event/batch.h"

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
    return calloc(1, sizeof(struct batch) + count * sizeof(struct entry));
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    lent_return(&batch->body);
    free(batch);
}
