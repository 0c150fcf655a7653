/* SPDX-License-Identifier: Apache-2.0 */
/* Bits that turn over on the disk, one at a time, anywhere in the log, the keys or the views, and files that are cut:
 * whatever is then opened and read never kills the process or goes round for ever, and what it gives is right, or
 * somebody says that it is not; and where somebody says so of the log or the keys, a repair makes it whole.
 *
 * FELLOE_BIT_FLIPS says how many, FELLOE_BIT_SEED where the row of random numbers begins. */
#include "tests/unit/given_rot.h"
#include "tests/unit/given_vault.h"
#include "tests/unit/given_no_sync.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "daemon/report.h"

#define FLIPS_DEFAULT  300
#define REPAIR_SECONDS 5

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
    if (in == NULL)
        return;
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    file->len = (size_t)ftell(in);
    file->data = malloc(file->len);
    assert_non_null(file->data);
    rewind(in);
    assert_int_equal(fread(file->data, 1, file->len, in), file->len);
    fclose(in);
}

/* A repair may have taken the folder away. */
static void put_back(const struct given_dir *dir, const struct kept_file *file, size_t len)
{
    char folder[160];
    snprintf(folder, sizeof folder, "%s", given_path(dir, file->name));
    *strrchr(folder, '/') = '\0';
    assert_true(mkdir(folder, 0700) == 0 || errno == EEXIST);
    FILE *out = fopen(given_path(dir, file->name), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(file->data, 1, len, out), len);
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

static bool hash_device(void *context, const struct device_record *device)
{
    crypto_generichash_update(context, (const uint8_t *)device, sizeof *device);
    return true;
}

/* Ranges as they go to others: how much (they are sealed with random numbers). */
static void hash_ranges(struct given_log *g, crypto_generichash_state *state)
{
    struct lent body;
    struct position first;
    uint32_t counts[5] = {0};
    struct log_head head;
    struct event_id last;
    struct signature signature;
    struct box_shared shared;
    const struct device_id nobody = {{9}};
    if (!box_shared_of(&shared, &g->identity.box_public, &g->identity.box_secret))
        return;
    if (log_read_feed(g->log, bytes_str(SITE), (struct position){1, 1}, BODY_TARGET, &nobody, 1, &shared, &body, &first,
                      &counts[0], &counts[1], &head, NULL) == FELLOE_OK &&
        body.release)
        body.release(body.owner);
    if (log_read_push(g->log, bytes_str(SITE), 1, BODY_TARGET, &body, &counts[2], &counts[3], &last, NULL, NULL) ==
            FELLOE_OK &&
        body.release)
        body.release(body.owner);
    if (log_read_offer(g->log, bytes_str(SITE), (struct position){1, 1}, BODY_TARGET, &body, &counts[4], &head,
                       &signature, NULL) == FELLOE_OK &&
        body.release)
        body.release(body.owner);
    counts[3] = 0; /* keys that the hub lacks: those that are not brought along it asks for */
    if (g->identity.role == ROLE_SPOKE)
        counts[1] = 0; /* a laptop feeds nobody */
    crypto_generichash_update(state, (const uint8_t *)counts, sizeof counts);
}

/* Hashes every answer of the log's readers. Nothing here fails a test: it runs where the log may be damaged. */
static void read_log(struct given_log *g, const struct key_record *keys, size_t key_count, uint8_t out[32])
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
    const uint32_t turns[] = {event_log_epoch(g->log), event_log_incarnation(g->log), event_log_going_on(g->log)};
    uint64_t shared = 0;
    int64_t oldest;
    crypto_generichash_update(&state, (const uint8_t *)turns, sizeof turns);
    if (log_own(reader, bytes_str(SITE), &own, &shared, &oldest))
        crypto_generichash_update(&state, own.id.b, sizeof own.id.b);
    crypto_generichash_update(&state, (const uint8_t *)&shared, sizeof shared);
    size_t count = log_heads(reader, bytes_str(SITE), heads);
    for (size_t i = 0; i < count; i++)
        crypto_generichash_update(&state, heads[i].hash.b, sizeof heads[i].hash.b);
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){0});
    while (log_walk_next(&walk, &item))
        crypto_generichash_update(&state, item.event.data, item.event.len);
    log_walk_end(&walk);
    for (uint64_t seq = 1; seq <= 400 && log_get_own(reader, bytes_str(SITE), seq, &item); seq++)
        crypto_generichash_update(&state, item.event.data, item.event.len);
    log_devices(reader, hash_device, &state);
    for (size_t i = 0; i < key_count && g->identity.role == ROLE_HUB; i++) { /* who may have a key */
        bool used = log_site_uses_key(reader, bytes_str(SITE), &keys[i].id);
        crypto_generichash_update(&state, (const uint8_t *)&used, sizeof used);
    }
    log_reader_end(reader);
    hash_ranges(g, &state);
    crypto_generichash_final(&state, out, 32);
}

/* ---- one damaged directory, in a process of its own ---- */

enum outcome { RIGHT, TOLD, SILENTLY_WRONG, REPAIRED, NOT_REPAIRED, OUTCOMES };

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

static enum outcome look_at_log(struct given_log *g, const struct reference *reference, const struct rot_before *before)
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
    read_log(g, before->keys, before->key_count, found);
    bool clean = verify_log(&options, &result, NULL) == FELLOE_OK && result.problems == 0;
    bool right = memcmp(found, reference->log, sizeof found) == 0;
    enum outcome recorded = clean && right ? record_more(g) : RIGHT;
    event_log_close(g->log);
    if (clean && (!right || recorded == SILENTLY_WRONG))
        return SILENTLY_WRONG;
    return clean && recorded == RIGHT ? RIGHT : TOLD;
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

static bool same_key(void *context, const struct key_record *record)
{
    const struct rot_before *before = context;
    bool same = false;
    for (size_t i = 0; i < before->key_count; i++)
        same |= memcmp(record, &before->keys[i], sizeof *record) == 0;
    return same;
}

/* What does not open, or is not where it was, is told to whoever asks for it. */
static enum outcome look_at_keys(struct given_log *g, const struct rot_before *before)
{
    if (keyring_count_damaged(g->keyring, NULL) > 0)
        return TOLD;
    struct key_record site;
    bool same = keyring_visit(g->keyring, same_key, (void *)(uintptr_t)before) &&
                keyring_count(g->keyring) == before->key_count &&
                keyring_site_key(g->keyring, bytes_str(SITE), &site) == FELLOE_OK &&
                memcmp(&site.id, &g->site_key.id, sizeof site.id) == 0;
    return same ? RIGHT : SILENTLY_WRONG;
}

/* ---- a directory ---- */

struct rot {
    struct given_log *log;
    struct kept_file files[FILES];
    struct reference reference;
    struct rot_before *before;
};

static enum outcome look(struct rot *r, int file)
{
    struct given_log *g = r->log;
    if (keyring_open(&g->keyring, g->dir.path, g->identity.keyring_key, NULL) != FELLOE_OK)
        return TOLD;
    enum outcome keys = look_at_keys(g, r->before);
    enum outcome rest = file == VIEWS_FILE ? look_at_views(g, &r->reference) : look_at_log(g, &r->reference, r->before);
    keyring_close(g->keyring);
    return keys != RIGHT ? keys : rest;
}

static struct device_record some_laptop(void)
{
    struct identity who;
    identity_generate(&who, ROLE_SPOKE);
    return (struct device_record){.device = who.device,
                                  .sign = who.sign_public,
                                  .box = who.box_public,
                                  .label = "a laptop",
                                  .worker = "ash-grey",
                                  .sites = {SITE},
                                  .site_count = 1,
                                  .joined_ms = 1767312000000};
}

static void finish(struct rot *r, struct given_log *g)
{
    r->log = g;
    g->identity.joined = true;
    assert_int_equal(given_identity_save(&g->identity, g->dir.path), FELLOE_OK);
    r->before = rot_before(g);
    given_log_reopen(g);
    read_log(g, r->before->keys, r->before->key_count, r->reference.log);
    given_log_close(g);
    for (int i = 0; i < FILES; i++)
        keep(&g->dir, &r->files[i]);
}

#define ROT ((struct rot){.files = {{.name = "log/data.mdb"}, {.name = "keys/data.mdb"}, {.name = "views/data.mdb"}}})

static struct rot rot_hub(struct given_node *node)
{
    struct rot r = ROT;
    for (unsigned i = 0; i < 30; i++) {
        struct key_record person = node_introduce(node, i % 2 ? "Robin" : "Sam");
        node_name(node, &person, "Alex");
    }
    char text[6000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    record_notes(node->log, 150);
    record_note(node->log, text); /* on pages of its own */
    for (unsigned i = 0; i < 5; i++) {
        struct device_record device = some_laptop();
        struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
        run_well(node->log, &job);
    }
    r.reference.digest = node_digest(node);
    projector_close(node->projector);
    finish(&r, node->log);
    free(node);
    return r;
}

/* A laptop of that hub: what the hub has it has, in small pieces; half of what it wrote itself is shared. */
static struct rot rot_laptop(struct given_log *hub)
{
    struct rot r = ROT;
    struct given_log *g = given_log(ROLE_SPOKE, hub);
    char text[9000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (unsigned i = 0; i < 12; i++) {
        struct log_job job;
        struct stream_head head;
        struct key_record person = new_person(SITE);
        struct log_draft draft = person_note(&person, i % 4 == 0 ? text : "somebody");
        struct log_job record = record_job(SITE, &draft, 1);
        record.new_keys = &person;
        record.new_key_count = 1;
        run_well(g, &record);
        record_notes(g, 5);
        head = own_head(g, NULL);
        uint32_t count = push(g, hub, head.seq - 5, &job);
        struct msg_receipt receipt = receipt_of(hub, g, &job, &head, count);
        struct log_job keep = {.kind = LOG_KEEP_RECEIPT, .receipt = &receipt};
        run_well(g, &keep);
        while (feed(hub, g, (struct position){1, site_head(g).at.n + 1}, 30000, &job) > 0)
            assert_int_equal(job.code, FELLOE_OK);
    }
    for (unsigned i = 0; i < 60; i++)
        record_note(g, "not shared yet");
    record_note(g, text);
    record_notes(g, 3);
    finish(&r, g);
    return r;
}

static void rot_end(struct rot *r)
{
    for (int f = 0; f < FILES; f++)
        free(r->files[f].data);
    for (size_t i = 0; i < r->before->key_count; i++)
        buffer_release(&r->before->key_rows[i]);
    buffer_release(&r->before->bytes);
    free(r->before);
    queue_destroy(&r->log->completions);
    given_dir_end(&r->log->dir);
    free(r->log);
}

/* ---- the damage ---- */

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

struct shared { /* with the process that looks */
    struct rot_result result;
};

/* What is read of it may write to it: the repair gets it as it was damaged. */
static enum outcome in_the_process(struct rot *r, int file, const struct rot_damage *d, struct shared *shared)
{
    alarm(20);
    enum outcome outcome = look(r, file);
    if (outcome != TOLD || file == VIEWS_FILE)
        return outcome;
    for (int f = 0; f < FILES; f++)
        if (r->files[f].data != NULL)
            put_back(&r->log->dir, &r->files[f], f == file ? d->image.len : r->files[f].len);
    alarm(REPAIR_SECONDS);
    rot_repair(r->log->dir.path, r->before, d, &shared->result);
    return shared->result.wrong[0] == '\0' ? REPAIRED : NOT_REPAIRED;
}

static int in_a_process_of_its_own(struct rot *r, int file, const struct rot_damage *d, struct shared *shared)
{
    shared->result = (struct rot_result){0};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit((int)in_the_process(r, file, d, shared));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

struct tally {
    unsigned counts[FILES][OUTCOMES], dead, cuts;
    uint64_t lost_by_flips, lost_by_cuts, times;
};

static void forget_aside(const struct given_dir *dir)
{
    static const char *const aside[] = {"log.damaged-1", "keys.damaged-1", "new-log", "new-keys"};
    for (unsigned i = 0; i < 4; i++)
        if (access(given_path(dir, aside[i]), F_OK) == 0)
            nftw(given_path(dir, aside[i]), given_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* One bit of a file, or one time in eight its end. */
static void damage(struct rot *r, int file, struct tally *tally, struct shared *shared)
{
    struct kept_file *kept = &r->files[file];
    const bool cut = next_random() % 8 == 0;
    const size_t at = cut ? (size_t)(next_random() % kept->len) : place(kept);
    const unsigned bit = (unsigned)(next_random() % 8);
    const struct rot_damage d = {.keys = file == KEYS_FILE,
                                 .image = bytes_of(kept->data, cut ? at : kept->len),
                                 .page = cut ? UINT64_MAX : at / 4096};
    kept->data[at] ^= (uint8_t)(cut ? 0 : 1u << bit);
    for (int f = 0; f < FILES; f++)
        if (r->files[f].data != NULL)
            put_back(&r->log->dir, &r->files[f], f == file ? d.image.len : r->files[f].len);
    const int status = in_a_process_of_its_own(r, file, &d, shared);
    kept->data[at] ^= (uint8_t)(cut ? 0 : 1u << bit);
    forget_aside(&r->log->dir);
    tally->cuts += cut;
    tally->times++;
    const bool ended = WIFEXITED(status) && WEXITSTATUS(status) < OUTCOMES;
    const int outcome = ended ? WEXITSTATUS(status) : OUTCOMES;
    if (ended)
        tally->counts[file][outcome]++;
    else
        tally->dead++;
    *(cut ? &tally->lost_by_cuts : &tally->lost_by_flips) += outcome == REPAIRED ? shared->result.own_lost : 0;
    const bool bad = !ended || outcome == NOT_REPAIRED || (outcome == SILENTLY_WRONG && file != VIEWS_FILE);
    if (bad && getenv("FELLOE_BIT_KEEP") != NULL) {
        char command[300];
        snprintf(command, sizeof command, "%s/%s-%d", getenv("FELLOE_BIT_KEEP"),
                 r->log->identity.role ? "laptop" : "hub", file);
        FILE *out = fopen(command, "wb");
        fwrite(kept->data, 1, kept->len, out);
        fclose(out);
    }
    if (bad)
        print_message("%s of the %s, %s %zu, bit %u (page %zu, byte %zu): %s %d %s\n", kept->name,
                      r->log->identity.role == ROLE_HUB ? "hub" : "laptop", cut ? "cut at" : "byte", at, bit, at / 4096,
                      at % 4096, WIFSIGNALED(status) ? "signal" : "outcome",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), shared->result.wrong);
}

static void tell(const char *whose, const struct rot *r, const struct tally *t)
{
    for (int f = 0; f < FILES; f++)
        if (r->files[f].data != NULL)
            print_message("%s's %s: %u right, %u told and repaired, %u told, %u silently wrong, %u not repaired\n",
                          whose, r->files[f].name, t->counts[f][RIGHT], t->counts[f][REPAIRED], t->counts[f][TOLD],
                          t->counts[f][SILENTLY_WRONG], t->counts[f][NOT_REPAIRED]);
    print_message(
        "%s: damaged %llu times, of which cut %u; own events of which no copy was left: %llu by flips, %llu by "
        "cuts\n",
        whose, (unsigned long long)t->times, t->cuts, (unsigned long long)t->lost_by_flips,
        (unsigned long long)t->lost_by_cuts);
}

static void a_bit_turned_over_anywhere(void **state)
{
    (void)state;
    const char *wanted = getenv("FELLOE_BIT_FLIPS"), *from = getenv("FELLOE_BIT_SEED");
    long flips = wanted ? strtol(wanted, NULL, 10) : FLIPS_DEFAULT;
    seed = (from ? strtoull(from, NULL, 10) : 1) * 0x9e3779b97f4a7c15ull;
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    struct given_node *node = given_node(ROLE_HUB, NULL);
    struct rot laptop = rot_laptop(node->log), hub = rot_hub(node);
    struct tally of_hub = {0}, of_laptop = {0};
    for (long i = 0; i < flips; i++) {
        if (i % 5 < FILES)
            damage(&hub, (int)(i % 5), &of_hub, shared);
        else
            damage(&laptop, i % 5 == 3 ? LOG_FILE : KEYS_FILE, &of_laptop, shared);
    }
    tell("the hub", &hub, &of_hub);
    tell("the laptop", &laptop, &of_laptop);
    rot_end(&hub);
    rot_end(&laptop);
    munmap(shared, sizeof *shared);
    assert_int_equal(of_hub.dead + of_laptop.dead, 0);
    /* The views' sealed parts tell; places in a timeline and when a device was heard are not sealed. They are made
     * again from the log by `felloe rebuild`, and nothing is decided by them. */
    for (int f = 0; f < VIEWS_FILE; f++) {
        assert_int_equal(of_hub.counts[f][SILENTLY_WRONG] + of_laptop.counts[f][SILENTLY_WRONG], 0);
        assert_int_equal(of_hub.counts[f][NOT_REPAIRED] + of_laptop.counts[f][NOT_REPAIRED], 0);
        assert_int_equal(of_hub.counts[f][TOLD] + of_laptop.counts[f][TOLD], 0);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_bit_turned_over_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
