/* SPDX-License-Identifier: Apache-2.0 */
/* What can still be read of a database file that is damaged. The file is read page by page and never mapped nor
 * changed; pages that cannot be followed are passed over, with what hangs on them. What is given out may be wrong, of
 * an older state, or come twice: whoever takes it has to know by other means (hashes, signatures, seals) what is true.
 *
 * A file has two roots: of the newest commit, and of the one before. Whose rows prove themselves can also look through
 * the bare bytes, where pages no longer lead to them. */
#ifndef FELLOE_DAEMON_STORE_SALVAGE_H
#define FELLOE_DAEMON_STORE_SALVAGE_H

#include "felloe/error.h"
#include "proto/bytes.h"

struct store_salvage;

/* A file in which nothing says where its tables begin opens too: it has bytes, and no roots. FELLOE_NOT_FOUND (with a
 * message), FELLOE_DENIED, FELLOE_STORAGE: it cannot be read. */
enum felloe_code store_salvage_open(struct store_salvage **out, const char *path, struct felloe_error *error);
void store_salvage_close(struct store_salvage *salvage); /* NULL is fine */

/* Of NULL (nothing could be read at all) all is empty. */
unsigned store_salvage_roots(const struct store_salvage *salvage);

/* The rows of a table under one root (0: the newest), in the order of its pages, which is that of its keys where
 * nothing is damaged. Key and value are valid for the call. `visit` returns false to stop. False: memory ran out. */
typedef bool (*store_salvage_visit)(void *context, struct bytes key, struct bytes value);
bool store_salvage_rows(struct store_salvage *salvage, unsigned root, const char *table, store_salvage_visit visit,
                        void *context);
/* Under every root, the newest first, until `visit` returns false: most rows come twice. */
bool store_salvage_table(struct store_salvage *salvage, const char *table, store_salvage_visit visit, void *context);

/* The file's bytes from its beginning to its end, in pieces that overlap by SALVAGE_OVERLAP, so that whatever is no
 * longer than that and begins in the first `fresh` bytes of a piece stands whole in it. What cannot be read is zeros.
 * Then what the journal beside it has, a record's rows at once; where it is damaged, its bytes. */
#define SALVAGE_OVERLAP ((size_t)128 << 10)
typedef bool (*store_salvage_look)(void *context, struct bytes piece, size_t fresh);
bool store_salvage_bytes(struct store_salvage *salvage, store_salvage_look look, void *context);

/* Is there certainly nothing newer than what root 0 leads to? (Not where one of the first two pages is damaged, or the
 * journal has more.) */
bool store_salvage_is_newest(const struct store_salvage *salvage);
/* How many times something had to be passed over so far: a page, a row, a table. */
uint64_t store_salvage_lost(const struct store_salvage *salvage);

#endif
