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

static void is_at_hand(struct pair *p, struct log_draft *drafts, size_t count, struct key_record *key, bool is)
{
    struct felloe_error error;
    struct event_id last_id;
    struct lent body;
    uint32_t read, keys;
    struct log_job job = record_job(SITE, drafts, count);
    job.new_keys = key;
    job.new_key_count = key != NULL;
    job.wants_events = true;
    run_well(p->spoke, &job);
    assert_int_equal(job.events.bytes.len > 0, is);
    if (!is)
        return;
    assert_int_equal(log_read_push(p->spoke->log, bytes_str(SITE), job.own.seq + 1 - count, BODY_TARGET, &body, &read,
                                   &keys, &last_id, NULL, &error),
                     FELLOE_OK);
    assert_int_equal(read, count);
    assert_int_equal(keys, 0);
    assert_true(event_id_equal(&last_id, &job.own.id));
    assert_true(bytes_equal(body.bytes, job.events.bytes));
    lent_return(&body);
    lent_return(&job.events);
}

static void what_a_laptop_wrote_is_at_hand_where_it_is_little_and_brings_no_key(void **state)
{
    (void)state;
    struct pair p = pair_with(0);
    struct key_record person = new_person(SITE);
    struct log_draft drafts[5];
    for (unsigned i = 0; i < 5; i++)
        drafts[i] = person_note(&person, "hello");
    is_at_hand(&p, drafts, 1, &person, false);
    is_at_hand(&p, drafts, 1, NULL, true);
    is_at_hand(&p, drafts, 4, NULL, true);
    is_at_hand(&p, drafts, 5, NULL, false);
    pair_end(&p);
}

/* Without being read a FEED brings no keys. */
static void a_push_tells_whether_keys_go_along_with_what_it_brings(void **state)
{
    (void)state;
    struct pair p = pair_with(0);
    struct key_record person = new_person(SITE);
    struct log_job pushed;
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct log_draft draft = person_note(&person, "hello");
        struct log_job job = record_job(SITE, &draft, 1);
        job.new_keys = &person;
        job.new_key_count = seq == 1;
        run_well(p.spoke, &job);
        assert_int_equal(push(p.spoke, p.hub, seq, &pushed), 1);
        assert_int_equal(pushed.code, FELLOE_OK);
        assert_int_equal(pushed.first_keys, seq == 1);
    }
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
    struct key_id denied[3];
    uint32_t denied_count;
    assert_true(box_shared_of(&shared, &p.hub->identity.box_public, &p.spoke->identity.box_secret));
    assert_int_equal(log_read_keys(p.spoke->log, bytes_str(SITE), job.missing, 2, NULL, &shared, &body, &key_count,
                                   denied, &denied_count, NULL),
                     FELLOE_OK);
    assert_int_equal(key_count, 2);
    lent_return(&body);
    struct log_job bring = {.kind = LOG_KEEP_KEYS, .new_keys = people, .new_key_count = 2};
    run_well(p.hub, &bring);

    struct key_record stranger = new_person("elsewhere");
    bring = (struct log_job){.kind = LOG_KEEP_KEYS, .new_keys = &stranger, .new_key_count = 1};
    run_well(p.hub, &bring);
    const struct key_id ids[3] = {people[0].id, stranger.id, people[1].id};
    assert_int_equal(log_read_keys(p.hub->log, bytes_str(SITE), ids, 3, &p.spoke->identity.device, &shared, &body,
                                   &key_count, denied, &denied_count, NULL),
                     FELLOE_OK);
    assert_int_equal(key_count, 2);
    assert_int_equal(denied_count, 0);
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
    assert_true(keyring_has(p.hub->keyring, &other.id, NULL));
    pair_end(&p);
}

/* A laptop as the hub knows it, of this worker. */
static void admit(struct given_log *hub, const struct given_log *laptop, const char *worker)
{
    struct device_record device = {.device = laptop->identity.device, .sign = laptop->identity.sign_public,
                                   .box = laptop->identity.box_public, .site_count = 1, .joined_ms = 1};
    snprintf(device.worker, sizeof device.worker, "%s", worker);
    snprintf(device.sites[0], sizeof device.sites[0], "%s", SITE);
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    run_well(hub, &job);
}

/* What the hub answers when this laptop asks for the key: 1 it is given, 0 it is denied. */
static unsigned given_key(struct given_log *hub, const struct given_log *laptop, const struct key_record *key)
{
    struct box_shared shared;
    struct lent body;
    struct key_id denied[1];
    uint32_t key_count, denied_count;
    assert_true(box_shared_of(&shared, &laptop->identity.box_public, &hub->identity.box_secret));
    assert_int_equal(log_read_keys(hub->log, bytes_str(SITE), &key->id, 1, &laptop->identity.device, &shared, &body,
                                   &key_count, denied, &denied_count, NULL),
                     FELLOE_OK);
    lent_return(&body);
    assert_int_equal(key_count + denied_count, 1);
    if (denied_count > 0)
        assert_memory_equal(&denied[0], &key->id, sizeof key->id);
    return key_count;
}

static void a_restricted_key_goes_out_to_its_members_devices_alone(void **state)
{
    (void)state;
    struct pair p = pair_with(0);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub), *ben = given_log(ROLE_SPOKE, p.hub),
                     *unknown = given_log(ROLE_SPOKE, p.hub);
    struct key_record restricted = new_person(SITE), got;
    restricted.kind = KEY_PERSON_AUDIENCE;
    assert_true(audience_add(&restricted.members, bytes_str("amy")));
    assert_true(audience_add(&restricted.members, bytes_str("ben")));
    admit(p.hub, p.spoke, "amy");
    admit(p.hub, other, "cleo");
    admit(p.hub, ben, "ben");
    struct log_draft draft = person_note(&restricted, "for few");
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &restricted;
    job.new_key_count = 1;
    run_well(p.spoke, &job);
    push_all(&p);
    assert_int_equal(keyring_get(p.hub->keyring, &restricted.id, &got), FELLOE_OK);
    assert_true(audience_equal(&got.members, &restricted.members));

    feed_all(p.hub, other, BODY_TARGET);
    feed_all(p.hub, ben, BODY_TARGET);
    feed_all(p.hub, unknown, BODY_TARGET);
    assert_int_equal(site_head(other).at.n, 1);
    assert_false(keyring_has(other->keyring, &restricted.id, NULL));
    assert_false(keyring_has(unknown->keyring, &restricted.id, NULL)); /* of a device that the hub knows nothing of */
    assert_int_equal(keyring_get(ben->keyring, &restricted.id, &got), FELLOE_OK);
    assert_memory_equal(&got.key, &restricted.key, sizeof got.key);
    assert_int_equal(given_key(p.hub, other, &restricted), 0);
    assert_int_equal(given_key(p.hub, unknown, &restricted), 0);
    assert_int_equal(given_key(p.hub, ben, &restricted), 1);
    assert_int_equal(given_key(p.hub, p.spoke, &restricted), 1); /* whose own it is, too: it may have lost it */
    given_log_end(other);
    given_log_end(ben);
    given_log_end(unknown);
    pair_end(&p);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_persons_key_travels_with_the_first_event_that_uses_it),
        cmocka_unit_test(what_a_laptop_wrote_is_at_hand_where_it_is_little_and_brings_no_key),
        cmocka_unit_test(a_push_tells_whether_keys_go_along_with_what_it_brings),
        cmocka_unit_test(the_hub_names_the_keys_it_lacks_and_hands_out_only_what_the_site_uses),
        cmocka_unit_test(a_false_key_does_not_keep_the_events_out),
        cmocka_unit_test(a_restricted_key_goes_out_to_its_members_devices_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
