/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the file system. Before a database file is mapped: a file that is shorter than its own meta page says
 * would kill the process with SIGBUS at the first touch of what is missing. After a write failed: was there room? */
#ifndef FELLOE_DAEMON_STORE_CHECK_H
#define FELLOE_DAEMON_STORE_CHECK_H

#include <stdbool.h>

#include "felloe/error.h"

/* A file that is missing or empty is fine (it is about to be made). FELLOE_DAMAGED: it is not whole. One that is short
 * of free pages only is made as long as it should be. */
enum felloe_code store_check_file(const char *path, struct felloe_error *error);

/* Removes dir/data.mdb when no commit was ever completed in it: its making was interrupted by a power cut. Only where
 * nothing can have been saved yet, as a small file whose first pages were wiped looks the same. */
void store_forget_unfinished(const char *dir);

/* Tries: writes a little and takes it away again. */
bool store_disk_is_full(const char *dir);

#endif
