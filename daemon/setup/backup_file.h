/* SPDX-License-Identifier: Apache-2.0 */
/* A backup's file as it is read: looked through whole, and its hash found right, before anything is done with it. */
#ifndef FELLOE_DAEMON_BACKUP_FILE_H
#define FELLOE_DAEMON_BACKUP_FILE_H

#include "felloe/error.h"
#include "proto/backup.h"

struct backup_file {
    const char *path;     /* borrowed */
    int fd;
    struct buffer start;  /* what `head` points into */
    struct backup_head head;
    uint64_t image_at, image_size;
    uint8_t hash[BACKUP_HASH_SIZE];
};

/* FELLOE_NOT_FOUND, FELLOE_DENIED; FELLOE_INVALID: it is no backup, or not one of what is wanted; FELLOE_DAMAGED: it
 * was cut short or changed. */
enum felloe_code backup_file_open(struct backup_file *file, const char *path, bool keys, struct felloe_error *error);
/* The database in it, to a new file of mode 0600, on the disk when this returns; hashed once more on the way. */
enum felloe_code backup_file_image(const struct backup_file *file, const char *to, struct felloe_error *error);
void backup_file_close(struct backup_file *file); /* fine with one that was not opened: {.fd = -1} */

#endif
