/* SPDX-License-Identifier: Apache-2.0 */
/* Keyrings that a repair or a restore put aside (D/keys.damaged-1, …) hold the keys that they held. Once a key is
 * erased they would be the place where it still is: so then they go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/report.h"
#include "daemon/store/file.h"
#include "daemon/store/keyring_inside.h"
#include "daemon/store/store_claim.h"

static bool is_aside(const char *name)
{
    static const char *const whys[] = {"keys.damaged-", "keys.before-restore-", "keys.before-"};
    for (size_t i = 0; i < sizeof whys / sizeof *whys; i++) {
        const size_t len = strlen(whys[i]);
        if (strncmp(name, whys[i], len) == 0 && name[len] != '\0' &&
            strspn(name + len, "0123456789") == strlen(name + len))
            return true;
    }
    return false;
}

/* Each file is overwritten, and removed. 0 or an errno. */
static int empty(int folder)
{
    int failed = 0;
    DIR *files = fdopendir(dup(folder));
    if (files == NULL)
        return errno;
    for (struct dirent *entry; failed == 0 && (entry = readdir(files)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int fd = openat(folder, entry->d_name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0)
            store_overwrite(fd);
        if (fd >= 0)
            close(fd);
        if (unlinkat(folder, entry->d_name, 0) != 0)
            failed = errno;
    }
    closedir(files);
    return failed;
}

static int forget(const char *dir, const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return ENAMETOOLONG;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return errno == ENOENT ? 0 : errno;
    int failed = empty(folder);
    close(folder);
    if (failed == 0 && rmdir(path) != 0)
        failed = errno;
    return failed;
}

enum felloe_code keyring_forget_aside(const char *dir, struct felloe_error *error)
{
    int failed = 0, gone = 0;
    DIR *all = opendir(dir);
    if (all == NULL)
        return felloe_fail(error, FELLOE_STORAGE, "%s cannot be read: %s", dir, strerror(errno));
    for (struct dirent *entry; failed == 0 && (entry = readdir(all)) != NULL;)
        if (is_aside(entry->d_name)) {
            failed = forget(dir, entry->d_name);
            gone += failed == 0;
        }
    closedir(all);
    if (gone > 0) {
        file_sync_folder(dir);
        report(LEVEL_WARNING, "a key was erased: %d older keyring%s that had been put aside in %s %s removed with it",
               gone, gone == 1 ? "" : "s", dir, gone == 1 ? "was" : "were");
    }
    return failed == 0 ? FELLOE_OK
                       : felloe_fail(error, FELLOE_STORAGE,
                                     "an older keyring put aside in %s cannot be removed: %s. What "
                                     "was erased may still be in it",
                                     dir, strerror(failed));
}
