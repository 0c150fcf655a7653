/* SPDX-License-Identifier: Apache-2.0 */
/* A keyring that is locked, or opened by a second worker: what it still holds, takes and gives, and that keys of before
 * there were two halves change the half. */
#include "tests/unit/given_dir.h"

#include <fcntl.h>
#include <sodium.h>

#include "daemon/store/identity.h"
#include "daemon/store/keyring_repair.h"

/* Amy's laptop and her hub; `first` is her keyring key without the second half. */
struct given_ring {
    struct given_dir dir;
    struct identity amy, hub;
    struct box_shared shared;
    uint8_t first[KEYRING_KEY_SIZE];
    struct keyring *ring;
};

static void open_ring(struct given_ring *g, const uint8_t *key)
{
    struct felloe_error error = {0};
    keyring_close(g->ring);
    if (keyring_open(&g->ring, g->dir.path, key, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
}

static struct given_ring given_ring(void)
{
    struct given_ring g = {.dir = given_dir()};
    identity_generate(&g.amy, ROLE_SPOKE);
    identity_generate(&g.hub, ROLE_HUB);
    g.amy.hub_box = g.hub.box_public;
    assert_true(box_shared_of(&g.shared, &g.amy.box_public, &g.hub.box_secret));
    memcpy(g.first, g.amy.keyring_key, KEYRING_HALF_SIZE);
    open_ring(&g, g.amy.keyring_key);
    return g;
}

static void given_ring_end(struct given_ring *g)
{
    keyring_close(g->ring);
    given_dir_end(&g->dir);
}

static struct key_record person_key(uint8_t number)
{
    struct key_record record = {.id = {{number}}, .kind = KEY_PERSON, .owner = {{number}}, .site = "north"};
    memset(record.key.b, 0xA0 + number, sizeof record.key.b);
    return record;
}

static struct key_record restricted_key(uint8_t number, uint8_t owner)
{
    struct key_record record = {
        .id = {{200, number}}, .kind = KEY_PERSON_AUDIENCE, .owner = {{owner}}, .site = "north"};
    audience_add(&record.members, bytes_str("amy"));
    audience_add(&record.members, bytes_str("cat"));
    memset(record.key.b, number, sizeof record.key.b);
    return record;
}

/* As the hub sends it. */
static struct buffer wrapped(const struct given_ring *g, const struct key_record *record)
{
    struct buffer out = {0};
    uint8_t nonce[BOX_NONCE_SIZE];
    randombytes_buf(nonce, sizeof nonce);
    key_record_wrap(record, &g->shared, nonce, &out);
    return out;
}

static enum felloe_code receive(struct given_ring *g, const struct key_record *record)
{
    struct buffer raw = wrapped(g, record);
    const struct bytes one = buffer_bytes(&raw);
    enum felloe_code code = keyring_put_in(g->ring, &one, 1, NULL);
    buffer_release(&raw);
    return code;
}

static void add(struct given_ring *g, const struct key_record *record)
{
    assert_int_equal(keyring_add(g->ring, record, 1, NULL), FELLOE_OK);
}

static size_t take_in(struct given_ring *g)
{
    size_t taken;
    assert_int_equal(keyring_take_in(g->ring, &g->amy, &taken, NULL), FELLOE_OK);
    return taken;
}

static bool has(struct given_ring *g, const struct key_record *record)
{
    struct key_record got;
    bool there = keyring_get(g->ring, &record->id, &got) == FELLOE_OK;
    assert_int_equal(there, keyring_has(g->ring, &record->id, NULL));
    return there && memcmp(&got.key, &record->key, sizeof got.key) == 0;
}

static bool count_one(void *context, const struct key_id *id, struct bytes record)
{
    (void)id;
    (void)record;
    ++*(size_t *)context;
    return true;
}
static size_t waiting(struct given_ring *g)
{
    size_t count = 0;
    assert_true(keyring_visit_in(g->ring, count_one, &count));
    return count;
}

static bool file_contains(struct given_ring *g, const void *what, size_t len)
{
    struct stat st;
    int fd = open(given_path(&g->dir, "keys/data.mdb"), O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *all = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, all, (size_t)st.st_size), st.st_size);
    close(fd);
    bool found = memmem(all, (size_t)st.st_size, what, len) != NULL;
    free(all);
    return found;
}

/* ---- locked ---- */

static void a_locked_one_gives_no_key_and_says_what_it_holds(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record one = person_key(1), other = person_key(2), gone = person_key(3);
    struct felloe_error error;
    add(&g, &one);
    assert_int_equal(keyring_erase(g.ring, &gone.id, 1, NULL), FELLOE_OK);
    open_ring(&g, NULL);
    assert_false(has(&g, &one));
    assert_int_equal(keyring_get(g.ring, &one.id, &(struct key_record){0}), FELLOE_NOT_FOUND);
    assert_true(keyring_holds(g.ring, &one.id, NULL)); /* it is not to be asked for */
    assert_false(keyring_holds(g.ring, &other.id, NULL));
    assert_true(keyring_erased(g.ring, &gone.id, NULL));
    assert_int_equal(keyring_add(g.ring, &other, 1, &error), FELLOE_DENIED);
    assert_non_null(strstr(error.message, "locked"));
    assert_false(keyring_opens(g.ring, KEY_PERSON));
    open_ring(&g, g.amy.keyring_key);
    assert_true(has(&g, &one));
    given_ring_end(&g);
}

static void what_comes_while_it_is_locked_is_taken_in_afterwards(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record one = person_key(1), mine = restricted_key(2, 1), here = person_key(3);
    add(&g, &here);
    open_ring(&g, NULL);
    assert_int_equal(receive(&g, &one), FELLOE_OK);
    assert_int_equal(receive(&g, &one), FELLOE_OK); /* twice is once */
    assert_int_equal(receive(&g, &mine), FELLOE_OK);
    assert_int_equal(receive(&g, &here), FELLOE_OK); /* is here already */
    assert_int_equal(waiting(&g), 2);
    assert_true(keyring_holds(g.ring, &one.id, NULL));
    assert_false(keyring_has(g.ring, &one.id, NULL));
    assert_false(file_contains(&g, one.key.b, sizeof one.key.b));
    open_ring(&g, g.amy.keyring_key);
    assert_int_equal(waiting(&g), 2); /* it survived that */
    assert_int_equal(take_in(&g), 2);
    assert_true(has(&g, &one) && has(&g, &mine) && has(&g, &here));
    assert_int_equal(waiting(&g), 0);
    assert_int_equal(take_in(&g), 0);
    given_ring_end(&g);
}

static void more_than_a_commit_full_is_taken_in(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    open_ring(&g, NULL);
    for (unsigned i = 1; i <= 150; i++) {
        struct key_record record = person_key((uint8_t)i);
        assert_int_equal(receive(&g, &record), FELLOE_OK);
    }
    open_ring(&g, g.amy.keyring_key);
    assert_int_equal(take_in(&g), 150);
    assert_int_equal(keyring_count(g.ring), 150);
    given_ring_end(&g);
}

/* What is none, is another's, or says something else under a name that is here: none of it keeps the others out. */
static void what_cannot_be_opened_or_is_false_is_left_out(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record good = person_key(1), foreign = person_key(2), erased = person_key(4);
    struct key_record changed = person_key(3);
    struct identity stranger;
    struct bytes junk = bytes_str("no record");
    identity_generate(&stranger, ROLE_HUB);
    assert_int_equal(keyring_erase(g.ring, &erased.id, 1, NULL), FELLOE_OK);
    open_ring(&g, NULL);
    assert_int_equal(receive(&g, &changed), FELLOE_OK);
    const struct box_shared right = g.shared;
    assert_true(box_shared_of(&g.shared, &g.amy.box_public, &stranger.box_secret));
    assert_int_equal(receive(&g, &foreign), FELLOE_OK);
    g.shared = right;
    assert_int_equal(receive(&g, &good), FELLOE_OK);
    assert_int_equal(receive(&g, &erased), FELLOE_OK);
    assert_int_equal(keyring_put_in(g.ring, &junk, 1, NULL), FELLOE_OK);
    assert_int_equal(waiting(&g), 3); /* neither what is none, nor what is erased */
    open_ring(&g, g.amy.keyring_key);
    changed.key.b[0] ^= 1; /* came by another way meanwhile */
    add(&g, &changed);
    assert_int_equal(take_in(&g), 1);
    assert_true(has(&g, &good) && has(&g, &changed));
    assert_false(has(&g, &foreign));
    assert_int_equal(waiting(&g), 0);
    given_ring_end(&g);
}

/* A device's keys may have changed while records were on their way. */
static void a_record_for_an_older_pair_is_taken_in(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record one = person_key(1);
    open_ring(&g, NULL);
    assert_int_equal(receive(&g, &one), FELLOE_OK);
    g.amy.box_before = g.amy.box_secret;
    crypto_box_keypair(g.amy.box_public.b, g.amy.box_secret.b);
    open_ring(&g, g.amy.keyring_key);
    assert_int_equal(take_in(&g), 1);
    assert_true(has(&g, &one));
    given_ring_end(&g);
}

/* Wrapped before the hub's keys changed, and opened after this laptop has heard of it. */
static void a_record_of_the_hubs_older_key_is_taken_in(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record one = person_key(1), two = person_key(2);
    open_ring(&g, NULL);
    assert_int_equal(receive(&g, &one), FELLOE_OK);
    g.amy.hub_box_before = g.amy.hub_box;
    crypto_box_keypair(g.hub.box_public.b, g.hub.box_secret.b);
    g.amy.hub_box = g.hub.box_public;
    assert_true(box_shared_of(&g.shared, &g.amy.box_public, &g.hub.box_secret));
    assert_int_equal(receive(&g, &two), FELLOE_OK);
    open_ring(&g, g.amy.keyring_key);
    assert_int_equal(take_in(&g), 2);
    assert_true(has(&g, &one) && has(&g, &two));
    given_ring_end(&g);
}

/* ---- out ---- */

static void a_key_made_here_can_be_brought_to_the_hub_when_locked(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record made = person_key(1), came = person_key(2);
    struct buffer raw = wrapped(&g, &made), out = {0};
    const struct bytes record = buffer_bytes(&raw);
    struct key_record got;
    struct mp_reader r MP_UNSET;
    assert_int_equal(keyring_add_made(g.ring, &made, &record, 1, NULL), FELLOE_OK);
    add(&g, &came);
    open_ring(&g, NULL);
    assert_true(keyring_get_out(g.ring, &made.id, &out));
    assert_false(keyring_get_out(g.ring, &came.id, &out));
    mp_reader_init(&r, buffer_bytes(&out));
    assert_true(mp_next(&r) && key_record_unwrap(&r, &g.shared, &got));
    assert_memory_equal(got.key.b, made.key.b, sizeof got.key.b);
    buffer_release(&raw);
    buffer_release(&out);
    given_ring_end(&g);
}

static bool opens(const struct given_ring *g, const struct key_record *made)
{
    struct buffer out = {0};
    struct key_record got;
    struct mp_reader r MP_UNSET;
    bool there = keyring_get_out(g->ring, &made->id, &out);
    mp_reader_init(&r, buffer_bytes(&out));
    bool fine = there && mp_next(&r) && key_record_unwrap(&r, &g->shared, &got) &&
                memcmp(got.key.b, made->key.b, sizeof got.key.b) == 0;
    buffer_release(&out);
    return fine;
}

/* The hub opens what is for its keys of before, and no older: so that a locked laptop need not bring what nobody can
 * open, what goes out is wrapped anew when either side's keys have changed. */
static void what_goes_out_follows_the_keys_of_the_pair(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record one = person_key(1), mine = restricted_key(2, 1);
    const struct key_record both[] = {one, mine};
    struct buffer raw[] = {wrapped(&g, &one), wrapped(&g, &mine)};
    const struct bytes records[] = {buffer_bytes(&raw[0]), buffer_bytes(&raw[1])};
    size_t count;
    assert_int_equal(keyring_add_made(g.ring, both, records, 2, NULL), FELLOE_OK);
    assert_int_equal(keyring_wrap_anew(g.ring, &g.amy, &count, NULL), FELLOE_OK);
    assert_int_equal(keyring_wrap_anew(g.ring, &g.amy, &count, NULL), FELLOE_OK);
    assert_int_equal(count, 0); /* nothing has changed */

    for (int turn = 0; turn < 2; turn++) { /* the hub's, then the laptop's */
        struct identity *who = turn == 0 ? &g.hub : &g.amy;
        crypto_box_keypair(who->box_public.b, who->box_secret.b);
        g.amy.hub_box = g.hub.box_public;
        assert_true(box_shared_of(&g.shared, &g.amy.box_public, &g.hub.box_secret));
        assert_false(opens(&g, &one));
        g.amy.locked = true; /* not now */
        assert_int_equal(keyring_wrap_anew(g.ring, &g.amy, &count, NULL), FELLOE_OK);
        assert_int_equal(count, 0);
        g.amy.locked = false;
        open_ring(&g, g.first); /* another worker's session: what it can */
        assert_int_equal(keyring_wrap_anew(g.ring, &g.amy, &count, NULL), FELLOE_OK);
        assert_int_equal(count, 1);
        assert_true(opens(&g, &one) && !opens(&g, &mine));
        open_ring(&g, g.amy.keyring_key);
        assert_int_equal(keyring_wrap_anew(g.ring, &g.amy, &count, NULL), FELLOE_OK);
        assert_int_equal(count, 2);
        assert_true(opens(&g, &one) && opens(&g, &mine));
    }
    buffer_release(&raw[0]);
    buffer_release(&raw[1]);
    given_ring_end(&g);
}

static void an_erased_key_is_in_neither_table(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record made = person_key(1), waits = person_key(2), restricted = restricted_key(3, 4),
                            other = restricted_key(5, 6);
    struct buffer raw = wrapped(&g, &made), out = {0};
    const struct bytes record = buffer_bytes(&raw);
    const struct key_id ids[] = {made.id, waits.id, {{4}}}; /* the third: the person whose the restricted one is */
    assert_int_equal(keyring_add_made(g.ring, &made, &record, 1, NULL), FELLOE_OK);
    open_ring(&g, NULL);
    assert_int_equal(receive(&g, &waits), FELLOE_OK);
    assert_int_equal(receive(&g, &restricted), FELLOE_OK);
    assert_int_equal(receive(&g, &other), FELLOE_OK);
    assert_true(file_contains(&g, raw.data, raw.len));
    assert_int_equal(keyring_erase(g.ring, ids, 3, NULL), FELLOE_OK); /* locked, too */
    assert_false(keyring_get_out(g.ring, &made.id, &out));
    assert_false(file_contains(&g, raw.data + raw.len - 40, 40));
    assert_int_equal(waiting(&g), 1);
    assert_int_equal(receive(&g, &waits), FELLOE_OK);
    assert_int_equal(receive(&g, &restricted), FELLOE_OK);
    assert_int_equal(waiting(&g), 1);
    assert_true(keyring_holds(g.ring, &other.id, NULL));
    buffer_release(&raw);
    given_ring_end(&g);
}

/* ---- a second worker ---- */

static void a_second_worker_has_no_restricted_key(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record one = person_key(1), mine = restricted_key(2, 1), late = restricted_key(3, 1);
    add(&g, &one);
    add(&g, &mine);
    open_ring(&g, g.first);
    assert_true(keyring_opens(g.ring, KEY_PERSON) && !keyring_opens(g.ring, KEY_SITE_AUDIENCE));
    assert_true(has(&g, &one));
    assert_false(has(&g, &mine));
    assert_true(keyring_holds(g.ring, &mine.id, NULL));
    assert_int_equal(keyring_add(g.ring, &late, 1, NULL), FELLOE_DENIED);
    struct key_record found;
    assert_int_equal(keyring_audience_key(g.ring, &mine, &found), FELLOE_NOT_FOUND);
    /* What comes for amy waits for her. */
    assert_int_equal(receive(&g, &late), FELLOE_OK);
    assert_int_equal(take_in(&g), 0);
    assert_int_equal(waiting(&g), 1);
    open_ring(&g, g.amy.keyring_key);
    assert_int_equal(take_in(&g), 1);
    assert_true(has(&g, &one) && has(&g, &mine) && has(&g, &late));
    given_ring_end(&g);
}

/* ---- one of before ---- */

/* Then one half sealed them all: a keyring whose halves are the same writes what such a one wrote. */
static void restricted_keys_of_before_go_under_the_second_half(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    const struct key_record one = person_key(1), mine = restricted_key(2, 1), more = restricted_key(3, 7);
    uint8_t before[KEYRING_KEY_SIZE];
    memcpy(before, g.first, KEYRING_HALF_SIZE);
    memcpy(before + KEYRING_HALF_SIZE, g.first, KEYRING_HALF_SIZE);
    open_ring(&g, before);
    add(&g, &one);
    add(&g, &mine);
    add(&g, &more);
    open_ring(&g, g.amy.keyring_key);
    assert_true(has(&g, &one) && has(&g, &mine) && has(&g, &more));
    open_ring(&g, before); /* the first half opens none of them any more */
    assert_true(has(&g, &one));
    assert_int_equal(keyring_get(g.ring, &mine.id, &(struct key_record){0}), FELLOE_DAMAGED);
    open_ring(&g, g.amy.keyring_key);
    assert_int_equal(keyring_count_damaged(g.ring, NULL), 0);
    assert_int_equal(keyring_count(g.ring), 3);
    given_ring_end(&g);
}

/* ---- repair ---- */

static void a_repair_keeps_what_waits_and_what_goes_out(void **state)
{
    (void)state;
    struct given_ring g = given_ring();
    struct given_dir other = given_dir();
    const struct key_record made = person_key(1), waits = person_key(2), mine = restricted_key(3, 1);
    struct buffer raw = wrapped(&g, &made), out = {0};
    const struct bytes record = buffer_bytes(&raw);
    struct keyring_repair_result result;
    assert_int_equal(keyring_add_made(g.ring, &made, &record, 1, NULL), FELLOE_OK);
    add(&g, &mine);
    open_ring(&g, NULL);
    assert_int_equal(receive(&g, &waits), FELLOE_OK);
    keyring_close(g.ring);
    g.ring = NULL;
    char damaged[200];
    snprintf(damaged, sizeof damaged, "%s", given_path(&g.dir, "keys/data.mdb"));
    assert_int_equal(keyring_open(&g.ring, other.path, g.amy.keyring_key, NULL), FELLOE_OK);
    assert_int_equal(keyring_repair(damaged, g.ring, &result, NULL), FELLOE_OK);
    assert_int_equal(result.kept, 2);
    assert_int_equal(result.lost, 0);
    assert_true(has(&g, &made) && has(&g, &mine));
    assert_true(keyring_get_out(g.ring, &made.id, &out));
    assert_true(bytes_equal(buffer_bytes(&out), record));
    assert_int_equal(take_in(&g), 1);
    assert_true(has(&g, &waits));
    buffer_release(&raw);
    buffer_release(&out);
    given_ring_end(&g);
    given_dir_end(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_locked_one_gives_no_key_and_says_what_it_holds),
        cmocka_unit_test(what_comes_while_it_is_locked_is_taken_in_afterwards),
        cmocka_unit_test(more_than_a_commit_full_is_taken_in),
        cmocka_unit_test(what_cannot_be_opened_or_is_false_is_left_out),
        cmocka_unit_test(a_record_for_an_older_pair_is_taken_in),
        cmocka_unit_test(a_record_of_the_hubs_older_key_is_taken_in),
        cmocka_unit_test(a_key_made_here_can_be_brought_to_the_hub_when_locked),
        cmocka_unit_test(what_goes_out_follows_the_keys_of_the_pair),
        cmocka_unit_test(an_erased_key_is_in_neither_table),
        cmocka_unit_test(a_second_worker_has_no_restricted_key),
        cmocka_unit_test(restricted_keys_of_before_go_under_the_second_half),
        cmocka_unit_test(a_repair_keeps_what_waits_and_what_goes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
