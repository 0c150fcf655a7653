/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's machine, step by step: what it is fed, and keys. */
#include "tests/unit/given_spoke.h"

/* ---- download ---- */

static void where_there_is_more_that_is_asked_for_before_a_feed_is_checked(void **state)
{
    (void)state;
    others_write(5);
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    says(feed(2, 1, 2), "PULL#3 after 2 max 32768"); /* there is more */
    assert_int_equal(spoke_deadline(spoke), 0);
    says(after(0), "keep-feed 1+2");
    assert_int_equal(told_streams, 1);
    says(feed(2, 1, 2), ""); /* doubled */
    says(feed(3, 3, 2), "PULL#4 after 4 max 65536"); /* the first is still being committed */
    says(feed_kept(true), "keep-feed 3+2");
    struct spoke_site_status status;
    spoke_site_status(spoke, 0, &status);
    assert_int_equal(status.received.at[0].n, 2);
    says(feed_kept(true), "");
    spoke_site_status(spoke, 0, &status);
    assert_int_equal(status.received.at[0].n, 4);
    says(feed(4, 5, 1), "keep-feed 5+1; PULL#5 after 5 max 16384"); /* that is all for now: news are little */
}

static void a_slow_disk_holds_the_download_back(void **state)
{
    (void)state;
    others_write(37);
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    for (unsigned n = 1; n <= 32; n++) {
        assert_true(strncmp(feed(n + 1, n, 1), "PULL#", 5) == 0);
        assert_true(strncmp(after(0), "keep-feed", 9) == 0);
    }
    says(feed(34, 33, 1), ""); /* as many as may be are being made durable: this one waits, and nothing is asked for */
    says(after(0), "");
    assert_true(spoke_deadline(spoke) > now);
    says(feed_kept(true), "PULL#35 after 33 max 262144");
    says(after(0), "keep-feed 33+1");
    says(feed(35, 34, 1), "");
    says(simple(SPOKE_DOWN), ""); /* what was not checked goes with the connection */
    for (unsigned i = 0; i < 32; i++)
        says(feed_kept(true), "");
    up();
    says(welcome(36, 0), "PULL#37 after 33 max 262144");
}

static void what_was_asked_for_behind_a_feed_that_does_not_verify_is_forgotten(void **state)
{
    (void)state;
    others_write(6);
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    feed_make(1, 2);
    message.feed.head.hash.b[0] ^= 1;
    says(feed_send(2), "PULL#3 after 2 max 32768"); /* its header is as it should be */
    says(after(0), "notice bad-feed");
    says(feed(3, 3, 2), ""); /* sound, and of no use */
    says(after(1000), "PULL#4 after 0 max 32768");
    feed_make(1, 2);
    message.feed.head.at.n++;
    says(feed_send(4), ""); /* its header says that it is not: it was told of already */
    says(after(2000), "PULL#5 after 0 max 32768");
    says(feed(5, 1, 6), "notice clear; keep-feed 1+6; PULL#6 after 6 max 16384");
}

/* On a thin link what is under way keeps all else waiting; what comes quickly, or is little, is asked for in larger
 * pieces, up to a bound. */
static void the_window_follows_the_link(void **state)
{
    (void)state;
    others_write(1200);
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    now += 6000;
    says(feed(2, 1, 100), "PULL#3 after 100 max 8192");
    says(after(0), "keep-feed 1+100");
    feed_kept(true);
    now += 6000;
    says(feed(3, 101, 50), "PULL#4 after 150 max 4096");
    says(after(0), "keep-feed 101+50");
    feed_kept(true);
    now += 6000;
    says(feed(4, 151, 25), "PULL#5 after 175 max 4096"); /* no smaller */
    says(after(0), "keep-feed 151+25");
    feed_kept(true);
    unsigned at = 176;
    const char *const wider[] = {"8192", "16384", "32768", "65536", "106496", "106496", "212992", "262144"};
    for (unsigned i = 0; i < 8; i++, at += 100) {
        char wanted[100];
        now += i < 6 ? 500 : 50; /* quick; then fast */
        snprintf(wanted, sizeof wanted, "PULL#%u after %u max %s", 6 + i, at + 99, wider[i]);
        says(feed(5 + i, at, 100), wanted);
        after(0);
        feed_kept(true);
    }
}

static void own_events_come_back_as_markers(void **state)
{
    (void)state;
    write_own(2);
    make_spoke(2);
    store_append(log_, 1, own->own[0], NULL);
    others_write(1);
    store_append(log_, 1, own->own[1], NULL);
    up();
    says(welcome(1, 2), "PULL#2 after 0 max 16384");
    says(feed(2, 1, 3), "keep-feed 1+3; PULL#3 after 3 max 16384");
}

static void a_marker_of_what_was_never_written_is_a_fork(void **state)
{
    (void)state;
    write_own(2);
    store_append(log_, 1, own->own[0], NULL);
    store_append(log_, 1, own->own[1], NULL);
    own->own_head = (struct stream_head){1, own->own[0]->id, {0}}; /* set back to a copy of before the second */
    make_spoke(1);
    up();
    says(welcome(1, 1), "PULL#2 after 0 max 16384");
    says(feed(2, 1, 2), "notice fork");
    says(after(1000), "HELLO#3 own 1 waiting 0; PULL#4 after 0 max 16384");
}

static void own_events_in_a_row_come_as_one_marker(void **state)
{
    (void)state;
    write_own(5);
    make_spoke(5);
    for (unsigned i = 0; i < 5; i++)
        store_append(log_, 1, own->own[i], NULL);
    up();
    says(welcome(1, 5), "PULL#2 after 0 max 16384");
    feed_make_markers(1, 2);
    says(feed_send(2), "PULL#3 after 2 max 32768");
    says(after(0), "read-ids 1+2");
    says(own_ids(1, 2), "keep-feed 1+2");
    feed_make_markers(3, 3);
    says(feed_send(3), "read-ids 3+3; PULL#4 after 5 max 16384");
    says(own_ids(3, 0), ""); /* they cannot be read just now */
    says(after(5000), "PULL#5 after 2 max 32768");
    feed_make_markers(3, 3);
    says(feed_send(5), "read-ids 3+3; PULL#6 after 5 max 16384"); /* before they come, the connection is lost */
    simple(SPOKE_DOWN);
    up();
    says(welcome(7, 5), "PULL#8 after 2 max 32768");
    feed_make_markers(3, 2);
    says(feed_send(8), "PULL#9 after 4 max 65536");
    says(after(0), ""); /* one at a time */
    says(feed(9, 5, 1), ""); /* behind that one; more is not asked for */
    says(own_ids(3, 3), "read-ids 3+2");
    says(own_ids(3, 2), "keep-feed 3+2; keep-feed 5+1; PULL#10 after 5 max 16384");
}

/* FEEDs of epochs that are known, and wait to be checked, take no room from one more. */
static void the_last_epoch_that_there_is_room_for_is_taken_behind_what_waits(void **state)
{
    (void)state;
    struct seen none = {0};
    write_own(2);
    make_spoke(2);
    for (uint32_t epoch = 3; epoch <= SEEN_MAX; epoch++) {
        const struct log_head cursor = {.at = {epoch, 1}};
        assert_true(spoke_load_cursor(spoke, bytes_str(SITE), &cursor));
    }
    others_write(1);
    for (unsigned i = 0; i < 2; i++)
        store_append(log_, 1, own->own[i], NULL);
    store_append(log_, 2, pool_make(&pool, bytes_str(SITE), &other.device, 1, &others_head, &none), NULL);
    refilled_to = (struct position){SEEN_MAX, 2};
    up();
    welcome(1, 2);
    feed(2, 1, 1);
    after(0);
    feed_kept(true);
    feed_make_markers(2, 2);
    assert_true(strncmp(feed_send(3), "PULL#4", 6) == 0);
    says(after(0), "read-ids 1+2");
    const struct store_entry *entry = store_at(log_, (struct position){2, 1});
    struct msg_feed *m = &message.feed;
    *m = (struct msg_feed){
        .site = bytes_str(SITE), .first = {2, 1}, .count = 1, .head = entry->head, .newest = refilled_to};
    feed_put_event(&feed_body, buffer_bytes(&entry->event->raw), NULL);
    sign_log_head(&hub.secret, m->site, &m->head, &m->signature);
    says(feed_send(4), "");
    assert_true(strncmp(own_ids(1, 2), "keep-feed 2+2; keep-feed 1+1", 28) == 0);
}

static void one_marker_of_what_was_never_written_is_a_fork(void **state)
{
    (void)state;
    write_own(3);
    for (unsigned i = 0; i < 3; i++)
        store_append(log_, 1, own->own[i], NULL);
    own->own_head = (struct stream_head){2, own->own[1]->id, {0}}; /* set back to a copy of before the third */
    make_spoke(2);
    up();
    says(welcome(1, 2), "PULL#2 after 0 max 16384");
    feed_make_markers(1, 3);
    says(feed_send(2), "notice fork");
    says(after(1000), "HELLO#3 own 2 waiting 0; PULL#4 after 0 max 16384");
    feed_make_markers(1, 2);
    says(feed_send(4), "PULL#5 after 2 max 32768");
    says(after(0), "read-ids 1+2");
    own->own[1] = own->own[2]; /* and here stands another one in that place */
    says(own_ids(1, 2), "");
    says(after(2000), "PULL#6 after 0 max 32768");
}

static void no_news_is_asked_again_at_once_unless_the_hub_did_not_wait(void **state)
{
    (void)state;
    up();
    welcome(1, 0);
    now += 20000;
    says(feed(2, 1, 0), "PULL#3 after 0 max 16384");
    says(feed(3, 1, 0), "");
    says(after(1000), "PULL#4 after 0 max 16384");
}

/* Each way in which a FEED can be wrong. */
enum spoil {
    SPOIL_SIGNATURE,
    SPOIL_HASH,
    SPOIL_POSITION,
    SPOIL_EPOCH,
    SPOIL_COUNT,
    SPOIL_BYTE,
    SPOIL_CUT,
    SPOIL_TAIL,
    SPOIL_LEFT_OUT,
    SPOIL_TWICE,
    SPOIL_OTHER_SITE,
    SPOILS
};

static void put_entry(uint64_t n)
{
    feed_put_event(&feed_body, buffer_bytes(&store_at(log_, (struct position){1, n})->event->raw), NULL);
}

static void spoil(enum spoil how)
{
    struct msg_feed *m = &message.feed;
    switch (how) {
    case SPOIL_SIGNATURE:
        m->signature.b[0] ^= 1;
        break;
    case SPOIL_HASH:
        m->head.hash.b[0] ^= 1;
        break;
    case SPOIL_POSITION:
        m->first.n++;
        break;
    case SPOIL_EPOCH:
        m->first.epoch = 2;
        break;
    case SPOIL_COUNT:
        m->count--;
        break;
    case SPOIL_BYTE:
        feed_body.data[feed_body.len - 1] ^= 1;
        break;
    case SPOIL_CUT:
        feed_body.len--;
        break;
    case SPOIL_TAIL:
        buffer_append_byte(&feed_body, 0);
        break;
    case SPOIL_LEFT_OUT: /* the second event of a stream without its first */
        buffer_clear(&feed_body);
        put_entry(2);
        put_entry(3);
        m->count = 2;
        break;
    case SPOIL_TWICE:
        buffer_clear(&feed_body);
        put_entry(1);
        put_entry(1);
        put_entry(2);
        break;
    case SPOIL_OTHER_SITE: {
        struct stream_head head = {0};
        struct seen none = {0};
        const struct pool_event *e = pool_make(&pool, bytes_str("peak"), &other.device, 1, &head, &none);
        feed_put_event(&feed_body, buffer_bytes(&e->raw), NULL);
        m->count++;
        break;
    }
    case SPOILS:
        break;
    }
}

static void a_feed_that_does_not_verify_is_not_taken_in(void **state)
{
    for (int how = 0; how < SPOILS; how++) {
        others_write(3);
        up();
        says(welcome(1, 0), "PULL#2 after 0 max 16384");
        feed_make(1, 3);
        spoil((enum spoil)how);
        says(feed_send(2), "notice bad-feed");
        says(after(999), "");
        says(after(1), "PULL#3 after 0 max 16384");
        says(feed(3, 1, 3), "notice clear; keep-feed 1+3; PULL#4 after 3 max 16384"); /* all is as it was before */
        tear_down(state);
        set_up(state);
    }
}

static void a_bad_feed_is_asked_again_ever_more_slowly(void **state)
{
    (void)state;
    others_write(1);
    up();
    welcome(1, 0);
    for (uint64_t request = 2, pause = 1000; request < 5; request++, pause *= 2) {
        feed_make(1, 1);
        spoil(SPOIL_HASH);
        says(feed_send(request), request == 2 ? "notice bad-feed" : "");
        says(after(pause - 1), "");
        assert_true(strncmp(after(1), "PULL#", 5) == 0);
    }
}

static void what_contradicts_the_own_log_stops_that_site_only(void **state)
{
    (void)state;
    others_write(5);
    write_own(1);
    saved();
    up();
    says(welcome(1, 0), "read 1 max 16384; PULL#2 after 0 max 16384");
    says(feed(2, 1, 2), "PULL#3 after 2 max 32768");
    says(feed(3, 3, 2), "keep-feed 1+2; PULL#4 after 4 max 65536");
    says(after(0), "keep-feed 3+2");
    struct spoke_input refused = {.kind = SPOKE_FEED_KEPT, .contradicts = true};
    says(step(&refused), "notice fork");
    says(step(&refused), ""); /* and so is what came after it */
    says(after(1000), "HELLO#5 own 1 waiting 1");
    says(welcome(5, 0), ""); /* the hub knows of no fork: no PULL all the same, and the notice stays */
    says(read_own(1, 16384), "PUSH#6 1+1 keys 0");
}

static void what_was_still_to_be_looked_at_when_the_own_log_contradicted_is_let_go(void **state)
{
    (void)state;
    others_write(2);
    write_own(2);
    make_spoke(2);
    for (unsigned i = 0; i < 2; i++)
        store_append(log_, 1, own->own[i], NULL);
    up();
    says(welcome(1, 2), "PULL#2 after 0 max 16384");
    says(feed(2, 1, 2), "PULL#3 after 2 max 32768");
    feed_make_markers(3, 2);
    says(feed_send(3), "keep-feed 1+2; read-ids 1+2; PULL#4 after 4 max 16384");
    struct spoke_input refused = {.kind = SPOKE_FEED_KEPT, .contradicts = true};
    says(step(&refused), "notice fork");
    says(own_ids(1, 2), ""); /* the log did not take what was before it */
}

static void a_commit_that_failed_ends_the_machine(void **state)
{
    (void)state;
    others_write(1);
    up();
    welcome(1, 0);
    feed(2, 1, 1);
    says(feed_kept(false), "");
    assert_int_equal(spoke_deadline(spoke), UINT64_MAX);
    says(up(), "");
}

/* ---- keys ---- */

static void keys_that_are_lacking_are_asked_for(void **state)
{
    (void)state;
    struct key_id ids[2];
    memset(ids, 5, sizeof ids[0]);
    memset(&ids[1], 6, sizeof ids[1]);
    struct spoke_input need = {.kind = SPOKE_NEED_KEYS, .keys = ids, .key_count = 2};
    up();
    welcome(1, 0);
    says(step(&need), "KEYS#3 2");
    says(step(&need), "");
    struct buffer body = {0};
    given_key_record(&body, 6);
    message.keyring = (struct msg_keyring){.site = bytes_str(SITE), .key_count = 1};
    says(hub_sends(MSG_KEYRING, 3, &body), "keep-keys 1");
    says(after(4999), "");
    says(after(1), "KEYS#4 1"); /* the other one, now and then */
    message.keyring = (struct msg_keyring){.site = bytes_str(SITE), .key_count = 0};
    says(hub_sends(MSG_KEYRING, 4, NULL), "");
    says(after(9999), "");
    says(after(1), "KEYS#5 1");
}

/* A key of an audience that this laptop's worker is not in: it is not asked for again, until a new connection. */
static void keys_that_are_for_others_are_asked_for_once(void **state)
{
    (void)state;
    struct key_id ids[3];
    for (size_t i = 0; i < 3; i++)
        memset(&ids[i], (int)i + 5, sizeof ids[i]);
    struct spoke_input need = {.kind = SPOKE_NEED_KEYS, .keys = ids, .key_count = 2};
    up();
    welcome(1, 0);
    says(step(&need), "KEYS#3 2");
    message.keyring = (struct msg_keyring){.site = bytes_str(SITE), .denied_count = 2, .denied = {ids[0], ids[2]}};
    says(hub_sends(MSG_KEYRING, 3, NULL), "denied 1"); /* the other was not asked for, and is not believed */
    need.key_count = 3;
    says(step(&need), "KEYS#4 2");
    message.keyring = (struct msg_keyring){.site = bytes_str(SITE), .denied_count = 2, .denied = {ids[1], ids[2]}};
    says(hub_sends(MSG_KEYRING, 4, NULL), "denied 2");
    says(step(&need), "");
    says(after(14000), "");
    struct spoke_input down = {.kind = SPOKE_DOWN};
    step(&down);
    up();
    welcome(5, 0);
    need.key_count = 1;
    says(step(&need), "KEYS#7 1");
}

static void keys_that_the_hub_lacks_are_brought(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    welcome(1, 0);
    read_own(1, 1);
    fill_receipt(1);
    message.receipt.missing_count = 2;
    memset(message.receipt.missing, 4, sizeof message.receipt.missing[0]);
    memset(&message.receipt.missing[1], 5, sizeof message.receipt.missing[1]);
    says(hub_sends(MSG_RECEIPT, 3, NULL), "keep-receipt 1 runs 0; read-keys 2");
    struct spoke_input keys = {.kind = SPOKE_KEYS_READ, .key_count = 1};
    struct buffer body = {0};
    given_key_record(&body, 4);
    keys.body = lend_buffer(&body);
    says(step(&keys), "PUSH#4 0+0 keys 1");
    says(after(10000), "HELLO#5 own 1 waiting 0");
    says(welcome(5, 1), "");
    says(after(5000), "read-keys 2"); /* unanswered: brought again */
    given_key_record(&body, 4);
    keys = (struct spoke_input){.kind = SPOKE_KEYS_READ, .key_count = 1, .body = lend_buffer(&body)};
    says(step(&keys), "PUSH#6 0+0 keys 1");
    says(receipt(6, 1), "");
    says(after(10000), "");
}

/* Two PUSHes of the same event, as after a timeout: the second one's RECEIPT was quicker, and names no key. */
static void a_receipt_that_comes_late_still_names_keys(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    welcome(1, 0);
    says(read_own(1, 1), "PUSH#3 1+1 keys 0");
    says(receipt(9, 1), "keep-receipt 1 runs 0");
    fill_receipt(1);
    message.receipt.missing_count = 1;
    memset(message.receipt.missing, 4, sizeof message.receipt.missing[0]);
    says(hub_sends(MSG_RECEIPT, 3, NULL), "read-keys 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(where_there_is_more_that_is_asked_for_before_a_feed_is_checked),
        TEST(a_slow_disk_holds_the_download_back),
        TEST(what_was_asked_for_behind_a_feed_that_does_not_verify_is_forgotten),
        TEST(the_window_follows_the_link),
        TEST(own_events_come_back_as_markers),
        TEST(a_marker_of_what_was_never_written_is_a_fork),
        TEST(own_events_in_a_row_come_as_one_marker),
        TEST(the_last_epoch_that_there_is_room_for_is_taken_behind_what_waits),
        TEST(one_marker_of_what_was_never_written_is_a_fork),
        TEST(no_news_is_asked_again_at_once_unless_the_hub_did_not_wait),
        TEST(a_feed_that_does_not_verify_is_not_taken_in),
        TEST(a_bad_feed_is_asked_again_ever_more_slowly),
        TEST(what_contradicts_the_own_log_stops_that_site_only),
        TEST(what_was_still_to_be_looked_at_when_the_own_log_contradicted_is_let_go),
        TEST(a_commit_that_failed_ends_the_machine),
        TEST(keys_that_are_lacking_are_asked_for),
        TEST(keys_that_are_for_others_are_asked_for_once),
        TEST(keys_that_the_hub_lacks_are_brought),
        TEST(a_receipt_that_comes_late_still_names_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
