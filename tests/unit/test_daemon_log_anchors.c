/* SPDX-License-Identifier: Apache-2.0 */
/* Anchors: of the heads that the hub signed a laptop keeps a few, so that whatever range of the log a hub lacks can be
 * offered to it in pieces that end where it once signed. */
#include "tests/unit/given_restored.h"

#include "daemon/log/log_internal.h"

static uint64_t anchor_count(struct given_log *g)
{
    struct log_reader *reader = reader_of(g);
    uint64_t count = store_count(reader->txn, T_ANCHORS);
    log_reader_end(reader);
    return count;
}

static uint64_t bytes_of_log(struct given_log *g)
{
    struct buffer rows = rows_of(g, ROWS_EVENTS);
    uint64_t bytes = rows.len;
    buffer_release(&rows);
    return bytes;
}

/* From any position on, what is offered fits into a body and ends where the hub signed. */
static void check_offers(struct given_log *spoke, const struct given_log *hub, uint64_t step)
{
    uint64_t n = head_in(spoke, 1).at.n;
    for (uint64_t from = 1; from <= n; from += step)
        for (uint32_t max = 1; max <= BODY_TARGET; max *= 8 * 8 * 8) {
            struct batch *batch = read_offer(spoke, hub, (struct position){1, from}, max);
            assert_non_null(batch);
            batch_free(batch);
        }
    assert_null(read_offer(spoke, hub, (struct position){1, n + 1}, BODY_TARGET));
    assert_null(read_offer(spoke, hub, (struct position){2, 1}, BODY_TARGET));
}

static void anchors_are_few_and_every_range_between_them_fits_an_offer(void **state)
{
    (void)state;
    struct pair p = pair_with(3000);
    push_all(&p);
    record_notes(p.hub, 100);
    const uint32_t sizes[] = {2000, 30000, BODY_TARGET, 3 * BODY_TARGET};
    for (unsigned i = 0; i < 4; i++) {
        struct given_log *other = given_log(ROLE_SPOKE, p.hub);
        feed_all(p.hub, other, sizes[i]);
        uint64_t bytes = bytes_of_log(other) + 3100 * ENTRY_OVERHEAD;
        assert_true(anchor_count(other) > 0 || sizes[i] > BODY_TARGET);
        assert_true(anchor_count(other) <= 2 * bytes / ANCHOR_EVERY + 1);
        if (sizes[i] <= ANCHOR_EVERY) {
            struct batch *batch = read_offer(other, p.hub, (struct position){1, 1000}, 1);
            assert_true(batch->body.bytes.len <= ANCHOR_EVERY);
            batch_free(batch);
        }
        check_offers(other, p.hub, 97);
        given_log_end(other);
    }
    feed_all(p.hub, p.spoke, BODY_TARGET); /* own events, which come as markers */
    assert_true(anchor_count(p.spoke) > 0);
    check_offers(p.spoke, p.hub, 97);
    pair_end(&p);
}

static void long_events_fit_into_offers_too(void **state)
{
    (void)state;
    struct pair p = pair_with(0);
    struct buffer fields = {0};
    char *text = malloc(65000);
    assert_non_null(text);
    memset(text, 'a', 64999);
    text[64999] = '\0';
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "text");
    mp_put_text(&fields, text);
    struct log_draft drafts[40];
    for (unsigned i = 0; i < 40; i++) {
        drafts[i] = site_note(p.spoke, "short");
        if (i % 5 != 4)
            drafts[i].body.fields = buffer_bytes(&fields);
    }
    struct log_job job = record_job(SITE, drafts, 40);
    run_well(p.spoke, &job);
    push_all(&p);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub);
    feed_all(p.hub, other, BODY_TARGET);
    feed_all(p.hub, p.spoke, BODY_TARGET);
    check_offers(other, p.hub, 1);
    check_offers(p.spoke, p.hub, 1);
    lose_log(p.hub);
    next_epoch(p.hub);
    assert_int_equal(offer_all(p.spoke, p.hub), 40);
    assert_same_rows(p.hub, other);
    buffer_release(&fields);
    free(text);
    given_log_end(other);
    pair_end(&p);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anchors_are_few_and_every_range_between_them_fits_an_offer),
        cmocka_unit_test(long_events_fit_into_offers_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
