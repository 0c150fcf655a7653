/* SPDX-License-Identifier: Apache-2.0 */
/* D/lock; see lock.h. The file stays: removing it would let two daemons hold locks on two files of one name. */
#include "daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int refuse(const char *dir, int fd, struct felloe_error *error)
{
    int cause = errno;
    char text[32] = "";
    ssize_t got = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
    if (got > 0 && text[got - 1] == '\n')
        text[got - 1] = '\0';
    if (fd >= 0)
        close(fd);
    if (cause == EWOULDBLOCK)
        felloe_fail(error, FELLOE_IN_USE,
                    "%s is in use: a felloed (process %s) works on it. Stop that one first: kill %s", dir,
                    *text != '\0' ? text : "unknown", *text != '\0' ? text : "PROCESS");
    else if (cause == EACCES || cause == EPERM || cause == EROFS)
        felloe_fail(error, FELLOE_DENIED, "%s may not be written to by this user. Check its owner and its mode", dir);
    else if (cause == ENOSPC || cause == EDQUOT)
        felloe_fail(error, FELLOE_STORAGE, "the disk of %s is full. Free some space, then start again", dir);
    else
        felloe_fail(error, cause == EIO ? FELLOE_STORAGE : FELLOE_FAILED,
                    "%s/lock cannot be had: %s. Check the disk, then start again", dir, strerror(cause));
    return -1;
}

int lock_take(const char *dir, struct felloe_error *error)
{
    char path[PATH_MAX], text[32];
    snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
        return refuse(dir, fd, error);
    /* For people; a disk too full for it does not keep the daemon from serving what is there. */
    snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, text, strlen(text), 0);
    return fd;
}
