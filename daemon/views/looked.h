/* SPDX-License-Identifier: Apache-2.0 */
/* How far a worker has looked at the news on this device: a small file for each, D/looked/<worker>. It says which
 * positions the views had folded then, and nothing of what they hold.
 *
 *   felloe looked
 *   at MILLISECONDS
 *   site NAME INCARNATION OWN-SEQ EPOCH.N EPOCH.N …
 *
 * A file that is none is as good as none: the news begin anew. */
#ifndef FELLOE_DAEMON_LOOKED_H
#define FELLOE_DAEMON_LOOKED_H

#include "daemon/views/views.h"

struct looked_site {
    char site[SLUG_MAX + 1];
    uint32_t incarnation;       /* of this device, which own_seq is of */
    struct views_cursor cursor;
};
struct looked {
    int64_t at_ms;              /* when; 0: never */
    size_t count;
    struct looked_site sites[SITES_MAX];
};

/* NULL: has not looked at that site yet. */
const struct looked_site *looked_at(const struct looked *looked, const char *site);
/* Puts it in the place of what is there of the same site. */
void looked_put(struct looked *looked, const struct looked_site *site);

void looked_encode(const struct looked *looked, struct buffer *out);
bool looked_decode(struct bytes text, struct looked *out); /* false: it is none; out is {0} then */

/* `worker` is a slug. */
void looked_read(const char *dir, const char *worker, struct looked *out);
enum felloe_code looked_write(const char *dir, const char *worker, const struct looked *looked,
                              struct felloe_error *error);

#endif
