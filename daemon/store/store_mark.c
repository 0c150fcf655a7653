/* SPDX-License-Identifier: Apache-2.0 */
/* The mark of a file that is not synced; see store_mark.h. */
#include "daemon/store/store_mark.h"
#include "daemon/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of one length, and less than a sector: it is written over in its place, and is there whole or not at all. */
#define MARK_SIZE 128
#define BOOT_SIZE 32 /* hexadecimal digits */
#define AT_REST   "at rest"

/* Where the system keeps its number from a service, the unit hands it on. */
static bool boot_id(char out[BOOT_SIZE + 1])
{
    char text[64] = "";
    const char *given = getenv("FELLOE_BOOT_ID");
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t got = read(fd, text, sizeof text - 1);
        text[got > 0 ? got : 0] = '\0';
        close(fd);
    }
    size_t len = 0;
    for (const char *at = text[0] != '\0' || given == NULL ? text : given; *at != '\0' && len < BOOT_SIZE; at++)
        if (strchr("0123456789abcdef", *at) != NULL)
            out[len++] = *at;
    out[len] = '\0';
    return len == BOOT_SIZE;
}

static void fill(char out[MARK_SIZE + 1], const char *text)
{
    snprintf(out, MARK_SIZE + 1, "%-*s\n", MARK_SIZE - 1, text);
}

/* Inodes are used again. In ns; 0 where the file system does not know. */
static unsigned long long birth_of(int fd)
{
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) != 0 || !(st.stx_mask & STATX_BTIME))
        return 0;
    return (unsigned long long)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec;
}

/* False: it cannot be told apart from others. */
static bool say_in_use(int fd, char out[MARK_SIZE + 1])
{
    char boot[BOOT_SIZE + 1], text[MARK_SIZE];
    struct stat st;
    if (!boot_id(boot) || fstat(fd, &st) != 0)
        return false;
    const int len = snprintf(text, sizeof text, "in use since boot %s, by file %llu.%llu.%llu", boot,
                             (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, birth_of(fd));
    fill(out, text);
    return len > 0 && len < MARK_SIZE;
}

static int open_mark(const char *dir, int flags)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/" MARK_NAME, dir) < (int)sizeof path)
        return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    errno = ENAMETOOLONG;
    return -1;
}

enum store_mark store_mark_read(const char *dir)
{
    char there[MARK_SIZE + 1] = "", wanted[MARK_SIZE + 1];
    int fd = open_mark(dir, O_RDONLY);
    if (fd < 0)
        return errno == ENOENT ? MARK_REST : MARK_LOST;
    enum store_mark mark = MARK_LOST;
    if (read(fd, there, MARK_SIZE) == MARK_SIZE) {
        fill(wanted, AT_REST);
        if (memcmp(there, wanted, MARK_SIZE) == 0)
            mark = MARK_REST;
        else if (say_in_use(fd, wanted) && memcmp(there, wanted, MARK_SIZE) == 0)
            mark = MARK_HERE;
    }
    close(fd);
    return mark;
}

/* NULL: in use. */
static int write_mark(const char *dir, const char *state)
{
    char text[MARK_SIZE + 1];
    struct stat st;
    int fd = open_mark(dir, O_RDWR | O_CREAT);
    if (fd < 0)
        return errno;
    if (state != NULL)
        fill(text, state);
    int failed = fstat(fd, &st) != 0 ? errno : state == NULL && !say_in_use(fd, text) ? EINVAL : 0;
    if (failed == 0 && pwrite(fd, text, MARK_SIZE, 0) != MARK_SIZE)
        failed = errno != 0 ? errno : EIO;
    if (failed == 0 && fdatasync(fd) != 0)
        failed = errno;
    close(fd);
    return failed == 0 && st.st_size == 0 ? file_sync_folder(dir) : failed; /* it is new */
}

enum felloe_code store_marking_open(struct store_marking *marking, const char *dir, const char *what,
                                    struct felloe_error *error)
{
    char path[PATH_MAX + 16], boot[BOOT_SIZE + 1];
    struct stat st;
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    const bool is_new = stat(path, &st) != 0 || st.st_size == 0;
    const enum store_mark mark = store_mark_read(dir);
    *marking = (struct store_marking){.dir = dir, .can = boot_id(boot)};
    if (!is_new && mark == MARK_LOST)
        return felloe_fail(error, FELLOE_DAMAGED,
                           "the machine went down while %s (%s) were in use, the disk did not take all of it, or "
                           "this is a copy of such",
                           what, dir);
    int failed = 0;
    if (marking->can && (is_new || mark == MARK_HERE))
        failed = store_marking_set(marking); /* once more: whoever set it may have died before it was on the disk */
    else if (is_new && mark == MARK_LOST)
        failed = write_mark(dir, AT_REST);
    if (failed == 0 && marking->set)
        failed = file_sync_folder(dir);
    return failed == 0 ? FELLOE_OK
                       : felloe_fail(error, failed == ENOSPC || failed == EDQUOT ? FELLOE_STORAGE : FELLOE_DENIED,
                                     "%s/" MARK_NAME " cannot be written: %s", dir, strerror(failed));
}

int store_marking_set(struct store_marking *marking)
{
    int failed = marking->can && !marking->set ? write_mark(marking->dir, NULL) : 0;
    marking->set |= marking->can && failed == 0;
    return failed;
}

void store_marking_clear(struct store_marking *marking)
{
    if (marking->lost)
        return;
    if (marking->set)
        (void)write_mark(marking->dir, AT_REST);
    marking->set = false;
}

void store_marking_spoil(struct store_marking *marking)
{
    marking->lost = true;
    (void)write_mark(marking->dir, "not whole: the disk did not take all of it");
}
