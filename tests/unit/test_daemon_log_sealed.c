/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that were sealed before the writer's turn: used where they still fit, once, and else sealed anew. */
#include "tests/unit/given_log.h"

#include "proto/event/event.h"

struct given_sealed {
    struct log_sealed sealed;
    struct buffer room;
    uint64_t time;
};

static void seal_before(struct given_log *g, struct log_draft *draft, struct given_sealed *s)
{
    struct event_body body = draft->body;
    struct seal_subkey subkey;
    *s = (struct given_sealed){.sealed = {.body.incarnation = event_log_incarnation(g->log)}};
    randombytes_buf(s->sealed.body.nonce, sizeof s->sealed.body.nonce);
    body.time = s->time = draft->time = event_log_next_time(g->log);
    event_subkey(&g->site_key.key, s->sealed.body.nonce, &subkey);
    assert_true(event_seal_body(&body, &subkey, &s->room, &s->sealed.body));
    draft->sealed = &s->sealed;
}

/* Event `seq` opens, says `text`, and was (or was not) sealed beforehand. Returns its time. */
static uint64_t expect_event(struct given_log *g, uint64_t seq, const char *text, const struct given_sealed *s,
                             bool sealed_before)
{
    struct log_reader *reader = reader_of(g);
    struct log_item item;
    struct event event;
    struct event_body body;
    struct buffer plain = {0};
    assert_true(log_get_own(reader, bytes_str(SITE), seq, &item));
    assert_true(event_decode(item.event, &event));
    assert_true(event_open(&event, &g->site_key.key, &plain, &body));
    assert_true(bytes_equal(body.fields, note_fields(text)));
    assert_int_equal(memcmp(event.nonce, s->sealed.body.nonce, EVENT_NONCE_SIZE) == 0, sealed_before);
    assert_true(!sealed_before || body.time == s->time);
    buffer_release(&plain);
    log_reader_end(reader);
    return body.time;
}

static void end(struct given_log *g, struct given_sealed *sealed, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_release(&sealed[i].room);
    given_log_end(g);
}

static void a_batch_is_used_as_it_was_sealed(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    static const char *const texts[3] = {"one", "two", "three"};
    struct log_draft drafts[3];
    struct given_sealed sealed[3];
    for (size_t i = 0; i < 3; i++) {
        drafts[i] = site_note(g, texts[i]);
        seal_before(g, &drafts[i], &sealed[i]);
    }
    struct log_job job = record_job(SITE, drafts, 3);
    run_well(g, &job);
    for (size_t i = 0; i < 3; i++)
        expect_event(g, i + 1, texts[i], &sealed[i], true);
    end(g, sealed, 3);
}

/* Of two clients the one whose batch was made later may be first: an event's time is above all before it. */
static void times_only_rise(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct log_draft earlier = site_note(g, "earlier"), later = site_note(g, "later");
    struct given_sealed sealed[2];
    seal_before(g, &earlier, &sealed[0]);
    seal_before(g, &later, &sealed[1]);
    struct log_job second = record_job(SITE, &later, 1), first = record_job(SITE, &earlier, 1);
    run_well(g, &second);
    run_well(g, &first);
    const uint64_t before = expect_event(g, 1, "later", &sealed[1], true);
    assert_true(expect_event(g, 2, "earlier", &sealed[0], false) > before);
    end(g, sealed, 2);
}

/* A transaction that is done again has another clear part, perhaps: never two tags of one key. */
static void what_was_used_once_is_sealed_anew(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct log_draft draft = site_note(g, "again");
    struct given_sealed sealed;
    seal_before(g, &draft, &sealed);
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(g, &job);
    assert_true(sealed.sealed.used);
    expect_event(g, 1, "again", &sealed, true);
    job = record_job(SITE, &draft, 1);
    run_well(g, &job);
    expect_event(g, 2, "again", &sealed, false);
    end(g, &sealed, 1);
}

/* … at the time that was meant for it: what comes after it in its batch need not be sealed anew, too. */
static void one_that_does_not_fit_keeps_its_time(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct log_draft drafts[2] = {site_note(g, "used before"), site_note(g, "after it")};
    struct given_sealed sealed[2];
    for (size_t i = 0; i < 2; i++)
        seal_before(g, &drafts[i], &sealed[i]);
    sealed[0].sealed.used = true;
    struct log_job job = record_job(SITE, drafts, 2);
    run_well(g, &job);
    assert_true(expect_event(g, 1, "used before", &sealed[0], false) == sealed[0].time);
    expect_event(g, 2, "after it", &sealed[1], true);
    end(g, sealed, 2);
}

static void under_another_incarnation_it_is_sealed_anew(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct log_draft draft = site_note(g, "after a turn");
    struct given_sealed sealed;
    seal_before(g, &draft, &sealed);
    sealed.sealed.body.incarnation++;
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(g, &job);
    expect_event(g, 1, "after a turn", &sealed, false);
    end(g, &sealed, 1);
}

static void without_its_key_it_is_not_written(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct log_draft draft = site_note(g, "under a key that was erased meanwhile");
    struct given_sealed sealed;
    seal_before(g, &draft, &sealed);
    assert_int_equal(keyring_erase(g->keyring, &g->site_key.id, 1, NULL), FELLOE_OK);
    struct log_job job = record_job(SITE, &draft, 1);
    assert_int_equal(run(g, &job), FELLOE_NOT_FOUND);
    end(g, &sealed, 1);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_used_as_it_was_sealed),
        cmocka_unit_test(times_only_rise),
        cmocka_unit_test(what_was_used_once_is_sealed_anew),
        cmocka_unit_test(one_that_does_not_fit_keeps_its_time),
        cmocka_unit_test(under_another_incarnation_it_is_sealed_anew),
        cmocka_unit_test(without_its_key_it_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
