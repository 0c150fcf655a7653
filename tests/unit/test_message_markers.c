/* SPDX-License-Identifier: Apache-2.0 */
/* Own events that come back in a FEED as one marker. */
#include "proto/sync/message.h"
#include "proto/sync/sync_entries.h"
#include "tests/unit/given.h"

/* A marker of several stands for own events whose ids the reader has to know. */
static void a_marker_of_several_needs_the_ids(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct event_id ids[5] = {{{1}}, {{2}}, {{3}}, {{4}}, {{5}}};
    struct batch *batch = NULL;
    uint64_t first;
    uint32_t count;
    feed_put_marker(&b, 2, 8, &ids[0]);
    feed_put_markers(&b, 2, 9, 3, &ids[3]);
    struct entries_form form = {.site = bytes_str("dale"), .count = 4, .markers = true, .incarnation = 2};
    struct lent body = {.bytes = buffer_bytes(&b)};
    assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_OWN);
    assert_ptr_equal(body.bytes.data, b.data); /* it is the caller's still */
    assert_true(entries_own_span(body.bytes, &form, &first, &count));
    assert_int_equal(first, 9);
    assert_int_equal(count, 3);
    form.own_ids = ids;
    form.own_first = 8;
    for (form.own_count = 0; form.own_count < 4; form.own_count++)
        assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_OWN);
    form.own_count = 5;
    assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_OK);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(batch->entries[i].seq, 8 + i);
        assert_int_equal(batch->entries[i].flags, ENTRY_OWN | (i > 0 ? ENTRY_KNOWN : 0));
        assert_memory_equal(&batch->entries[i].id, &ids[i], sizeof ids[i]);
    }
    batch_free(batch);
    form.own_first = 7; /* then the last of them is another event */
    body.bytes = buffer_bytes(&b);
    assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_FORK);
    for (form.count = 0; form.count < 7; form.count++) {
        body.bytes = buffer_bytes(&b);
        form.own_first = 8;
        if (form.count != 4)
            assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_BAD);
    }
    buffer_release(&b);
}

/* More own events than a body can have, from far apart, or none. */
static void markers_of_several_can_be_false(void **state)
{
    (void)state;
    static const struct {
        uint64_t first;
        uint32_t count;
        bool fine;
    } runs[] = {{1, 4096, true}, {5, 2, true}, {1, 4097, false}, {5, 1, false}, {0, 2, false},
              {UINT64_MAX - 1, 2, false}};
    const struct entries_form form = {.site = bytes_str("dale"), .markers = true, .incarnation = 2};
    const struct event_id id = {{1}};
    uint64_t first;
    uint32_t count;
    for (unsigned i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct buffer b = {0};
        feed_put_markers(&b, 2, runs[i].first, runs[i].count, &id);
        assert_int_equal(entries_own_span(buffer_bytes(&b), &form, &first, &count), runs[i].fine);
        feed_put_markers(&b, 2, 10000, 2, &id);
        assert_false(entries_own_span(buffer_bytes(&b), &form, &first, &count));
        buffer_release(&b);
    }
    assert_false(entries_own_span((struct bytes){0}, &form, &first, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_marker_of_several_needs_the_ids),
        cmocka_unit_test(markers_of_several_can_be_false),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
