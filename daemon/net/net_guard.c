/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds what peers may make ZeroMQ hold; see net_guard.h. */
#include "daemon/net/net_guard.h"

#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/report.h"

/* How often memory is looked at: the fastest sender brings some 30 MiB meanwhile. */
#define LOOK_MS 100
/* The connections are looked at when memory has grown by this much. */
#define GROWTH (8u * 1024 * 1024)
/* What all connections may hold together, and what is left when the largest have been cut. Small frames take three
 * times as much memory as they have bytes. A thousand laptops that come back at once hold a few MiB: the hub reads
 * along. */
#define HELD_MAX  (32u * 1024 * 1024)
#define HELD_LEFT (16u * 1024 * 1024)
/* Heartbeats come between messages and are none. What has come before a message is not held any more, so with each
 * message as much as this, that nothing accounts for, is forgiven: or laptops that stay connected would look, after
 * days, as if they held it all. */
#define STRAY (16u * 1024)

/* A connection that brought messages, by its descriptor. */
struct line {
    ino_t inode;       /* 0: none; another one: the descriptor is another connection's by now */
    uint64_t brought;  /* bytes that came out as messages, what had come before the first was looked at, and strays */
    bool has_device, cut;
    struct device_id device;
};

/* One that is open now, and what it holds. */
struct held {
    int fd;
    ino_t inode;
    uint64_t bytes;
};

struct net_guard {
    struct loop_timer *timer;
    unsigned port;
    long page;
    uint64_t quiet; /* memory at which nothing was amiss */
    struct line *lines;
    size_t line_count;
    struct held *held;
    size_t held_count, held_cap;
};

/* ---- what the kernel knows ---- */

static ino_t inode_of(int fd)
{
    struct stat file;
    return fd >= 0 && fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode) ? file.st_ino : 0;
}

/* What ZeroMQ has read from it. */
static uint64_t received(int fd)
{
    struct {
        struct tcp_info known;
        uint64_t pacing, max_pacing, acked, received; /* what the C library's header does not tell of */
    } info = {0};
    socklen_t size = sizeof info;
    int unread = 0;
    _Static_assert(sizeof info.known == 104, "the kernel's layout, so far");
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || ioctl(fd, FIONREAD, &unread) != 0)
        return 0;
    return info.received > (uint64_t)unread ? info.received - (uint64_t)unread : 0;
}

static unsigned local_port(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        return 0;
    if (at.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&at)->sin_port);
    return at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port) : 0;
}

/* Of this process's own, without what it maps of files. 0: not to be had. */
static uint64_t memory(const struct net_guard *guard)
{
    unsigned long long pages = 0, shared = 0;
    char text[128] = "", *rest = text;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fgets(text, sizeof text, file) != NULL) {
        strtoull(rest, &rest, 10); /* the address space */
        pages = strtoull(rest, &rest, 10);
        shared = strtoull(rest, &rest, 10);
    }
    fclose(file);
    return pages > shared ? (pages - shared) * (uint64_t)guard->page : 0;
}

/* ---- the connections ---- */

static struct line *line_of(struct net_guard *guard, int fd)
{
    if (fd < 0)
        return NULL;
    if ((size_t)fd >= guard->line_count) {
        size_t count = (size_t)fd + 64;
        struct line *lines = realloc(guard->lines, count * sizeof *lines);
        if (lines == NULL)
            return NULL;
        memset(lines + guard->line_count, 0, (count - guard->line_count) * sizeof *lines);
        guard->lines = lines;
        guard->line_count = count;
    }
    return &guard->lines[fd];
}

void net_guard_heard(struct net_guard *guard, int fd, size_t wire, const struct device_id *device)
{
    struct line *line = line_of(guard, fd);
    if (line == NULL)
        return;
    ino_t inode = inode_of(fd);
    const uint64_t bytes = received(fd);
    if (line->inode != inode)
        *line = (struct line){.inode = inode, .brought = bytes};
    else
        line->brought += wire;
    if (bytes > 0 && bytes < line->brought + STRAY)
        line->brought = bytes;
    line->has_device = device != NULL;
    if (device != NULL)
        line->device = *device;
}

static bool note_held(struct net_guard *guard, int fd)
{
    ino_t inode = inode_of(fd);
    if (inode == 0 || local_port(fd) != guard->port)
        return true;
    if (guard->held_count == guard->held_cap) {
        size_t cap = guard->held_cap > 0 ? guard->held_cap * 2 : 64;
        struct held *held = realloc(guard->held, cap * sizeof *held);
        if (held == NULL)
            return false;
        guard->held = held;
        guard->held_cap = cap;
    }
    const struct line *line =
        (size_t)fd < guard->line_count && guard->lines[fd].inode == inode ? &guard->lines[fd] : NULL;
    if (line != NULL && line->cut) /* ZeroMQ is letting go of it */
        return true;
    uint64_t brought = line != NULL ? line->brought : 0, bytes = received(fd);
    guard->held[guard->held_count++] = (struct held){fd, inode, bytes > brought ? bytes - brought : 0};
    return true;
}

static uint64_t find_held(struct net_guard *guard)
{
    uint64_t sum = 0;
    DIR *folder = opendir("/proc/self/fd");
    guard->held_count = 0;
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.' && !note_held(guard, (int)strtol(entry->d_name, NULL, 10)))
            break;
    if (folder != NULL)
        closedir(folder);
    for (size_t i = 0; i < guard->held_count; i++)
        sum += guard->held[i].bytes;
    return sum;
}

static void tell(const struct net_guard *guard, const struct held *held)
{
    static struct report_often often; /* on the loop's thread alone */
    if (!report_again(&often, clock_steady_ms()))
        return;
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof at;
    char host[64] = "?", port[16] = "?", device[33] = "";
    if (getpeername(held->fd, (struct sockaddr *)&at, &size) == 0)
        getnameinfo((struct sockaddr *)&at, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    const struct line *line = (size_t)held->fd < guard->line_count ? &guard->lines[held->fd] : NULL;
    if (line != NULL && line->inode == held->inode && line->has_device)
        hex_encode(bytes_of(line->device.b, sizeof line->device.b), device);
    report(LEVEL_WARNING,
           "cut off %s%.8s%sa connection from %s port %s: it had sent %llu MiB that were no whole message",
           device[0] != '\0' ? "device " : "", device, device[0] != '\0' ? ", " : "", host, port,
           (unsigned long long)(held->bytes >> 20));
}

static int largest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct held *)a)->bytes, y = ((const struct held *)b)->bytes;
    return (x < y) - (x > y);
}

static void cut_largest(struct net_guard *guard, uint64_t sum)
{
    qsort(guard->held, guard->held_count, sizeof *guard->held, largest_first);
    for (size_t i = 0; i < guard->held_count && sum > HELD_LEFT; i++) {
        struct held *held = &guard->held[i];
        sum -= held->bytes;
        if (inode_of(held->fd) != held->inode) /* it has gone by itself */
            continue;
        tell(guard, held);
        shutdown(held->fd, SHUT_RDWR); /* ZeroMQ then lets go of all that it held for it */
        struct line *line = line_of(guard, held->fd);
        if (line != NULL)
            *line = (struct line){.inode = held->inode, .cut = true};
    }
}

/* ---- life ---- */

static void look(void *context)
{
    struct net_guard *guard = context;
    uint64_t now = memory(guard);
    if (now < guard->quiet || guard->quiet == 0)
        guard->quiet = now;
    if (now > guard->quiet + GROWTH) {
        uint64_t sum = find_held(guard);
        if (sum > HELD_MAX)
            cut_largest(guard, sum);
        else
            guard->quiet = now;
    }
    loop_timer_set(guard->timer, LOOK_MS);
}

struct net_guard *net_guard_new(struct uv_loop_s *loop, const char *endpoint)
{
    struct net_guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL)
        return NULL;
    const char *colon = strrchr(endpoint, ':');
    guard->port = colon != NULL ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
    guard->page = sysconf(_SC_PAGESIZE);
    guard->timer = loop_timer_new(loop, look, guard);
    if (guard->timer == NULL) {
        free(guard);
        return NULL;
    }
    loop_timer_set(guard->timer, LOOK_MS);
    return guard;
}

void net_guard_free(struct net_guard *guard)
{
    if (guard == NULL)
        return;
    loop_timer_free(guard->timer);
    free(guard->lines);
    free(guard->held);
    free(guard);
}
