/* SPDX-License-Identifier: Apache-2.0 */
/* What came into the record since somebody looked: the entries of others beyond their marks, late ones too. For threads
 * of the pool. */
#ifndef FELLOE_DAEMON_NEWS_SCAN_H
#define FELLOE_DAEMON_NEWS_SCAN_H

#include <stdatomic.h>

#include "daemon/views/looked.h"
#include "daemon/views/view_find.h"

/* Who has never looked is told of what was recorded since so long ago. */
#define NEWS_FIRST_MS ((int64_t)7 * 24 * 3600 * 1000)
/* Recorded so long after it happened: a late entry. */
#define NEWS_LATE_MS ((int64_t)3600 * 1000)
#define NEWS_LIMIT_MAX 20000u

struct news_wish {
    const char *worker;         /* who looks: their own entries are no news to them */
    const struct looked *looked;
    size_t limit;               /* the newest so many */
    int64_t now_ms;
};
/* Starts as {0}. */
struct news {
    struct buffer *rows;        /* newest first, in the order of enum news_column */
    size_t count;
    uint64_t total;             /* without the limit */
    struct looked now;          /* how far the views are: what has been looked at when all was told */
    bool failed;                /* memory ran out */
};
void news_release(struct news *news);
/* `cancelled` may be set from another thread, and ends it. */
void news_scan(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader, const struct scope *scope,
               const struct news_wish *wish, const atomic_bool *cancelled, struct news *out);

#endif
