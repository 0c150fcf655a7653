/* SPDX-License-Identifier: Apache-2.0 */
/* Looks: a run's key opens for the auditors alone, and says what it was made for. */
#include <sodium.h>

#include "proto/event/look.h"
#include "proto/mp.h"
#include "tests/unit/given.h"

static struct box_secret auditors_secret = {{0}}, other_secret = {{0}}, once = {{0}};
static struct box_public auditors;
static const uint8_t nonce[BOX_NONCE_SIZE] = {9, 9, 9};

static int the_auditors(void **state)
{
    (void)state;
    memset(auditors_secret.b, 0x31, sizeof auditors_secret.b);
    memset(other_secret.b, 0x32, sizeof other_secret.b);
    memset(once.b, 0x33, sizeof once.b);
    return crypto_scalarmult_base(auditors.b, auditors_secret.b);
}

static struct look_key run_key(void)
{
    struct look_key key;
    memset(&key.id, 0x41, sizeof key.id);
    memset(&key.key, 0x42, sizeof key.key);
    return key;
}

static void the_auditors_open_a_runs_key_and_nobody_else(void **state)
{
    (void)state;
    struct buffer fields = {0};
    const struct look_key key = run_key();
    struct look_key read;
    struct box_public whose;
    bool opened;
    assert_true(look_key_put(&fields, &key, &auditors, &once, nonce));
    assert_true(look_key_read(buffer_bytes(&fields), &auditors_secret, &read, &whose, &opened));
    assert_true(opened);
    assert_memory_equal(&read, &key, sizeof key);
    assert_memory_equal(&whose, &auditors, sizeof whose);

    assert_true(look_key_read(buffer_bytes(&fields), &other_secret, &read, &whose, &opened));
    assert_false(opened);
    assert_memory_equal(&read.id, &key.id, sizeof key.id); /* its name is told all the same */
    assert_true(look_key_read(buffer_bytes(&fields), NULL, &read, &whose, &opened));
    assert_false(opened);
    buffer_release(&fields);
}

static void neither_its_name_nor_whom_it_is_for_can_be_changed(void **state)
{
    (void)state;
    struct buffer fields = {0};
    struct look_key read;
    struct box_public whose;
    bool opened;
    const struct look_key key = run_key();
    assert_true(look_key_put(&fields, &key, &auditors, &once, nonce));
    size_t open_now = 0, readable = 0;
    for (size_t i = 0; i < fields.len; i++) { /* each byte in turn */
        fields.data[i] ^= 1;
        if (look_key_read(buffer_bytes(&fields), &auditors_secret, &read, &whose, &opened)) {
            readable++;
            open_now += opened;
        }
        fields.data[i] ^= 1;
    }
    assert_true(readable >= 16 + 32 + 32 + 72);
    assert_int_equal(open_now, 0);
    buffer_release(&fields);
}

static void a_key_that_is_none_seals_nothing(void **state)
{
    (void)state;
    struct buffer fields = {0};
    const struct look_key key = run_key();
    const struct box_public none = {{0}};
    assert_false(look_key_put(&fields, &key, &none, &once, nonce));
    buffer_release(&fields);
}

static void a_look_comes_back_as_it_was(void **state)
{
    (void)state;
    struct buffer fields = {0};
    struct person_id people[LOOK_PEOPLE_MAX], read_people[LOOK_PEOPLE_MAX];
    for (size_t i = 0; i < LOOK_PEOPLE_MAX; i++)
        memset(people[i].b, (int)(i % 255) + 1, sizeof people[i].b);
    const struct look look = {.how = bytes_str("view"),
                              .what = bytes_str("caseload"),
                              .user = bytes_str("amy"),
                              .uid = 1000,
                              .people = people,
                              .count = LOOK_PEOPLE_MAX};
    struct look read;
    look_put(&fields, &look);
    assert_false(fields.failed);
    assert_true(look_read(buffer_bytes(&fields), &read, read_people));
    assert_true(bytes_is(read.how, "view") && bytes_is(read.what, "caseload") && bytes_is(read.user, "amy"));
    assert_int_equal(read.uid, 1000);
    assert_int_equal(read.count, LOOK_PEOPLE_MAX);
    assert_memory_equal(read_people, people, sizeof people);
    for (size_t len = 0; len < fields.len; len++) /* cut short anywhere it is none */
        assert_false(look_read(bytes_of(fields.data, len), &read, read_people));
    buffer_release(&fields);
}

static void what_a_later_version_adds_is_passed_over(void **state)
{
    (void)state;
    struct buffer fields = {0};
    struct look read;
    struct person_id people[LOOK_PEOPLE_MAX];
    mp_put_map(&fields, 2);
    mp_put_text(&fields, "how");
    mp_put_text(&fields, "show");
    mp_put_text(&fields, "mood");
    mp_put_array(&fields, 1);
    mp_put_nil(&fields);
    assert_true(look_read(buffer_bytes(&fields), &read, people));
    assert_int_equal(read.count, 0);
    buffer_release(&fields);
}

static void a_name_is_cut_between_two_characters(void **state)
{
    (void)state;
    struct buffer fields = {0};
    struct look read;
    struct person_id people[LOOK_PEOPLE_MAX];
    char name[2 * LOOK_TEXT_MAX + 2] = "x"; /* é has two bytes: the 64th byte is the middle of one */
    for (size_t i = 1; i + 2 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa9", 3);
    const struct look look = {.how = bytes_str("show"), .user = bytes_str(name), .people = people};
    look_put(&fields, &look);
    assert_true(look_read(buffer_bytes(&fields), &read, people));
    assert_int_equal(read.user.len, LOOK_TEXT_MAX - 1);
    buffer_release(&fields);
}

static void an_event_is_carried_whole(void **state)
{
    (void)state;
    struct buffer fields = {0};
    struct bytes read;
    look_again_put(&fields, bytes_str("an event's bytes"));
    assert_true(look_again_read(buffer_bytes(&fields), &read));
    assert_true(bytes_is(read, "an event's bytes"));
    buffer_clear(&fields);
    mp_put_map(&fields, 0);
    assert_false(look_again_read(buffer_bytes(&fields), &read));
    buffer_release(&fields);
}

/* PROTOCOL.md tells these: another implementation has to come to the same. */
static void the_envelope_key_is_everybodys(void **state)
{
    (void)state;
    struct look_key envelope;
    uint8_t id[16], key[32];
    look_envelope_key(&envelope);
    given_hex("a8ac13d01fd3da1b0acf1a2c4ef3db4f", id, sizeof id);
    given_hex("d825b97dc40ea557834b61a08bb91cc8bcd4c9b9f21dd50a01d5907506ee7378", key, sizeof key);
    assert_memory_equal(envelope.id.b, id, sizeof id);
    assert_memory_equal(envelope.key.b, key, sizeof key);
    assert_true(site_is_audit(bytes_str("audit")));
    assert_false(site_is_audit(bytes_str("audits")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_auditors_open_a_runs_key_and_nobody_else),
        cmocka_unit_test(neither_its_name_nor_whom_it_is_for_can_be_changed),
        cmocka_unit_test(a_key_that_is_none_seals_nothing),
        cmocka_unit_test(a_look_comes_back_as_it_was),
        cmocka_unit_test(what_a_later_version_adds_is_passed_over),
        cmocka_unit_test(a_name_is_cut_between_two_characters),
        cmocka_unit_test(an_event_is_carried_whole),
        cmocka_unit_test(the_envelope_key_is_everybodys),
    };
    return cmocka_run_group_tests(tests, the_auditors, NULL);
}
