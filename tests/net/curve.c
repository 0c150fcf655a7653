/* SPDX-License-Identifier: Apache-2.0 */
/* CURVE (RFC 26) spoken by hand; see curve.h. */
#include "tests/net/curve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define GREETING  64
#define HELLO     200
#define WELCOME   168
#define PATIENCE_S 5
#define FRAME     (1024 * 1024 + 1024)

/* ---- bytes ---- */

static bool write_all(struct curve *c, const uint8_t *data, size_t len)
{
    while (len > 0 && c->fd >= 0) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) {
            curve_close(c);
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return c->fd >= 0;
}

static bool read_all(struct curve *c, uint8_t *out, size_t len)
{
    ssize_t n = c->fd >= 0 ? recv(c->fd, out, len, MSG_WAITALL) : -1;
    return n >= 0 && (size_t)n == len;
}

/* A frame's payload of at most `size` bytes. */
static size_t read_frame(struct curve *c, uint8_t *out, size_t size)
{
    uint8_t head[2];
    if (!read_all(c, head, 2) || head[0] & 2 || head[1] > size || !read_all(c, out, head[1]))
        return 0;
    return head[1];
}

static bool write_frame(struct curve *c, uint8_t flags, const uint8_t *data, size_t len)
{
    static uint8_t frame[FRAME];
    size_t at = 0;
    frame[at++] = (uint8_t)(flags | (len > 255 ? 2 : 0));
    for (int shift = len > 255 ? 56 : 0; shift >= 0; shift -= 8)
        frame[at++] = (uint8_t)((uint64_t)len >> shift);
    if (at + len > sizeof frame)
        return false;
    memcpy(frame + at, data, len);
    return write_all(c, frame, at + len);
}

static void nonce_of(uint8_t out[24], const char *prefix, uint64_t number)
{
    memcpy(out, prefix, 16);
    for (int i = 0; i < 8; i++)
        out[16 + i] = (uint8_t)(number >> (56 - 8 * i));
}

/* ---- the handshake ---- */

struct keys {
    uint8_t ours[32], ours_secret[32], hub[32];   /* that last */
    struct curve_once once;                       /* of this connection */
    uint8_t hub_once[32], cookie[96];
};

static bool greet(struct curve *c)
{
    uint8_t mine[GREETING] = {0xff}, theirs[GREETING];
    mine[9] = 0x7f;
    mine[10] = 3;
    memcpy(mine + 12, "CURVE", 5);
    return write_all(c, mine, sizeof mine) && read_all(c, theirs, sizeof theirs);
}

static bool hello_welcome(struct curve *c, struct keys *k)
{
    uint8_t hello[HELLO] = "\x05HELLO\x01", nonce[24], zeros[64] = {0}, welcome[WELCOME], plain[128];
    memcpy(hello + 80, k->once.public, 32);
    hello[119] = 1; /* the short nonce */
    nonce_of(nonce, "CurveZMQHELLO---", 1);
    if (crypto_box_easy_afternm(hello + 120, zeros, sizeof zeros, nonce, k->once.shared) != 0 ||
        !write_frame(c, 4, hello, sizeof hello) || read_frame(c, welcome, sizeof welcome) != sizeof welcome)
        return false;
    memcpy(nonce, "WELCOME-", 8);
    memcpy(nonce + 8, welcome + 8, 16);
    if (crypto_box_open_easy_afternm(plain, welcome + 24, 144, nonce, k->once.shared) != 0)
        return false;
    memcpy(k->hub_once, plain, 32);
    memcpy(k->cookie, plain + 32, 96);
    return true;
}

static bool initiate_ready(struct curve *c, struct keys *k)
{
    static const char metadata[] = "\x0bSocket-Type\0\0\0\x06" "DEALER\x08Identity\0\0\0";
    uint8_t plain[128 + sizeof metadata], vouch[64], nonce[24], out[113 + sizeof plain + 16], in[255];
    memcpy(plain, k->ours, 32);
    memcpy(nonce, "VOUCH---", 8);
    randombytes_buf(nonce + 8, 16);
    memcpy(plain + 32, nonce + 8, 16);
    memcpy(vouch, k->once.public, 32);
    memcpy(vouch + 32, k->hub, 32);
    if (crypto_box_easy(plain + 48, vouch, sizeof vouch, nonce, k->hub_once, k->ours_secret) != 0)
        return false;
    memcpy(plain + 128, metadata, sizeof metadata);
    memcpy(out, "\x08INITIATE", 9);
    memcpy(out + 9, k->cookie, 96);
    nonce_of(nonce, "CurveZMQINITIATE", 2);
    memcpy(out + 105, nonce + 16, 8);
    if (crypto_box_beforenm(c->shared, k->hub_once, k->once.secret) != 0)
        return false;
    crypto_box_easy_afternm(out + 113, plain, sizeof plain, nonce, c->shared);
    c->nonce = 3;
    return write_frame(c, 4, out, sizeof out) && read_frame(c, in, sizeof in) > 6 && memcmp(in, "\x05READY", 6) == 0;
}

static bool connect_to(struct curve *c, const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    char host[64] = "";
    const char *from = address + strlen("tcp://"), *colon = strrchr(from, ':');
    int one = 1;
    if (colon == NULL || !bytes_to_text(bytes_of(from, (size_t)(colon - from)), host, sizeof host) ||
        inet_pton(AF_INET, host, &at.sin_addr) != 1)
        return false;
    at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return connect(c->fd, (struct sockaddr *)&at, sizeof at) == 0;
}

bool curve_once_make(struct curve_once *once, const struct laptop *l)
{
    crypto_box_keypair(once->public, once->secret);
    return crypto_box_beforenm(once->shared, l->ticket.hub_curve, once->secret) == 0;
}

static bool open_as(struct curve *c, const struct laptop *l, struct keys *k)
{
    *c = (struct curve){.fd = -1};
    memcpy(k->hub, l->ticket.hub_curve, 32);
    bool open = connect_to(c, l->ticket.address) && greet(c) && hello_welcome(c, k) && initiate_ready(c, k);
    if (!open)
        curve_close(c);
    return open;
}

bool curve_open(struct curve *c, const struct laptop *l, bool with_ticket)
{
    struct keys k;
    memcpy(k.ours_secret, with_ticket ? l->ticket.curve_secret : l->curve_secret, 32);
    crypto_scalarmult_base(k.ours, k.ours_secret);
    return curve_once_make(&k.once, l) && open_as(c, l, &k);
}

bool curve_open_with(struct curve *c, const struct laptop *l, const struct curve_once *once)
{
    struct keys k = {.once = *once};
    memcpy(k.ours_secret, l->curve_secret, 32);
    memcpy(k.ours, l->curve, 32);
    return open_as(c, l, &k);
}

void curve_close(struct curve *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* ---- frames ---- */

bool curve_send(struct curve *c, unsigned flags, struct bytes bytes)
{
    static uint8_t plain[FRAME], out[FRAME + 64];
    uint8_t nonce[24];
    if (bytes.len + 1 > sizeof plain || c->fd < 0)
        return false;
    plain[0] = (uint8_t)(flags & CURVE_MORE) | (flags & CURVE_COMMAND ? 2 : 0);
    if (bytes.len > 0)
        memcpy(plain + 1, bytes.data, bytes.len);
    nonce_of(nonce, "CurveZMQMESSAGEC", c->nonce++);
    memcpy(out, "\x07MESSAGE", 8);
    memcpy(out + 8, nonce + 16, 8);
    crypto_box_easy_afternm(out + 16, plain, bytes.len + 1, nonce, c->shared);
    return write_frame(c, 0, out, 16 + 16 + bytes.len + 1);
}

bool curve_is_cut(struct curve *c)
{
    uint8_t ignored[4096];
    while (c->fd >= 0) {
        ssize_t n = recv(c->fd, ignored, sizeof ignored, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return false;
        if (n <= 0)
            curve_close(c);
    }
    return true;
}
