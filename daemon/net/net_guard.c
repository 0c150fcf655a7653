/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds what peers may make ZeroMQ hold; see net_guard.h. */
#include "daemon/net/net_guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/report.h"

/* Greeting, the handshake's three commands, and what they say of themselves: never part of a message. */
#define HANDSHAKE 4096u
/* Nor are heartbeats: a few hundred bytes a minute. So, once in as long, what is left over is forgiven. */
#define STRAY    (16u * 1024)
#define STRAY_MS 60000u
/* Who holds less is not cut off: what is held are messages that nobody has taken yet. Until then, ZeroMQ reads slowly.
 */
#define CUT_MIN   (2u * 1024 * 1024)
#define SLOWLY_NS 5000000
/* Where nobody was to be cut off it is looked again after so many bytes: nobody can have become much larger. */
#define LOOK_AGAIN (256u * 1024)
/* ZeroMQ asks for so much at a time, and of small frames keeps the buffer that each read went into, 18 KB, however
 * little came: so many such reads and no whole message among them are some 36 MiB. (A large frame is read into its own
 * memory, with more asked for.) */
#define READ_SMALL 8192u
#define READS_MAX  2048u
/* After this much was held, memory is given back to the system. */
#define MUCH     (4u * 1024 * 1024)
#define SWEEP_MS 200u

/* A connection, by its descriptor. */
struct line {
    struct net_guard *guard; /* NULL: none of those that are watched */
    ino_t inode;             /* another one: the descriptor is another connection's by now */
    uint64_t held, forgiven_ms;
    unsigned reads; /* small ones, since its last whole message */
    bool heard, has_device, cut;
    struct device_id device;
};

struct net_guard {
    struct net_guard *next;
    struct loop_wake *wake;
    unsigned port;
    uint64_t sum;  /* what all its lines hold, and: */
    uint64_t gone; /* what those held that are no more */
    uint64_t most; /* since memory was last given back */
    uint64_t unlooked; /* may come yet before it is looked again who holds much */
    uint64_t swept_ms;
    char cut[192]; /* who was cut off last, to be told on the loop's thread */
};

/* ZeroMQ's I/O thread and the loop's. */
static struct {
    pthread_mutex_t lock;
    atomic_bool on;
    struct net_guard *guards;
    struct line *lines;
    size_t line_count;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- connections ---- */

static ino_t inode_of(int fd)
{
    struct stat file;
    return fd >= 0 && fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode) ? file.st_ino : 0;
}

static struct net_guard *guard_of(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof at;
    unsigned port = 0;
    if (getsockname(fd, (struct sockaddr *)&at, &size) == 0 && at.ss_family == AF_INET)
        port = ntohs(((struct sockaddr_in *)&at)->sin_port);
    else if (at.ss_family == AF_INET6)
        port = ntohs(((struct sockaddr_in6 *)&at)->sin6_port);
    struct net_guard *guard = port != 0 ? all.guards : NULL;
    while (guard != NULL && guard->port != port)
        guard = guard->next;
    return guard;
}

/* What it held stays so until all messages have been taken: whole ones are still to come. */
static void let_go(struct line *line)
{
    if (line->guard != NULL)
        line->guard->gone += line->held;
    *line = (struct line){0};
}

/* The connection that has the descriptor now; NULL when it is not to be watched. */
static struct line *line_of(int fd)
{
    if (fd < 0)
        return NULL;
    if ((size_t)fd >= all.line_count) {
        size_t count = (size_t)fd + 64;
        struct line *lines = realloc(all.lines, count * sizeof *lines);
        if (lines == NULL)
            return NULL;
        memset(lines + all.line_count, 0, (count - all.line_count) * sizeof *lines);
        all.lines = lines;
        all.line_count = count;
    }
    struct line *line = &all.lines[fd];
    ino_t inode = inode_of(fd);
    if (line->inode != inode) {
        let_go(line);
        line->inode = inode;
        line->guard = inode != 0 ? guard_of(fd) : NULL;
    }
    return line->guard != NULL ? line : NULL;
}

static void release(struct line *line, uint64_t bytes)
{
    bytes = bytes < line->held ? bytes : line->held;
    line->held -= bytes;
    line->guard->sum -= bytes;
}

static void release_gone(struct net_guard *guard, uint64_t bytes)
{
    bytes = bytes < guard->gone ? bytes : guard->gone;
    guard->gone -= bytes;
    guard->sum -= bytes;
}

/* ---- cutting off ---- */

static void cut(struct line *line, int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof at;
    char host[64] = "?", port[16] = "?", device[33] = "";
    line->cut = true;
    if (inode_of(fd) != line->inode) /* it has gone by itself */
        return;
    if (getpeername(fd, (struct sockaddr *)&at, &size) == 0)
        getnameinfo((struct sockaddr *)&at, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    if (line->has_device)
        hex_encode(bytes_of(line->device.b, sizeof line->device.b), device);
    snprintf(line->guard->cut, sizeof line->guard->cut,
             "%s%.8s%sa connection from %s port %s: it had sent %llu KiB that were no whole message",
             device[0] != '\0' ? "device " : "", device, device[0] != '\0' ? ", " : "", host, port,
             (unsigned long long)(line->held >> 10));
    shutdown(fd, SHUT_RDWR); /* ZeroMQ then lets go of all that it held for it */
    loop_wake_signal(line->guard->wake);
}

static bool is_held(const struct line *line, const struct net_guard *guard)
{
    return line->guard == guard && line->held > 0 && !line->cut;
}

/* Strangers count as one. */
static bool same_holder(const struct line *a, const struct line *b)
{
    if (!a->has_device || !b->has_device)
        return a->has_device == b->has_device;
    return memcmp(&a->device, &b->device, sizeof a->device) == 0;
}

/* The device whose connections hold most of all. */
static struct line *largest_holder(const struct net_guard *guard)
{
    struct line *largest = NULL;
    uint64_t most = 0, strangers = 0;
    for (size_t i = 0; i < all.line_count; i++) {
        struct line *line = &all.lines[i];
        if (!is_held(line, guard))
            continue;
        strangers += line->has_device ? 0 : line->held;
        uint64_t held = line->has_device ? 0 : strangers;
        for (size_t j = 0; line->has_device && j < all.line_count; j++)
            if (is_held(&all.lines[j], guard) && same_holder(line, &all.lines[j]))
                held += all.lines[j].held;
        if (held > most) {
            most = held;
            largest = line;
        }
    }
    return most >= CUT_MIN ? largest : NULL;
}

/* False: there is nobody to cut off. */
static bool make_room(struct net_guard *guard)
{
    uint64_t held = 0;
    for (size_t i = 0; i < all.line_count; i++)
        if (is_held(&all.lines[i], guard))
            held += all.lines[i].held;
    /* What is cut off already goes as soon as ZeroMQ has come round to it. */
    for (uint64_t over = guard->gone + held; over > NET_HELD_LEFT;) {
        const struct line *largest = largest_holder(guard);
        if (largest == NULL) {
            guard->unlooked = over > NET_HELD_MAX ? LOOK_AGAIN : 0;
            return guard->unlooked == 0;
        }
        const struct line holder = *largest;
        for (size_t i = 0; i < all.line_count; i++) {
            struct line *line = &all.lines[i];
            if (!is_held(line, guard) || !same_holder(line, &holder))
                continue;
            over -= line->held;
            cut(line, (int)i);
        }
    }
    return true;
}

/* ---- ZeroMQ reads ---- */

/* False: the connection is cut off. */
static bool may_read(int fd)
{
    bool slowly = false, may = true;
    pthread_mutex_lock(&all.lock);
    struct line *line = line_of(fd);
    if (line != NULL) {
        if (((!line->heard && line->held > NET_STRANGER_MAX) || line->reads > READS_MAX) && !line->cut)
            cut(line, fd);
        if (line->guard->sum > NET_HELD_MAX && !line->cut)
            slowly = line->guard->unlooked > 0 || !make_room(line->guard);
        may = !line->cut;
    }
    pthread_mutex_unlock(&all.lock);
    if (slowly)
        nanosleep(&(struct timespec){.tv_nsec = SLOWLY_NS}, NULL);
    return may;
}

static void has_read(int fd, size_t asked, ssize_t count, bool ended)
{
    pthread_mutex_lock(&all.lock);
    /* Nobody else closes it: it is the line that may_read looked at. */
    struct line *line = (size_t)fd < all.line_count && all.lines[fd].guard != NULL ? &all.lines[fd] : NULL;
    if (line != NULL && count > 0) {
        line->held += (uint64_t)count;
        line->reads += asked <= READ_SMALL;
        line->guard->sum += (uint64_t)count;
        line->guard->unlooked -= (uint64_t)count < line->guard->unlooked ? (uint64_t)count : line->guard->unlooked;
        if (line->guard->sum > line->guard->most)
            line->guard->most = line->guard->sum;
    } else if (line != NULL && ended) {
        let_go(line);
    }
    pthread_mutex_unlock(&all.lock);
}

/* The C library's name, under another one: its header may define it as well. */
ssize_t guarded_recv(int fd, void *data, size_t len, int flags) __asm__("recv");
ssize_t guarded_recv(int fd, void *data, size_t len, int flags)
{
    if (!atomic_load_explicit(&all.on, memory_order_relaxed))
        return recvfrom(fd, data, len, flags, NULL, NULL);
    ssize_t count = -1;
    if (may_read(fd))
        count = recvfrom(fd, data, len, flags, NULL, NULL);
    else
        errno = ECONNRESET;
    const int error = errno;
    has_read(fd, len, count, count == 0 || (count < 0 && error != EAGAIN && error != EWOULDBLOCK && error != EINTR));
    errno = error;
    return count;
}

/* ---- the hub takes messages ---- */

void net_guard_heard(struct net_guard *guard, int fd, size_t wire, const struct device_id *device, uint64_t now_ms)
{
    pthread_mutex_lock(&all.lock);
    struct line *line = line_of(fd);
    if (line == NULL || line->guard != guard) { /* the message outlived its connection */
        release_gone(guard, wire);
    } else {
        release(line, line->heard ? wire : wire + HANDSHAKE);
        if (line->held < STRAY && now_ms - line->forgiven_ms >= STRAY_MS) {
            release(line, STRAY);
            line->forgiven_ms = now_ms;
        }
        line->heard = true;
        line->reads = 0;
        line->has_device = device != NULL;
        if (device != NULL)
            line->device = *device;
    }
    pthread_mutex_unlock(&all.lock);
}

bool net_guard_remembers(struct net_guard *guard)
{
    pthread_mutex_lock(&all.lock);
    bool remembers = guard->gone > 0 || guard->most > MUCH;
    pthread_mutex_unlock(&all.lock);
    return remembers;
}

void net_guard_idle(struct net_guard *guard, uint64_t now_ms)
{
    bool much = false;
    pthread_mutex_lock(&all.lock);
    if (guard->most > MUCH && now_ms - guard->swept_ms >= SWEEP_MS) {
        guard->swept_ms = now_ms;
        for (size_t i = 0; i < all.line_count; i++) /* of those that ended by themselves nobody has told */
            if (all.lines[i].guard == guard && inode_of((int)i) != all.lines[i].inode)
                let_go(&all.lines[i]);
        much = guard->sum - guard->gone <= MUCH / 2;
        guard->most = much ? 0 : guard->most;
    }
    release_gone(guard, guard->gone);
    pthread_mutex_unlock(&all.lock);
    if (much)
        malloc_trim(0);
}

static void tell(void *context)
{
    static struct report_often often; /* on the loop's thread alone */
    struct net_guard *guard = context;
    char who[sizeof guard->cut];
    pthread_mutex_lock(&all.lock);
    memcpy(who, guard->cut, sizeof who);
    guard->cut[0] = '\0';
    pthread_mutex_unlock(&all.lock);
    if (who[0] != '\0' && report_again(&often, clock_steady_ms()))
        report(LEVEL_WARNING, "cut off %s", who);
}

/* ---- life ---- */

/* A program that was linked in another way would have ZeroMQ read with the C library's. */
static bool is_asked(void)
{
    return (uintptr_t)dlsym(RTLD_DEFAULT, "recv") == (uintptr_t)guarded_recv;
}

struct net_guard *net_guard_new(struct uv_loop_s *loop, const char *endpoint)
{
    struct net_guard *guard = is_asked() ? calloc(1, sizeof *guard) : NULL;
    if (guard == NULL)
        return NULL;
    const char *colon = strrchr(endpoint, ':');
    guard->port = colon != NULL ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
    guard->wake = loop_wake_new(loop, tell, guard);
    if (guard->wake == NULL) {
        free(guard);
        return NULL;
    }
    pthread_mutex_lock(&all.lock);
    guard->next = all.guards;
    all.guards = guard;
    atomic_store(&all.on, true);
    pthread_mutex_unlock(&all.lock);
    return guard;
}

void net_guard_free(struct net_guard *guard)
{
    if (guard == NULL)
        return;
    pthread_mutex_lock(&all.lock);
    for (struct net_guard **link = &all.guards; *link != NULL; link = &(*link)->next)
        if (*link == guard) {
            *link = guard->next;
            break;
        }
    for (size_t i = 0; i < all.line_count; i++)
        if (all.lines[i].guard == guard)
            all.lines[i] = (struct line){0};
    if (all.guards == NULL) {
        atomic_store(&all.on, false);
        free(all.lines);
        all.lines = NULL;
        all.line_count = 0;
    }
    pthread_mutex_unlock(&all.lock);
    loop_wake_free(guard->wake);
    free(guard);
}
