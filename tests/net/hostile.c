/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile load on a hub's door: HALF connections that are opened and not finished (silent, half a greeting, a
 * handshake that stops after HELLO), and are opened again as soon as they are hung up on; and RATE whole handshakes a
 * second with keys that nobody let in. For SECONDS from when all are open, or until SIGTERM.
 *
 *   hostile TICKET HALF RATE SECONDS    the ticket tells the hub's address and key; its own key is not used */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/net/curve.h"

#define KNOCKERS 32u /* processes that try keys, so that a slow answer holds up one of them */
#define KEYS     64u /* of each of them, one after the other */
#define GREETING 64
#define SAYS     (GREETING + 202)

static struct counts {
    atomic_ulong opened, hung_up, refused, let_in;
} *counts; /* of all processes */

static struct sockaddr_in hub;
static volatile sig_atomic_t over;

static void end(int signal_number)
{
    (void)signal_number;
    over = 1;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool address_of(const char *text)
{
    struct ticket ticket;
    if (ticket_parse(bytes_str(text), &ticket, NULL) != FELLOE_OK)
        return false;
    const char *host = ticket.address + strlen("tcp://"), *colon = strrchr(host, ':');
    char name[64] = "";
    hub.sin_family = AF_INET;
    hub.sin_port = htons(colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0);
    return colon != NULL && bytes_to_text(bytes_of(host, (size_t)(colon - host)), name, sizeof name) &&
           inet_pton(AF_INET, name, &hub.sin_addr) == 1;
}

/* ---- connections that are never finished ---- */

/* From another loopback address each, or their ports would run out. */
static int come(size_t which)
{
    static uint8_t says[SAYS] = {[0] = 0xff, [9] = 0x7f, [10] = 3};
    static const size_t lengths[] = {0, GREETING / 2, GREETING, SAYS};
    const int one = 1;
    struct sockaddr_in from = {.sin_family = AF_INET};
    const struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(says + 12, "CURVE", 5);
    memcpy(says + GREETING, "\x04\xc8\x05HELLO\1\0", 10);
    if (ntohl(hub.sin_addr.s_addr) >> 24 == 127) {
        from.sin_addr.s_addr = htonl(0x7f010001u + (uint32_t)(which % 250));
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        (void)!bind(fd, (struct sockaddr *)&from, sizeof from);
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (fd < 0 || connect(fd, (struct sockaddr *)&hub, sizeof hub) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    size_t len = lengths[which % (sizeof lengths / sizeof *lengths)];
    (void)!send(fd, says, len, MSG_NOSIGNAL);
    atomic_fetch_add(&counts->opened, 1);
    return fd;
}

static bool has_left(int fd)
{
    char ignored[256];
    ssize_t n = recv(fd, ignored, sizeof ignored, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

static struct pollfd *half_open(size_t count)
{
    struct pollfd *all = calloc(count, sizeof *all);
    for (size_t i = 0; all != NULL && i < count; i++)
        all[i] = (struct pollfd){.fd = come(i), .events = POLLIN};
    return all;
}

static void keep_half_open(struct pollfd *all, size_t count, uint64_t until)
{
    while (now_ns() < until && !over) {
        (void)poll(all, count, 50);
        for (size_t i = 0; i < count; i++) {
            if (all[i].fd >= 0 && (all[i].revents == 0 || !has_left(all[i].fd)))
                continue;
            if (all[i].fd >= 0) {
                close(all[i].fd);
                atomic_fetch_add(&counts->hung_up, 1);
            }
            all[i].fd = come(i);
        }
    }
}

/* ---- keys that nobody let in ---- */

static void knock(const char *ticket, unsigned which, uint64_t rate, uint64_t from, uint64_t until)
{
    const uint64_t every = (uint64_t)KNOCKERS * 1000000000u / rate;
    struct laptop stranger;
    struct curve_once once;
    uint8_t keys[KEYS][2][32]; /* made before: each costs as much as the hub's part of a handshake */
    if (!laptop_make(&stranger, ticket) || !curve_once_make(&once, &stranger))
        exit(1);
    for (unsigned i = 0; i < KEYS; i++)
        crypto_box_keypair(keys[i][0], keys[i][1]);
    unsigned next = 0;
    for (uint64_t due = from + every * which / KNOCKERS; due < until; due += every) {
        struct curve c;
        const uint64_t now = now_ns();
        if (now >= until || over)
            break;
        if (now < due)
            (void)poll(NULL, 0, (int)((due - now) / 1000000u));
        memcpy(stranger.curve, keys[next][0], sizeof stranger.curve); /* another key each time */
        memcpy(stranger.curve_secret, keys[next][1], sizeof stranger.curve_secret);
        next = (next + 1) % KEYS;
        bool in = curve_open_with(&c, &stranger, &once);
        atomic_fetch_add(in ? &counts->let_in : &counts->refused, 1);
        curve_close(&c);
    }
    exit(0);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    pid_t knockers[KNOCKERS];
    if (argc != 5 || sodium_init() < 0 || !address_of(argv[1])) {
        fprintf(stderr, "hostile TICKET HALF RATE SECONDS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, end);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const size_t half = strtoul(argv[2], NULL, 10);
    struct pollfd *all = counts != MAP_FAILED ? half_open(half) : NULL;
    if (all == NULL)
        return 1;
    const uint64_t rate = strtoull(argv[3], NULL, 10), from = now_ns();
    const uint64_t until = from + strtoull(argv[4], NULL, 10) * 1000000000u;
    for (unsigned i = 0; i < KNOCKERS; i++) {
        knockers[i] = fork();
        if (knockers[i] == 0) {
            close_range(3, ~0u, 0);
            knock(argv[1], i, rate > 0 ? rate : 1, from, until);
        }
    }
    keep_half_open(all, half, until);
    free(all);
    bool fine = true;
    for (unsigned i = 0; i < KNOCKERS; i++)
        if (knockers[i] > 0)
            kill(knockers[i], SIGTERM);
    for (unsigned i = 0; i < KNOCKERS; i++) {
        int status = 0;
        fine &= knockers[i] > 0 && waitpid(knockers[i], &status, 0) > 0 && status == 0;
    }
    const double seconds = (double)(now_ns() - from) / 1e9;
    printf("opened=%lu hung_up=%lu refused=%lu let_in=%lu a_second=%.0f\n", atomic_load(&counts->opened),
           atomic_load(&counts->hung_up), atomic_load(&counts->refused), atomic_load(&counts->let_in),
           (double)atomic_load(&counts->refused) / seconds);
    return !fine || atomic_load(&counts->let_in) > 0;
}
