/* SPDX-License-Identifier: Apache-2.0 */
/* A hub that lies to a laptop that it has told the truth before, and signs each lie as a hub does: every kind of lie is
 * noticed at the next exchange, and named by the site and the position; nothing that was received is touched, and once
 * the hub tells the truth again all goes on. (Two stories to two laptops, each whole: test_daemon_witness.c.) */
#include "tests/unit/given_spoke.h"

/* ---- what is told to people ---- */

static char told[200];

static void note_told(void)
{
    for (size_t i = 0; i < outputs.count; i++)
        if (outputs.items[i].kind == SPOKE_NOTICE && outputs.items[i].notice != NOTICE_CLEAR)
            memcpy(told, outputs.items[i].text, sizeof told);
}

/* As given_spoke.h's hub_sends, and keeps what people are told. */
static void hub_lies(enum message_kind kind, uint64_t request, struct buffer *body, bool *kept)
{
    struct spoke_input input = {.kind = SPOKE_MESSAGE, .now_ms = now, .site = bytes_str(SITE)};
    struct buffer header = {0};
    told[0] = '\0';
    message.kind = kind;
    message.request = request;
    message_encode(&message, &header);
    input.header = buffer_bytes(&header);
    if (body)
        input.body = lend_buffer(body);
    spoke_step(spoke, &input, &outputs);
    note_told();
    *kept = false;
    for (size_t i = 0; i < outputs.count; i++)
        *kept |= outputs.items[i].kind == SPOKE_KEEP_FEED;
    spoke_outputs_clear(&outputs);
    buffer_release(&header);
}

/* ---- the scene: three entries of another laptop are received; the hub has four more ---- */

static struct stream_head third_head; /* of a third laptop */

static void given_received(void)
{
    others_write(3);
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    says(feed(2, 1, 3), "keep-feed 1+3; PULL#3 after 3 max 16384");
    says(feed_kept(true), "");
    others_write(4);
    third_head = (struct stream_head){0};
}

static const struct pool_event *next_of(const struct party *who, struct stream_head *head)
{
    struct seen none = {0};
    return pool_make(&pool, bytes_str(SITE), &who->device, 1, head, &none);
}

/* The hub's answer to the PULL after 1.3: these entries of its log, or others, under the head that they give. */
struct story {
    struct log_head head;
    uint32_t count;
};

static struct story story_from(const struct log_head *from)
{
    buffer_release(&feed_body);
    return (struct story){.head = *from};
}

static void tell(struct story *story, const struct pool_event *event)
{
    feed_put_event(&feed_body, buffer_bytes(&event->raw), NULL);
    log_head_advance(&story->head, &event->id);
    story->count++;
}

static const struct pool_event *entry(uint64_t n)
{
    return store_at(log_, (struct position){1, n})->event;
}

static struct log_head head_at(uint64_t n)
{
    return store_at(log_, (struct position){1, n})->head;
}

/* Signed, as all that a hub tells. */
static void fill_feed(const struct story *story, uint64_t first)
{
    message.feed = (struct msg_feed){.site = bytes_str(SITE), .first = {1, first}, .count = story->count,
                                     .head = story->head, .newest = story->head.at};
    sign_log_head(&hub.secret, message.feed.site, &story->head, &message.feed.signature);
}

/* ---- lies about what comes next ---- */

static void an_entry_removed(void)
{
    struct log_head from = head_at(3);
    struct story story = story_from(&from);
    tell(&story, entry(5));
    tell(&story, entry(6));
    fill_feed(&story, 4);
}

static void entries_reordered(void)
{
    struct log_head from = head_at(3);
    struct story story = story_from(&from);
    tell(&story, entry(4));
    tell(&story, entry(6));
    tell(&story, entry(5));
    fill_feed(&story, 4);
}

/* The hub has the keys: it can write what a laptop never wrote, but not so that the laptop's next entry follows. */
static void an_entry_changed(void)
{
    struct log_head from = head_at(3);
    struct stream_head forged = {entry(3)->seq, entry(3)->id, {0}};
    struct story story = story_from(&from);
    tell(&story, next_of(&other, &forged));
    tell(&story, entry(5));
    fill_feed(&story, 4);
}

static void an_entry_invented_between(void)
{
    struct log_head from = head_at(3);
    struct stream_head forged = {entry(4)->seq, entry(4)->id, {0}};
    struct story story = story_from(&from);
    tell(&story, entry(4));
    tell(&story, next_of(&other, &forged));
    tell(&story, entry(5));
    fill_feed(&story, 4);
}

static void the_same_entry_again(void)
{
    struct log_head from = head_at(3);
    struct story story = story_from(&from);
    tell(&story, entry(3));
    fill_feed(&story, 4);
}

/* ---- lies about what was received ---- */

/* The hub goes on from another past: what follows is sound, and the head is the one of that past. */
static void an_earlier_entry_removed(void)
{
    struct log_head from;
    log_head_start(&from, bytes_str(SITE), 1);
    for (uint64_t n = 1; n <= 3; n++)
        if (n != 2)
            log_head_advance(&from, &entry(n)->id);
    from.at.n = 3;
    struct story story = story_from(&from);
    tell(&story, entry(4));
    fill_feed(&story, 4);
}

static void an_earlier_entry_changed(void)
{
    struct log_head from;
    struct stream_head empty = {0};
    log_head_start(&from, bytes_str(SITE), 1);
    log_head_advance(&from, &entry(1)->id);
    log_head_advance(&from, &next_of(&hub, &empty)->id);
    log_head_advance(&from, &entry(3)->id);
    struct story story = story_from(&from);
    tell(&story, entry(4));
    fill_feed(&story, 4);
}

static void earlier_entries_reordered(void)
{
    static const uint64_t order[] = {2, 1, 3};
    struct log_head from;
    log_head_start(&from, bytes_str(SITE), 1);
    for (size_t i = 0; i < 3; i++)
        log_head_advance(&from, &entry(order[i])->id);
    struct story story = story_from(&from);
    tell(&story, entry(4));
    fill_feed(&story, 4);
}

static void an_earlier_entry_invented(void)
{
    struct log_head from;
    struct stream_head empty = {0};
    log_head_start(&from, bytes_str(SITE), 1);
    for (uint64_t n = 1; n <= 2; n++)
        log_head_advance(&from, &entry(n)->id);
    log_head_advance(&from, &next_of(&hub, &empty)->id);
    struct story story = story_from(&from);
    tell(&story, entry(3)); /* for that laptop the fourth */
    tell(&story, entry(4));
    fill_feed(&story, 4);
}

static void an_old_state_as_news(void)
{
    feed_make(2, 2); /* what is received already, under the head of then, once more */
}

static void another_hubs_signature(void)
{
    struct log_head from = head_at(3);
    struct story story = story_from(&from);
    tell(&story, entry(4));
    fill_feed(&story, 4);
    sign_log_head(&other.secret, message.feed.site, &story.head, &message.feed.signature);
}

static void an_old_signature(void)
{
    feed_make(1, 3);
    const struct signature old = message.feed.signature;
    struct log_head from = head_at(3);
    struct story story = story_from(&from);
    tell(&story, entry(4));
    fill_feed(&story, 4);
    message.feed.signature = old;
}

static const struct {
    const char *what;
    void (*lie)(void);
    const char *at, *why;
} lies[] = {
    {"the next entry is removed", an_entry_removed, "1.4", "leaves out"},
    {"the next entries are reordered", entries_reordered, "1.5", "leaves out"},
    {"the next entry is changed", an_entry_changed, "1.5", "is not what its laptop wrote"},
    {"an entry is invented between two", an_entry_invented_between, "1.6", "is not what its laptop wrote"},
    {"an entry comes again", the_same_entry_again, "1.4", "for the second time"},
    {"a received entry is removed", an_earlier_entry_removed, "1.4", "signed for other entries"},
    {"a received entry is changed", an_earlier_entry_changed, "1.4", "signed for other entries"},
    {"received entries are reordered", earlier_entries_reordered, "1.4", "signed for other entries"},
    {"an entry is invented among those received", an_earlier_entry_invented, "1.4", "for the second time"},
    {"an old state comes as news", an_old_state_as_news, "1.4", "was to come next"},
    {"it is signed by another", another_hubs_signature, "1.4", "has not the hub's signature"},
    {"it bears the signature of an old head", an_old_signature, "1.4", "has not the hub's signature"},
};

static void each_lie_of_a_feed_is_named_and_not_taken_in(void **state)
{
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        bool kept;
        given_received();
        lies[i].lie();
        hub_lies(MSG_FEED, 3, &feed_body, &kept);
        if (kept || !strstr(told, SITE) || !strstr(told, lies[i].at) || !strstr(told, lies[i].why))
            fail_msg("%s: kept %d, told \"%s\"", lies[i].what, kept, told);
        says(after(1000), "PULL#4 after 3 max 16384"); /* all that was received stands */
        says(feed(4, 4, 4), "notice clear; keep-feed 4+4; PULL#5 after 7 max 16384"); /* and the truth is taken in */
        tear_down(state);
        set_up(state);
    }
}

/* An entry of the own stream that this laptop never wrote, in its name. */
static void what_is_invented_in_the_own_name_is_noticed(void **state)
{
    (void)state;
    bool kept;
    write_own(2);
    make_spoke(2);
    store_append(log_, 1, own->own[0], NULL);
    up();
    says(welcome(1, 2), "PULL#2 after 0 max 16384");
    struct stream_head forged = own->own_head;
    store_append(log_, 1, next_of(&me, &forged), NULL); /* number 3, as a whole event */
    struct log_head start;
    log_head_start(&start, bytes_str(SITE), 1);
    struct story story = story_from(&start);
    tell(&story, entry(2));
    fill_feed(&story, 1);
    hub_lies(MSG_FEED, 2, &feed_body, &kept);
    assert_false(kept);
    assert_non_null(strstr(told, SITE));
}

/* ---- lies of a WELCOME ---- */

/* Somebody looks, and so the hub is greeted. */
static const char *looked_after(uint64_t ms)
{
    now += ms;
    spoke_looked(spoke, now);
    return after(0);
}

/* All is well, it says, and has less than it had signed for. */
static void an_old_state_that_is_served_as_the_present_one_is_named(void **state)
{
    (void)state;
    bool kept;
    given_received();
    says(looked_after(60000), "HELLO#4 own 0 waiting 0; PULL#5 after 3 max 8192");
    message.welcome = (struct msg_welcome){.epoch = 1, .now_ms = 1, .site_count = 1, .terms = terms_now()};
    message.welcome.sites[0] = (struct welcome_site){.site = bytes_str(SITE), .verdict = SITE_OK, .head = {1, 2}};
    hub_lies(MSG_WELCOME, 4, NULL, &kept);
    assert_true(strstr(told, SITE) && strstr(told, "1.2") && strstr(told, "1.3") && strstr(told, "old state"));
    says(feed(5, 4, 4), "keep-feed 4+4"); /* what was asked before is sound; nothing more is asked */
    feed_kept(true);
    write_own(1);
    says(saved(), "");                    /* and nothing is shared with it */
    says(after(60000), "HELLO#6 own 1 waiting 1");
    says(welcome(6, 0), "notice clear; read 1 max 16384; PULL#7 after 7 max 8192");
}

/* Frames may be reordered: a FEED may overtake the WELCOME that was written before it. */
static void a_welcome_that_was_overtaken_is_no_lie(void **state)
{
    (void)state;
    given_received();
    says(looked_after(60000), "HELLO#4 own 0 waiting 0; PULL#5 after 3 max 8192");
    says(feed(5, 4, 4), "keep-feed 4+4; PULL#6 after 7 max 8192");
    says(feed_kept(true), "");
    message.welcome = (struct msg_welcome){.epoch = 1, .now_ms = 1, .site_count = 1, .terms = terms_now()};
    message.welcome.sites[0] = (struct welcome_site){.site = bytes_str(SITE), .verdict = SITE_OK, .head = {1, 3}};
    says(hub_sends(MSG_WELCOME, 4, NULL), "");
}

/* What it holds of the own stream it has to prove. */
static void a_receipt_that_proves_nothing_is_not_believed(void **state)
{
    (void)state;
    write_own(3);
    saved();
    up();
    message.welcome = (struct msg_welcome){.epoch = 1, .now_ms = 1, .site_count = 1, .terms = terms_now()};
    message.welcome.sites[0] = (struct welcome_site){.site = bytes_str(SITE), .verdict = SITE_OK, .held_seq = 3,
                                                     .held_id = own_id(3), .head = {1, 3},
                                                     .held_receipt = receipt_for(2, &own->own[1]->id)};
    assert_null(strstr(hub_sends(MSG_WELCOME, 1, NULL), "keep-receipt"));
    fill_receipt(3);
    message.receipt.signature.b[7] ^= 1;
    assert_null(strstr(hub_sends(MSG_RECEIPT, 2, NULL), "keep-receipt"));
    assert_int_equal(shared(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_lie_of_a_feed_is_named_and_not_taken_in),
        TEST(what_is_invented_in_the_own_name_is_noticed),
        TEST(an_old_state_that_is_served_as_the_present_one_is_named),
        TEST(a_welcome_that_was_overtaken_is_no_lie),
        TEST(a_receipt_that_proves_nothing_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
