/* SPDX-License-Identifier: Apache-2.0 */
/* The views' environment by itself: what is put in comes out, only where it was put, and only with its key. */
#include "tests/unit/given_dir.h"

#include <sodium.h>

#include "daemon/control/control_query.h"
#include "daemon/views/views_later.h"
#include "daemon/views/views_made.h"

#define NORTH bytes_str("north")
#define SOUTH bytes_str("south")

struct given_views {
    struct given_dir dir;
    struct identity identity;
    uint32_t incarnation;
    struct keyring *keyring;
    struct views *views;
    struct key_record ann, bea, site;
};

static void open_views(struct given_views *g)
{
    struct felloe_error error = {0};
    const struct views_options options = {g->dir.path, g->keyring, &g->identity, g->incarnation};
    if (views_open(&g->views, &options, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
}

static void given(struct given_views *g)
{
    *g = (struct given_views){.dir = given_dir()};
    identity_generate(&g->identity, ROLE_SPOKE);
    assert_int_equal(keyring_open(&g->keyring, g->dir.path, g->identity.keyring_key, NULL), FELLOE_OK);
    g->ann = (struct key_record){.id = {{1}}, .kind = KEY_PERSON, .owner = {{1}}, .site = "north", .key = {{11}}};
    g->bea = (struct key_record){.id = {{2}}, .kind = KEY_PERSON, .owner = {{2}}, .site = "north", .key = {{22}}};
    g->site = (struct key_record){.id = {{3}}, .kind = KEY_SITE, .site = "north", .key = {{33}}};
    assert_int_equal(keyring_add(g->keyring, &g->ann, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_add(g->keyring, &g->site, 1, NULL), FELLOE_OK);
    open_views(g);
}

static void end(struct given_views *g)
{
    views_close(g->views);
    keyring_close(g->keyring);
    given_dir_end(&g->dir);
}

static struct views_txn write_txn(struct given_views *g)
{
    struct views_txn txn;
    assert_int_equal(views_write(g->views, &txn, NULL), FELLOE_OK);
    return txn;
}

static struct views_txn read_txn(struct given_views *g)
{
    struct views_txn txn;
    assert_int_equal(views_read(g->views, &txn, NULL), FELLOE_OK);
    return txn;
}

static void commit(struct views_txn *txn)
{
    assert_int_equal(views_commit(txn, NULL), STORE_DONE);
}

/* An empty one. */
static bool put_document(struct views_txn *txn, struct bytes site, const struct person_id *subject)
{
    struct views_made made = {0};
    struct document *document = document_new();
    const struct data_key *key = views_key(txn, site, subject);
    const bool put = key != NULL && views_make(&made, site, subject, key, document);
    if (put)
        views_put_made(txn, &made);
    views_made_release(&made);
    document_free(document);
    return put;
}

static void assert_is_document(const struct buffer *plain)
{
    struct document *document = document_new();
    assert_true(document_decode(document, buffer_bytes(plain)));
    document_free(document);
}

static void documents_lie_under_their_persons_key(void **state)
{
    (void)state;
    struct given_views g;
    struct buffer plain = {0};
    given(&g);
    struct views_txn txn = write_txn(&g);
    assert_true(put_document(&txn, NORTH, &g.ann.owner));
    assert_true(put_document(&txn, NORTH, &PERSON_ID_NONE));
    assert_false(put_document(&txn, NORTH, &g.bea.owner)); /* her key is not here */
    assert_false(put_document(&txn, SOUTH, &PERSON_ID_NONE)); /* nor is that of south */
    commit(&txn);
    txn = read_txn(&g);
    assert_int_equal(views_get_document(&txn, NORTH, &g.ann.owner, &plain), VIEWS_FOUND);
    assert_is_document(&plain);
    assert_int_equal(views_get_document(&txn, NORTH, &PERSON_ID_NONE, &plain), VIEWS_FOUND);
    assert_is_document(&plain);
    assert_int_equal(views_get_document(&txn, SOUTH, &g.ann.owner, &plain), VIEWS_ABSENT);
    views_end(&txn);
    buffer_release(&plain);
    end(&g);
}

/* What lies sealed at one place does not open at another, nor after its key is gone. */
static void a_sealed_value_opens_at_its_place_and_with_its_key_only(void **state)
{
    (void)state;
    struct given_views g;
    struct buffer plain = {0};
    struct bytes sealed;
    given(&g);
    struct views_txn txn = write_txn(&g);
    put_document(&txn, NORTH, &g.ann.owner);
    struct store_key here, there;
    key_start(&here), key_put(&here, "north", 6), key_put(&here, g.ann.owner.b, 16);
    key_start(&there), key_put(&there, "south", 6), key_put(&there, g.ann.owner.b, 16);
    assert_true(store_get(txn.store, VIEWS_DOCS, key_bytes(&here), &sealed));
    uint8_t copy[200];
    assert_true(sealed.len < sizeof copy);
    memcpy(copy, sealed.data, sealed.len);
    store_put(txn.store, VIEWS_DOCS, key_bytes(&there), bytes_of(copy, sealed.len));
    commit(&txn);
    txn = read_txn(&g);
    assert_int_equal(views_get_document(&txn, SOUTH, &g.ann.owner, &plain), VIEWS_BROKEN);
    views_end(&txn);

    views_close(g.views);
    assert_int_equal(keyring_erase(g.keyring, &g.ann.id, 1, NULL), FELLOE_OK);
    open_views(&g);
    txn = read_txn(&g);
    assert_int_equal(views_get_document(&txn, NORTH, &g.ann.owner, &plain), VIEWS_LOCKED);
    views_end(&txn);
    buffer_release(&plain);
    end(&g);
}

/* With `keys` alone in the keyring: what the views say of a document that was made under both of theirs. */
static enum views_found found_after_losing(const struct key_record *keys, size_t count, struct person_id subject)
{
    struct given_views g;
    struct buffer plain = {0};
    given(&g);
    struct views_txn txn = write_txn(&g);
    assert_true(put_document(&txn, NORTH, &g.ann.owner));
    assert_true(put_document(&txn, NORTH, &PERSON_ID_NONE));
    commit(&txn);
    views_close(g.views);
    keyring_close(g.keyring);
    remove(given_path(&g.dir, "keys/data.mdb"));
    assert_int_equal(keyring_open(&g.keyring, g.dir.path, g.identity.keyring_key, NULL), FELLOE_OK);
    assert_int_equal(keyring_add(g.keyring, keys, count, NULL), FELLOE_OK);
    open_views(&g);
    txn = read_txn(&g);
    enum views_found found = views_get_document(&txn, NORTH, &subject, &plain);
    views_end(&txn);
    buffer_release(&plain);
    end(&g);
    return found;
}

/* Folding again is what finds out which keys to ask for: views that stayed would hide people for ever. */
static void views_begin_afresh_when_keys_were_lost(void **state)
{
    (void)state;
    const struct key_record both[] = {
        {.id = {{1}}, .kind = KEY_PERSON, .owner = {{1}}, .site = "north", .key = {{11}}},
        {.id = {{3}}, .kind = KEY_SITE, .site = "north", .key = {{33}}}};
    assert_int_equal(found_after_losing(both, 2, both[0].owner), VIEWS_FOUND);
    assert_int_equal(found_after_losing(both, 2, PERSON_ID_NONE), VIEWS_FOUND);
    assert_int_equal(found_after_losing(both, 0, both[0].owner), VIEWS_ABSENT);
    assert_int_equal(found_after_losing(both, 1, both[0].owner), VIEWS_ABSENT);
    assert_int_equal(found_after_losing(both + 1, 1, PERSON_ID_NONE), VIEWS_ABSENT);
}

static bool note_place(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    char *order = context;
    size_t len = strlen(order);
    (void)sort, (void)ref;
    order[len] = (char)id->b[0];
    order[len + 1] = '\0';
    return true;
}

static void put_event(struct views_txn *txn, char name, const struct person_id *person, uint64_t sort, unsigned flags)
{
    struct event_id id = {{(uint8_t)name}};
    const struct views_event event = {.subject = *person, .sort = sort, .ref = {{1, sort}}, .flags = flags};
    views_put_event(txn, &id, NORTH, &event);
}

static void a_timeline_is_in_order_and_one_persons_alone(void **state)
{
    (void)state;
    struct given_views g;
    given(&g);
    struct views_txn txn = write_txn(&g);
    put_event(&txn, 'c', &g.ann.owner, 300, 0);
    put_event(&txn, 'a', &g.ann.owner, 100, 0);
    put_event(&txn, 'b', &g.ann.owner, 300, 0);
    put_event(&txn, 'x', &g.bea.owner, 200, 0);
    put_event(&txn, 'd', &g.ann.owner, 400, 0);
    put_event(&txn, 'd', &g.ann.owner, 400, VIEWS_DUPLICATE); /* it turned out to be another's double */
    char order[10] = "";
    views_timeline(&txn, NORTH, &g.ann.owner, NULL, note_place, order);
    assert_string_equal(order, "abc");
    order[0] = '\0';
    const struct views_place after = {100, {{'a'}}};
    views_timeline(&txn, NORTH, &g.ann.owner, &after, note_place, order);
    assert_string_equal(order, "bc");
    struct views_event event;
    assert_true(views_get_event(&txn, &(struct event_id){{'d'}}, NORTH, &event));
    assert_int_equal(event.flags, VIEWS_DUPLICATE);
    assert_false(views_get_event(&txn, &(struct event_id){{'d'}}, SOUTH, &event));
    commit(&txn);
    end(&g);
}

static void events_wait_by_key(void **state)
{
    (void)state;
    struct given_views g;
    struct key_id key;
    struct views_ref refs[8];
    given(&g);
    struct views_txn txn = write_txn(&g);
    for (uint64_t n = 1; n <= 3; n++)
        views_put_waiting(&txn, NORTH, &g.bea.id, &(struct views_ref){{1, n}});
    views_put_waiting(&txn, SOUTH, &g.ann.id, &(struct views_ref){{1, 9}});
    assert_true(views_waiting_key(&txn, NORTH, &(struct key_id){{0}}, &key));
    assert_memory_equal(&key, &g.bea.id, sizeof key);
    assert_int_equal(views_waiting(&txn, NORTH, &key, refs, 8), 3);
    assert_int_equal(refs[2].at.n, 3);
    assert_int_equal(views_waiting(&txn, NORTH, &key, refs, 2), 2);
    assert_false(views_is_waiting(&txn, NORTH, &g.ann.id));
    for (uint64_t n = 1; n <= 3; n++)
        views_drop_waiting(&txn, NORTH, &g.bea.id, &(struct views_ref){{1, n}});
    assert_false(views_waiting_key(&txn, NORTH, &(struct key_id){{0}}, &key));
    assert_true(views_waiting_key(&txn, SOUTH, &(struct key_id){{0}}, &key));
    commit(&txn);
    end(&g);
}

static void put_origin(struct views_txn *txn, const struct views_origin *origin, const struct person_id *person)
{
    struct views_later later = {0};
    const struct views_blind blind = views_blind_origin(txn->views, origin);
    assert_true(views_add_origin(&blind, NORTH, &(struct event_id){{7}}, person, &later));
    views_later_put(&later, txn->store, VIEWS_ORIGINS);
    views_later_release(&later);
}

static void an_origin_is_found_in_its_site_and_in_any(void **state)
{
    (void)state;
    struct given_views g;
    struct views_origin origin = {.id = {{5}}}, other = {.id = {{6}}}, restricted = {.id = {{5}}, .restricted = true};
    struct event_id id;
    struct person_id person;
    given(&g);
    struct views_txn txn = write_txn(&g);
    put_origin(&txn, &origin, &g.ann.owner);
    assert_true(views_get_origin(&txn, &origin, NORTH, &id, &person));
    assert_int_equal(id.b[0], 7);
    assert_true(person_id_equal(&person, &g.ann.owner));
    assert_false(views_get_origin(&txn, &origin, SOUTH, &id, &person));
    assert_true(views_get_origin(&txn, &origin, (struct bytes){0}, &id, &person));
    assert_false(views_get_origin(&txn, &other, (struct bytes){0}, &id, &person));
    assert_false(views_get_origin(&txn, &restricted, NORTH, &id, &person)); /* not everybody has that one */
    assert_false(views_get_origin(&txn, &restricted, (struct bytes){0}, &id, &person));
    commit(&txn);
    end(&g);
}

static bool last_of_device(void *context, const struct views_device *device)
{
    *(struct views_device *)context = *device;
    return true;
}

static void a_device_is_known_by_its_last_event_whatever_came_first(void **state)
{
    (void)state;
    struct given_views g;
    struct views_device heard = {0};
    given(&g);
    struct views_txn txn = write_txn(&g);
    views_heard_device(&txn, NORTH, &(struct views_device){{{1}}, 1, 7, 700});
    views_heard_device(&txn, NORTH, &(struct views_device){{{1}}, 1, 3, 300});
    views_devices(&txn, NORTH, last_of_device, &heard);
    assert_int_equal(heard.seq, 7);
    assert_int_equal(heard.time, 700);
    commit(&txn);
    end(&g);
}

static bool kept_cursor(struct given_views *g)
{
    struct views_txn txn = read_txn(g);
    struct views_cursor cursor;
    views_get_cursor(&txn, NORTH, &cursor);
    views_end(&txn);
    return cursor.own_seq == 12 && seen_in(&cursor.seen, 1) == 5 && seen_in(&cursor.seen, 3) == 8;
}

static void the_cursor_is_kept_and_another_incarnation_begins_afresh(void **state)
{
    (void)state;
    struct given_views g;
    given(&g);
    assert_false(kept_cursor(&g));
    struct views_txn txn = write_txn(&g);
    struct views_cursor cursor = {.own_seq = 12};
    seen_advance(&cursor.seen, (struct position){1, 5});
    seen_advance(&cursor.seen, (struct position){3, 8});
    views_put_cursor(&txn, NORTH, &cursor);
    views_end(&txn); /* given up */
    assert_false(kept_cursor(&g));
    txn = write_txn(&g);
    views_put_cursor(&txn, NORTH, &cursor);
    commit(&txn);
    assert_true(kept_cursor(&g));
    views_close(g.views);
    open_views(&g);
    assert_true(kept_cursor(&g));
    views_close(g.views);
    g.incarnation++;
    open_views(&g);
    assert_false(kept_cursor(&g));
    end(&g);
}

/* A file that was made anew counts its commits from the beginning. */
static void no_state_comes_again(void **state)
{
    (void)state;
    struct given_views g;
    struct views_state seen[6];
    given(&g);
    for (size_t i = 0; i < 6; i++) {
        if (i == 2)
            assert_int_equal(views_wipe(g.views, NULL), FELLOE_OK);
        if (i == 4)
            assert_int_equal(views_compact(g.views, NULL), FELLOE_OK);
        struct views_txn txn = write_txn(&g);
        store_put(txn.store, VIEWS_META, bytes_str("what"), bytes_of("changes", i));
        commit(&txn);
        txn = read_txn(&g);
        seen[i] = views_state(&txn);
        views_end(&txn);
        for (size_t k = 0; k < i; k++)
            assert_false(seen[i].file == seen[k].file && seen[i].commit == seen[k].commit);
    }
    assert_int_equal(seen[0].commit, seen[2].commit);
    end(&g);
}

/* It fails here as it would for want of memory: what lies in them is as it was. */
static void a_reading_that_failed_otherwise_is_no_damage(void **state)
{
    (void)state;
    struct given_views g;
    given(&g);
    struct views_txn txn = read_txn(&g);
    struct felloe_error error = {0};
    assert_false(store_put(txn.store, VIEWS_META, bytes_str("not"), bytes_str("writing")));
    const struct reading reading = {.views = txn};
    assert_true(reading_tell_failed(&reading, &error));
    assert_int_equal(error.code, FELLOE_FAILED);
    assert_non_null(strstr(error.message, "Try again"));
    views_end(&txn);
    assert_false(views_damaged(g.views));
    txn = read_txn(&g);
    assert_false(reading_tell_failed(&(struct reading){.views = txn}, &error));
    views_end(&txn);
    end(&g);
}

/* Whatever the keys begin with, and however long they are; what has one key stays in its order. */
static void rows_for_later_come_in_the_order_of_their_keys(void **state)
{
    (void)state;
    static const char *const begins[] = {"", "south-east\1", "salford"};
    uint8_t key[64], random[16];
    for (size_t n = 0; n < 16; n++) {
        struct views_later later = {0};
        const size_t same = strlen(begins[n % 3]), count = n < 6 ? n : 100u << (n - 6);
        memcpy(key, begins[n % 3], same);
        for (size_t i = 0; i < count; i++) {
            const uint8_t seed[randombytes_SEEDBYTES] = {(uint8_t)(i % 20000), (uint8_t)(i % 20000 >> 8),
                                                           (uint8_t)n};
            randombytes_buf_deterministic(random, sizeof random, seed);
            memcpy(key + same, random, sizeof random);
            const uint8_t number[4] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
            assert_true(views_later_add(&later, bytes_of(key, same + 8 + random[15] % 8), bytes_of(number, 3)));
        }
        views_later_sort(&later);
        for (size_t i = 1; i < count; i++) {
            const int order = bytes_compare(views_later_key(&later, i - 1), views_later_key(&later, i));
            assert_true(order < 0 || (order == 0 && bytes_compare(views_later_value(&later, i - 1),
                                                                  views_later_value(&later, i)) < 0));
        }
        assert_false(views_later_add(&later, bytes_of(key, 20), bytes_of(key, UINT16_MAX + 1ul)));
        views_later_release(&later);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_lie_under_their_persons_key),
        cmocka_unit_test(a_sealed_value_opens_at_its_place_and_with_its_key_only),
        cmocka_unit_test(views_begin_afresh_when_keys_were_lost),
        cmocka_unit_test(a_timeline_is_in_order_and_one_persons_alone),
        cmocka_unit_test(events_wait_by_key),
        cmocka_unit_test(an_origin_is_found_in_its_site_and_in_any),
        cmocka_unit_test(a_device_is_known_by_its_last_event_whatever_came_first),
        cmocka_unit_test(the_cursor_is_kept_and_another_incarnation_begins_afresh),
        cmocka_unit_test(no_state_comes_again),
        cmocka_unit_test(a_reading_that_failed_otherwise_is_no_damage),
        cmocka_unit_test(rows_for_later_come_in_the_order_of_their_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
