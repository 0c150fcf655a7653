/* SPDX-License-Identifier: Apache-2.0 */
/* The bare road of a backlog, as bare as it can be and still be encrypted, verified and durable:
 *
 *   LMDB scan -> 256 KiB frames over DEALER/ROUTER with CURVE -> BLAKE2b of each event
 *             -> LMDB group commit on a second thread -> acknowledgement after the commit; a window of eight frames
 *
 * Two processes, as laptop and hub are. Nothing is checked, nothing else is done. */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/bench/bench.h"
#include "tests/bench/raw.h"

#define FRAME_BYTES (256u * 1024)
#define WINDOW 8u

struct keys {
    char hub_public[41], hub_secret[41], laptop_public[41], laptop_secret[41];
};

/* ---- the laptop ---- */

static void fill(const char *dir, uint64_t events, size_t bytes)
{
    MDB_dbi table;
    MDB_env *env = raw_open(dir, &table);
    MDB_txn *txn = NULL;
    uint8_t *event = malloc(bytes);
    if (event == NULL)
        bench_die("out of memory");
    randombytes_buf(event, bytes);
    for (uint64_t i = 0; i < events; i++) {
        if (txn == NULL && mdb_txn_begin(env, NULL, 0, &txn) != 0)
            bench_die("LMDB begins no transaction");
        memcpy(event, &i, sizeof i);
        raw_put(txn, table, i, event, bytes);
        if (i % 100000 == 99999 || i + 1 == events) {
            raw_commit(txn);
            txn = NULL;
        }
    }
    mdb_env_close(env);
    free(event);
}

static void *connect_laptop(void *context, const char *endpoint, const struct keys *keys)
{
    void *socket = zmq_socket(context, ZMQ_DEALER);
    const int linger = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->hub_public, sizeof keys->hub_public);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->laptop_public, sizeof keys->laptop_public);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->laptop_secret, sizeof keys->laptop_secret);
    if (zmq_connect(socket, endpoint) != 0)
        bench_die("no connection: %s", zmq_strerror(errno));
    return socket;
}

static void put_event(uint8_t *frame, size_t *at, const MDB_val *event)
{
    const uint32_t len = (uint32_t)event->mv_size;
    memcpy(frame + *at, &len, sizeof len);
    memcpy(frame + *at + sizeof len, event->mv_data, len);
    *at += sizeof len + len;
}

static void take_acknowledgement(void *socket, uint64_t *held)
{
    if (zmq_recv(socket, held, sizeof *held, 0) != sizeof *held)
        bench_die("no acknowledgement: %s", zmq_strerror(errno));
}

static void send_all(const char *dir, const char *endpoint, const struct keys *keys, uint64_t events)
{
    MDB_dbi table;
    MDB_env *env = raw_open(dir, &table);
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, event;
    void *context = zmq_ctx_new(), *socket = connect_laptop(context, endpoint, keys);
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 || mdb_cursor_open(txn, table, &cursor) != 0)
        bench_die("LMDB cannot be read");
    uint64_t sent = 0, held = 0, ends[WINDOW] = {0}, frames = 0;
    bool more = mdb_cursor_get(cursor, &key, &event, MDB_FIRST) == 0;
    while (more) {
        zmq_msg_t message;
        zmq_msg_init_size(&message, FRAME_BYTES);
        uint8_t *frame = zmq_msg_data(&message);
        size_t at = 0;
        for (; more && at + sizeof(uint32_t) + event.mv_size <= FRAME_BYTES; sent++) {
            put_event(frame, &at, &event);
            more = mdb_cursor_get(cursor, &key, &event, MDB_NEXT) == 0;
        }
        memset(frame + at, 0, FRAME_BYTES - at);
        while (frames >= WINDOW && held < ends[frames % WINDOW])
            take_acknowledgement(socket, &held);
        ends[frames++ % WINDOW] = sent;
        zmq_msg_send(&message, socket, 0);
    }
    while (held < events)
        take_acknowledgement(socket, &held);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    zmq_close(socket);
    zmq_ctx_term(context);
}

/* ---- the hub ---- */

struct arrived {
    zmq_msg_t message;
    struct arrived *next;
};

struct hub {
    MDB_env *env;
    MDB_dbi table;
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct arrived *first, **last;
    uint64_t durable; /* events; under the lock */
    bool ending;
    int committed;    /* eventfd */
};

static uint64_t put_frame(struct hub *hub, MDB_txn *txn, struct arrived *arrived, uint64_t number)
{
    const uint8_t *frame = zmq_msg_data(&arrived->message);
    const size_t size = zmq_msg_size(&arrived->message);
    uint32_t len;
    for (size_t at = 0; at + sizeof len <= size; at += sizeof len + len) {
        memcpy(&len, frame + at, sizeof len);
        if (len == 0)
            break;
        raw_put(txn, hub->table, number++, frame + at + sizeof len, len);
    }
    return number;
}

/* Everything that came while the last commit ran goes into the next one. */
static void *commit_all(void *argument)
{
    struct hub *hub = argument;
    uint64_t number = 0;
    pthread_mutex_lock(&hub->lock);
    while (true) {
        while (hub->first == NULL && !hub->ending)
            pthread_cond_wait(&hub->some, &hub->lock);
        if (hub->first == NULL)
            break;
        struct arrived *arrived = hub->first;
        hub->first = NULL;
        hub->last = &hub->first;
        pthread_mutex_unlock(&hub->lock);
        MDB_txn *txn;
        if (mdb_txn_begin(hub->env, NULL, 0, &txn) != 0)
            bench_die("LMDB begins no transaction");
        while (arrived != NULL) {
            struct arrived *next = arrived->next;
            number = put_frame(hub, txn, arrived, number);
            zmq_msg_close(&arrived->message);
            free(arrived);
            arrived = next;
        }
        raw_commit(txn);
        pthread_mutex_lock(&hub->lock);
        hub->durable = number;
        eventfd_write(hub->committed, 1);
    }
    pthread_mutex_unlock(&hub->lock);
    return NULL;
}

static void hash_frame(zmq_msg_t *message)
{
    const uint8_t *frame = zmq_msg_data(message);
    uint8_t hash[32];
    uint32_t len;
    for (size_t at = 0; at + sizeof len <= zmq_msg_size(message); at += sizeof len + len) {
        memcpy(&len, frame + at, sizeof len);
        if (len == 0)
            break;
        crypto_generichash(hash, sizeof hash, frame + at + sizeof len, len, NULL, 0);
    }
}

static void take_frame(struct hub *hub, void *socket, uint8_t peer[5])
{
    struct arrived *arrived = calloc(1, sizeof *arrived);
    if (arrived == NULL || zmq_recv(socket, peer, 5, 0) != 5)
        bench_die("no frame: %s", zmq_strerror(errno));
    zmq_msg_init(&arrived->message);
    zmq_msg_recv(&arrived->message, socket, 0);
    hash_frame(&arrived->message);
    pthread_mutex_lock(&hub->lock);
    *hub->last = arrived;
    hub->last = &arrived->next;
    pthread_cond_signal(&hub->some);
    pthread_mutex_unlock(&hub->lock);
}

static void serve(struct hub *hub, void *socket, uint64_t events)
{
    uint8_t peer[5] = {0};
    uint64_t told = 0;
    while (told < events) {
        zmq_pollitem_t items[] = {{socket, 0, ZMQ_POLLIN, 0}, {NULL, hub->committed, ZMQ_POLLIN, 0}};
        zmq_poll(items, 2, -1);
        if (items[1].revents & ZMQ_POLLIN) {
            eventfd_t count;
            eventfd_read(hub->committed, &count);
            pthread_mutex_lock(&hub->lock);
            told = hub->durable;
            pthread_mutex_unlock(&hub->lock);
            zmq_send(socket, peer, sizeof peer, ZMQ_SNDMORE);
            zmq_send(socket, &told, sizeof told, 0);
        }
        if (items[0].revents & ZMQ_POLLIN)
            take_frame(hub, socket, peer);
    }
}

static void *bind_hub(void *context, const struct keys *keys, char endpoint[64])
{
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    const int server = 1;
    size_t size = 64;
    zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &server, sizeof server);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->hub_secret, sizeof keys->hub_secret);
    if (zmq_bind(socket, "tcp://127.0.0.1:*") != 0 || zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0)
        bench_die("no port: %s", zmq_strerror(errno));
    return socket;
}

void bench_road(int argc, char **argv)
{
    (void)argc;
    const uint64_t events = bench_number(argv[2]);
    const size_t bytes = bench_number(argv[3]);
    char from[4096], to[4096], endpoint[64];
    struct keys keys;
    struct hub hub = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};
    pthread_t writer;
    int ready[2];
    mkdir(argv[1], 0700);
    snprintf(from, sizeof from, "%s/from", argv[1]);
    snprintf(to, sizeof to, "%s/to", argv[1]);
    zmq_curve_keypair(keys.hub_public, keys.hub_secret);
    zmq_curve_keypair(keys.laptop_public, keys.laptop_secret);
    fill(from, events, bytes);
    if (bytes < 16 || pipe(ready) != 0)
        bench_die("events are to have 16 bytes or more");
    const pid_t laptop = fork();
    if (laptop == 0) {
        if (read(ready[0], endpoint, sizeof endpoint) != sizeof endpoint)
            bench_die("the hub is gone");
        send_all(from, endpoint, &keys, events);
        _exit(0);
    }
    hub.last = &hub.first;
    hub.committed = eventfd(0, 0);
    hub.env = raw_open(to, &hub.table);
    void *context = zmq_ctx_new(), *socket = bind_hub(context, &keys, endpoint);
    pthread_create(&writer, NULL, commit_all, &hub);
    const uint64_t begun = bench_now();
    if (write(ready[1], endpoint, sizeof endpoint) != sizeof endpoint)
        bench_die("the laptop is gone");
    serve(&hub, socket, events);
    waitpid(laptop, NULL, 0);
    bench_tell("events", (double)events * 1e9 / (double)(bench_now() - begun), "/s");
    pthread_mutex_lock(&hub.lock);
    hub.ending = true;
    pthread_cond_signal(&hub.some);
    pthread_mutex_unlock(&hub.lock);
    pthread_join(writer, NULL);
    zmq_close(socket);
    zmq_ctx_term(context);
    mdb_env_close(hub.env);
}
