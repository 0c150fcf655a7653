/* SPDX-License-Identifier: Apache-2.0 */
/* Directories and files of environments, as the system sees them; see store_claim.h. */
#include "daemon/store/store_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE_BYTES 8192 /* LMDB's, with its 126 readers */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct store_claim *claims;

bool store_claim(struct store_claim *claim, dev_t device, ino_t inode)
{
    bool taken = false;
    claim->device = device;
    claim->inode = inode;
    pthread_mutex_lock(&mutex);
    for (const struct store_claim *c = claims; c != NULL; c = c->next)
        taken |= c->device == device && c->inode == inode;
    if (!taken) {
        claim->next = claims;
        claims = claim;
    }
    pthread_mutex_unlock(&mutex);
    return !taken;
}

void store_unclaim(struct store_claim *claim)
{
    pthread_mutex_lock(&mutex);
    for (struct store_claim **at = &claims; *at != NULL; at = &(*at)->next)
        if (*at == claim) {
            *at = claim->next;
            break;
        }
    pthread_mutex_unlock(&mutex);
}

int store_allocate_readers(const char *dir)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/lock.mdb", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    int rc = posix_fallocate(fd, 0, LOCK_FILE_BYTES);
    close(fd);
    return rc == ENOSPC || rc == EDQUOT ? rc : 0; /* where blocks cannot be taken ahead, it is as without this */
}

int store_settle(const char *data_file)
{
    uint8_t metas[2 * 65536];
    const size_t size = 2 * (size_t)sysconf(_SC_PAGESIZE);
    int fd = open(data_file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    int failed = 0;
    if (size <= sizeof metas && pread(fd, metas, size, 0) == (ssize_t)size) /* else it is about to be made */
        failed = pwrite(fd, metas, size, 0) != (ssize_t)size || fdatasync(fd) != 0 ? errno : 0;
    close(fd);
    return failed == ENOSPC || failed == EDQUOT ? 0 : failed; /* writing over may take room, and it starts without */
}

void store_overwrite(int fd)
{
    static const char zeros[65536];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return;
    for (off_t at = 0; at < st.st_size;) {
        off_t left = st.st_size - at;
        ssize_t put = pwrite(fd, zeros, left < (off_t)sizeof zeros ? (size_t)left : sizeof zeros, at);
        if (put <= 0)
            break;
        at += put;
    }
    fdatasync(fd);
}
