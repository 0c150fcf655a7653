/* SPDX-License-Identifier: Apache-2.0 */
/* A client of NATS for measuring it: its plain text protocol, and no more of it than that takes. One thread, so that
 * the processor is the servers'.
 *
 *   felloe-nats request PORT SUBJECT BODY                           prints the answer
 *   felloe-nats publish PORT SUBJECT BYTES CLIENTS WINDOW SECONDS   messages a second that the stream acknowledged
 *   felloe-nats fill    PORT SUBJECT BYTES COUNT                    so many, acknowledged
 *   felloe-nats await   PORT STREAM COUNT                           until the stream has as many
 *
 * The servers let in the user `bench` with the password in the environment's PEER_SECRET. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)
#define CLIENTS_MAX 1024u

struct connection {
    int fd;
    char *in, *out;
    size_t in_at, in_len, out_len;
    uint64_t sent, acknowledged;
    char *answer; /* where the latest message's body is kept, NUL at its end; or NULL: counted only */
};

static _Noreturn void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("felloe-nats: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t number(const char *text)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || value == 0)
        die("'%s' is to be a number above 0", text);
    return value;
}

/* ---- bytes in and out ---- */

static void put(struct connection *c, const void *data, size_t len)
{
    if (c->out_len + len > BUFFER_BYTES)
        die("a message is too long");
    memcpy(c->out + c->out_len, data, len);
    c->out_len += len;
}

static void put_text(struct connection *c, const char *text)
{
    put(c, text, strlen(text));
}

static void flush(struct connection *c)
{
    for (size_t at = 0; at < c->out_len;) {
        const ssize_t wrote = write(c->fd, c->out + at, c->out_len - at);
        if (wrote < 0 && errno != EINTR)
            die("the server is gone: %s", strerror(errno));
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    c->out_len = 0;
}

static void fill_in(struct connection *c)
{
    memmove(c->in, c->in + c->in_at, c->in_len - c->in_at);
    c->in_len -= c->in_at;
    c->in_at = 0;
    if (c->in_len == BUFFER_BYTES)
        die("an answer is too long");
    const ssize_t got = read(c->fd, c->in + c->in_len, BUFFER_BYTES - c->in_len);
    if (got == 0 || (got < 0 && errno != EINTR))
        die("the server is gone");
    c->in_len += got > 0 ? (size_t)got : 0;
}

/* ---- the protocol ---- */

/* "MSG subject sid [reply] len": the body's length is its last word. */
static size_t body_length(const char *line, size_t len)
{
    size_t at = len;
    while (at > 0 && line[at - 1] != ' ')
        at--;
    return (size_t)strtoull(line + at, NULL, 10);
}

static void take_body(struct connection *c, const char *body, size_t len)
{
    c->acknowledged++;
    if (c->answer != NULL) {
        memcpy(c->answer, body, len);
        c->answer[len] = '\0';
    } else if (len > 9 && memcmp(body, "{\"error\":", 9) == 0)
        die("not taken: %.*s", (int)len, body);
}

/* Takes one operation of the server's out of what is there; false when it is not whole yet. */
static bool take(struct connection *c, bool *pong)
{
    const char *line = c->in + c->in_at;
    const char *end = memchr(line, '\n', c->in_len - c->in_at);
    if (end == NULL)
        return false;
    const size_t len = (size_t)(end - line) - 1, after = (size_t)(end - c->in) + 1;
    if (len > 4 && memcmp(line, "MSG ", 4) == 0) {
        const size_t body = body_length(line, len);
        if (c->in_len - after < body + 2)
            return false;
        take_body(c, c->in + after, body);
        c->in_at = after + body + 2;
        return true;
    }
    if (len >= 4 && memcmp(line, "-ERR", 4) == 0)
        die("%.*s", (int)len, line);
    if (len == 4 && memcmp(line, "PING", 4) == 0)
        put_text(c, "PONG\r\n");
    *pong = *pong || (len == 4 && memcmp(line, "PONG", 4) == 0);
    c->in_at = after;
    return true;
}

static void connect_to(struct connection *c, const char *port, size_t index)
{
    char words[512];
    const char *secret = getenv("PEER_SECRET");
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)number(port)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    *c = (struct connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                             .in = malloc(BUFFER_BYTES),
                             .out = malloc(BUFFER_BYTES)};
    if (c->in == NULL || c->out == NULL || c->fd < 0 ||
        connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("no connection to port %s: %s", port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    snprintf(words, sizeof words,
             "CONNECT {\"verbose\":false,\"pedantic\":false,\"user\":\"bench\",\"pass\":\"%s\"}\r\n"
             "SUB _INBOX.%zu.%ld 1\r\nPING\r\n",
             secret != NULL ? secret : "", index, (long)getpid());
    put_text(c, words);
    flush(c);
    for (bool pong = false; !pong;)
        if (!take(c, &pong))
            fill_in(c);
}

static void put_message(struct connection *c, size_t index, const char *subject, const void *body, size_t len)
{
    char words[512];
    const int size =
        snprintf(words, sizeof words, "PUB %s _INBOX.%zu.%ld %zu\r\n", subject, index, (long)getpid(), len);
    put(c, words, (size_t)size);
    put(c, body, len);
    put(c, "\r\n", 2);
    c->sent++;
}

static void request(struct connection *c, const char *subject, const char *body)
{
    const uint64_t before = c->acknowledged;
    bool pong = false;
    put_message(c, 0, subject, body, strlen(body));
    flush(c);
    while (c->acknowledged == before)
        if (!take(c, &pong))
            fill_in(c);
}

/* ---- publishing ---- */

struct publishing {
    struct connection *clients;
    struct pollfd *polled;
    size_t count;
    const char *subject;
    uint8_t *body;
    size_t bytes;
    uint64_t window, until, wanted; /* until: ns; wanted: messages in all, 0: as many as there is time for */
    uint64_t sent, acknowledged;
};

static void send_more(struct publishing *p, size_t index)
{
    struct connection *c = &p->clients[index];
    const size_t room = p->bytes + 512;
    while (c->sent - c->acknowledged < p->window && c->out_len + room < BUFFER_BYTES &&
           (p->wanted == 0 || p->sent < p->wanted)) {
        put_message(c, index, p->subject, p->body, p->bytes);
        p->sent++;
    }
    flush(c);
}

static void take_all(struct publishing *p, size_t index)
{
    struct connection *c = &p->clients[index];
    const uint64_t before = c->acknowledged;
    bool pong = false;
    fill_in(c);
    while (take(c, &pong))
        continue;
    p->acknowledged += c->acknowledged - before;
}

static void publish(struct publishing *p)
{
    while (p->wanted == 0 ? now() < p->until : p->acknowledged < p->wanted) {
        if (poll(p->polled, (nfds_t)p->count, 10000) <= 0)
            die("the server says nothing for ten seconds");
        for (size_t i = 0; i < p->count; i++)
            if (p->polled[i].revents != 0) {
                take_all(p, i);
                send_more(p, i);
            }
    }
}

static void begin(struct publishing *p, const char *port, const char *subject, const char *bytes, size_t clients,
                  uint64_t window)
{
    *p = (struct publishing){.clients = calloc(clients, sizeof *p->clients),
                             .polled = calloc(clients, sizeof *p->polled),
                             .count = clients,
                             .subject = subject,
                             .body = malloc(number(bytes)),
                             .bytes = number(bytes),
                             .window = window};
    if (clients > CLIENTS_MAX || p->clients == NULL || p->polled == NULL || p->body == NULL ||
        p->bytes > BUFFER_BYTES / 4)
        die("too many, or too long");
    for (size_t i = 0; i < p->bytes; i++)
        p->body[i] = (uint8_t)('a' + i % 26);
    for (size_t i = 0; i < clients; i++) {
        connect_to(&p->clients[i], port, i);
        p->polled[i] = (struct pollfd){.fd = p->clients[i].fd, .events = POLLIN};
    }
}

static void do_publish(char **argv)
{
    struct publishing p;
    begin(&p, argv[0], argv[1], argv[2], number(argv[3]), number(argv[4]));
    const uint64_t begun = now();
    p.until = begun + number(argv[5]) * 1000000000u;
    for (size_t i = 0; i < p.count; i++)
        send_more(&p, i);
    publish(&p);
    printf("messages %.6g /s\n", (double)p.acknowledged * 1e9 / (double)(now() - begun));
}

static void do_fill(char **argv)
{
    struct publishing p;
    begin(&p, argv[0], argv[1], argv[2], 1, 2000);
    p.wanted = number(argv[3]);
    send_more(&p, 0);
    publish(&p);
}

static void do_request(char **argv)
{
    struct connection c;
    connect_to(&c, argv[0], 0);
    c.answer = malloc(BUFFER_BYTES + 1);
    if (c.answer == NULL)
        die("out of memory");
    request(&c, argv[1], argv[2]);
    puts(c.answer);
}

static void do_await(char **argv)
{
    struct connection c;
    char subject[256];
    const uint64_t wanted = number(argv[2]);
    connect_to(&c, argv[0], 0);
    c.answer = malloc(BUFFER_BYTES + 1);
    if (c.answer == NULL)
        die("out of memory");
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", argv[1]);
    for (const char *found = NULL; found == NULL || strtoull(found, NULL, 10) < wanted;) {
        poll(NULL, 0, 5); /* that asking takes nothing from the servers */
        request(&c, subject, "");
        found = strstr(c.answer, "\"messages\":");
        found = found == NULL ? NULL : found + strlen("\"messages\":");
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *arguments;
        int count;
        void (*run)(char **argv);
    } subcommands[] = {
        {"request", "PORT SUBJECT BODY", 3, do_request},
        {"publish", "PORT SUBJECT BYTES CLIENTS WINDOW SECONDS", 6, do_publish},
        {"fill", "PORT SUBJECT BYTES COUNT", 4, do_fill},
        {"await", "PORT STREAM COUNT", 3, do_await},
    };
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        if (argc > 1 && strcmp(argv[1], subcommands[i].name) == 0 && argc - 2 == subcommands[i].count) {
            subcommands[i].run(argv + 2);
            return 0;
        }
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        fprintf(stderr, "felloe-nats %s %s\n", subcommands[i].name, subcommands[i].arguments);
    return 2;
}
