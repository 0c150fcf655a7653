/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of an event goes: each thing that is done with it on its way, alone and again and again, on the events
 * of a laptop's own stream as they are. A line a stage, ns for one event; what is done once a frame is shared among as
 * many events as are in one. No daemon may run on the directory. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "proto/control.h"
#include "proto/domain/document.h"
#include "proto/sync/sync_entries.h"
#include "tests/bench/bench.h"
#include "tests/bench/raw.h"
#include "tests/power/opened.h"

#define FRAME_BYTES (256u * 1024)
#define BATCH 1000u
#define TURNS 7 /* the best of them counts */

struct piece {
    struct event event;
    struct event_id id;
    struct data_key key;
    struct event_body body;
    struct buffer plain, draft;
    struct position at;
};

static struct {
    struct opened opened;
    char site[SLUG_MAX + 1];
    struct piece *pieces;
    size_t count, bytes;
    size_t per_frame; /* events in one */
    struct buffer out, text;
    uint8_t *frame, *boxed;
    unsigned char pair[crypto_box_BEFORENMBYTES];
} stages;

/* ---- what is worked on ---- */

static bool take(struct log_reader *reader, uint64_t seq)
{
    struct piece *piece = &stages.pieces[stages.count];
    struct key_record key;
    struct log_item item;
    if (!log_get_own(reader, bytes_str(stages.site), seq, &item) || item.event.len == 0)
        return false;
    uint8_t *copy = malloc(item.event.len);
    if (copy == NULL)
        bench_die("out of memory");
    memcpy(copy, item.event.data, item.event.len);
    if (!event_decode((struct bytes){copy, item.event.len}, &piece->event) ||
        keyring_get(stages.opened.keyring, &piece->event.clear.key, &key) != FELLOE_OK ||
        !event_open(&piece->event, &key.key, &piece->plain, &piece->body))
        bench_die("an event of the laptop's own does not open");
    event_id_of(piece->event.raw, &piece->id);
    piece->key = key.key;
    piece->at = (struct position){1, seq};
    const struct control_draft draft = {.type = piece->body.type, .fields = piece->body.fields};
    control_put_draft(&piece->draft, &draft);
    stages.bytes += item.event.len;
    stages.count++;
    return true;
}

static void take_all(size_t wanted)
{
    struct felloe_error error;
    struct stream_head own = {0};
    uint64_t shared;
    int64_t oldest;
    struct log_reader *reader = log_reader_begin(stages.opened.log, &error);
    stages.pieces = calloc(wanted, sizeof *stages.pieces);
    if (reader == NULL || stages.pieces == NULL)
        bench_die("the log cannot be read");
    char site[SLUG_MAX + 1];
    for (size_t i = 0; log_site_at(reader, i, site); i++) {
        struct stream_head head;
        if (log_own(reader, bytes_str(site), &head, &shared, &oldest) && head.seq > own.seq) {
            own = head;
            memcpy(stages.site, site, sizeof site);
        }
    }
    for (uint64_t seq = 1; seq <= own.seq && stages.count < wanted; seq++)
        if (!take(reader, seq))
            break;
    log_reader_end(reader);
    if (stages.count < 2 * BATCH)
        bench_die("the laptop is to have written %u events or more", 2 * BATCH);
    stages.per_frame = FRAME_BYTES / (stages.bytes / stages.count);
}

/* ---- measuring ---- */

/* ns for one event when `work` does `events` of them. */
static void stage(const char *name, size_t events, void (*work)(size_t count))
{
    uint64_t best = UINT64_MAX;
    for (int turn = 0; turn < TURNS; turn++) {
        const uint64_t begun = bench_processor();
        work(stages.count);
        const uint64_t took = bench_processor() - begun;
        best = took < best ? took : best;
    }
    bench_tell(name, (double)best / (double)events, "ns");
}

/* Of something that is done once for many: `times` of it, and among how many events each is shared. */
static void shared_stage(const char *name, size_t times, size_t among, void (*work)(size_t times))
{
    const uint64_t begun = bench_processor();
    work(times);
    bench_tell(name, (double)(bench_processor() - begun) / (double)times / (double)among, "ns");
}

/* ---- recording ---- */

static void check(size_t count)
{
    struct felloe_error error;
    for (size_t i = 0; i < count; i++) {
        struct control_draft draft;
        struct mp_reader r, fields;
        mp_reader_init(&r, buffer_bytes(&stages.pieces[i].draft));
        if (!mp_next(&r) || !control_read_draft(&r, &draft))
            bench_die("a draft cannot be read");
        const struct type_def *type = catalogue_find(draft.type);
        mp_reader_init(&fields, draft.fields);
        buffer_clear(&stages.out);
        if (type != NULL)
            catalogue_check(type, &fields, NULL, &stages.out, &error);
    }
}

static void draw_nonces(size_t count)
{
    uint8_t nonce[EVENT_NONCE_SIZE];
    for (size_t i = 0; i < count; i++)
        random_nonce(nonce, sizeof nonce);
}

static void seal(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct piece *p = &stages.pieces[i];
        buffer_clear(&stages.out);
        if (!event_seal(&p->event.clear, &p->body, &p->key, p->event.nonce, &stages.out))
            bench_die("an event is not sealed");
    }
}

static void encipher(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct piece *p = &stages.pieces[i];
        unsigned long long len;
        crypto_aead_xchacha20poly1305_ietf_encrypt(stages.boxed, &len, p->plain.data, p->plain.len,
                                                   p->event.header.data, p->event.header.len, NULL, p->event.nonce,
                                                   p->key.b);
    }
}

static void hash(size_t count)
{
    struct event_id id;
    for (size_t i = 0; i < count; i++)
        event_id_of(stages.pieces[i].event.raw, &id);
}

static void chain(size_t count)
{
    struct stream_head head = {0};
    for (size_t i = 0; i < count; i++) {
        const struct piece *p = &stages.pieces[i];
        if (stream_check(&head, &p->event.clear, &p->id) != STREAM_NEXT)
            bench_die("the stream is no chain");
        stream_advance(&head, &p->event.clear, &p->id);
    }
}

/* ---- on the road ---- */

static void sign(size_t times)
{
    struct signature signature;
    const struct identity *me = &stages.opened.identity;
    for (size_t i = 0; i < times; i++)
        sign_stream(&me->sign_secret, bytes_str(stages.site), &me->device, 1, i, &stages.pieces[0].id, &signature);
}

static void verify(size_t times)
{
    struct signature signature;
    const struct identity *me = &stages.opened.identity;
    const struct event_id *id = &stages.pieces[0].id;
    sign_stream(&me->sign_secret, bytes_str(stages.site), &me->device, 1, 1, id, &signature);
    for (size_t i = 0; i < times; i++)
        if (!verify_stream(&me->sign_public, bytes_str(stages.site), &me->device, 1, 1, id, &signature))
            bench_die("a signature does not hold");
}

static void box(size_t times)
{
    static const unsigned char nonce[crypto_box_NONCEBYTES];
    for (size_t i = 0; i < times; i++)
        crypto_box_easy_afternm(stages.boxed, stages.frame, FRAME_BYTES, nonce, stages.pair);
}

static void unbox(size_t times)
{
    static const unsigned char nonce[crypto_box_NONCEBYTES];
    for (size_t i = 0; i < times; i++)
        if (crypto_box_open_easy_afternm(stages.frame, stages.boxed, FRAME_BYTES + crypto_box_MACBYTES, nonce,
                                         stages.pair) != 0)
            bench_die("a frame does not open");
}

static void copy(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        memcpy(stages.boxed, stages.frame, FRAME_BYTES);
        __asm__ volatile("" : : "r"(stages.boxed) : "memory");
    }
}

/* One PUSH's body after the other, read from the log; then the last of them decoded and checked, as a hub does. */
static void read_and_decode(void)
{
    struct lent body = {0};
    struct event_id last;
    struct felloe_error error;
    uint32_t count = 0, keys = 0;
    uint64_t read_ns = 0, decode_ns = 0, done = 0;
    while (done < stages.count) {
        const uint64_t begun = bench_processor();
        if (log_read_push(stages.opened.log, bytes_str(stages.site), done + 1, FRAME_BYTES, &body, &count, &keys, &last,
                          NULL, &error) != FELLOE_OK || count == 0)
            bench_die("the laptop's stream cannot be read");
        const uint64_t read = bench_processor();
        const struct entries_form form = {.site = bytes_str(stages.site), .count = count, .key_count = keys};
        struct batch *batch = NULL;
        if (entries_decode(&body, &form, &batch) != ENTRIES_OK)
            bench_die("what was read is not what a hub takes");
        decode_ns += bench_processor() - read;
        read_ns += read - begun;
        batch_free(batch);
        done += count;
    }
    bench_tell("push", (double)read_ns / (double)done, "ns");
    bench_tell("entries", (double)decode_ns / (double)done, "ns");
}

static void log_hash(size_t count)
{
    struct log_head head;
    log_head_start(&head, bytes_str(stages.site), 1);
    for (size_t i = 0; i < count; i++)
        log_head_advance(&head, &stages.pieces[i].id);
}

/* Rows as long as the events, into a database that is made for it; 1,000 a commit. */
static void put_rows(const char *dir)
{
    MDB_dbi table;
    MDB_env *env = raw_open(dir, &table);
    uint64_t put_ns = 0, commit_ns = 0;
    for (size_t i = 0; i + BATCH <= stages.count; i += BATCH) {
        MDB_txn *txn;
        if (mdb_txn_begin(env, NULL, 0, &txn) != 0)
            bench_die("LMDB begins no transaction");
        const uint64_t begun = bench_processor();
        for (size_t j = i; j < i + BATCH; j++)
            raw_put(txn, table, j, stages.pieces[j].event.raw.data, stages.pieces[j].event.raw.len);
        put_ns += bench_processor() - begun;
        const uint64_t put = bench_now(); /* by the clock: it waits for the disk */
        raw_commit(txn);
        commit_ns += bench_now() - put;
    }
    const double rows = (double)(stages.count / BATCH * BATCH);
    mdb_env_close(env);
    bench_tell("put", (double)put_ns / rows, "ns");
    bench_tell("commit", (double)commit_ns / rows, "ns");
}

/* ---- views ---- */

static void find_keys(size_t count)
{
    struct key_record key;
    for (size_t i = 0; i < count; i++)
        keyring_get(stages.opened.keyring, &stages.pieces[i].event.clear.key, &key);
}

static void decode(size_t count)
{
    struct event event;
    for (size_t i = 0; i < count; i++)
        if (!event_decode(stages.pieces[i].event.raw, &event))
            bench_die("an event is none");
}

static void open_all(size_t count)
{
    struct event_body body;
    for (size_t i = 0; i < count; i++)
        if (!event_open(&stages.pieces[i].event, &stages.pieces[i].key, &stages.text, &body))
            bench_die("an event does not open");
}

static int by_person(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    const int order = memcmp(x->event.clear.key.b, y->event.clear.key.b, sizeof x->event.clear.key.b);
    return order != 0 ? order : x->event.clear.seq < y->event.clear.seq ? -1 : 1;
}

static void fold_one(struct document *document, const struct piece *p)
{
    const uint32_t tag = site_tag(p->event.clear.site);
    const struct fold_event event = {.at = p->at, .log = tag, .home = tag, .device = p->event.clear.device,
                                     .incarnation = p->event.clear.incarnation, .seq = p->event.clear.seq,
                                     .seen = p->event.clear.seen, .id = p->id, .body = &p->body};
    if (!document_fold(document, &event))
        bench_die("out of memory");
}

/* Person by person: the events of each into a document, which is then written and read once. */
static void fold_people(void)
{
    struct document *document = document_new();
    uint64_t fold_ns = 0, codec_ns = 0;
    qsort(stages.pieces, stages.count, sizeof *stages.pieces, by_person);
    for (size_t i = 0; i < stages.count;) {
        const struct key_id person = stages.pieces[i].event.clear.key;
        const uint64_t begun = bench_processor();
        document_clear(document);
        for (; i < stages.count && memcmp(&stages.pieces[i].event.clear.key, &person, sizeof person) == 0; i++)
            fold_one(document, &stages.pieces[i]);
        const uint64_t folded = bench_processor();
        buffer_clear(&stages.out);
        document_encode(document, &stages.out);
        if (!document_decode(document, buffer_bytes(&stages.out)))
            bench_die("a document is none");
        codec_ns += bench_processor() - folded;
        fold_ns += folded - begun;
    }
    document_free(document);
    bench_tell("fold", (double)fold_ns / (double)stages.count, "ns");
    bench_tell("document", (double)codec_ns / (double)stages.count, "ns");
}

void bench_stages(int argc, char **argv)
{
    (void)argc;
    struct felloe_error error;
    if (opened_open(&stages.opened, argv[1], &error) != FELLOE_OK)
        bench_die("%s", error.message);
    take_all(bench_number(argv[3]));
    stages.frame = calloc(1, FRAME_BYTES);
    stages.boxed = malloc(FRAME_BYTES + crypto_box_MACBYTES);
    if (stages.frame == NULL || stages.boxed == NULL)
        bench_die("out of memory");
    bench_tell("size", (double)stages.bytes / (double)stages.count, "B");
    stage("check", stages.count, check);
    stage("nonce", stages.count, draw_nonces);
    stage("seal", stages.count, seal);
    stage("cipher", stages.count, encipher);
    stage("id", stages.count, hash);
    stage("chain", stages.count, chain);
    shared_stage("sign", 2000, stages.per_frame, sign);
    shared_stage("verify", 2000, stages.per_frame, verify);
    shared_stage("box", 500, stages.per_frame, box);
    shared_stage("unbox", 500, stages.per_frame, unbox);
    shared_stage("copy", 2000, stages.per_frame, copy);
    read_and_decode();
    stage("loghash", stages.count, log_hash);
    put_rows(argv[2]);
    stage("key", stages.count, find_keys);
    stage("decode", stages.count, decode);
    stage("open", stages.count, open_all);
    fold_people();
    opened_close(&stages.opened);
}
