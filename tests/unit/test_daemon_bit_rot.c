/* SPDX-License-Identifier: Apache-2.0 */
/* Bits that turn over on the disk, one at a time, anywhere in the log, the keys or the views: whatever is then opened
 * and read never kills the process or goes round for ever, and what it gives is right, or somebody says that it is not.
 *
 * FELLOE_BIT_FLIPS says how many, FELLOE_BIT_SEED where the row of random numbers begins. */
#include "tests/unit/given_views.h"

#include <signal.h>
#include <sys/wait.h>

#include "daemon/report.h"
#include "daemon/log/verify.h"

#define FLIPS_DEFAULT 300

/* ---- files, held in memory between flips ---- */

struct kept_file {
    const char *name;
    uint8_t *data;
    size_t len;
};
enum { LOG_FILE, KEYS_FILE, VIEWS_FILE, FILES };

static void keep(const struct given_dir *dir, struct kept_file *file)
{
    FILE *in = fopen(given_path(dir, file->name), "rb");
    assert_non_null(in);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    file->len = (size_t)ftell(in);
    file->data = malloc(file->len);
    assert_non_null(file->data);
    rewind(in);
    assert_int_equal(fread(file->data, 1, file->len, in), file->len);
    fclose(in);
}

static void put_back(const struct given_dir *dir, const struct kept_file *file)
{
    FILE *out = fopen(given_path(dir, file->name), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(file->data, 1, file->len, out), file->len);
    assert_int_equal(fclose(out), 0);
}

static uint64_t seed;
static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/* ---- all that can be read ---- */

/* Hashes every answer of the log's readers. Nothing here fails a test: it runs where the log may be damaged. */
static void read_log(struct given_log *g, uint8_t out[32])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    struct log_reader *reader = log_reader_begin(g->log, NULL);
    if (reader == NULL)
        return;
    struct stream_head own;
    struct log_head heads[SEEN_MAX];
    struct log_walk walk;
    struct log_item item;
    struct device_record device;
    uint64_t shared = 0;
    int64_t oldest;
    if (log_own(reader, bytes_str(SITE), &own, &shared, &oldest))
        crypto_generichash_update(&state, own.id.b, sizeof own.id.b);
    size_t count = log_heads(reader, bytes_str(SITE), heads);
    for (size_t i = 0; i < count; i++)
        crypto_generichash_update(&state, heads[i].hash.b, sizeof heads[i].hash.b);
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){0});
    while (log_walk_next(&walk, &item))
        crypto_generichash_update(&state, item.event.data, item.event.len);
    log_walk_end(&walk);
    for (uint64_t seq = 1; seq <= 400 && log_get_own(reader, bytes_str(SITE), seq, &item); seq++)
        crypto_generichash_update(&state, item.event.data, item.event.len);
    log_device(reader, &g->identity.device, &device);
    log_reader_end(reader);
    crypto_generichash_final(&state, out, 32);
}

/* Ranges as they go to others. */
static void read_ranges(struct given_log *g)
{
    struct lent body;
    struct position first;
    uint32_t count, keys;
    struct log_head head;
    struct event_id last;
    struct box_shared shared;
    const struct device_id nobody = {{9}};
    if (!box_shared_of(&shared, &g->identity.box_public, &g->identity.box_secret))
        return;
    if (log_read_feed(g->log, bytes_str(SITE), (struct position){1, 1}, BODY_TARGET, &nobody, 1, &shared, &body, &first,
                      &count, &keys, &head, NULL) == FELLOE_OK &&
        body.release)
        body.release(body.owner);
    if (log_read_push(g->log, bytes_str(SITE), 1, BODY_TARGET, &body, &count, &keys, &last, NULL) == FELLOE_OK &&
        body.release)
        body.release(body.owner);
}

/* ---- one damaged directory, in a process of its own ---- */

enum outcome { RIGHT, TOLD, SILENTLY_WRONG, OUTCOMES };

struct reference {
    uint8_t log[32];
    struct node_digest digest;
};

static enum outcome record_more(struct given_log *g)
{
    struct log_draft draft = site_note(g, "written on a damaged log");
    struct log_job job = record_job(SITE, &draft, 1);
    uint8_t before[32] = {0}, after[32] = {0};
    struct log_reader *reader = log_reader_begin(g->log, NULL);
    struct log_item item;
    if (reader == NULL)
        return TOLD;
    bool there = log_get_own(reader, bytes_str(SITE), 1, &item);
    if (there)
        crypto_generichash(before, sizeof before, item.event.data, item.event.len, NULL, 0);
    log_reader_end(reader);
    if (run(g, &job) != FELLOE_OK)
        return TOLD;
    reader = log_reader_begin(g->log, NULL);
    if (reader != NULL && log_get_own(reader, bytes_str(SITE), 1, &item))
        crypto_generichash(after, sizeof after, item.event.data, item.event.len, NULL, 0);
    log_reader_end(reader);
    return memcmp(before, after, sizeof before) == 0 ? RIGHT : SILENTLY_WRONG;
}

static enum outcome look_at_log(struct given_log *g, const struct reference *reference)
{
    const struct event_log_config config = {.dir = g->dir.path,
                                            .identity = &g->identity,
                                            .keyring = g->keyring,
                                            .completions = &g->completions,
                                            .reserve_bytes = 4096};
    if (event_log_open(&g->log, &config, NULL) != FELLOE_OK)
        return TOLD;
    uint8_t found[32] = {0};
    struct verify_result result;
    const struct verify_options options = {.log = g->log, .keyring = g->keyring, .identity = &g->identity};
    read_log(g, found);
    read_ranges(g);
    bool clean = verify_log(&options, &result, NULL) == FELLOE_OK && result.problems == 0;
    enum outcome recorded = record_more(g);
    event_log_close(g->log);
    if (recorded == SILENTLY_WRONG)
        return SILENTLY_WRONG;
    if (!clean || recorded == TOLD)
        return TOLD;
    return memcmp(found, reference->log, sizeof found) == 0 ? RIGHT : SILENTLY_WRONG;
}

static enum outcome look_at_views(struct given_log *g, const struct reference *reference)
{
    struct given_node node = {.log = g};
    const struct event_log_config log_config = {.dir = g->dir.path,
                                                .identity = &g->identity,
                                                .keyring = g->keyring,
                                                .completions = &g->completions,
                                                .reserve_bytes = 4096};
    const struct projector_config config = {
        .dir = g->dir.path, .keyring = g->keyring, .identity = &g->identity, .changed = node_changed, .context = &node};
    pthread_mutex_init(&node.mutex, NULL);
    pthread_cond_init(&node.changed, NULL);
    if (event_log_open(&g->log, &log_config, NULL) != FELLOE_OK)
        return TOLD;
    struct projector_config with_log = config;
    with_log.log = g->log;
    if (projector_open(&node.projector, &with_log, NULL) != FELLOE_OK)
        return TOLD;
    struct node_digest digest;
    struct views_txn txn;
    node_fold(&node);
    if (views_read(projector_views(node.projector), &txn, NULL) != FELLOE_OK)
        return TOLD;
    digest.count = query_digests(&txn, bytes_str(SITE), digest.all);
    bool told = store_failed(txn.store, NULL) != STORE_DONE;
    views_end(&txn);
    told = told || views_damaged(projector_views(node.projector));
    projector_close(node.projector);
    event_log_close(g->log);
    if (told)
        return TOLD;
    bool same = digest.count == reference->digest.count;
    for (size_t i = 0; same && i < digest.count; i++)
        same = digest.all[i].rows == reference->digest.all[i].rows &&
               memcmp(digest.all[i].hash, reference->digest.all[i].hash, sizeof digest.all[i].hash) == 0;
    return same ? RIGHT : SILENTLY_WRONG;
}

static enum outcome look(struct given_log *g, int file, const struct reference *reference)
{
    if (keyring_open(&g->keyring, g->dir.path, g->identity.keyring_key, NULL) != FELLOE_OK)
        return TOLD;
    return file == VIEWS_FILE ? look_at_views(g, reference) : look_at_log(g, reference);
}

/* ---- the flips ---- */

struct rot {
    struct given_log *log;
    struct kept_file files[FILES];
    struct reference reference;
};

static struct rot rot(void)
{
    struct rot r = {.files = {{.name = "log/data.mdb"}, {.name = "keys/data.mdb"}, {.name = "views/data.mdb"}}};
    struct given_node *node = given_node(ROLE_HUB, NULL);
    for (unsigned i = 0; i < 30; i++) {
        struct key_record person = node_introduce(node, i % 2 ? "Robin" : "Sam");
        node_name(node, &person, "Alex");
    }
    char text[6000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    record_notes(node->log, 150);
    record_note(node->log, text); /* on pages of its own */
    struct device_record device = {.device = node->log->identity.device, .sites = {SITE}, .site_count = 1};
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    run_well(node->log, &job);
    r.reference.digest = node_digest(node);
    read_log(node->log, r.reference.log);
    projector_close(node->projector);
    r.log = node->log;
    given_log_close(r.log);
    free(node);
    for (int i = 0; i < FILES; i++)
        keep(&r.log->dir, &r.files[i]);
    return r;
}

/* Every second one among what LMDB itself goes by: the meta pages, a page's head, its list of entries, their heads. */
static size_t place(const struct kept_file *file)
{
    size_t at = (size_t)(next_random() % file->len);
    const size_t page = at - at % 4096;
    uint16_t lower, entry;
    switch (next_random() % 8) {
    case 0:
        return (size_t)(next_random() % 2 * 4096 + next_random() % 152);
    case 1:
        return page + (size_t)(next_random() % 16);
    case 2:
    case 3:
        memcpy(&lower, file->data + page + 12, sizeof lower);
        if (lower <= 16 || lower > 4000)
            return page + (size_t)(next_random() % 64);
        at = page + 16 + (size_t)(next_random() % (lower - 16u)) / 2 * 2;
        if (next_random() % 3 == 0)
            return at;
        memcpy(&entry, file->data + at, sizeof entry);
        return page + (entry + (size_t)(next_random() % 24)) % 4096;
    default:
        return at;
    }
}

static int in_a_process_of_its_own(struct rot *r, int file)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        _exit((int)look(r->log, file, &r->reference));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void a_bit_turned_over_anywhere(void **state)
{
    (void)state;
    const char *wanted = getenv("FELLOE_BIT_FLIPS"), *from = getenv("FELLOE_BIT_SEED");
    long flips = wanted ? strtol(wanted, NULL, 10) : FLIPS_DEFAULT;
    seed = (from ? strtoull(from, NULL, 10) : 1) * 0x9e3779b97f4a7c15ull;
    struct rot r = rot();
    unsigned counts[FILES][OUTCOMES] = {0}, dead = 0;
    for (long i = 0; i < flips; i++) {
        int file = (int)(i % FILES);
        struct kept_file *kept = &r.files[file];
        size_t at = place(kept);
        unsigned bit = (unsigned)(next_random() % 8);
        kept->data[at] ^= (uint8_t)(1u << bit);
        for (int f = 0; f < FILES; f++)
            put_back(&r.log->dir, &r.files[f]);
        int status = in_a_process_of_its_own(&r, file);
        kept->data[at] ^= (uint8_t)(1u << bit);
        if (WIFEXITED(status) && WEXITSTATUS(status) < OUTCOMES) {
            counts[file][WEXITSTATUS(status)]++;
            if (WEXITSTATUS(status) != SILENTLY_WRONG)
                continue;
        } else {
            dead++;
        }
        print_message("%s, bit %u of byte %zu (page %zu, byte %zu): %s %d\n", kept->name, bit, at, at / 4096, at % 4096,
                      WIFSIGNALED(status) ? "signal" : "wrong and silent, or unknown:",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    unsigned silent = 0;
    for (int f = 0; f < FILES; f++) {
        print_message("%s: %u right, %u told, %u silently wrong\n", r.files[f].name, counts[f][RIGHT], counts[f][TOLD],
                      counts[f][SILENTLY_WRONG]);
        /* The views' sealed parts tell; places in a timeline and when a device was heard are not sealed. They are made
         * again from the log by `felloe rebuild`, and nothing is decided by them. */
        if (f != VIEWS_FILE)
            silent += counts[f][SILENTLY_WRONG];
        free(r.files[f].data);
    }
    queue_destroy(&r.log->completions);
    given_dir_end(&r.log->dir);
    free(r.log);
    assert_int_equal(dead, 0);
    assert_int_equal(silent, 0);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_bit_turned_over_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
