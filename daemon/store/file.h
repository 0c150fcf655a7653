/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that matter: read whole, and written so that either the old or the new content is there, never a half. */
#ifndef FELLOE_DAEMON_FILE_H
#define FELLOE_DAEMON_FILE_H

#include "felloe/error.h"
#include "proto/bytes.h"

/* Reads dir/name, at most `max` bytes, into `out` (cleared first). FELLOE_NOT_FOUND, FELLOE_DENIED, FELLOE_DAMAGED when
 * it is longer, FELLOE_STORAGE. */
enum felloe_code file_read(const char *dir, const char *name, size_t max, struct buffer *out,
                           struct felloe_error *error);
/* Temporary file of mode 0600, fsync, rename, fsync of the folder. */
enum felloe_code file_write(const char *dir, const char *name, struct bytes content, struct felloe_error *error);

/* What was made, renamed or removed in this folder reaches the disk: a file that is synced may still lose its name.
 * Returns 0 or an errno. The second: the folder that `path` is in. */
int file_sync_folder(const char *dir);
int file_sync_folder_of(const char *path);

#endif
