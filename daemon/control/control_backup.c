/* SPDX-License-Identifier: Apache-2.0 */
/* backup: the log, or the keys, copied to a client while everything else goes on.
 *
 *   a thread:  store_copy -> pipe          of the log; holds a read transaction all the while
 *   the pool:  pipe -> hash -> DATA        one chunk at a time, when the client has taken the one before
 *   the loop:  control_send -> …           who has not taken a chunk after a minute is given up: the pipe is closed,
 *                                          so the copy ends and with it the transaction
 *
 * The keys are copied to memory first (they are few, and wrapped): while they are copied none can be erased, which no
 * client may hold up. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/control/control_backup.h"
#include "daemon/log/log_copy.h"
#include "daemon/loop.h"
#include "daemon/report.h"
#include "daemon/store/file.h"
#include "proto/backup.h"

/* A client that writes to a disk takes a chunk in no time; one that waits for its own reader is given this long. */
unsigned control_backup_patience_ms = 60000;
/* The copying thread runs ahead of the client by so much. */
#define PIPE_BYTES (1 << 20)
#define FILE_MAX_BYTES (64u * 1024)

struct backing_up {
    struct control_request *request;
    bool keys;
    enum felloe_code code;
    struct felloe_error error;
    int from, to;                     /* -1: closed */
    pthread_t thread;
    bool copying;                     /* the thread was started and has not been joined */
    enum felloe_code copied;
    struct felloe_error copy_error;
    crypto_generichash_state hash;
    uint8_t digest[BACKUP_HASH_SIZE];
    struct backup_head head;
    uint64_t bytes, about;            /* sent; how many there may be */
    bool ended;
    struct loop_timer *stall;
    uint8_t piece[BACKUP_PIECE];
};

/* Each holds a thread and a read transaction, so there is one at a time. On the loop's thread. */
static const struct backing_up *under_way;

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static void release(void *state)
{
    struct backing_up *b = state;
    close_end(&b->from);
    loop_timer_free(b->stall);
    if (under_way == b)
        under_way = NULL;
    sodium_memzero(b, sizeof *b);
    free(b);
}

/* ---- what is sent, on the pool ---- */

static void put_piece(struct backing_up *b, const void *data, size_t len)
{
    struct buffer *out = &b->request->out;
    size_t begin = control_frame_begin(out);
    control_put_data(out);
    mp_put_bin(out, data, len);
    control_frame_end(out, begin);
    b->bytes += len;
}

static void put_hashed(struct backing_up *b, const void *data, size_t len)
{
    crypto_generichash_update(&b->hash, data, len);
    put_piece(b, data, len);
}

static void put_progress(struct backing_up *b)
{
    struct buffer *out = &b->request->out;
    size_t begin = control_frame_begin(out);
    control_put_progress(out, b->bytes < b->about ? b->bytes : b->about, b->about, "copying");
    control_frame_end(out, begin);
}

static void put_end(struct backing_up *b)
{
    char device[33], hash[2 * BACKUP_HASH_SIZE + 1];
    hex_encode(bytes_of(b->head.device.b, sizeof b->head.device.b), device);
    hex_encode(bytes_of(b->digest, sizeof b->digest), hash);
    const char *const texts[][2] = {{"what", b->keys ? "keys" : "log"}, {"role", b->head.hub ? "hub" : "spoke"},
                                    {"name", b->head.name}, {"device", device}, {"hash", hash}};
    struct buffer *out = &b->request->out;
    size_t begin = control_frame_begin(out);
    control_put_end(out, 3 + sizeof texts / sizeof *texts);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mp_put_text(out, texts[i][0]);
        mp_put_text(out, texts[i][1]);
    }
    mp_put_text(out, "made");
    mp_put_int(out, b->head.made_ms);
    mp_put_text(out, "epoch");
    mp_put_uint(out, b->head.epoch);
    mp_put_text(out, "bytes");
    mp_put_uint(out, b->bytes);
    control_frame_end(out, begin);
}

/* ---- copying ---- */

static void *copy_log(void *context)
{
    struct backing_up *b = context;
    b->copied = event_log_copy(b->request->daemon->log, b->to, &b->copy_error);
    close_end(&b->to);
    return NULL;
}

static enum felloe_code start_thread(struct backing_up *b)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return felloe_fail(&b->error, FELLOE_FAILED, "The backup cannot be begun: %s.", strerror(errno));
    b->from = ends[0];
    b->to = ends[1];
    (void)!fcntl(b->to, F_SETPIPE_SZ, PIPE_BYTES); /* where it may not be so large, it is slower */
    if (pthread_create(&b->thread, NULL, copy_log, b) != 0) {
        close_end(&b->to);
        return felloe_fail(&b->error, FELLOE_FAILED, "The backup cannot be begun: no thread can be had.");
    }
    pthread_setname_np(b->thread, "backup");
    b->copying = true;
    return FELLOE_OK;
}

static enum felloe_code copy_keys(struct backing_up *b)
{
    b->from = memfd_create("felloe-keys", MFD_CLOEXEC);
    if (b->from < 0)
        return felloe_fail(&b->error, FELLOE_FAILED, "The backup cannot be begun: %s.", strerror(errno));
    enum felloe_code code = keyring_copy(b->request->daemon->keyring, b->from, &b->error);
    off_t size = code == FELLOE_OK ? lseek(b->from, 0, SEEK_END) : 0;
    b->about += size > 0 ? (uint64_t)size : 0;
    if (code == FELLOE_OK && lseek(b->from, 0, SEEK_SET) != 0)
        code = felloe_fail(&b->error, FELLOE_FAILED, "The backup cannot be begun: %s.", strerror(errno));
    return code;
}

static enum felloe_code read_where_there(const struct daemon *daemon, const char *name, struct buffer *out,
                                         struct felloe_error *error)
{
    enum felloe_code code = file_read(daemon->dir, name, FILE_MAX_BYTES, out, error);
    return code == FELLOE_NOT_FOUND ? FELLOE_OK : code;
}

/* Magic, length, map; of the keys with who this device is and how it is set up, so that two files bring it back. */
static enum felloe_code put_head(struct backing_up *b)
{
    const struct daemon *daemon = b->request->daemon;
    struct buffer identity = {0}, vault = {0}, auditors = {0}, terms = {0}, configuration = {0}, head = {0};
    enum felloe_code code = FELLOE_OK;
    buffer_reserve(&identity, FILE_MAX_BYTES); /* once, so that no copy of the secrets is left behind by growing */
    buffer_reserve(&head, BACKUP_HEAD_MAX);
    if (b->keys)
        code = file_read(daemon->dir, "identity", FILE_MAX_BYTES - 4096, &identity, &b->error);
    if (b->keys && code == FELLOE_OK)
        code = file_read(daemon->dir, "vault", FILE_MAX_BYTES, &vault, &b->error);
    if (b->keys && code == FELLOE_OK) /* without auditors looks are sealed for the hub's own key */
        code = read_where_there(daemon, daemon->config.role == ROLE_HUB ? "auditors" : "terms",
                                daemon->config.role == ROLE_HUB ? &auditors : &terms, &b->error);
    if (b->keys && code == FELLOE_OK)
        code = file_read(daemon->dir, "felloe.conf", FILE_MAX_BYTES, &configuration, &b->error);
    if (code == FELLOE_OK) {
        b->head.identity = buffer_bytes(&identity);
        b->head.vault = buffer_bytes(&vault);
        b->head.auditors = buffer_bytes(&auditors);
        b->head.terms = buffer_bytes(&terms);
        b->head.configuration = buffer_bytes(&configuration);
        backup_put_head(&head, &b->head);
        b->head.identity = b->head.vault = b->head.auditors = b->head.terms = b->head.configuration = (struct bytes){0};
        if (head.failed)
            code = felloe_fail(&b->error, FELLOE_FAILED, "The backup cannot be begun: felloe.conf is too long.");
        for (size_t at = 0; code == FELLOE_OK && at < head.len; at += BACKUP_PIECE)
            put_hashed(b, head.data + at, head.len - at < BACKUP_PIECE ? head.len - at : BACKUP_PIECE);
    }
    if (identity.data != NULL)
        sodium_memzero(identity.data, identity.cap);
    if (head.data != NULL)
        sodium_memzero(head.data, head.cap);
    buffer_release(&identity);
    buffer_release(&vault);
    buffer_release(&auditors);
    buffer_release(&terms);
    buffer_release(&configuration);
    buffer_release(&head);
    return code;
}

static void begin(struct control_request *request)
{
    struct backing_up *b = request->state;
    crypto_generichash_init(&b->hash, NULL, 0, BACKUP_HASH_SIZE);
    b->code = put_head(b);
    b->about = b->bytes + BACKUP_HASH_SIZE;
    if (b->code == FELLOE_OK)
        b->code = b->keys ? copy_keys(b) : start_thread(b);
    if (!b->keys)
        b->about += event_log_bytes(request->daemon->log);
}

/* ---- chunk by chunk ---- */

static void join(struct backing_up *b)
{
    close_end(&b->from);
    if (b->copying)
        pthread_join(b->thread, NULL);
    b->copying = false;
}

static void end_work(struct control_request *request)
{
    join(request->state);
}

/* The copy is whole only when the thread says so: a pipe that ends says nothing. */
static void finish_image(struct backing_up *b)
{
    join(b);
    if (b->copied != FELLOE_OK) {
        b->code = b->copied;
        b->error = b->copy_error;
        return;
    }
    crypto_generichash_final(&b->hash, b->digest, sizeof b->digest);
    put_piece(b, b->digest, sizeof b->digest);
    b->about = b->bytes;
    put_progress(b);
    put_end(b);
    b->ended = true;
}

static void read_chunk(struct control_request *request)
{
    struct backing_up *b = request->state;
    while (!b->ended && b->code == FELLOE_OK && request->out.len + BACKUP_PIECE < CONTROL_CHUNK) {
        ssize_t got = read(b->from, b->piece, sizeof b->piece);
        if (got > 0)
            put_hashed(b, b->piece, (size_t)got);
        else if (got == 0)
            finish_image(b);
        else if (errno != EINTR)
            b->code = felloe_fail(&b->error, FELLOE_FAILED, "The backup broke off: %s.", strerror(errno));
    }
    if (!b->ended)
        put_progress(b);
}

static void send_chunk(struct control_request *request);

static void answer_end(struct control_request *request)
{
    struct backing_up *b = request->state;
    if (b->code != FELLOE_OK) {
        buffer_clear(&request->out);
        control_fail(request, &b->error);
    } else {
        control_finish(request);
    }
}

static void taken(struct control_request *request)
{
    struct backing_up *b = request->state;
    loop_timer_stop(b->stall);
    if (control_gone(request) && b->code == FELLOE_OK)
        b->code = felloe_fail(&b->error, FELLOE_INTERRUPTED, "The client has left.");
    if (b->code != FELLOE_OK)
        control_work(request, end_work, answer_end, NULL);
    else
        control_work(request, read_chunk, send_chunk, NULL);
}

static void send_chunk(struct control_request *request)
{
    struct backing_up *b = request->state;
    if (b->code != FELLOE_OK || control_gone(request)) {
        taken(request);
    } else if (b->ended) {
        control_finish(request);
    } else {
        loop_timer_set(b->stall, control_backup_patience_ms);
        control_send(request, taken);
    }
}

/* The transaction must not be held for whoever does not read; that it was given up, the client is told when it does. */
static void stalled(void *context)
{
    struct control_request *request = context;
    struct backing_up *b = request->state;
    b->code = felloe_fail(&b->error, FELLOE_INTERRUPTED,
                          "The backup was given up: nobody took it for %u seconds, and it holds the log back.",
                          control_backup_patience_ms / 1000);
    report(LEVEL_WARNING, "a backup was given up: its client has not taken any of it for %u seconds",
           control_backup_patience_ms / 1000);
    close_end(&b->from);
    under_way = NULL; /* others need not wait for it */
}

void control_verb_BACKUP(struct control_request *request)
{
    if (under_way != NULL) {
        control_fail(request, &(struct felloe_error){FELLOE_IN_USE, "A backup is being made already; wait for it."});
        return;
    }
    struct backing_up *b = calloc(1, sizeof *b);
    if (b != NULL)
        b->stall = loop_timer_new(request->daemon->loop, stalled, request);
    if (b == NULL || b->stall == NULL) {
        free(b);
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    const struct daemon *daemon = request->daemon;
    under_way = b;
    b->request = request;
    b->from = b->to = -1;
    b->keys = control_arg_bool(request, "keys", false);
    b->head = (struct backup_head){.keys = b->keys,
                                   .hub = daemon->config.role == ROLE_HUB,
                                   .device = daemon->identity.device,
                                   .made_ms = clock_wall_ms(),
                                   .epoch = event_log_epoch(daemon->log),
                                   .incarnation = event_log_incarnation(daemon->log)};
    memcpy(b->head.name, daemon->identity.label, sizeof b->head.name);
    request->state = b;
    request->release = release;
    request->holds = true; /* the log is in use until the end, also while a chunk is sent */
    control_work(request, begin, send_chunk, NULL);
}
