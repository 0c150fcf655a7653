/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out at every place where the log asks for some, LMDB's own included: while it is opened, in every kind of
 * job, and while it is read. What fails says so, with no verdict on what came; the log holds what it held before or
 * what the job was to bring, whole, and the same job then succeeds. */
#include "tests/unit/given_memory.h"
#include "tests/unit/given_restored.h"

/* ---- a log's state in numbers ---- */

struct state {
    uint64_t own, shared, waiting, epochs, entries, incarnation, going_on, later_epoch, sites, devices, tickets,
        streams;
};

static bool count_device(void *context, const struct device_record *device)
{
    *(uint64_t *)context += device->revoked_ms != 0 ? 2u : 1u;
    return true;
}

static bool count_ticket(void *context, const struct ticket_record *ticket)
{
    *(uint64_t *)context += ticket->used_ms != 0 ? 2u : 1u;
    return true;
}

static bool count_stream(void *context, const struct device_id *device, uint32_t incarnation,
                         const struct stream_head *head)
{
    (void)device, (void)incarnation;
    *(uint64_t *)context += head->seq;
    return true;
}

static struct state state_of(struct given_log *g)
{
    struct state s = {.incarnation = event_log_incarnation(g->log), .going_on = event_log_going_on(g->log),
                      .later_epoch = event_log_epoch(g->log) > 1};
    if (g->identity.role == ROLE_HUB)
        s.incarnation = 0;
    struct log_reader *reader = reader_of(g);
    struct stream_head own;
    int64_t oldest_ms;
    struct log_head heads[SEEN_MAX];
    char site[SLUG_MAX + 1];
    assert_true(log_own(reader, bytes_str(SITE), &own, &s.shared, &oldest_ms));
    s.own = own.seq;
    s.waiting = oldest_ms != 0;
    s.epochs = log_heads(reader, bytes_str(SITE), heads);
    for (uint64_t i = 0; i < s.epochs; i++)
        s.entries += heads[i].at.n;
    while (log_site_at(reader, s.sites, site))
        s.sites++;
    assert_true(log_devices(reader, count_device, &s.devices));
    assert_true(log_tickets(reader, count_ticket, &s.tickets));
    assert_true(log_streams(reader, bytes_str(SITE), count_stream, &s.streams));
    log_reader_end(reader);
    verified(g);
    return s;
}

static bool same_state(const struct state *a, const struct state *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* ---- what the stories have ---- */

static struct world {
    struct pair p;
    struct given_log *other;
    struct given_log *subject; /* whose job it is */
    struct batch *batch;
    struct key_record keys[64], person;
    uint32_t key_count;
    struct log_draft drafts[3], fresh[3];
    struct msg_receipt receipt;
    struct device_record device;
    struct ticket_record ticket;
    struct buffer fields;
} w;

static void begin(unsigned notes)
{
    w = (struct world){.p = pair_with(notes)};
    w.person = new_person(SITE);
    w.device = (struct device_record){.device = w.p.spoke->identity.device, .sign = w.p.spoke->identity.sign_public,
                                      .worker = "ash-grey"};
}

static void end(void)
{
    batch_free(w.batch);
    buffer_release(&w.fields);
    if (w.other != NULL)
        given_log_end(w.other);
    pair_end(&w.p);
}

static void copy_within(struct given_log *g, const char *from, const char *to)
{
    char source[160];
    snprintf(source, sizeof source, "%s", given_path(&g->dir, from));
    copy_file(source, given_path(&g->dir, to));
}

/* Log and keys, as they are before the job. */
static void keep_before(void)
{
    given_log_close(w.subject);
    copy_within(w.subject, "log/data.mdb", "log-before.mdb");
    copy_within(w.subject, "keys/data.mdb", "keys-before.mdb");
    given_log_reopen(w.subject);
}

static void as_before(void)
{
    given_log_close(w.subject);
    copy_within(w.subject, "log-before.mdb", "log/data.mdb");
    copy_within(w.subject, "keys-before.mdb", "keys/data.mdb");
    given_log_reopen(w.subject);
    struct log_job nothing = {.kind = LOG_KEEP_KEYS};
    run_well(w.subject, &nothing); /* the writer's thread has what it begins with */
}

/* ---- the jobs ---- */

static void three_drafts(void)
{
    char *text = calloc(1, 3001);
    assert_non_null(text);
    memset(text, 'a', 3000);
    mp_put_map(&w.fields, 1);
    mp_put_text(&w.fields, "text");
    mp_put_text(&w.fields, text);
    free(text);
    w.fresh[0] = person_note(&w.person, "");
    w.fresh[1] = w.fresh[2] = site_note(w.subject, "");
    for (unsigned i = 0; i < 3; i++)
        w.fresh[i].body.fields = buffer_bytes(&w.fields);
    w.fresh[2].body.has_origin = true;
    w.fresh[2].body.origin = (struct origin_id){{3}};
}

static void record(struct log_job *job)
{
    memcpy(w.drafts, w.fresh, sizeof w.drafts);
    *job = record_job(SITE, w.drafts, 3);
    job->new_keys = &w.person;
    job->new_key_count = 1;
}

static void given_laptop_that_writes(void)
{
    begin(2);
    w.subject = w.p.spoke;
    three_drafts();
}

static void given_hub_that_writes(void)
{
    begin(2);
    push_all(&w.p);
    w.subject = w.p.hub;
    three_drafts();
}

static void spoke_writes_three(void)
{
    w.subject = w.p.spoke;
    three_drafts();
    struct log_job job;
    record(&job);
    run_well(w.p.spoke, &job);
}

static void given_push(void)
{
    begin(2);
    push_all(&w.p);
    spoke_writes_three();
    w.batch = read_push(w.p.spoke, w.p.hub, 3, BODY_TARGET, w.keys, &w.key_count);
    w.subject = w.p.hub;
}

static void keep_push(struct log_job *job)
{
    *job = (struct log_job){.kind = LOG_KEEP_PUSH, .batch = w.batch, .new_keys = w.keys, .new_key_count = w.key_count};
}

static void given_feed(void)
{
    begin(70);
    push_all(&w.p);
    w.other = given_log(ROLE_SPOKE, w.p.hub);
    catch_up(w.p.hub, w.other);
    spoke_writes_three();
    struct log_job job;
    assert_int_equal(push(w.p.spoke, w.p.hub, 71, &job), 3);
    w.batch = read_feed(w.p.hub, w.other, (struct position){1, 71}, BODY_TARGET, w.keys, &w.key_count);
    w.subject = w.other;
}

static void keep_feed(struct log_job *job)
{
    *job = (struct log_job){.kind = LOG_KEEP_FEED, .batch = w.batch, .new_keys = w.keys, .new_key_count = w.key_count};
}

/* Of the next epoch, with events that are here already and own ones. */
static void given_feed_of_seconds(void)
{
    begin(5);
    push_all(&w.p);
    w.other = given_log(ROLE_SPOKE, w.p.hub);
    catch_up(w.p.hub, w.other);
    w.batch = read_feed(w.p.hub, w.other, (struct position){1, 2}, BODY_TARGET, w.keys, &w.key_count);
    w.batch->epoch = 2;
    w.batch->first_n = 1;
    log_head_start(&w.batch->head, bytes_str(SITE), 2);
    for (uint32_t i = 0; i < w.batch->count; i++)
        log_head_advance(&w.batch->head, &w.batch->entries[i].id);
    sign_log_head(&w.p.hub->identity.sign_secret, bytes_str(SITE), &w.batch->head, &w.batch->head_signature);
    w.key_count = 0;
    w.subject = w.other;
}

static void given_offer(void)
{
    begin(5);
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &w.device};
    run_well(w.p.hub, &job);
    push_all(&w.p);
    keep_copy(w.p.hub);
    spoke_writes_three();
    assert_int_equal(push(w.p.spoke, w.p.hub, 6, &job), 3);
    w.other = given_log(ROLE_SPOKE, w.p.hub);
    catch_up(w.p.hub, w.other);
    put_back(w.p.hub);
    next_epoch(w.p.hub);
    assert_int_equal(push(w.p.spoke, w.p.hub, 6, &job), 3); /* so they come a second time */
    w.batch = read_offer(w.other, w.p.hub, (struct position){1, 6}, BODY_TARGET);
    w.subject = w.p.hub;
}

static void keep_offer(struct log_job *job)
{
    *job = (struct log_job){.kind = LOG_KEEP_OFFER, .batch = w.batch};
}

static void given_receipt(void)
{
    begin(7);
    struct log_job pushed;
    uint32_t count = push(w.p.spoke, w.p.hub, 1, &pushed);
    struct stream_head head = own_head(w.p.spoke, NULL);
    w.receipt = receipt_of(w.p.hub, w.p.spoke, &pushed, &head, count);
    w.subject = w.p.spoke;
}

static void keep_receipt(struct log_job *job)
{
    *job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &w.receipt};
}

static void given_lowered_receipt(void)
{
    given_receipt();
    struct log_job job;
    keep_receipt(&job);
    run_well(w.p.spoke, &job);
    w.receipt = (struct msg_receipt){.site = bytes_str(SITE), .incarnation = 1};
}

static void lower_receipt(struct log_job *job)
{
    keep_receipt(job);
    job->lowered = true;
}

static void given_hub(void)
{
    begin(3);
    push_all(&w.p);
    record_notes(w.p.hub, 2);
    w.subject = w.p.hub;
}

static void begin_epoch(struct log_job *job)
{
    *job = (struct log_job){.kind = LOG_NEXT_EPOCH};
}

static void add_site(struct log_job *job)
{
    w.keys[0] = (struct key_record){.id = {{8}}, .kind = KEY_SITE, .site = "south", .key = {{9}}};
    *job = (struct log_job){.kind = LOG_ADD_SITE, .new_keys = w.keys, .new_key_count = 1};
    name_site(job, "south");
}

static void admit(struct log_job *job)
{
    w.ticket = (struct ticket_record){.curve = {4}, .used_ms = 5, .used_by = w.device.device};
    *job = (struct log_job){.kind = LOG_ADMIT, .device = &w.device, .ticket = &w.ticket};
}

static void given_two_histories(void)
{
    begin(3);
    push_all(&w.p);
    catch_up(w.p.hub, w.p.spoke);
    spoke_writes_three();
}

static void name_next(struct log_job *job)
{
    *job = (struct log_job){.kind = LOG_GOING_ON, .incarnation = 6};
}

static void given_named(void)
{
    given_two_histories();
    struct log_job job;
    name_next(&job);
    run_well(w.subject, &job);
}

static void go_on_now(struct log_job *job)
{
    *job = (struct log_job){.kind = LOG_GO_ON};
}

static const struct story {
    const char *name;
    void (*given)(void);
    void (*make)(struct log_job *job);
} stories[] = {
    {"record at a laptop", given_laptop_that_writes, record},
    {"record at the hub", given_hub_that_writes, record},
    {"push", given_push, keep_push},
    {"feed", given_feed, keep_feed},
    {"feed of what is here", given_feed_of_seconds, keep_feed},
    {"offer", given_offer, keep_offer},
    {"receipt", given_receipt, keep_receipt},
    {"lowered receipt", given_lowered_receipt, lower_receipt},
    {"next epoch", given_hub, begin_epoch},
    {"site", given_hub, add_site},
    {"join", given_hub, admit}, /* whose device is in the keyring before it is in the log */
    {"going on", given_two_histories, name_next},
    {"go on", given_named, go_on_now},
};

/* ---- each of them, with memory that runs out ---- */

/* False: the job did not ask for that many. */
static bool run_short(const struct story *story, uint64_t at, bool for_ever, const struct state *before,
                      const struct state *after)
{
    struct given_log *g = w.subject;
    struct log_job job;
    as_before();
    story->make(&job);
    memory_runs_out(at, for_ever);
    run(g, &job);
    all_is_in(g);
    uint64_t asked = memory_is_back();
    bool unknown = event_log_failed(g->log) || keyring_failed(g->keyring);
    if (unknown)
        reopen(g);
    struct state now = state_of(g);
    if (job.code != FELLOE_OK && job.code != FELLOE_FAILED && job.code != FELLOE_STORAGE)
        fail_msg("%s: allocation %lu failed, and that was taken for a fault of the job: %s", story->name, at,
                 job.error.message);
    if (job.code == FELLOE_OK && !same_state(&now, after))
        fail_msg("%s: allocation %lu failed, and what was said to be done is not", story->name, at);
    if (unknown && now.devices == after->devices)
        now.devices = before->devices + (now.tickets > before->tickets ? after->devices - before->devices : 0);
    if (job.code != FELLOE_OK && !same_state(&now, before) && !(unknown && same_state(&now, after)))
        fail_msg("%s: allocation %lu failed, and so did the job; yet it did something", story->name, at);
    if (same_state(&now, before) && !same_state(before, after)) {
        story->make(&job);
        if (run(g, &job) != FELLOE_OK)
            fail_msg("%s: after allocation %lu had failed: %s", story->name, at, job.error.message);
        now = state_of(g);
        assert_true(same_state(&now, after));
    }
    return asked > at;
}

static void no_job_does_half_of_its_work_without_memory(void **state)
{
    (void)state;
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        const struct story *story = &stories[i];
        story->given();
        keep_before();
        const struct state before = state_of(w.subject);
        struct log_job job;
        story->make(&job);
        run_well(w.subject, &job);
        const struct state after = state_of(w.subject);
        assert_false(same_state(&before, &after));
        uint64_t at = 0;
        while (run_short(story, at, false, &before, &after))
            at++;
        assert_true(at > 0);
        for (at = 0; run_short(story, at, true, &before, &after);)
            at++;
        end();
    }
}

/* ---- opening ---- */

static void a_log_that_could_not_be_opened_is_opened_later(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(GIVEN_ASAN)
    skip(); /* the sanitizer itself cannot start a thread without memory */
#endif
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    given_hub();
    struct log_job job;
    admit(&job);
    run_well(w.subject, &job);
    const struct state whole = state_of(w.subject);
    struct given_log *g = w.subject;
    const struct event_log_config config = {.dir = g->dir.path, .identity = &g->identity, .keyring = g->keyring,
                                            .completions = &g->completions, .reserve_bytes = 1 << 20};
    unsigned failed = 0;
    for (uint64_t at = 0, asked = 1; asked >= at; at++) { /* the last has enough */
        struct felloe_error error = {0};
        event_log_close(g->log);
        g->log = NULL;
        memory_runs_out(at, false);
        enum felloe_code code = event_log_open(&g->log, &config, &error);
        asked = memory_is_back();
        if (code != FELLOE_OK) {
            assert_null(g->log);
            if (code != FELLOE_FAILED && code != FELLOE_STORAGE)
                fail_msg("allocation %lu failed, and that was taken for something else: %s", at, error.message);
            assert_true(strlen(error.message) > 0);
            failed++;
            if (event_log_open(&g->log, &config, &error) != FELLOE_OK)
                fail_msg("after allocation %lu had failed: %s", at, error.message);
        }
        struct state now = state_of(g);
        assert_true(same_state(&now, &whole));
    }
    assert_true(failed > 5);
    end();
}

/* ---- reading ---- */

struct answer {
    enum felloe_code code;
    uint64_t numbers[3];
};

static uint64_t take_body(struct lent *body)
{
    uint64_t len = body->bytes.len;
    lent_return(body);
    return len;
}

static struct answer ask_push(void)
{
    struct answer a = {0};
    struct lent body;
    uint32_t count, keys;
    struct event_id last;
    a.code = log_read_push(w.p.spoke->log, bytes_str(SITE), 1, BODY_TARGET, &body, &count, &keys, &last, NULL, NULL);
    a.numbers[0] = count;
    a.numbers[1] = keys;
    a.numbers[2] = take_body(&body);
    return a;
}

static struct answer ask_feed(void)
{
    struct answer a = {0};
    struct lent body;
    struct position first;
    uint32_t count, keys;
    struct log_head head;
    struct box_shared shared = {{1}};
    struct device_id nobody = {{0}};
    a.code = log_read_feed(w.p.hub->log, bytes_str(SITE), (struct position){1, 1}, 3000, &nobody, 1, &shared, &body,
                           &first, &count, &keys, &head, NULL);
    a.numbers[0] = count;
    a.numbers[1] = keys;
    a.numbers[2] = take_body(&body);
    return a;
}

static struct answer ask_offer(void)
{
    struct answer a = {0};
    struct lent body;
    uint32_t count;
    struct log_head head;
    struct signature signature;
    a.code = log_read_offer(w.p.spoke->log, bytes_str(SITE), (struct position){1, 1}, BODY_TARGET, &body, &count, &head,
                            &signature, NULL);
    a.numbers[0] = count;
    a.numbers[2] = take_body(&body);
    return a;
}

static struct answer ask_heads(void)
{
    struct answer a = {0};
    struct log_head heads[SEEN_MAX];
    struct felloe_error error = {0};
    struct log_reader *reader = log_reader_begin(w.p.hub->log, &error);
    if (reader == NULL)
        return (struct answer){.code = error.code};
    a.numbers[0] = log_heads(reader, bytes_str(SITE), heads);
    bool going = log_streams(reader, bytes_str(SITE), count_stream, &a.numbers[1]) &&
                 log_devices(reader, count_device, &a.numbers[2]);
    if (log_reader_failed(reader, &error) || !going)
        a.code = FELLOE_FAILED;
    log_reader_end(reader);
    return a;
}

static struct answer ask_verify(void)
{
    struct answer a = {0};
    struct verify_result result;
    const struct verify_options options = {
        .log = w.p.spoke->log, .keyring = w.p.spoke->keyring, .identity = &w.p.spoke->identity};
    a.code = verify_log(&options, &result, NULL);
    a.numbers[0] = result.events;
    a.numbers[1] = result.problems;
    a.numbers[2] = result.sites[0].unreadable + result.sites[0].sealed;
    return a;
}

static void no_answer_is_short_of_anything_without_saying_so(void **state)
{
    (void)state;
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    static struct answer (*const questions[])(void) = {ask_push, ask_feed, ask_offer, ask_heads, ask_verify};
    given_two_histories();
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &w.device};
    run_well(w.p.hub, &job);
    for (size_t q = 0; q < sizeof questions / sizeof questions[0]; q++) {
        const struct answer right = questions[q]();
        assert_int_equal(right.code, FELLOE_OK);
        assert_true(right.numbers[0] > 0);
        for (int for_ever = 0; for_ever < 2; for_ever++)
            for (uint64_t at = 0, asked = 1; asked >= at; at++) {
                int64_t live = memory.live;
                memory_runs_out(at, for_ever);
                struct answer got = questions[q]();
                asked = memory_is_back();
                if (got.code == FELLOE_OK && memcmp(got.numbers, right.numbers, sizeof got.numbers) != 0)
                    fail_msg("question %zu: allocation %lu failed, and the answer lacks something", q, at);
                if (got.code != FELLOE_OK)
                    assert_true(got.code == FELLOE_FAILED || got.code == FELLOE_STORAGE);
                assert_true(memory.live <= live + 1); /* a place in LMDB's list of readers, at most */
            }
    }
    end();
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    if (access("/dev/shm", W_OK) == 0) /* what reaches the disk, and when, is not the matter here */
        setenv("TMPDIR", "/dev/shm", 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_job_does_half_of_its_work_without_memory),
        cmocka_unit_test(a_log_that_could_not_be_opened_is_opened_later),
        cmocka_unit_test(no_answer_is_short_of_anything_without_saying_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
