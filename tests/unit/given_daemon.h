/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon without a network: log, projector and local socket, its loop on a thread of its own; and a client that
 * speaks the protocol by hand. */
#ifndef FELLOE_TESTS_GIVEN_DAEMON_H
#define FELLOE_TESTS_GIVEN_DAEMON_H

#include "tests/unit/given_views.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/audit.h"
#include "daemon/sync/driver_spoke.h"
#include "daemon/loop.h"
#include "daemon/pool.h"
#include "proto/control.h"

struct given_daemon {
    struct given_log *log;
    struct daemon daemon;
    union {
        struct driver driver;    /* with the role of one that is always offline … */
        struct spoke_driver spoke; /* … and a laptop's, for the verbs that ask what only that has */
    };
    struct loop_wake *completed, *changed, *ended, *wished;
    void (*_Atomic wish)(struct given_daemon *d);
    sem_t granted;
    pthread_t thread;
};

/* ---- a driver that is offline ---- */

static inline void offline_recorded(struct driver *driver, struct log_job *job)
{
    (void)driver, (void)job;
}
static inline void offline_status(struct driver *driver, struct link_status *out)
{
    (void)driver;
    *out = (struct link_status){.notice = "there is no network in a test"};
}
static inline void offline_site_status(struct driver *driver, struct bytes site, struct site_link *out)
{
    (void)driver, (void)site;
    *out = (struct site_link){0};
}
static inline bool offline_heard(struct driver *driver, const struct device_id *device, struct device_heard *out)
{
    (void)driver, (void)device, (void)out;
    return false;
}
static const struct driver_role offline_role = {.recorded = offline_recorded, .status = offline_status,
                                                .site_status = offline_site_status, .device_heard = offline_heard};

/* ---- the loop ---- */

static inline void complete_jobs(void *context)
{
    struct given_daemon *d = context;
    for (struct queue_item *item = queue_take_all(&d->log->completions); item != NULL;) {
        struct queue_item *next = item->next;
        struct log_job *job = (struct log_job *)((char *)item - offsetof(struct log_job, link));
        job->done(job);
        item = next;
    }
    if (d->daemon.projector) /* as the daemon does: looks are commits, too */
        projector_poke(d->daemon.projector);
}
static inline void views_changed(void *context)
{
    struct given_daemon *d = context;
    if (d->daemon.control)
        control_server_changed(d->daemon.control);
}
static inline void stop_loop(void *context)
{
    struct given_daemon *d = context;
    uv_stop(d->daemon.loop);
}
static inline void grant_wish(void *context)
{
    struct given_daemon *d = context;
    atomic_load(&d->wish)(d);
    sem_post(&d->granted);
}
static inline void *run_loop(void *context)
{
    struct given_daemon *d = context;
    uv_run(d->daemon.loop, UV_RUN_DEFAULT);
    return NULL;
}
static inline void wake_changed(void *context)
{
    struct given_daemon *d = context;
    loop_wake_signal(d->changed);
}

static inline struct given_daemon *given_daemon(enum role role, struct given_log *log)
{
    struct given_daemon *d = calloc(1, sizeof *d);
    struct felloe_error error = {0};
    assert_non_null(d);
    d->log = log;
    d->daemon = (struct daemon){.dir = log->dir.path, .identity = log->identity, .loop = calloc(1, sizeof(uv_loop_t)),
                                .driver = &d->driver, .settle_numbers = settle_numbers_new(),
                                .terms = {.has_auditors = true, .auditors = log->identity.box_public}};
    memcpy(d->daemon.worker, log->identity.worker, sizeof d->daemon.worker);
    d->daemon.whole = true;
    d->daemon.config = (struct config){.role = role, .listen = "tcp://127.0.0.1:7000", .ticket_hours = 24};
    d->spoke = (struct spoke_driver){.base = {.role = &offline_role, .daemon = &d->daemon}};
    uv_loop_init(d->daemon.loop);
    d->daemon.pool = pool_new(d->daemon.loop);
    d->completed = loop_wake_new(d->daemon.loop, complete_jobs, d);
    d->changed = loop_wake_new(d->daemon.loop, views_changed, d);
    d->ended = loop_wake_new(d->daemon.loop, stop_loop, d);
    d->wished = loop_wake_new(d->daemon.loop, grant_wish, d);
    sem_init(&d->granted, 0, 0);
    given_log_close(log); /* its writer must not be there while the queue learns whom to wake */
    log->completions.wake = loop_wake_signal;
    log->completions.context = d->completed;
    given_log_reopen(log);
    d->daemon.keyring = log->keyring;
    d->daemon.log = log->log;
    const struct projector_config config = {.dir = log->dir.path, .log = log->log, .keyring = log->keyring,
                                            .identity = &d->daemon.identity, .changed = wake_changed, .context = d};
    if (projector_open(&d->daemon.projector, &config, &error) != FELLOE_OK ||
        control_server_open(&d->daemon.control, &d->daemon, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(pthread_create(&d->thread, NULL, run_loop, d), 0);
    return d;
}

/* What only the loop's thread may do. */
static inline void on_the_loop(struct given_daemon *d, void (*wish)(struct given_daemon *d))
{
    atomic_store(&d->wish, wish);
    loop_wake_signal(d->wished);
    sem_wait(&d->granted);
}

static inline void daemon_lease_passes(struct given_daemon *d)
{
    d->daemon.terms.lease_hours = 1;
    d->daemon.lease.contact_ms = d->daemon.lease.clock_ms = 1;
}

/* The log stays, and is given back to jobs that are waited for. */
static inline void given_daemon_end(struct given_daemon *d)
{
    loop_wake_signal(d->ended);
    pthread_join(d->thread, NULL);
    control_server_close(d->daemon.control);
    projector_close(d->daemon.projector);
    given_log_close(d->log);
    audit_close(&d->daemon);
    d->log->completions.wake = NULL;
    given_log_reopen(d->log);
    pool_free(d->daemon.pool);
    loop_wake_free(d->completed);
    loop_wake_free(d->changed);
    loop_wake_free(d->ended);
    loop_wake_free(d->wished);
    sem_destroy(&d->granted);
    uv_run(d->daemon.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(d->daemon.loop), 0);
    settle_numbers_free(d->daemon.settle_numbers);
    free(d->daemon.loop);
    free(d);
}

/* ---- a client ---- */

struct given_client {
    int fd;
    struct buffer in;
};

static inline struct given_client given_client(const struct given_daemon *d)
{
    struct given_client client = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    config_socket_path(&d->daemon.config, d->daemon.dir, address.sun_path, sizeof address.sun_path);
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}
static inline void client_end(struct given_client *client)
{
    close(client->fd);
    buffer_release(&client->in);
}

struct reply {
    enum felloe_code code;       /* FELLOE_OK: END */
    char text[512];
    struct buffer items;         /* what came in DATA, back to back */
    size_t count;
    struct buffer summary;       /* the map of END */
};
static inline void reply_release(struct reply *reply)
{
    buffer_release(&reply->items);
    buffer_release(&reply->summary);
}

static inline void client_send(struct given_client *client, struct buffer *frame)
{
    assert_false(frame->failed);
    for (size_t sent = 0; sent < frame->len;) {
        ssize_t n = write(client->fd, frame->data + sent, frame->len - sent);
        assert_true(n > 0);
        sent += (size_t)n;
    }
    buffer_release(frame);
}

/* One frame's payload, valid until the next call. */
static inline struct bytes client_frame(struct given_client *client, size_t *size)
{
    struct bytes payload;
    while ((*size = control_frame_parse(buffer_bytes(&client->in), &payload)) == 0) {
        assert_true(buffer_reserve(&client->in, 65536));
        ssize_t n = read(client->fd, client->in.data + client->in.len, 65536);
        if (n <= 0)
            fail_msg("the daemon closed the connection");
        client->in.len += (size_t)n;
    }
    assert_true(*size != SIZE_MAX);
    return payload;
}

/* Takes one frame into the reply; true when it was the last. */
static inline bool take_frame(struct mp_reader *r, struct bytes payload, struct reply *reply)
{
    mp_reader_init(r, payload);
    assert_true(mp_next(r));
    mp_array(r, 1, 4);
    struct bytes kind = mp_str(r, 1, 16);
    if (bytes_is(kind, "data")) {
        while (mp_next(r)) {
            struct bytes item = mp_object(r);
            buffer_append(&reply->items, item.data, item.len);
            reply->count++;
            mp_skip_rest(r);
        }
        assert_true(mp_done(r));
        return false;
    }
    if (bytes_is(kind, "error")) {
        reply->code = (enum felloe_code)mp_uint(r, 255);
        assert_true(bytes_to_text(mp_str(r, 1, 511), reply->text, sizeof reply->text));
        return true;
    }
    if (!bytes_is(kind, "end"))
        return false;
    mp_copy(r, &reply->summary);
    return true;
}

static inline struct reply client_reply(struct given_client *client)
{
    struct reply reply = {0};
    struct mp_reader *r = malloc(sizeof *r);
    assert_non_null(r);
    for (bool last = false; !last;) {
        size_t size;
        struct bytes payload = client_frame(client, &size);
        last = take_frame(r, payload, &reply);
        client->in.len -= size;
        memmove(client->in.data, client->in.data + size, client->in.len);
    }
    free(r);
    return reply;
}

/* A request with text arguments (name, value, …, NULL); a value "#…" is sent as a number, "!" as true. */
static inline void put_request(struct buffer *out, enum control_verb verb, const char *const *pairs)
{
    uint32_t count = 0;
    while (pairs && pairs[2 * count])
        count++;
    control_put_request(out, verb, count);
    for (uint32_t i = 0; i < count; i++) {
        mp_put_text(out, pairs[2 * i]);
        const char *value = pairs[2 * i + 1];
        if (*value == '#')
            mp_put_int(out, strtoll(value + 1, NULL, 10));
        else if (strcmp(value, "!") == 0)
            mp_put_bool(out, true);
        else
            mp_put_text(out, value);
    }
}

static inline void client_ask_only(struct given_client *client, enum control_verb verb, const char *const *pairs)
{
    struct buffer out = {0};
    size_t begin = control_frame_begin(&out);
    put_request(&out, verb, pairs);
    control_frame_end(&out, begin);
    client_send(client, &out);
}

static inline struct reply client_ask(struct given_client *client, enum control_verb verb, const char *const *pairs)
{
    client_ask_only(client, verb, pairs);
    return client_reply(client);
}

/* ---- looking into replies ---- */

/* The map's member as a msgpack object; empty when it is not there. */
static inline struct bytes member(struct bytes map, const char *name)
{
    struct mp_reader *r = malloc(sizeof *r);
    static struct buffer values[8];
    static unsigned turn;
    struct buffer *value = &values[turn++ % 8];
    struct bytes found = {0};
    assert_non_null(r);
    buffer_clear(value);
    mp_reader_init(r, map);
    assert_true(mp_next(r));
    uint32_t count = mp_map(r, 64);
    for (uint32_t i = 0; i < count; i++) {
        bool is_it = bytes_is(mp_str(r, 1, 64), name);
        if (is_it)
            mp_copy(r, value);
        else
            mp_skip(r);
    }
    assert_false(r->failed);
    if (value->len > 0)
        found = buffer_bytes(value);
    free(r);
    return found;
}

static inline uint64_t number_in(struct bytes map, const char *name)
{
    struct mp_reader *r = malloc(sizeof *r);
    assert_non_null(r);
    mp_reader_init(r, member(map, name));
    assert_true(mp_next(r));
    uint64_t number = mp_uint(r, UINT64_MAX);
    assert_false(r->failed);
    free(r);
    return number;
}

/* The item at `index`, as its bytes. */
static inline struct bytes item_at(const struct reply *reply, size_t index)
{
    struct mp_reader *r = malloc(sizeof *r);
    struct bytes item = {0};
    assert_non_null(r);
    mp_reader_init(r, buffer_bytes(&reply->items));
    for (size_t i = 0; i <= index; i++) {
        assert_true(mp_next(r));
        item = mp_object(r);
        mp_skip_rest(r);
    }
    free(r);
    return item;
}

/* The id (bin) that a map holds, in hex. */
static inline void hex_in(struct bytes map, const char *name, char *out, size_t size)
{
    struct mp_reader *r = malloc(sizeof *r);
    assert_non_null(r);
    mp_reader_init(r, member(map, name));
    assert_true(mp_next(r));
    struct bytes id = mp_bin(r, 1, (size - 1) / 2);
    assert_false(r->failed);
    hex_encode(id, out);
    free(r);
}

/* ---- recording ---- */

/* Appends one draft: type, then pairs of fields; the draft's other parts as given. */
static inline void put_draft(struct buffer *out, struct control_draft draft, const char *type, const char *const *pairs)
{
    struct buffer fields = {0};
    uint32_t count = 0;
    while (pairs && pairs[2 * count])
        count++;
    mp_put_map(&fields, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_put_text(&fields, pairs[i]);
    draft.type = bytes_str(type);
    draft.fields = buffer_bytes(&fields);
    control_put_draft(out, &draft);
    buffer_release(&fields);
}

static inline struct reply client_record(struct given_client *client, struct control_draft draft, const char *type,
                                         const char *const *pairs)
{
    struct buffer out = {0};
    size_t begin = control_frame_begin(&out);
    put_request(&out, CONTROL_RECORD, NULL);
    put_draft(&out, draft, type, pairs);
    control_frame_end(&out, begin);
    client_send(client, &out);
    return client_reply(client);
}

/* The request failed with this code and said something that holds `word`. */
static inline void expect_error(struct reply reply, enum felloe_code code, const char *word)
{
    if (reply.code != code || strstr(reply.text, word) == NULL)
        fail_msg("expected %s with \"%s\"; found %s: %s", felloe_code_name(code), word, felloe_code_name(reply.code),
                 reply.text);
    reply_release(&reply);
}

#endif
