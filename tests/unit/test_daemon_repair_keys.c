/* SPDX-License-Identifier: Apache-2.0 */
/* A damaged keyring is repaired: each key whose bytes are left is there, none that was erased, and under the first of
 * two site keys is written still. And of what was put aside nothing is left once a key is erased. */
#include "tests/unit/given_repair.h"

#include "daemon/report.h"
#include "daemon/store/keyring_repair.h"

#define PEOPLE 120u

struct given_keys {
    struct given_log *g;
    struct key_record people[PEOPLE], second;
    struct key_id erased;
};

/* A laptop with keys of its site and of people, of whom one was erased, and a second key of the site, whose name comes
 * before the first one's. */
static struct given_keys given_keys(void)
{
    struct given_keys k = {.g = given_log(ROLE_SPOKE, NULL)};
    struct key_record gone = new_person(SITE);
    make_home(k.g);
    for (unsigned i = 0; i < PEOPLE; i++) {
        k.people[i] = new_person(SITE);
        for (unsigned w = 0; i % 3 == 2 && w < 2 + i % 15; w++) { /* some are restricted, to few or many */
            char worker[20];
            snprintf(worker, sizeof worker, "worker-%u-of-many", w);
            k.people[i].kind = KEY_PERSON_AUDIENCE;
            assert_true(audience_add(&k.people[i].members, bytes_str(worker)));
        }
        assert_int_equal(keyring_add(k.g->keyring, &k.people[i], 1, NULL), FELLOE_OK);
    }
    k.second = (struct key_record){.id = {{0, 1}}, .kind = KEY_SITE, .site = SITE, .key = {{77}}};
    k.erased = gone.id;
    assert_int_equal(keyring_add(k.g->keyring, &gone, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_add(k.g->keyring, &k.second, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_erase(k.g->keyring, &gone.id, 1, NULL), FELLOE_OK);
    record_notes(k.g, 5);
    given_log_close(k.g);
    return k;
}

static void given_keys_end(struct given_keys *k)
{
    queue_destroy(&k->g->completions);
    given_dir_end(&k->g->dir);
    free(k->g);
}

static struct keyring *open_keys(const struct given_keys *k)
{
    struct keyring *keyring;
    struct felloe_error error = {0};
    if (keyring_open(&keyring, k->g->dir.path, k->g->identity.keyring_key, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return keyring;
}

/* How many of the people's keys are there, as they were; all else is as it has to be. */
static unsigned people_left(const struct given_keys *k)
{
    unsigned left = 0;
    struct key_record record;
    struct keyring *keyring = open_keys(k);
    for (unsigned i = 0; i < PEOPLE; i++)
        if (keyring_get(keyring, &k->people[i].id, &record) == FELLOE_OK) {
            assert_memory_equal(&record.key, &k->people[i].key, sizeof record.key);
            assert_memory_equal(&record.owner, &k->people[i].owner, sizeof record.owner);
            assert_true(audience_equal(&record.members, &k->people[i].members));
            left++;
        }
    assert_int_equal(keyring_site_key(keyring, bytes_str(SITE), &record), FELLOE_OK);
    assert_memory_equal(&record.id, &k->g->site_key.id, sizeof record.id); /* the first one */
    assert_true(keyring_has(keyring, &k->second.id, NULL));
    assert_true(keyring_erased(keyring, &k->erased, NULL));
    assert_false(keyring_has(keyring, &k->erased, NULL));
    assert_int_equal(keyring_count_damaged(keyring, NULL), 0);
    keyring_close(keyring);
    return left;
}

/* The row of a key: its name, and what follows. */
static unsigned hit_key(const struct given_keys *k, const struct key_id *id, size_t into)
{
    struct file file = file_of(k->g, "keys/data.mdb");
    uint8_t row[17];
    memcpy(row, id->b, 16);
    row[16] = KEY_PERSON;
    unsigned hits = flip_all(&file, bytes_of(row, sizeof row), into);
    file_put(&file);
    free(file.data);
    return hits;
}

static void a_key_that_is_hit_is_lost_alone(void **state)
{
    (void)state;
    struct given_keys k = given_keys();
    assert_true(hit_key(&k, &k.people[7].id, 16 + 60) > 0);
    struct repair_outcome out = repair_well(k.g);
    assert_non_null(strstr(out.keys_damage, "1 key"));
    assert_int_equal(out.keys.lost, 1);
    assert_int_equal(out.keys.kept, PEOPLE - 1 + 2);
    assert_int_equal(people_left(&k), PEOPLE - 1);
    assert_int_equal(access(out.keys_kept, F_OK), 0);
    struct keyring *keyring = open_keys(&k); /* and it can come again */
    assert_int_equal(keyring_add(keyring, &k.people[7], 1, NULL), FELLOE_OK);
    keyring_close(keyring);
    assert_string_equal(repair_well(k.g).keys_damage, "");
    given_keys_end(&k);
}

static void a_key_whose_owner_or_name_is_hit_is_no_other_ones(void **state)
{
    (void)state;
    const size_t places[] = {0, 15, 16, 20, 32, 33, 36}; /* name, kind, owner, length of the site, site */
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        struct given_keys k = given_keys();
        assert_true(hit_key(&k, &k.people[3].id, places[i]) > 0);
        repair_well(k.g);
        assert_int_equal(people_left(&k), PEOPLE - 1);
        given_keys_end(&k);
    }
}

/* Pages that lead to others, the first two, a leaf's head: the keys themselves are whole. */
static void keys_are_found_in_the_bare_bytes(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        struct given_keys k = given_keys();
        struct file file = file_of(k.g, "keys/data.mdb");
        unsigned hits = 0;
        for (size_t at = 0; at + 4096 <= file.len; at += 4096) {
            uint16_t flags;
            memcpy(&flags, file.data + at + 10, sizeof flags);
            if (way == 0 && flags == 1)
                memset(file.data + at, 0xff, 4096), hits++;
            else if (way == 1 && flags == 2)
                file.data[at + 12] ^= 1, hits++; /* where the list of entries ends */
            else if (way == 2 && at == 4096)
                file.data[at + 16] ^= 1, hits++;
        }
        assert_true(hits > 0);
        file_put(&file);
        free(file.data);
        repair_well(k.g);
        if (way == 2) { /* one of the first two is left */
            assert_int_equal(people_left(&k), PEOPLE);
        } else { /* lists of what is erased, and of what came first, do not prove themselves */
            struct keyring *keyring = open_keys(&k);
            for (unsigned i = 0; i < PEOPLE; i++)
                assert_true(keyring_has(keyring, &k.people[i].id, NULL));
            keyring_close(keyring);
        }
        given_keys_end(&k);
    }
}

static bool one_owner(struct store_txn *txn, bool lose)
{
    struct store_item item;
    uint8_t key[200], value[16];
    struct store_cursor *cursor = store_cursor_open(txn, 0);
    bool found = store_seek(cursor, (struct bytes){0}, &item);
    size_t len = item.key.len;
    memcpy(key, item.key.data, len);
    memcpy(value, item.value.data, sizeof value);
    store_cursor_close(cursor);
    value[3] ^= 1;
    return found && (lose ? store_delete(txn, 0, bytes_of(key, len))
                          : store_put(txn, 0, bytes_of(key, len), bytes_of(value, sizeof value)));
}

static void harm_owners(struct store_txn *txn, void *context)
{
    assert_true(one_owner(txn, *(bool *)context));
}

static void a_key_that_cannot_be_found_by_its_owner_is_damage(void **state)
{
    (void)state;
    for (unsigned lose = 0; lose < 2; lose++) {
        struct given_keys k = given_keys();
        bool lost = lose;
        with_table(k.g, "keys", "owners", harm_owners, &lost);
        struct repair_outcome out = repair_well(k.g);
        assert_true(out.keys_damage[0] != '\0');
        assert_int_equal(people_left(&k), PEOPLE);
        given_keys_end(&k);
    }
}

static void a_keyring_that_is_gone_is_told(void **state)
{
    (void)state;
    struct given_keys k = given_keys();
    unlink(given_path(&k.g->dir, "keys/data.mdb"));
    struct repair_outcome out = repair_well(k.g);
    assert_non_null(strstr(out.keys_damage, "missing"));
    assert_int_equal(out.keys.kept, 0);
    assert_int_equal(held_in(k.g)->own_count, 5); /* sealed, and here */
    given_keys_end(&k);
}

/* The log is damaged as well, and its keys are gone: what names the others names them still. */
static void own_events_are_believed_by_their_chain_where_keys_are_gone(void **state)
{
    (void)state;
    struct given_keys k = given_keys();
    given_log_reopen(k.g);
    struct buffer event = own_bytes(k.g, 4);
    hit_event(k.g, &event);
    unlink(given_path(&k.g->dir, "keys/data.mdb"));
    repair_well(k.g);
    const struct held *held = held_in(k.g);
    assert_int_equal(held->problems, 0);
    assert_int_equal(held->own_count, 4); /* the one that was hit says still which was before it */
    given_keys_end(&k);
}

static void a_hubs_devices_are_as_the_newest_commit_has_them(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_HUB, NULL);
    struct keyring *into;
    struct keyring_repair_result result;
    struct given_dir other = given_dir();
    const struct device_id device = {{5}};
    make_home(g);
    assert_int_equal(keyring_put_device(g->keyring, &device, bytes_str("before"), NULL), FELLOE_OK);
    assert_int_equal(keyring_put_device(g->keyring, &device, bytes_str("now"), NULL), FELLOE_OK);
    given_log_close(g);
    assert_int_equal(keyring_open(&into, other.path, g->identity.keyring_key, NULL), FELLOE_OK);
    assert_int_equal(keyring_repair(given_path(&g->dir, "keys/data.mdb"), into, &result, NULL), FELLOE_OK);
    assert_int_equal(result.kept, 1);
    struct store_txn *txn;
    struct bytes row;
    keyring_close(into);
    const char *const tables[] = {"devices"};
    struct store *store;
    char dir[100];
    snprintf(dir, sizeof dir, "%s/keys", other.path);
    const struct store_options options = {.dir = dir, .what = "a test's", .tables = tables, .table_count = 1};
    assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
    assert_int_equal(store_begin_read(store, &txn, NULL), FELLOE_OK);
    assert_true(store_get(txn, 0, bytes_of(&device, sizeof device), &row));
    assert_true(bytes_is(row, "now"));
    store_abort(txn);
    store_close(store);
    given_dir_end(&other);
    given_log_reopen(g);
    given_log_end(g);
}

/* ---- what was put aside ---- */

static void an_erased_key_is_in_no_keyring_that_was_put_aside(void **state)
{
    (void)state;
    struct given_keys k = given_keys();
    const struct device_id mine = {{1}};
    for (unsigned i = 0; i < 2; i++) {
        assert_true(hit_key(&k, &k.people[i].id, 16 + 60) > 0);
        repair_well(k.g);
    }
    assert_int_equal(mkdir(given_path(&k.g->dir, "keys.of-mine"), 0700), 0); /* nobody's business */
    assert_int_equal(access(given_path(&k.g->dir, "keys.damaged-2/data.mdb"), F_OK), 0);
    struct keyring *keyring = open_keys(&k);
    assert_int_equal(keyring_put_device(keyring, &mine, bytes_str("row"), NULL), FELLOE_OK);
    assert_int_equal(access(given_path(&k.g->dir, "keys.damaged-1/data.mdb"), F_OK), 0);
    assert_int_equal(keyring_erase(keyring, &k.people[50].id, 1, NULL), FELLOE_OK);
    assert_int_not_equal(access(given_path(&k.g->dir, "keys.damaged-1"), F_OK), 0);
    assert_int_not_equal(access(given_path(&k.g->dir, "keys.damaged-2"), F_OK), 0);
    assert_int_equal(access(given_path(&k.g->dir, "keys.of-mine"), F_OK), 0);
    keyring_close(keyring);
    assert_int_equal(people_left(&k), PEOPLE - 3);
    given_keys_end(&k);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_is_hit_is_lost_alone),
        cmocka_unit_test(a_key_whose_owner_or_name_is_hit_is_no_other_ones),
        cmocka_unit_test(keys_are_found_in_the_bare_bytes),
        cmocka_unit_test(a_key_that_cannot_be_found_by_its_owner_is_damage),
        cmocka_unit_test(a_keyring_that_is_gone_is_told),
        cmocka_unit_test(own_events_are_believed_by_their_chain_where_keys_are_gone),
        cmocka_unit_test(a_hubs_devices_are_as_the_newest_commit_has_them),
        cmocka_unit_test(an_erased_key_is_in_no_keyring_that_was_put_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
