/* SPDX-License-Identifier: Apache-2.0 */
/* D/log/reserve: room kept back on the disk. When the disk is full it is given up, so that what was already under way,
 * and sync (which is how room is made, by sharing), can still be written; nothing new is recorded until there is room
 * to keep it back again. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/log/log_internal.h"

bool log_reserve_make(struct event_log *log)
{
    if (log->reserve_bytes == 0)
        return true;
    struct stat st;
    if (stat(log->reserve_path, &st) == 0 && (uint64_t)st.st_blocks * 512 >= log->reserve_bytes)
        return true;
    int fd = open(log->reserve_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    /* Where blocks cannot be given ahead (some file systems), there is no reserve, and a full disk is just found later.
     */
    int rc = fallocate(fd, 0, 0, (off_t)log->reserve_bytes) == 0 ? 0 : errno;
    close(fd);
    if (rc != ENOSPC && rc != EDQUOT)
        return true;
    unlink(log->reserve_path);
    return false;
}

void log_reserve_free(struct event_log *log)
{
    unlink(log->reserve_path);
}

bool log_reserve_has_room(struct event_log *log)
{
    struct statvfs fs;
    if (statvfs(log->dir, &fs) != 0)
        return false;
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    return room >= log->reserve_bytes + log->reserve_bytes / 4;
}
