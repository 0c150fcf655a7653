/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys on their way with the events: which go along, which are asked for, which are handed out, which are false.
 */
#include "tests/unit/given_pair.h"

static void a_persons_key_travels_with_the_first_event_that_uses_it(void **state)
{
    (void)state;
    struct pair p = pair_with(1);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub);
    struct key_record person = new_person(SITE), got;
    struct log_draft drafts[2] = {person_note(&person, "hello"), person_note(&person, "again")};
    struct log_job job = record_job(SITE, drafts, 2);
    job.new_keys = &person;
    job.new_key_count = 1;
    run_well(p.spoke, &job);
    push_all(&p);
    assert_int_equal(keyring_get(p.hub->keyring, &person.id, &got), FELLOE_OK);
    assert_memory_equal(&got.key, &person.key, sizeof got.key);
    feed_all(p.hub, other, BODY_TARGET);
    assert_int_equal(keyring_get(other->keyring, &person.id, &got), FELLOE_OK);
    assert_memory_equal(&got.key, &person.key, sizeof got.key);
    assert_same_log(p.hub, other);

    /* The other laptop got it from the hub, so it does not bring it back. */
    struct log_draft reply = person_note(&person, "a reply");
    job = record_job(SITE, &reply, 1);
    run_well(other, &job);
    struct key_record keys[64];
    uint32_t key_count;
    batch_free(read_push(other, p.hub, 1, BODY_TARGET, keys, &key_count));
    assert_int_equal(key_count, 0);
    given_log_end(other);
    pair_end(&p);
}

static void the_hub_names_the_keys_it_lacks_and_hands_out_only_what_the_site_uses(void **state)
{
    (void)state;
    struct pair p = pair_with(0);
    struct key_record people[2] = {new_person(SITE), new_person(SITE)}, keys[64];
    struct log_draft drafts[2] = {person_note(&people[0], "hello"), person_note(&people[1], "hello")};
    struct log_job job = record_job(SITE, drafts, 2);
    job.new_keys = people;
    job.new_key_count = 2;
    run_well(p.spoke, &job);
    uint32_t key_count;
    struct batch *batch = read_push(p.spoke, p.hub, 1, BODY_TARGET, keys, &key_count);
    assert_int_equal(key_count, 2);
    job = (struct log_job){.kind = LOG_KEEP_PUSH, .batch = batch}; /* the keys were lost on the way */
    run_well(p.hub, &job);
    batch_free(batch);
    assert_int_equal(job.missing_count, 2);

    struct box_shared shared;
    struct lent body;
    assert_true(box_shared_of(&shared, &p.hub->identity.box_public, &p.spoke->identity.box_secret));
    assert_int_equal(log_read_keys(p.spoke->log, bytes_str(SITE), job.missing, 2, &shared, &body, &key_count, NULL),
                     FELLOE_OK);
    assert_int_equal(key_count, 2);
    lent_return(&body);
    struct log_job bring = {.kind = LOG_KEEP_KEYS, .new_keys = people, .new_key_count = 2};
    run_well(p.hub, &bring);

    struct key_record stranger = new_person("elsewhere");
    bring = (struct log_job){.kind = LOG_KEEP_KEYS, .new_keys = &stranger, .new_key_count = 1};
    run_well(p.hub, &bring);
    const struct key_id ids[3] = {people[0].id, stranger.id, people[1].id};
    assert_int_equal(log_read_keys(p.hub->log, bytes_str(SITE), ids, 3, &shared, &body, &key_count, NULL), FELLOE_OK);
    assert_int_equal(key_count, 2);
    lent_return(&body);
    pair_end(&p);
}

/* Whoever sends a false key sends it again and again: it must not stand in the way of the events. */
static void a_false_key_does_not_keep_the_events_out(void **state)
{
    (void)state;
    struct pair p = pair_with(0);
    struct key_record person = new_person(SITE), other = new_person(SITE), keys[64], got;
    struct log_draft drafts[2] = {person_note(&person, "hello"), person_note(&other, "hello")};
    struct log_job job = record_job(SITE, drafts, 2);
    struct key_record both[2] = {person, other};
    job.new_keys = both;
    job.new_key_count = 2;
    run_well(p.spoke, &job);
    struct log_job known = {.kind = LOG_KEEP_KEYS, .new_keys = &person, .new_key_count = 1};
    run_well(p.hub, &known);

    uint32_t key_count;
    struct batch *batch = read_push(p.spoke, p.hub, 1, BODY_TARGET, keys, &key_count);
    assert_int_equal(key_count, 2);
    for (unsigned i = 0; i < 2; i++)
        if (memcmp(&keys[i].id, &person.id, sizeof person.id) == 0)
            keys[i].key.b[0] ^= 1;
    job = (struct log_job){.kind = LOG_KEEP_PUSH, .batch = batch, .new_keys = keys, .new_key_count = key_count};
    run_well(p.hub, &job);
    batch_free(batch);
    assert_int_equal(site_head(p.hub).at.n, 2);
    assert_int_equal(job.missing_count, 0);
    assert_int_equal(keyring_get(p.hub->keyring, &person.id, &got), FELLOE_OK);
    assert_memory_equal(&got.key, &person.key, sizeof got.key);
    assert_true(keyring_has(p.hub->keyring, &other.id));
    pair_end(&p);
}

static void a_restricted_key_goes_to_the_hub_and_not_out_with_the_feed(void **state)
{
    (void)state;
    struct pair p = pair_with(0);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub);
    struct key_record restricted = new_person(SITE);
    restricted.kind = KEY_PERSON_AUDIENCE;
    struct log_draft draft = person_note(&restricted, "for few");
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &restricted;
    job.new_key_count = 1;
    run_well(p.spoke, &job);
    push_all(&p);
    assert_true(keyring_has(p.hub->keyring, &restricted.id));
    feed_all(p.hub, other, BODY_TARGET);
    assert_int_equal(site_head(other).at.n, 1);
    assert_false(keyring_has(other->keyring, &restricted.id));
    given_log_end(other);
    pair_end(&p);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_persons_key_travels_with_the_first_event_that_uses_it),
        cmocka_unit_test(the_hub_names_the_keys_it_lacks_and_hands_out_only_what_the_site_uses),
        cmocka_unit_test(a_false_key_does_not_keep_the_events_out),
        cmocka_unit_test(a_restricted_key_goes_to_the_hub_and_not_out_with_the_feed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
