/* SPDX-License-Identifier: Apache-2.0 */
/* D/place: the inode of D/log/data.mdb, and when it was made, where the file system knows that (an inode's number comes
 * again once the file is gone); see place.h. */
#include "daemon/store/place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "daemon/report.h"
#include "daemon/store/file.h"

#define PLACE_MAX 80

/* One line; false when the file cannot be looked at. */
static bool describe(const char *dir, char out[PLACE_MAX])
{
    char path[PATH_MAX];
    struct statx info;
    if (snprintf(path, sizeof path, "%s/log/data.mdb", dir) >= (int)sizeof path ||
        statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &info) != 0)
        return false;
    bool made = (info.stx_mask & STATX_BTIME) != 0;
    snprintf(out, PLACE_MAX, "log %llu %lld.%09u\n", (unsigned long long)info.stx_ino,
             made ? (long long)info.stx_btime.tv_sec : 0, made ? info.stx_btime.tv_nsec : 0u);
    return true;
}

bool place_changed(const char *dir)
{
    char now[PLACE_MAX];
    struct buffer noted = {0};
    struct felloe_error error;
    bool changed = describe(dir, now) && file_read(dir, "place", PLACE_MAX, &noted, &error) == FELLOE_OK &&
                   noted.len > 0 && !bytes_is(buffer_bytes(&noted), now);
    buffer_release(&noted);
    return changed;
}

void place_note(const char *dir)
{
    char now[PLACE_MAX];
    struct buffer noted = {0};
    struct felloe_error error;
    if (!describe(dir, now))
        return;
    bool same = file_read(dir, "place", PLACE_MAX, &noted, &error) == FELLOE_OK &&
                bytes_is(buffer_bytes(&noted), now);
    buffer_release(&noted);
    if (!same && file_write(dir, "place", bytes_str(now), &error) != FELLOE_OK)
        report(LEVEL_WARNING, "%s/place cannot be written: %s", dir, error.message);
}
