/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array: there are as many rows as people who are with more than one team. */
#include "daemon/log/log_shares.h"

#include <stdlib.h>

#include "proto/domain/mark.h"

void log_shares_init(struct log_shares *shares)
{
    *shares = (struct log_shares){0};
    pthread_mutex_init(&shares->mutex, NULL);
}

void log_shares_release(struct log_shares *shares)
{
    pthread_mutex_destroy(&shares->mutex);
    free(shares->rows);
}

/* Where the row is, or belongs. */
static size_t find(const struct log_shares *shares, uint32_t site, const struct person_id *person, bool *there)
{
    size_t low = 0, high = shares->count;
    *there = false;
    while (low < high && !*there) {
        size_t middle = low + (high - low) / 2;
        const struct log_share_row *row = &shares->rows[middle];
        int order = memcmp(&row->person, person, sizeof *person);
        if (order == 0)
            order = (row->site > site) - (row->site < site);
        *there = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *there ? high : low;
}

static bool make_room(struct log_shares *shares)
{
    if (shares->count < shares->cap)
        return true;
    size_t cap = shares->cap > 0 ? 2 * shares->cap : 64;
    struct log_share_row *rows = realloc(shares->rows, cap * sizeof *rows);
    if (rows == NULL)
        return false;
    shares->rows = rows;
    shares->cap = cap;
    return true;
}

bool log_shares_put(struct log_shares *shares, struct bytes site, const struct person_id *person, enum log_share share)
{
    bool there, fine = true;
    const uint32_t tag = site_tag(site);
    pthread_mutex_lock(&shares->mutex);
    size_t at = find(shares, tag, person, &there);
    if (there) {
        shares->rows[at].share = share;
    } else if (share != LOG_SHARE_NONE) {
        fine = make_room(shares);
        if (fine) {
            memmove(&shares->rows[at + 1], &shares->rows[at], (shares->count - at) * sizeof *shares->rows);
            shares->rows[at] = (struct log_share_row){*person, tag, share};
            shares->count++;
        }
    }
    pthread_mutex_unlock(&shares->mutex);
    return fine;
}

enum log_share log_shares_get(struct log_shares *shares, struct bytes site, const struct person_id *person)
{
    bool there;
    pthread_mutex_lock(&shares->mutex);
    size_t at = find(shares, site_tag(site), person, &there);
    enum log_share share = there ? shares->rows[at].share : LOG_SHARE_NONE;
    pthread_mutex_unlock(&shares->mutex);
    return share;
}

void log_shares_set_known(struct log_shares *shares, bool known)
{
    pthread_mutex_lock(&shares->mutex);
    shares->unknown = !known;
    pthread_mutex_unlock(&shares->mutex);
}

bool log_shares_known(struct log_shares *shares)
{
    pthread_mutex_lock(&shares->mutex);
    bool known = !shares->unknown;
    pthread_mutex_unlock(&shares->mutex);
    return known;
}
