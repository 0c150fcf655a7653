/* SPDX-License-Identifier: Apache-2.0 */
/* The ids of what was pushed are known when it comes back as markers, and need not be read; what is not known is. */
#include "tests/unit/given_spoke.h"

#include "proto/sync/sync_spoke_internal.h"

/* Five own events are pushed, and the hub's log has them. */
static void push_five(void)
{
    write_own(5);
    make_spoke(0);
    for (unsigned i = 0; i < 5; i++)
        store_append(log_, 1, own->own[i], NULL);
    up();
    says(welcome(1, 0), "read 1 max 16384; PULL#2 after 0 max 16384");
    says(read_own_with_ids(1, 16384), "PUSH#3 1+5 keys 0");
}

static void what_was_pushed_is_known_when_it_comes_back(void **state)
{
    (void)state;
    push_five();
    feed_make_markers(1, 2);
    says(feed_send(2), "PULL#4 after 2 max 32768");
    says(after(0), "keep-feed 1+2");
    feed_make_markers(3, 3);
    says(feed_send(4), "keep-feed 3+3; PULL#5 after 5 max 16384");
}

static void another_id_than_was_pushed_is_a_fork(void **state)
{
    (void)state;
    push_five();
    feed_make_markers(1, 4);
    feed_body.data[feed_body.len - 1] ^= 1; /* the id, at the end of the marker */
    assert_true(strncmp(feed_send(2), "PULL#4", 6) == 0);
    says(after(0), "notice fork");
}

static void what_was_not_pushed_just_now_is_read(void **state)
{
    (void)state;
    write_own(5);
    make_spoke(2);
    for (unsigned i = 0; i < 5; i++)
        store_append(log_, 1, own->own[i], NULL);
    up();
    says(welcome(1, 2), "read 3 max 16384; PULL#2 after 0 max 16384");
    says(read_own_with_ids(3, 16384), "PUSH#3 3+3 keys 0");
    feed_make_markers(1, 4); /* from before what is known, into it */
    says(feed_send(2), "PULL#4 after 4 max 32768");
    says(after(0), "read-ids 1+4");
    says(own_ids(1, 4), "keep-feed 1+4");
}

/* ---- how many ---- */

static struct event_id *numbered(uint64_t first, uint32_t count)
{
    struct event_id *ids = calloc(count, sizeof *ids);
    assert_non_null(ids);
    for (uint32_t i = 0; i < count; i++)
        memcpy(ids[i].b, &(uint64_t){first + i}, 8);
    return ids;
}

static void know(struct site *site, uint64_t first, uint32_t count)
{
    struct event_id *ids = numbered(first, count);
    upload_know(site, first, ids, count);
    free(ids);
}

static void assert_known(const struct site *site, uint64_t first, uint32_t count)
{
    struct entries_form form = {0};
    upload_known(site, &form);
    assert_int_equal(form.own_count, count);
    if (count == 0)
        return;
    assert_int_equal(form.own_first, first);
    struct event_id *ids = numbered(first, count);
    assert_memory_equal(form.own_ids, ids, count * sizeof *ids);
    free(ids);
}

static void as_many_are_known_as_there_is_room_for(void **state)
{
    (void)state;
    struct site *site = calloc(1, sizeof *site);
    assert_non_null(site);
    assert_known(site, 0, 0);
    know(site, 7, 1); /* a day's work */
    assert_known(site, 0, 0);
    know(site, 8, 20);
    know(site, 28, 1);
    assert_known(site, 8, 21);
    know(site, 18, 30); /* sent once more */
    assert_known(site, 8, 40);
    know(site, 50, 10); /* not behind it: it begins anew */
    assert_known(site, 50, 10);
    know(site, 40, 10);
    assert_known(site, 40, 10);
    upload_know(site, 50, NULL, 10); /* they were not at hand */
    assert_known(site, 0, 0);

    know(site, 1, 1000);
    upload_known_until(site, 400); /* few: it is not worth while yet */
    assert_known(site, 1, 1000);
    upload_known_until(site, 600);
    assert_known(site, 601, 400);
    upload_known_until(site, 500);
    assert_known(site, 601, 400);
    upload_known_until(site, 1000);
    assert_known(site, 0, 0);
    assert_null(site->up.known_ids.data);

    uint64_t next = 5;
    for (; next + 1000 <= 5 + KNOWN_IDS_MAX; next += 1000)
        know(site, next, 1000);
    assert_known(site, 5, (uint32_t)(next - 5));
    know(site, next, 1000);
    assert_known(site, next - KNOWN_IDS_MAX / 2, KNOWN_IDS_MAX / 2 + 1000);
    buffer_release(&site->up.known_ids);
    free(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_pushed_is_known_when_it_comes_back),
        TEST(another_id_than_was_pushed_is_a_fork),
        TEST(what_was_not_pushed_just_now_is_read),
        cmocka_unit_test(as_many_are_known_as_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
