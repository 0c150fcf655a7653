/* SPDX-License-Identifier: Apache-2.0 */
/* Erasing a person from the keyring: all keys that are theirs go with their own, and none comes again; letting go of
 * somebody takes as many, and no more than that. */
#include "tests/unit/given_dir.h"

#include <sodium.h>

#include "daemon/store/keyring_inside.h"
#include "daemon/store/keyring_repair.h"

#define MANY 100u /* restricted keys of one person */

static const uint8_t wrapping[64] = {[0] = 1, [40] = 2};

static struct keyring *open_ring(const struct given_dir *dir)
{
    struct keyring *ring;
    struct felloe_error error = {0};
    if (keyring_open(&ring, dir->path, wrapping, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return ring;
}

static struct key_record own_key(uint8_t number)
{
    struct key_record record = {.id = {{number}}, .kind = KEY_PERSON, .owner = {{number}}, .site = "north"};
    memset(record.key.b, 0xA0 + number, sizeof record.key.b);
    return record;
}

static struct key_record restricted_key(uint8_t owner, uint8_t number, const char *site)
{
    struct key_record record = {.id = {{200, owner, number}}, .kind = KEY_PERSON_AUDIENCE, .owner = {{owner}}};
    snprintf(record.site, sizeof record.site, "%s", site);
    memset(record.key.b, number, sizeof record.key.b);
    assert_true(audience_add(&record.members, bytes_str("amy")));
    assert_true(audience_add(&record.members, bytes_str("ben")));
    return record;
}

/* Two people, the first with many restricted keys, in two sites. */
static struct keyring *ring_with_two(const struct given_dir *dir)
{
    struct keyring *ring = open_ring(dir);
    struct key_record records[MANY + 3] = {own_key(1), own_key(2), restricted_key(2, 1, "north")};
    for (unsigned i = 0; i < MANY; i++)
        records[3 + i] = restricted_key(1, (uint8_t)i, i % 2 ? "north" : "south");
    assert_int_equal(keyring_add(ring, records, MANY + 3, NULL), FELLOE_OK);
    assert_int_equal(keyring_count(ring), MANY + 3);
    return ring;
}

static void all_keys_of_a_person_go_with_their_own(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = ring_with_two(&dir);
    struct key_record own = own_key(1), got;
    assert_int_equal(keyring_erase(ring, &own.id, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_count(ring), 2);
    for (unsigned i = 0; i < MANY; i++) {
        struct key_record one = restricted_key(1, (uint8_t)i, "north");
        assert_true(keyring_erased(ring, &one.id, NULL));
        assert_int_equal(keyring_get(ring, &one.id, &got), FELLOE_NOT_FOUND);
        assert_int_equal(keyring_audience_key(ring, &one, &got), FELLOE_NOT_FOUND);
    }
    struct key_record other = restricted_key(2, 1, "north");
    assert_int_equal(keyring_get(ring, &other.id, &got), FELLOE_OK);
    keyring_close(ring);
    given_dir_end(&dir);
}

/* What a reader had opened is remembered for the next one: but not beyond its row. */
static void a_key_that_was_in_use_goes_all_the_same(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = ring_with_two(&dir);
    struct key_record erased = own_key(1), away = own_key(2), got;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(keyring_get(ring, &erased.id, &got), FELLOE_OK);
        assert_memory_equal(&got, &erased, sizeof got);
        assert_int_equal(keyring_get(ring, &away.id, &got), FELLOE_OK);
        assert_memory_equal(&got, &away, sizeof got);
    }
    assert_int_equal(keyring_erase(ring, &erased.id, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_get(ring, &erased.id, &got), FELLOE_NOT_FOUND);
    assert_int_equal(keyring_get(ring, &away.id, &got), FELLOE_OK);
    assert_int_equal(keyring_put_away(ring, &away.id, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_get(ring, &away.id, &got), FELLOE_NOT_FOUND);
    keyring_close(ring);
    given_dir_end(&dir);
}

static void a_key_made_for_somebody_who_was_erased_is_not_taken(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir);
    struct key_record own = own_key(1), late[2] = {restricted_key(1, 7, "north"), restricted_key(2, 7, "north")};
    assert_int_equal(keyring_erase(ring, &own.id, 1, NULL), FELLOE_OK); /* nothing of theirs has been here */
    assert_int_equal(keyring_add(ring, late, 2, NULL), FELLOE_OK);
    assert_false(keyring_has(ring, &late[0].id, NULL));
    assert_true(keyring_erased(ring, &late[0].id, NULL)); /* so that nobody asks for it */
    assert_true(keyring_has(ring, &late[1].id, NULL));
    assert_false(keyring_erased(ring, &late[1].id, NULL));
    keyring_close(ring);
    ring = open_ring(&dir);
    assert_int_equal(keyring_add(ring, late, 2, NULL), FELLOE_OK);
    assert_int_equal(keyring_count(ring), 1);
    keyring_close(ring);
    given_dir_end(&dir);
}

/* Another person's key cannot be made away with by calling it one of somebody who was erased. */
static void a_key_that_is_here_is_not_lost_to_a_forged_record(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = ring_with_two(&dir);
    struct key_record own = own_key(1), forged = restricted_key(2, 1, "north");
    forged.owner = own.owner;
    assert_int_equal(keyring_erase(ring, &own.id, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_add(ring, &forged, 1, NULL), FELLOE_DAMAGED);
    assert_true(keyring_has(ring, &forged.id, NULL));
    assert_false(keyring_erased(ring, &forged.id, NULL));
    keyring_close(ring);
    given_dir_end(&dir);
}

/* ---- letting go ---- */

static void all_keys_of_who_moved_are_let_go_of(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = ring_with_two(&dir);
    struct key_record own = own_key(1), back = restricted_key(1, MANY - 1, "south");
    assert_int_equal(keyring_put_away(ring, &own.id, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_count(ring), 2);
    assert_true(keyring_away(ring, &back.id, NULL));
    assert_int_equal(keyring_add(ring, &back, 1, NULL), FELLOE_OK);
    assert_true(keyring_has(ring, &back.id, NULL)); /* they are welcome again */
    assert_false(keyring_away(ring, &back.id, NULL));
    keyring_close(ring);
    given_dir_end(&dir);
}

static bool is_there(const struct given_dir *dir, const char *name)
{
    return access(given_path(dir, name), F_OK) == 0;
}

static void put_aside(const struct given_dir *dir)
{
    assert_int_equal(mkdir(given_path(dir, "keys.damaged-1"), 0700), 0);
    FILE *file = fopen(given_path(dir, "keys.damaged-1/data.mdb"), "w");
    assert_non_null(file);
    fputs("keys as they were", file);
    fclose(file);
}

static void only_an_erasure_takes_keyrings_along_that_were_put_aside(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = ring_with_two(&dir);
    struct key_record own[2] = {own_key(1), own_key(2)};
    put_aside(&dir);
    assert_int_equal(keyring_put_away(ring, &own[0].id, 1, NULL), FELLOE_OK);
    assert_true(is_there(&dir, "keys.damaged-1")); /* it may hold keys that are needed */
    keyring_close(ring);
    ring = open_ring(&dir);
    assert_true(is_there(&dir, "keys.damaged-1"));
    assert_int_equal(keyring_erase(ring, &own[1].id, 1, NULL), FELLOE_OK);
    assert_false(is_there(&dir, "keys.damaged-1"));
    put_aside(&dir); /* by a repair, which did not get so far as to find the key */
    struct key_id other = {{77}};
    assert_int_equal(keyring_erase(ring, &other, 1, NULL), FELLOE_OK);
    assert_false(is_there(&dir, "keys.damaged-1"));
    keyring_close(ring);
    given_dir_end(&dir);
}

/* What the next start finishes is the one or the other, too. */
static void what_is_finished_later_is_what_was_begun(void **state)
{
    (void)state;
    for (unsigned erase = 0; erase < 2; erase++) {
        struct given_dir dir = given_dir();
        struct keyring *ring = ring_with_two(&dir);
        struct key_record own = own_key(1);
        struct felloe_error error;
        put_aside(&dir);
        assert_int_equal(mkdir(given_path(&dir, "keys/data.mdb.new"), 0700), 0); /* no copy can be made */
        assert_int_not_equal((erase ? keyring_erase : keyring_put_away)(ring, &own.id, 1, &error), FELLOE_OK);
        assert_true(is_there(&dir, "keys.damaged-1"));
        keyring_close(ring);
        assert_int_equal(rmdir(given_path(&dir, "keys/data.mdb.new")), 0);
        ring = open_ring(&dir);
        assert_int_equal(is_there(&dir, "keys.damaged-1"), !erase);
        keyring_close(ring);
        given_dir_end(&dir);
    }
}

static uint64_t owner_rows(struct keyring *ring)
{
    struct store_txn *txn = keyring_begin_read(ring);
    const uint64_t count = store_count(txn, T_OWNERS);
    keyring_end(ring, txn);
    return count;
}

/* … and goes with all others that are theirs, also where an earlier version has left a row. */
static void a_persons_own_key_needs_no_row_of_owners(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir);
    struct key_record keys[] = {own_key(1), own_key(2), own_key(3)};
    keys[2].owner = keys[0].owner;
    assert_int_equal(keyring_add(ring, keys, 3, NULL), FELLOE_OK);
    assert_int_equal(owner_rows(ring), 1);
    struct store_txn *txn;
    struct store_key row;
    assert_int_equal(keyring_begin_write(ring, &txn, NULL), FELLOE_OK);
    keyring_owner_key(&row, KEY_PERSON, &keys[1].owner, bytes_str("north"));
    key_put_u32(&row, 0);
    store_put(txn, T_OWNERS, key_bytes(&row), bytes_of(keys[1].id.b, sizeof keys[1].id.b));
    assert_int_equal(keyring_commit(ring, txn, NULL), FELLOE_OK);
    assert_int_equal(keyring_count_damaged(ring, NULL), 0);
    const struct key_id own[] = {keys[0].id, keys[1].id};
    assert_int_equal(keyring_erase(ring, own, 2, NULL), FELLOE_OK);
    assert_int_equal(keyring_count(ring), 0);
    assert_int_equal(owner_rows(ring), 0);
    keyring_close(ring);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys_of_a_person_go_with_their_own),
        cmocka_unit_test(a_persons_own_key_needs_no_row_of_owners),
        cmocka_unit_test(a_key_that_was_in_use_goes_all_the_same),
        cmocka_unit_test(a_key_made_for_somebody_who_was_erased_is_not_taken),
        cmocka_unit_test(a_key_that_is_here_is_not_lost_to_a_forged_record),
        cmocka_unit_test(all_keys_of_who_moved_are_let_go_of),
        cmocka_unit_test(only_an_erasure_takes_keyrings_along_that_were_put_aside),
        cmocka_unit_test(what_is_finished_later_is_what_was_begun),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
