/* SPDX-License-Identifier: Apache-2.0 */
/* What can still be read of a database file that is damaged. The file is read page by page and never mapped nor
 * changed; pages that cannot be followed are passed over, with what hangs on them. What is given out may be wrong, of
 * an older state, or come twice: whoever takes it has to know by other means (hashes, signatures, seals) what is true.
 */
#ifndef FELLOE_DAEMON_STORE_SALVAGE_H
#define FELLOE_DAEMON_STORE_SALVAGE_H

#include "felloe/error.h"
#include "proto/bytes.h"

struct store_salvage;

/* FELLOE_DAMAGED: nothing in it says where its tables begin. FELLOE_NOT_FOUND (with a message), FELLOE_DENIED,
 * FELLOE_STORAGE: it cannot be read. */
enum felloe_code store_salvage_open(struct store_salvage **out, const char *path, struct felloe_error *error);
void store_salvage_close(struct store_salvage *salvage); /* NULL is fine */

/* Of NULL (nothing could be read at all) every table is empty.
 * The rows of a table, in the order of its pages, which is that of its keys where nothing is damaged. Key and value are
 * valid for the call. `visit` returns false to stop. False: memory ran out. */
typedef bool (*store_salvage_visit)(void *context, struct bytes key, struct bytes value);
bool store_salvage_table(struct store_salvage *salvage, const char *table, store_salvage_visit visit, void *context);

/* Pages that had to be passed over so far. */
uint64_t store_salvage_lost(const struct store_salvage *salvage);

#endif
