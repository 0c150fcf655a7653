/* SPDX-License-Identifier: Apache-2.0 */
/* Binding the local socket, and who is at its other end. */
#include "daemon/control/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Fills in the address. Where the path is longer than a socket's address can be, it goes by way of the folder's
 * descriptor, which is left open in *folder for the call of bind. */
static bool make_address(const char *path, struct sockaddr_un *out, int *folder)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = -1;
    if (strlen(path) < sizeof out->sun_path) {
        memcpy(out->sun_path, path, strlen(path) + 1);
        return true;
    }
    char *for_dir = strdup(path), *for_base = strdup(path);
    bool ok = false;
    if (for_dir && for_base) {
        *folder = open(dirname(for_dir), O_PATH | O_DIRECTORY | O_CLOEXEC);
        int len = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", *folder, basename(for_base));
        ok = *folder >= 0 && len > 0 && (size_t)len < sizeof out->sun_path;
        if (*folder >= 0 && !ok)
            errno = ENAMETOOLONG;
    }
    free(for_dir);
    free(for_base);
    return ok;
}

static void remove_stale(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
}

static bool find_group(const char *name, gid_t *out)
{
    struct group entry, *found = NULL;
    char room[8192];
    if (getgrnam_r(name, &entry, room, sizeof room, &found) != 0 || found == NULL)
        return false;
    *out = entry.gr_gid;
    return true;
}

/* Before anybody can listen there. */
static enum felloe_code open_to_group(const char *path, const char *group, struct felloe_error *error)
{
    gid_t gid;
    if (!find_group(group, &gid))
        return felloe_fail(error, FELLOE_INVALID, "There is no group %s on this system (socket_group in felloe.conf).",
                           group);
    struct stat st; /* a service may have that group already, and not be let to give files away */
    if (lstat(path, &st) != 0 || (st.st_gid != gid && lchown(path, (uid_t)-1, gid) != 0) || chmod(path, 0660) != 0)
        return felloe_fail(error, FELLOE_DENIED,
                           "%s cannot be given to the group %s: %s. The daemon's user has to be a member of it "
                           "(socket_group in felloe.conf).",
                           path, group, strerror(errno));
    return FELLOE_OK;
}

int control_socket_bind(const char *path, const char *group, struct felloe_error *error)
{
    struct sockaddr_un address;
    int folder;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && make_address(path, &address, &folder);
    if (ok) {
        remove_stale(path);
        /* The file takes the socket's own mode: there is no moment at which others could open it. */
        ok = fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
             chmod(path, 0600) == 0;
        int saved = errno;
        if (folder >= 0)
            close(folder);
        errno = saved;
    }
    if (ok && (*group == '\0' || open_to_group(path, group, error) == FELLOE_OK))
        return fd;
    if (ok) {
        close(fd);
        return -1;
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    enum felloe_code code = why == EADDRINUSE ? FELLOE_IN_USE : why == EACCES ? FELLOE_DENIED : FELLOE_FAILED;
    felloe_fail(error, code, "Cannot make the local socket %s: %s.", path, strerror(why));
    return -1;
}

int64_t control_socket_uid(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? (int64_t)peer.uid : -1;
}
