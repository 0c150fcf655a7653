/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's machine and a device that was revoked: it gets nothing, and what it hands over is kept aside. */
#include "tests/unit/given_hub.h"

/* Its PUSH of `count` events from that one on is being kept aside; this completes it. */
static const char *kept_aside(uint64_t ticket, const struct pool_event *last)
{
    struct hub_input done = {.kind = HUB_KEPT, .ticket = ticket, .ok = true};
    if (last)
        done.aside = (struct stream_head){.seq = last->seq, .id = last->id};
    return step(&done);
}

static const struct pool_event *events[8];

static void a_writes(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        events[i] = write_event(&a, 1, &head_a, (struct seen){0});
}

static const char *ask_how_far(uint64_t request, uint32_t incarnation)
{
    message.push = (struct msg_push){.site = bytes_str(SITE), .incarnation = incarnation};
    return send(&a, 1, MSG_PUSH, request, NULL);
}

static void it_gets_nothing_and_is_told_why(void **state)
{
    (void)state;
    hello(&a, 1, &head_a);
    pull(&a, 1, 2, 0);
    hub_revoke(hub, &a.device);
    says(after(0), "REFUSED#2 4 to 1"); /* what was held back */
    says(hello(&a, 1, &head_a), "incident; REFUSED#1 4 to 1");
    says(pull(&a, 1, 3, 0), "REFUSED#3 4 to 1");
    message.keys = (struct msg_keys){.site = bytes_str(SITE), .count = 1};
    says(send(&a, 1, MSG_KEYS, 4, NULL), "REFUSED#4 4 to 1");
    message.offer = (struct msg_offer){.site = bytes_str(SITE), .first = {1, 0}};
    says(send(&a, 1, MSG_OFFER, 5, NULL), "REFUSED#5 4 to 1");
    struct hub_device_status status;
    hub_device_status(hub, 0, &status);
    assert_false(status.connected);
    assert_true(status.heard_ms > 0);
}

static void what_it_had_not_shared_is_kept_aside(void **state)
{
    (void)state;
    a_wrote(2);
    make_hub(1);
    hub_revoke(hub, &a.device);
    a_writes(3);
    says(ask_how_far(1, 1), "incident; REFUSED#1 11 held 2 to 1"); /* without HELLO */
    says(push(&a, 1, 2, events, 2), "keep-aside(1) 3+2 keys 0");
    says(kept_aside(1, events[1]), "REFUSED#2 11 held 4 to 1");
    says(push(&a, 1, 3, events + 2, 1), "keep-aside(2) 5+1 keys 0");
    says(kept_aside(2, events[2]), "REFUSED#3 11 held 5 to 1");
    says(ask_how_far(4, 1), "REFUSED#4 11 held 5 to 1"); /* and needs not be brought again */
    assert_true(event_id_equal(&message.refused.held_id, &events[2]->id));
    says(ask_how_far(5, 9), "REFUSED#5 11 held 0 to 1");
    says(hello(&b, 2, &head_b), "WELCOME#1 ok held 0 head 2 to 2"); /* nobody else sees anything of it */
}

static void the_quarantine_is_known_after_a_restart(void **state)
{
    (void)state;
    a_writes(3);
    hub_revoke(hub, &a.device);
    assert_true(hub_load_aside(hub, bytes_str(SITE), &a.device, 1,
                               &(struct stream_head){.seq = 3, .id = events[2]->id}));
    says(ask_how_far(1, 1), "incident; REFUSED#1 11 held 3 to 1");
    assert_false(hub_load_aside(hub, bytes_str("nowhere"), &a.device, 1, &head_a));
}

/* The log has another history of this stream: that, too, is to be looked at. */
static void another_history_is_kept_aside(void **state)
{
    (void)state;
    a_wrote(2);
    make_hub(1);
    struct stream_head other = {0};
    events[0] = write_event(&a, 1, &other, (struct seen){0});
    events[1] = write_event(&a, 1, &other, (struct seen){0});
    hub_revoke(hub, &a.device);
    says(push(&a, 1, 1, events, 2), "incident; keep-aside(1) 1+2 keys 0");
    says(kept_aside(1, NULL), "REFUSED#1 11 held 2 to 1");
    says(push(&a, 1, 2, events + 1, 1), "keep-aside(2) 2+1 keys 0");
}

static void what_is_not_its_own_is_not_kept(void **state)
{
    (void)state;
    a_writes(3);
    hub_revoke(hub, &a.device);
    ask_how_far(1, 1);
    const struct pool_event *b_wrote[] = {write_event(&b, 1, &head_b, (struct seen){0})};
    fill_push(&a, b_wrote, 1);
    says(send(&a, 1, MSG_PUSH, 2, &push_body), "REFUSED#2 10 to 1");
    fill_push(&a, events, 3);
    message.push.signature.b[3] ^= 1;
    says(send(&a, 1, MSG_PUSH, 3, &push_body), "REFUSED#3 10 to 1");
    const struct pool_event *gap[] = {events[0], events[2]};
    fill_push(&a, gap, 2);
    says(send(&a, 1, MSG_PUSH, 4, &push_body), "REFUSED#4 10 to 1");
    const struct pool_event *turned[] = {events[1], events[0]};
    fill_push(&a, turned, 2);
    says(send(&a, 1, MSG_PUSH, 5, &push_body), "REFUSED#5 10 to 1");
    fill_push(&a, events, 1);
    message.push.site = bytes_str("peak");
    says(send(&a, 1, MSG_PUSH, 6, &push_body), "REFUSED#6 5 to 1");
    fill_push(&a, events, 1);
    message.push.site = bytes_str("nowhere");
    says(send(&a, 1, MSG_PUSH, 7, &push_body), "REFUSED#7 5 to 1");
    fill_push(&a, events, 1);
    says(send(&stranger, 3, MSG_PUSH, 8, &push_body), "REFUSED#8 3 to 3");
}

static void keys_come_along_as_they_are(void **state)
{
    (void)state;
    a_writes(1);
    hub_revoke(hub, &a.device);
    fill_push(&a, events, 1);
    struct buffer body = {0};
    given_key_record(&body, 1);
    given_key_record(&body, 3);
    buffer_append(&body, push_body.data, push_body.len);
    message.push.key_count = 2;
    says(send(&a, 1, MSG_PUSH, 1, &body), "incident; keep-aside(1) 1+1 keys 2");
}

static void it_is_bounded(void **state)
{
    (void)state;
    a_writes(4);
    hub_revoke(hub, &a.device);
    says(push(&a, 1, 1, events, 1), "incident; keep-aside(1) 1+1 keys 0");
    says(push(&a, 1, 2, events, 1), "keep-aside(2) 1+1 keys 0"); /* again, since the answer was lost */
    says(push(&a, 1, 3, events, 1), "REFUSED#3 9 to 1");
    says(kept_aside(1, events[0]), "REFUSED#1 11 held 1 to 1");
    struct hub_input full = {.kind = HUB_KEPT, .ticket = 2, .ok = true, .full = true};
    says(step(&full), "REFUSED#2 9 to 1");
    says(push(&a, 1, 4, events + 1, 1), "keep-aside(3) 2+1 keys 0");
    struct hub_input unknown = {.kind = HUB_KEPT, .ticket = 3};
    says(step(&unknown), ""); /* the driver starts afresh */
    says(push(&a, 1, 5, events + 1, 1), "");
}

/* What it pushed as it was revoked is in the log in its order; and an offer need not wait for the quarantine. */
static void what_was_under_way_is_taken(void **state)
{
    (void)state;
    a_writes(2);
    hello(&a, 1, &head_a);
    says(push(&a, 1, 2, events, 1), "keep(1) 1+1");
    hub_revoke(hub, &a.device);
    says(push(&a, 1, 3, events, 2), "incident; keep-aside(2) 1+2 keys 0");
    says(keep_done(1), ""); /* it is in the log; nothing is told any more */
    says(kept_aside(2, events[1]), "REFUSED#3 11 held 2 to 1");
    assert_int_equal(hub_device_count(hub), 2);
    admit(&a); /* it was a mistake */
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 1 head 1 to 1");
    says(push(&a, 1, 5, events + 1, 1), "keep(3) 2+1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_gets_nothing_and_is_told_why),
        TEST(what_it_had_not_shared_is_kept_aside),
        TEST(the_quarantine_is_known_after_a_restart),
        TEST(another_history_is_kept_aside),
        TEST(what_is_not_its_own_is_not_kept),
        TEST(keys_come_along_as_they_are),
        TEST(it_is_bounded),
        TEST(what_was_under_way_is_taken),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_release(&push_body);
    return failed;
}
