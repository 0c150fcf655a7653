/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a directory's daemon and connecting to it; whole frames over its socket. */
#include "client/lib/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_set(const char *text)
{
    return text && *text;
}

enum felloe_code felloe_directory(const char *dir, char *out, size_t size, struct felloe_error *error)
{
    const char *from = is_set(dir) ? dir : getenv("FELLOE_DIR"), *tail = "";
    if (!is_set(from)) {
        from = getenv("XDG_DATA_HOME");
        tail = "/felloe";
    }
    if (!is_set(from)) {
        from = getenv("HOME");
        tail = "/.local/share/felloe";
    }
    if (!is_set(from))
        return felloe_fail(error, FELLOE_USAGE, "no directory is given and HOME is not set: say --dir DIR");
    int len = snprintf(out, size, "%s%s", from, tail);
    if (len < 0 || (size_t)len >= size)
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %.60s…", from);
    return FELLOE_OK;
}

/* The value of `socket = …` in D/felloe.conf; empty when there is none. The daemon has checked the rest of the file. */
static void configured_socket(const char *dir, char *out, size_t size)
{
    char path[PATH_MAX + 16], line[1024];
    out[0] = '\0';
    snprintf(path, sizeof path, "%s/felloe.conf", dir);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        char *at = line + strspn(line, " \t");
        if (strncmp(at, "socket", 6) != 0)
            continue;
        at += 6;
        at += strspn(at, " \t");
        if (*at != '=' && *at != ':')
            continue;
        at++;
        at += strspn(at, " \t");
        char *end = strstr(at, " ;"); /* a comment at the end of the line */
        if (!end)
            end = at + strcspn(at, "\r\n");
        while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        *end = '\0';
        snprintf(out, size, "%s%s%s", *at && *at != '/' ? dir : "", *at && *at != '/' ? "/" : "", at);
    }
    if (file)
        fclose(file);
}

/* Connects to a path of any length: what is too long for a socket's name is reached through its open folder. */
static int connect_path(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int folder = -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (strlen(path) < sizeof name.sun_path) {
        memcpy(name.sun_path, path, strlen(path) + 1);
    } else {
        char parent[PATH_MAX + 300];
        const char *slash = strrchr(path, '/');
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
        folder = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int len = snprintf(name.sun_path, sizeof name.sun_path, "/proc/self/fd/%d%s", folder, slash);
        if (folder < 0 || len < 0 || (size_t)len >= sizeof name.sun_path) {
            int cause = folder < 0 ? errno : ENAMETOOLONG;
            close(fd);
            if (folder >= 0)
                close(folder);
            errno = cause;
            return -1;
        }
    }
    int done;
    do
        done = connect(fd, (const struct sockaddr *)&name, sizeof name);
    while (done != 0 && errno == EINTR);
    int cause = errno;
    if (folder >= 0)
        close(folder);
    if (done == 0)
        return fd;
    close(fd);
    errno = cause;
    return -1;
}

/* Why nobody answered, in words that say what to do. */
static enum felloe_code explain(const char *dir, int cause, struct felloe_error *error)
{
    char path[PATH_MAX + 16];
    struct stat info;
    if (cause == EACCES || cause == EPERM)
        return felloe_fail(error, FELLOE_DENIED, "%s belongs to another user of this machine: %s", dir,
                           strerror(cause));
    static const char *const made[] = {"felloe.conf", "identity"}; /* where one is lost, felloed says what to do */
    bool any = false;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, made[i]);
        any |= stat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
    }
    if (!any)
        return felloe_fail(error, FELLOE_NO_DAEMON,
                           "%s is not a Felloe directory: make a hub of it with `felloe hub init`, or a laptop with "
                           "`felloe join TICKET`; a hub that was lost comes back with `felloe hub restore`; or say "
                           "--dir DIR if it is another",
                           dir);
    if (cause == ENOENT || cause == ECONNREFUSED || cause == ENOTDIR)
        return felloe_fail(error, FELLOE_NO_DAEMON, "no daemon serves %s: start it with `felloed --dir %s`", dir, dir);
    return felloe_fail(error, FELLOE_NO_DAEMON, "cannot reach the daemon of %s: %s", dir, strerror(cause));
}

enum felloe_code felloe_connect(const char *dir, struct felloe_client **out, struct felloe_error *error)
{
    *out = NULL;
    struct felloe_client *client = calloc(1, sizeof *client);
    if (!client)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    client->fd = -1;
    enum felloe_code code = felloe_directory(dir, client->dir, sizeof client->dir, error);
    if (code == FELLOE_OK) {
        char path[PATH_MAX + 300];
        configured_socket(client->dir, path, sizeof path);
        if (!*path)
            snprintf(path, sizeof path, "%s/felloe.sock", client->dir);
        client->fd = connect_path(path);
        if (client->fd < 0)
            code = explain(client->dir, errno, error);
    }
    if (code != FELLOE_OK) {
        free(client);
        return code;
    }
    *out = client;
    return FELLOE_OK;
}

void client_drop(struct felloe_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->appends = 0;
    client->in_at = 0;
    buffer_clear(&client->in);
}

void felloe_close(struct felloe_client *client)
{
    if (!client)
        return;
    client_drop(client);
    buffer_release(&client->in);
    buffer_release(&client->out);
    arena_release(&client->scratch);
    free(client);
}

static enum felloe_code went_away(struct felloe_client *client, struct felloe_error *error)
{
    bool recording = client->appends > 0;
    client_drop(client);
    return felloe_fail(error, FELLOE_NO_DAEMON, "the daemon of %s went away before it had answered; start it again%s",
                       client->dir,
                       recording ? ", and look before you repeat: what was being recorded may be saved" : "");
}

enum felloe_code client_send(struct felloe_client *client, struct felloe_error *error)
{
    if (client->fd < 0)
        return felloe_fail(error, FELLOE_NO_DAEMON, "the connection to the daemon of %s is closed", client->dir);
    if (client->out.failed) {
        buffer_release(&client->out);
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    }
    size_t sent = 0;
    while (sent < client->out.len) {
        ssize_t n = send(client->fd, client->out.data + sent, client->out.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return went_away(client, error);
        sent += (size_t)n;
    }
    buffer_clear(&client->out);
    return FELLOE_OK;
}

enum felloe_code client_receive(struct felloe_client *client, struct bytes *payload, struct felloe_error *error)
{
    for (;;) {
        struct bytes got = bytes_of(client->in.data + client->in_at, client->in.len - client->in_at);
        size_t size = client->in.data ? control_frame_parse(got, payload) : 0;
        if (size == SIZE_MAX)
            return client_malformed(client, VALUE_MALFORMED, error);
        if (size != 0) {
            client->in_at += size;
            return FELLOE_OK;
        }
        if (client->fd < 0)
            return felloe_fail(error, FELLOE_NO_DAEMON, "the connection to the daemon of %s is closed", client->dir);
        if (client->in_at > 0) { /* keep what is left of the next frame at the front */
            memmove(client->in.data, client->in.data + client->in_at, got.len);
            client->in.len = got.len;
            client->in_at = 0;
        }
        if (!buffer_reserve(&client->in, 64 * 1024))
            return client_malformed(client, VALUE_NO_MEMORY, error);
        ssize_t n = recv(client->fd, client->in.data + client->in.len, client->in.cap - client->in.len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return went_away(client, error);
        client->in.len += (size_t)n;
    }
}

enum felloe_code client_check_text(const char *what, const char *text, struct felloe_error *error)
{
    if (!text || utf8_valid(bytes_str(text)))
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_INVALID, "%s is not UTF-8: save it as UTF-8, or type it in a UTF-8 terminal",
                       what);
}

enum felloe_code client_malformed(struct felloe_client *client, enum value_verdict verdict, struct felloe_error *error)
{
    client_drop(client);
    if (verdict == VALUE_NO_MEMORY)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    return felloe_fail(error, FELLOE_FAILED,
                       "the daemon of %s answered in a way that this version does not understand: are felloe and "
                       "felloed of the same release?",
                       client->dir);
}
