/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's quarantine: what a revoked laptop hands over is kept, once, within bounds; taken in where it follows, told
 * apart where it does not; discarded for good. */
#include "daemon/log/log_aside.h"
#include "daemon/log/verify.h"
#include "tests/unit/given_pair.h"

/* Everything of the laptop's from first_seq on that fits into `bytes` is handed over. */
static struct log_aside hand_over(struct given_log *spoke, struct given_log *hub, uint64_t first_seq, uint32_t bytes,
                                  uint64_t room)
{
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_push(spoke, hub, first_seq, bytes, keys, &key_count);
    struct log_aside aside = {.device = spoke->identity.device, .wall_ms = 1000, .device_bytes = room};
    struct log_job job = {.kind = LOG_KEEP_ASIDE, .batch = batch, .aside = &aside};
    run_well(hub, &job);
    batch_free(batch);
    return aside;
}

static struct log_aside take(struct given_log *hub, const struct given_log *spoke, struct log_job *job)
{
    struct log_aside aside = {.device = spoke->identity.device, .incarnation = 1, .wall_ms = 2000};
    *job = (struct log_job){.kind = LOG_TAKE_ASIDE, .aside = &aside};
    name_site(job, SITE);
    run_well(hub, job);
    return aside;
}

static struct log_aside drop(struct given_log *hub, const struct given_log *spoke)
{
    struct log_aside aside = {.device = spoke->identity.device, .wall_ms = 3000};
    struct log_job job = {.kind = LOG_DROP_ASIDE, .aside = &aside};
    run_well(hub, &job);
    return aside;
}

/* ---- what is there ---- */

struct found {
    struct aside_stream stream;
    unsigned streams, keys;
    uint64_t bytes; /* counted one by one */
    char fits[64]; /* a letter an event, ascending by seq */
};

static bool find_event(void *context, const struct aside_item *item)
{
    struct found *f = context;
    size_t len = strlen(f->fits);
    assert_true(len + 1 < sizeof f->fits);
    f->fits[len] = "FHOGU"[item->fit];
    f->fits[len + 1] = '\0';
    f->bytes += 1 + (item->is_signed ? sizeof item->signature.b : 0) + 8 + item->event.len;
    struct event_id id;
    event_id_of(item->event, &id);
    assert_true(event_id_equal(&id, &item->id));
    return true;
}

static bool find_stream(void *context, const struct aside_stream *stream)
{
    struct found *f = context;
    f->stream = *stream;
    f->streams++;
    return true;
}

static bool find_key(void *context, struct bytes record)
{
    struct found *f = context;
    f->keys += record.len > 0;
    f->bytes += record.len;
    return true;
}

static struct found look(struct given_log *hub, const struct given_log *spoke)
{
    struct found f = {0};
    struct log_reader *reader = reader_of(hub);
    assert_true(log_aside_streams(reader, &spoke->identity.device, find_stream, &f));
    if (f.streams > 0)
        assert_true(log_aside_events(reader, &f.stream, find_event, &f));
    assert_true(log_aside_keys(reader, &spoke->identity.device, bytes_str(SITE), find_key, &f));
    struct aside_totals totals;
    log_aside_totals(reader, &totals);
    assert_int_equal(totals.events, f.stream.events);
    assert_int_equal(totals.devices, f.stream.events > 0);
    assert_int_equal(totals.bytes, f.bytes); /* the count is exact, whatever happened before */
    assert_int_equal(f.stream.bytes, f.bytes);
    log_reader_end(reader);
    return f;
}

static uint64_t problems(struct given_log *g)
{
    const struct verify_options options = {.log = g->log, .identity = &g->identity, .keyring = g->keyring};
    struct verify_result result;
    struct felloe_error error;
    assert_int_equal(verify_log(&options, &result, &error), FELLOE_OK);
    return result.problems;
}

/* A laptop that is a copy of this one. */
static struct given_log *clone_of(const struct given_log *spoke, const struct given_log *hub)
{
    struct given_log *clone = given_log(ROLE_SPOKE, hub);
    given_log_close(clone);
    given_dir_end(&clone->dir);
    clone->dir = given_dir();
    clone->identity = spoke->identity;
    given_log_reopen(clone);
    struct log_job add = {.kind = LOG_ADD_SITE, .new_keys = &clone->site_key, .new_key_count = 1};
    name_site(&add, SITE);
    run_well(clone, &add);
    return clone;
}

/* ---- stories ---- */

static void what_was_not_shared_is_kept_and_taken_in(void **state)
{
    (void)state;
    struct pair p = pair_with(10);
    struct log_job job;
    push(p.spoke, p.hub, 1, &job); /* all of it was shared … */
    record_notes(p.spoke, 5);      /* … and this was not */
    struct log_aside aside = hand_over(p.spoke, p.hub, 11, BODY_TARGET, 0);
    assert_int_equal(aside.count, 5);
    assert_int_equal(aside.head.seq, 15);
    assert_int_equal(site_head(p.hub).at.n, 10); /* the log is as it was */
    struct found f = look(p.hub, p.spoke);
    assert_string_equal(f.fits, "FFFFF");
    assert_int_equal(f.stream.events, 5);
    assert_int_equal(f.stream.first_ms, 1000);
    assert_int_equal(f.stream.head_seq, 15);
    assert_string_equal(f.stream.site, SITE);

    given_log_close(p.hub);
    given_log_reopen(p.hub);
    assert_int_equal(problems(p.hub), 0);
    aside = take(p.hub, p.spoke, &job);
    assert_int_equal(aside.count, 5);
    assert_false(aside.more);
    assert_int_equal(job.at.n, 11);
    assert_int_equal(job.head.at.n, 15);
    assert_int_equal(site_head(p.hub).at.n, 15);
    f = look(p.hub, p.spoke);
    assert_string_equal(f.fits, "");
    assert_int_equal(f.stream.events, 0);
    assert_int_equal(f.stream.bytes, 0);
    assert_int_equal(f.stream.taken, 5);
    assert_int_equal(f.stream.settled_ms, 2000);
    assert_int_equal(problems(p.hub), 0);

    struct log_item item; /* as they are, with the signature */
    struct event event;
    struct event_id id;
    struct log_reader *reader = reader_of(p.hub);
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 15}, &item));
    assert_true(item.flags & ENTRY_SIGNED);
    event_id_of(item.event, &id);
    assert_true(event_decode(item.event, &event));
    assert_true(verify_stream(&p.spoke->identity.sign_public, event.clear.site, &event.clear.device, 1, 15, &id,
                              item.signature));
    log_reader_end(reader);
    pair_end(&p);
}

static void what_is_there_already_is_kept_once(void **state)
{
    (void)state;
    struct pair p = pair_with(10);
    struct log_job job;
    push(p.spoke, p.hub, 1, &job);
    record_notes(p.spoke, 4);
    assert_int_equal(hand_over(p.spoke, p.hub, 8, BODY_TARGET, 0).count, 4); /* three of them the log has */
    struct log_aside aside = hand_over(p.spoke, p.hub, 8, BODY_TARGET, 0);
    assert_int_equal(aside.count, 0);
    assert_int_equal(aside.head.seq, 0);
    uint64_t bytes = look(p.hub, p.spoke).stream.bytes;
    record_notes(p.spoke, 1);
    aside = hand_over(p.spoke, p.hub, 13, BODY_TARGET, 0);
    assert_int_equal(aside.count, 1);
    assert_int_equal(aside.head.seq, 15);
    struct found f = look(p.hub, p.spoke);
    assert_int_equal(f.stream.events, 5);
    assert_true(f.stream.bytes > bytes);
    /* Another laptop brings them, too: what the log has by then is no more than taken away. */
    push(p.spoke, p.hub, 11, &job);
    assert_int_equal(job.code, FELLOE_OK);
    assert_string_equal(look(p.hub, p.spoke).fits, "OOOOH");
    assert_int_equal(take(p.hub, p.spoke, &job).count, 0);
    f = look(p.hub, p.spoke);
    assert_int_equal(f.stream.events, 0);
    assert_int_equal(f.stream.bytes, 0);
    assert_int_equal(site_head(p.hub).at.n, 15);
    pair_end(&p);
}

static void keys_are_kept_as_they_came(void **state)
{
    (void)state;
    struct pair p = pair_with(1);
    struct key_record person = new_person(SITE);
    struct log_draft draft = person_note(&person, "about a new person");
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &person;
    job.new_key_count = 1;
    run_well(p.spoke, &job);
    hand_over(p.spoke, p.hub, 1, BODY_TARGET, 0);
    hand_over(p.spoke, p.hub, 1, BODY_TARGET, 0);
    struct found f = look(p.hub, p.spoke);
    assert_int_equal(f.keys, 1);
    assert_false(keyring_has(p.hub->keyring, &person.id, NULL));
    assert_int_equal(problems(p.hub), 0);
    assert_int_equal(take(p.hub, p.spoke, &job).count, 2);
    assert_int_equal(look(p.hub, p.spoke).keys, 0);
    pair_end(&p);
}

/* Of somebody who is erased meanwhile the quarantine keeps no key, and takes none; their entries stay, sealed. */
static void of_who_was_erased_no_key_stays(void **state)
{
    (void)state;
    struct pair p = pair_with(1);
    struct key_record jo = new_person(SITE), ann = new_person(SITE);
    struct key_record secret = {.id = {{0xAB, 1}}, .kind = KEY_PERSON_AUDIENCE, .owner = jo.owner, .site = SITE};
    assert_true(audience_add(&secret.members, bytes_str("amy")) && audience_add(&secret.members, bytes_str("ben")));
    struct log_draft drafts[3] = {person_note(&jo, "about jo"), person_note(&ann, "about ann"),
                                  person_note(&jo, "in confidence")};
    struct key_record keys[3] = {jo, ann, secret};
    drafts[2].key = secret.id;
    struct log_job job = record_job(SITE, drafts, 3);
    job.new_keys = keys;
    job.new_key_count = 3;
    run_well(p.spoke, &job);
    hand_over(p.spoke, p.hub, 1, BODY_TARGET, 0);
    assert_int_equal(look(p.hub, p.spoke).keys, 3);
    assert_int_equal(keyring_erase(p.hub->keyring, &jo.id, 1, NULL), FELLOE_OK);
    struct log_job clean = {.kind = LOG_CLEAN_ASIDE};
    run_well(p.hub, &clean);
    assert_int_equal(clean.left, 2);
    struct found f = look(p.hub, p.spoke);
    assert_int_equal(f.keys, 1);
    assert_int_equal(f.stream.events, 4);
    hand_over(p.spoke, p.hub, 1, BODY_TARGET, 0);
    assert_int_equal(look(p.hub, p.spoke).keys, 1);
    assert_int_equal(problems(p.hub), 0);
    pair_end(&p);
}

static void a_device_has_no_more_than_its_share(void **state)
{
    (void)state;
    struct pair p = pair_with(40);
    struct log_aside aside = hand_over(p.spoke, p.hub, 1, 1000, 4000);
    assert_true(aside.count > 0 && !aside.full);
    uint64_t first = aside.count, seq = first + 1;
    while (seq <= 40 && !aside.full) {
        aside = hand_over(p.spoke, p.hub, seq, 1000, 4000);
        seq += aside.count;
    }
    assert_true(aside.full);
    assert_int_equal(aside.count, 0);
    struct found f = look(p.hub, p.spoke);
    assert_true(f.stream.bytes <= 4000 && f.stream.bytes > 2000);
    assert_int_equal(f.stream.events, seq - 1);
    aside = hand_over(p.spoke, p.hub, 1, 1000, 4000); /* the same once more needs no room */
    assert_false(aside.full);
    assert_int_equal(problems(p.hub), 0);
    pair_end(&p);
}

/* Handed over, with a new key each time; then taken in, or discarded, or the person erased and the rest discarded. */
static void a_share_is_whole_again_after_each_round(void **state)
{
    (void)state;
    struct pair p = pair_with(1);
    struct log_job job;
    push(p.spoke, p.hub, 1, &job);
    for (uint64_t round = 0; round < 60; round++) {
        struct key_record person = new_person(SITE);
        struct log_draft draft = person_note(&person, "about a new person");
        person.id.b[0] = person.owner.b[0] = (uint8_t)(round + 1);
        draft.key = person.id;
        draft.body.subject = person.owner;
        job = record_job(SITE, &draft, 1);
        job.new_keys = &person;
        job.new_key_count = 1;
        run_well(p.spoke, &job);
        struct log_aside aside = hand_over(p.spoke, p.hub, 2 + round, BODY_TARGET, 600);
        assert_false(aside.full);
        assert_int_equal(aside.count, 1);
        struct found f = look(p.hub, p.spoke);
        assert_int_equal(f.keys, 1);
        assert_true(f.bytes > 300); /* one round fits, two would not */
        if (round % 3 == 2)
            assert_int_equal(keyring_erase(p.hub->keyring, &person.id, 1, NULL), FELLOE_OK);
        struct log_job clean = {.kind = LOG_CLEAN_ASIDE};
        run_well(p.hub, &clean);
        assert_int_equal(look(p.hub, p.spoke).keys, round % 3 != 2);
        if (round < 30)
            assert_int_equal(take(p.hub, p.spoke, &job).count, 1);
        else
            assert_int_equal(drop(p.hub, p.spoke).count, 1);
        f = look(p.hub, p.spoke);
        assert_int_equal(f.stream.events + f.keys + f.bytes, 0);
    }
    assert_int_equal(problems(p.hub), 0);
    pair_end(&p);
}

static void a_gap_waits_until_it_is_filled(void **state)
{
    (void)state;
    struct pair p = pair_with(9);
    struct log_job job;
    struct log_aside aside = hand_over(p.spoke, p.hub, 5, BODY_TARGET, 0); /* the hub was put back: it lacks 1 to 4 */
    assert_int_equal(aside.count, 5);
    assert_int_equal(aside.head.seq, 0);
    assert_string_equal(look(p.hub, p.spoke).fits, "GGGGG");
    assert_int_equal(take(p.hub, p.spoke, &job).count, 0);
    assert_string_equal(look(p.hub, p.spoke).fits, "GGGGG");
    aside = hand_over(p.spoke, p.hub, 1, 700, 0); /* some of what is lacking */
    assert_true(aside.count >= 1 && aside.count < 9);
    while (aside.head.seq < 4)
        aside = hand_over(p.spoke, p.hub, aside.head.seq + 1, 700, 0);
    assert_string_equal(look(p.hub, p.spoke).fits, "FFFFFFFFF");
    assert_int_equal(take(p.hub, p.spoke, &job).count, 9);
    assert_int_equal(site_head(p.hub).at.n, 9);
    pair_end(&p);
}

/* A copy of the laptop was revoked together with it: both bring what they wrote. */
static void of_two_histories_the_longer_is_taken_and_the_other_stays(void **state)
{
    (void)state;
    struct pair p = pair_with(2);
    struct log_job job;
    struct given_log *clone = clone_of(p.spoke, p.hub);
    record_notes(clone, 5);
    assert_int_equal(hand_over(p.spoke, p.hub, 1, BODY_TARGET, 0).head.seq, 2);
    assert_int_equal(hand_over(clone, p.hub, 1, BODY_TARGET, 0).head.seq, 0);
    struct found f = look(p.hub, p.spoke);
    assert_int_equal(f.stream.events, 7);
    unsigned follow = 0;
    for (const char *c = f.fits; *c; c++)
        follow += *c == 'F';
    assert_int_equal(follow, 5);
    assert_int_equal(take(p.hub, p.spoke, &job).count, 5);
    assert_string_equal(look(p.hub, p.spoke).fits, "OO");
    assert_int_equal(take(p.hub, p.spoke, &job).count, 0);
    assert_string_equal(look(p.hub, p.spoke).fits, "OO");
    assert_int_equal(problems(p.hub), 0);
    given_log_end(clone);
    pair_end(&p);
}

static void what_has_seen_more_than_the_log_holds_waits(void **state)
{
    (void)state;
    struct pair p = pair_with(1);
    struct log_job job;
    struct log_draft draft = site_note(p.spoke, "after what a restored hub has lost");
    draft.seen = (struct seen){1, {{1, 9}}};
    job = record_job(SITE, &draft, 1);
    run_well(p.spoke, &job);
    record_notes(p.spoke, 1);
    hand_over(p.spoke, p.hub, 1, BODY_TARGET, 0);
    assert_string_equal(look(p.hub, p.spoke).fits, "FUU");
    assert_int_equal(take(p.hub, p.spoke, &job).count, 1);
    assert_string_equal(look(p.hub, p.spoke).fits, "UU");
    pair_end(&p);
}

static void much_is_taken_and_dropped_in_shares(void **state)
{
    (void)state;
    struct pair p = pair_with(1100);
    struct log_job job;
    struct log_aside aside = {0};
    for (uint64_t seq = 1; seq <= 1100; seq += aside.count)
        aside = hand_over(p.spoke, p.hub, seq, BODY_TARGET, 0);
    aside = take(p.hub, p.spoke, &job);
    assert_int_equal(aside.count, 500);
    assert_true(aside.more);
    assert_int_equal(drop(p.hub, p.spoke).count, 600);
    struct found f = look(p.hub, p.spoke);
    assert_int_equal(f.stream.events, 0);
    assert_int_equal(f.stream.bytes, 0);
    assert_int_equal(f.stream.dropped, 600);
    assert_int_equal(f.stream.taken, 500);
    assert_int_equal(f.stream.head_seq, 1100); /* it need not bring them again */
    assert_int_equal(f.stream.settled_ms, 3000);
    assert_int_equal(drop(p.hub, p.spoke).count, 0);
    assert_int_equal(problems(p.hub), 0);
    pair_end(&p);
}

static void damage_in_quarantine_is_found(void **state)
{
    (void)state;
    struct pair p = pair_with(3);
    hand_over(p.spoke, p.hub, 1, BODY_TARGET, 0);
    given_log_close(p.hub);
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/log/data.mdb", p.hub->dir.path);
    struct log_job job;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    static uint8_t bytes[1 << 20];
    size_t len = fread(bytes, 1, sizeof bytes, file);
    struct lent body;
    uint32_t count, key_count;
    struct event_id last;
    assert_int_equal(log_read_push(p.spoke->log, bytes_str(SITE), 2, 1, &body, &count, &key_count, &last, NULL, NULL),
                     FELLOE_OK);
    uint8_t *at = NULL;
    for (size_t i = 0; i + 100 < len && at == NULL; i++)
        at = memcmp(bytes + i, body.bytes.data + body.bytes.len - 60, 60) == 0 ? bytes + i : NULL;
    assert_non_null(at);
    lent_return(&body);
    at[30] ^= 4;
    assert_int_equal(fseek(file, 0, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    given_log_reopen(p.hub);
    assert_int_equal(problems(p.hub), 1);
    assert_int_equal(take(p.hub, p.spoke, &job).count, 1); /* what is not itself is not taken in */
    assert_int_equal(site_head(p.hub).at.n, 1);
    pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_shared_is_kept_and_taken_in),
        cmocka_unit_test(what_is_there_already_is_kept_once),
        cmocka_unit_test(keys_are_kept_as_they_came),
        cmocka_unit_test(of_who_was_erased_no_key_stays),
        cmocka_unit_test(a_device_has_no_more_than_its_share),
        cmocka_unit_test(a_share_is_whole_again_after_each_round),
        cmocka_unit_test(a_gap_waits_until_it_is_filled),
        cmocka_unit_test(of_two_histories_the_longer_is_taken_and_the_other_stays),
        cmocka_unit_test(what_has_seen_more_than_the_log_holds_waits),
        cmocka_unit_test(much_is_taken_and_dropped_in_shares),
        cmocka_unit_test(damage_in_quarantine_is_found),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
