/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop that was let in and lies at every message; what no laptop of the product would send.
 *
 *   liar TICKET             joins, tells the truth once, then lies
 *   liar TICKET restored    joins; at a line on stdin tells the truth; at the next one, the hub having been put back to
 *                           a backup meanwhile, offers what never was
 *
 * It says "ok …" or "FAIL …" of what the hub made of each lie.
 * What the hub has to answer is beside each lie. The last ones send what ZeroMQ itself has to survive. */
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/net/curve.h"

#define PATIENCE_MS 10000

static struct laptop me;
static struct asker hub;
static struct story story;
static struct message *said, *answer; /* the asker's */
static struct buffer event;
static struct msg_feed signed_feed; /* of the hub's: a head that it signed */
static unsigned failed;

/* ---- asking ---- */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void connect_anew(bool with_ticket)
{
    asker_connect(&hub, with_ticket);
}

static bool ask(struct bytes content)
{
    return asker_ask(&hub, content);
}

static void judge(const char *lie, bool fine)
{
    const bool refused = answer->kind == MSG_REFUSED;
    failed += !fine;
    printf("%s a lie: %s: %s%.*s\n", fine ? "ok" : "FAIL", lie,
           answer->kind == 0 ? "no answer" : refused ? "refused: " : message_name(answer->kind),
           refused ? (int)answer->refused.text.len : 0, refused ? (const char *)answer->refused.text.data : "");
    fflush(stdout);
}

static bool refused_as(enum refusal reason)
{
    return asker_refused(&hub, reason);
}

/* ---- the truth ---- */

static void say_hello(void)
{
    said->kind = MSG_HELLO;
    said->hello = (struct msg_hello){
        .version = PROTOCOL_VERSION, .device = me.device, .incarnation = 1, .site_count = 1};
    said->hello.sites[0] = (struct hello_site){
        .site = bytes_str(story.site), .own_seq = story.head.seq, .own_id = story.head.id};
}

static void greet(void)
{
    connect_anew(false);
    say_hello();
    if (!ask((struct bytes){0}) || answer->kind != MSG_WELCOME)
        judge("none: an honest HELLO", false);
}

static bool join(void)
{
    connect_anew(true);
    laptop_join(&me, said);
    hub.last_request = 0;
    if (!ask((struct bytes){0}) || answer->kind != MSG_JOINED || !laptop_joined(&me, &answer->joined))
        return false;
    const char *site = me.sites[0];
    for (uint32_t i = 0; i < me.site_count; i++)
        if (strcmp(me.sites[i], "commons") != 0)
            site = me.sites[i];
    story_begin(&story, site);
    return true;
}

static bool tell_the_truth(void)
{
    struct buffer push = {0};
    struct event_id last;
    greet();
    for (int i = 0; i < 3; i++)
        if (!story_write(&story, &me))
            return false;
    said->kind = MSG_PUSH;
    said->push = (struct msg_push){.site = bytes_str(story.site), .incarnation = 1, .first_seq = 1};
    said->push.count = story_push(&story, &me, 1, BODY_TARGET, &push, &said->push.key_count, &last);
    sign_stream(&me.sign, said->push.site, &me.device, 1, 3, &last, &said->push.signature);
    bool shared = ask(buffer_bytes(&push)) && answer->kind == MSG_RECEIPT && answer->receipt.seq == 3;
    buffer_release(&push);
    said->kind = MSG_PULL;
    said->pull = (struct msg_pull){.site = bytes_str(story.site), .max_bytes = BODY_TARGET};
    shared = shared && ask((struct bytes){0}) && answer->kind == MSG_FEED && answer->feed.count > 0;
    signed_feed = answer->feed;
    signed_feed.site = bytes_str(story.site);
    return shared;
}

/* ---- lies about events ---- */

struct lie {
    const char *what;
    uint64_t seq, first_seq; /* 0: the next */
    bool prev, device, site, incarnation, signature, key;
    struct position seen;
    uint32_t header_incarnation, count;
    enum refusal expected;
};

static const struct lie lies[] = {
    {.what = "an event with another number than the PUSH says", .seq = 5, .expected = REFUSED_BAD_EVENT},
    {.what = "another event before it", .prev = true, .expected = REFUSED_BAD_EVENT},
    {.what = "an event of another device", .device = true, .expected = REFUSED_BAD_EVENT},
    {.what = "an event of another site", .site = true, .expected = REFUSED_BAD_EVENT},
    {.what = "an event of another incarnation", .incarnation = true, .expected = REFUSED_BAD_EVENT},
    {.what = "a signature that is none", .signature = true, .expected = REFUSED_BAD_EVENT},
    {.what = "it has seen what there is not", .seen = {1, 1u << 30}, .expected = REFUSED_BUSY},
    {.what = "it has seen an epoch to come", .seen = {UINT32_MAX, 1}, .expected = REFUSED_BUSY},
    {.what = "another incarnation than the HELLO's", .header_incarnation = 7, .expected = REFUSED_HELLO_FIRST},
    {.what = "4,096 events that are one", .count = 4096, .expected = REFUSED_BAD_EVENT},
    {.what = "no event, but a key record that is none", .count = UINT32_MAX, .key = true,
     .expected = REFUSED_BAD_EVENT},
    {.what = "another event where the stream ends", .seq = 3, .first_seq = 3, .expected = REFUSED_BAD_EVENT},
};

static void make_event(const struct lie *lie)
{
    uint8_t nonce[EVENT_NONCE_SIZE];
    struct buffer fields = {0};
    randombytes_buf(nonce, sizeof nonce);
    mp_put_map(&fields, 0);
    struct event_clear clear = {.device = me.device,
                                .incarnation = lie->incarnation ? 3 : 1,
                                .site = bytes_str(lie->site ? "elsewhere" : story.site),
                                .seq = lie->seq != 0 ? lie->seq : story.head.seq + 1,
                                .key = story.key.id};
    if (clear.seq > 1)
        clear.prev = story.head.id;
    clear.prev.b[0] ^= lie->prev;
    clear.device.b[0] ^= lie->device;
    if (lie->seen.epoch != 0) {
        clear.seen.count = 1;
        clear.seen.at[0] = lie->seen;
    }
    const struct event_body content = {.time = 1, .type = bytes_str("note.added"), .has_subject = true,
                                       .subject = story.key.owner, .worker = bytes_str("liar"),
                                       .fields = buffer_bytes(&fields)};
    buffer_clear(&event);
    if (!event_seal(&clear, &content, &story.key.key, nonce, &event))
        judge(lie->what, false);
    buffer_release(&fields);
}

static void lie_about_events(const struct lie *lie)
{
    struct event_id id;
    make_event(lie);
    event_id_of(buffer_bytes(&event), &id);
    uint64_t seq = lie->seq != 0 ? lie->seq : story.head.seq + 1;
    said->kind = MSG_PUSH;
    said->push = (struct msg_push){.site = bytes_str(story.site),
                                   .incarnation = lie->header_incarnation != 0 ? lie->header_incarnation : 1,
                                   .first_seq = lie->first_seq != 0 ? lie->first_seq : story.head.seq + 1,
                                   .count = lie->count == UINT32_MAX ? 0 : lie->count != 0 ? lie->count : 1,
                                   .key_count = lie->key};
    sign_stream(&me.sign, said->push.site, &me.device, 1, seq, &id, &said->push.signature);
    said->push.signature.b[5] ^= lie->signature;
    (void)!ask(buffer_bytes(&event));
    judge(lie->what, refused_as(lie->expected));
}

/* ---- lies about oneself, and about the log ---- */

static void lie_about_itself(void)
{
    say_hello();
    said->hello.device.b[3] ^= 1;
    (void)!ask((struct bytes){0});
    judge("a HELLO of another device", refused_as(REFUSED_UNKNOWN));
    say_hello();
    said->hello.version = 99;
    (void)!ask((struct bytes){0});
    judge("a HELLO of a version to come", refused_as(REFUSED_VERSION));
    say_hello();
    said->hello.sites[0].cursor_count = 1;
    said->hello.sites[0].cursors[0] = (struct log_head){.at = {1, UINT64_MAX - 5}};
    (void)!ask((struct bytes){0});
    judge("a HELLO with a cursor far ahead",
          answer->kind == MSG_WELCOME && answer->welcome.sites[0].verdict == SITE_FORK); /* it was seen to fork, too */
    said->hello.sites[0].cursors[0].at = signed_feed.head.at;
    (void)!ask((struct bytes){0});
    judge("a HELLO with another log", answer->kind == MSG_WELCOME && answer->welcome.sites[0].verdict == SITE_SPLIT);
    greet();
    said->kind = MSG_PULL;
    said->pull = (struct msg_pull){.site = bytes_str(story.site), .cursor_count = 1,
                                   .cursors = {{1, UINT64_MAX - 2}}, .max_bytes = UINT32_MAX};
    (void)!ask((struct bytes){0});
    judge("a PULL from beyond the log",
          answer->kind == MSG_REFUSED && answer->refused.reason == REFUSED_HELLO_FIRST);
    said->kind = MSG_KEYS;
    said->keys = (struct msg_keys){.site = bytes_str(story.site), .count = KEYS_MAX};
    for (uint32_t i = 0; i < KEYS_MAX; i++)
        randombytes_buf(&said->keys.ids[i], sizeof said->keys.ids[i]);
    (void)!ask((struct bytes){0});
    judge("KEYS that there are not", answer->kind == MSG_KEYRING && answer->keyring.key_count == 0);
}

static void offer(const char *what, struct position first, const struct log_head *head, const struct signature *sig)
{
    said->kind = MSG_OFFER;
    said->offer =
        (struct msg_offer){.site = bytes_str(story.site), .first = first, .count = 1, .head = *head, .signature = *sig};
    (void)!ask(buffer_bytes(&event));
    judge(what, answer->kind == MSG_OFFERED || refused_as(REFUSED_BAD_EVENT));
}

/* The hub is not restored: whatever is offered, it takes nothing. */
static void lie_about_the_log(void)
{
    struct log_head head = signed_feed.head;
    struct signature forged = signed_feed.signature;
    make_event(&lies[0]);
    offer("an OFFER of what the hub has", (struct position){1, 1}, &head, &signed_feed.signature);
    offer("an OFFER of what comes next, under a head of before", (struct position){1, head.at.n + 1}, &head,
          &signed_feed.signature);
    head.at.n += 100;
    offer("an OFFER under a head that the hub did not sign", (struct position){1, signed_feed.head.at.n + 1}, &head,
          &forged);
    head.at.epoch = 2;
    offer("an OFFER from an epoch to come", (struct position){2, 1}, &head, &forged);
    head.at.epoch = UINT32_MAX;
    sign_log_head(&me.sign, bytes_str(story.site), &head, &forged);
    offer("an OFFER from the last epoch, signed by the liar", (struct position){UINT32_MAX, 1}, &head, &forged);
    greet();
    judge("none after all this: HELLO", answer->kind == MSG_WELCOME && answer->welcome.epoch == 1);
}

/* ---- shapes ---- */

/* `len` bytes of one value: arrays or maps within each other, or counts that nothing follows. */
static struct bytes bomb(uint8_t byte, size_t len)
{
    buffer_clear(&event);
    if (!buffer_reserve(&event, len))
        exit(1);
    memset(event.data, byte, len);
    event.len = len;
    return buffer_bytes(&event);
}

static void lie_by_shape(void)
{
    static const uint8_t bytes[] = {0x91, 0x81, 0xdd, 0xdf, 0xc6, 0xdb, 0xc1, 0xff};
    for (size_t i = 0; i < sizeof bytes; i++) {
        char what[80];
        snprintf(what, sizeof what, "a header of 60,000 times %02x", bytes[i]);
        hub.last_request = 0;
        (void)!asker_send(&hub, bomb(bytes[i], 60000), (struct bytes){0});
        judge(what, refused_as(REFUSED_MALFORMED));
        hub.last_request = 100 + i;
        snprintf(what, sizeof what, "a body of 700,000 times %02x", bytes[i]);
        said->kind = MSG_PUSH;
        said->push = (struct msg_push){.site = bytes_str(story.site), .incarnation = 1,
                                       .first_seq = story.head.seq + 1, .count = 4096, .key_count = 4096};
        (void)!ask(bomb(bytes[i], 700000));
        judge(what, refused_as(REFUSED_BAD_EVENT));
    }
}

/* ---- lies to a hub that was put back ---- */

/* An entry of a device that there never was. */
static void put_made_up(struct buffer *out)
{
    uint8_t nonce[EVENT_NONCE_SIZE];
    struct buffer fields = {0};
    struct event_clear clear = {.incarnation = 1, .site = bytes_str(story.site), .seq = 1, .key = story.key.id};
    randombytes_buf(nonce, sizeof nonce);
    randombytes_buf(&clear.device, sizeof clear.device);
    mp_put_map(&fields, 0);
    const struct event_body content = {.time = 1, .type = bytes_str("note.added"), .has_subject = true,
                                       .subject = story.key.owner, .worker = bytes_str("liar"),
                                       .fields = buffer_bytes(&fields)};
    if (!event_seal(&clear, &content, &story.key.key, nonce, out))
        exit(1);
    buffer_release(&fields);
}

static uint64_t held_now(const char *what)
{
    said->kind = MSG_OFFER;
    said->offer = (struct msg_offer){.site = bytes_str(story.site), .first = {1, 0}};
    (void)!ask((struct bytes){0});
    judge(what, answer->kind == MSG_OFFERED && answer->offered.held.n < signed_feed.head.at.n);
    return answer->offered.held.n;
}

/* `events` of those, said to be `count` entries from the position after `held` on. */
static void offer_made_up(const char *what, uint64_t held, uint32_t count, uint32_t events, const struct log_head *head,
                          const struct signature *signature)
{
    buffer_clear(&event);
    for (uint32_t i = 0; i < events; i++)
        put_made_up(&event);
    said->kind = MSG_OFFER;
    said->offer = (struct msg_offer){.site = bytes_str(story.site), .first = {1, held + 1}, .count = count,
                                     .head = *head, .signature = *signature};
    (void)!ask(buffer_bytes(&event));
    judge(what, refused_as(REFUSED_BAD_EVENT));
}

static void lie_to_the_restored(void)
{
    struct log_head head = signed_feed.head;
    struct signature own;
    greet();
    judge("none: a HELLO to a hub that was put back", answer->kind == MSG_WELCOME && answer->welcome.epoch > 1);
    uint64_t held = held_now("none: how far does it hold the epoch that was");
    uint32_t lacks = (uint32_t)(head.at.n - held);
    const struct signature *hubs = &signed_feed.signature;
    offer_made_up("events that never were, under a head that the hub signed", held, lacks, lacks, &head, hubs);
    offer_made_up("fewer than it says", held, lacks, lacks - 1, &head, hubs);
    offer_made_up("more than it says", held, lacks, lacks + 1, &head, hubs);
    for (int i = 0; i < 20; i++)
        offer_made_up("two thousand events of as many devices that never were", held, 2000, 2000, &head, hubs);
    head.at.n += 5;
    sign_log_head(&me.sign, bytes_str(story.site), &head, &own);
    offer_made_up("a head that the liar signed", held, lacks + 5, lacks + 5, &head, &own);
    offer_made_up("a head of another place, with the hub's signature", held, lacks + 5, lacks + 5, &head, hubs);
    said->kind = MSG_OFFER;
    said->offer = (struct msg_offer){.site = bytes_str(story.site), .first = {1, held + 1}, .count = 4096,
                                     .head = signed_feed.head, .signature = *hubs};
    (void)!ask(bomb(0x91, 700000));
    judge("a body of 700,000 times 91", refused_as(REFUSED_BAD_EVENT));
    if (held_now("none: how far does it hold it now") != held)
        judge("it holds what it held", false);
}

/* ---- floods: as fast as they go, and nothing is read meanwhile ---- */

static void flood(const char *what, enum message_kind kind)
{
    struct buffer out = {0};
    struct curve c;
    if (!curve_open(&c, &me, false)) {
        judge(what, false);
        return;
    }
    unsigned sent = 0;
    for (uint32_t i = 1; i <= 20000; i++, sent++) {
        if (kind == MSG_HELLO || i == 1) {
            say_hello();
            said->hello.sites[0].cursor_count = 1;
            said->hello.sites[0].cursors[0] = (struct log_head){.at = {1, 1}};
        } else {
            said->kind = kind;
        }
        if (i == 2 && kind == MSG_PULL)
            said->pull = (struct msg_pull){.site = bytes_str(story.site), .max_bytes = UINT32_MAX};
        if (i == 2 && kind == MSG_KEYS)
            said->keys = (struct msg_keys){.site = bytes_str(story.site), .count = KEYS_MAX};
        if (i == 2 && kind == MSG_OFFER)
            said->offer = (struct msg_offer){.site = bytes_str(story.site), .first = {1, 1}, .count = 1,
                                             .head = signed_feed.head, .signature = signed_feed.signature};
        if (i == 2 && kind == MSG_PUSH)
            said->push = (struct msg_push){.site = bytes_str(story.site), .incarnation = 1, .first_seq = 1, .count = 1};
        said->request = i;
        buffer_clear(&out);
        message_encode(said, &out);
        if (!curve_send(&c, CURVE_MORE, buffer_bytes(&out)) || !curve_send(&c, 0, (struct bytes){0}))
            break;
    }
    curve_close(&c);
    buffer_release(&out);
    greet();
    char text[100];
    snprintf(text, sizeof text, "%s: %u, then HELLO", what, sent);
    judge(text, answer->kind == MSG_WELCOME);
}

/* ---- what ZeroMQ has to survive ---- */

static void endless(const char *what, size_t frame_len)
{
    struct curve c;
    size_t sent = 0;
    if (curve_open(&c, &me, false)) {
        struct buffer hello = {0}; /* so that the hub knows who it is, */
        say_hello();
        said->request = 1;
        message_encode(said, &hello);
        curve_send(&c, CURVE_MORE, buffer_bytes(&hello));
        curve_send(&c, 0, (struct bytes){0});
        buffer_release(&hello);
        poll(&(struct pollfd){.fd = c.fd, .events = POLLIN}, 1, PATIENCE_MS); /* until it has answered */
        struct bytes frame = bomb(7, frame_len);
        while (sent < 400u * 1024 * 1024 && curve_send(&c, CURVE_MORE, frame))
            sent += frame.len + 35;
    }
    char text[100];
    snprintf(text, sizeof text, "%s: cut off after %zu MiB", what, sent >> 20);
    answer->kind = (enum message_kind)0;
    judge(text, c.fd < 0 && sent > 0);
    curve_close(&c);
}

/* Hanging up while much is unread, with PINGs among it: this made the hub abort. */
static void hang_up_in_the_midst(const char *what, const char *ping, size_t ping_len)
{
    for (int round = 0; round < 50; round++) {
        struct curve c;
        if (!curve_open(&c, &me, false)) {
            judge(what, false);
            return;
        }
        for (int i = 0; i < 60; i++) {
            curve_send(&c, CURVE_MORE, bytes_str("x"));
            curve_send(&c, 0, (struct bytes){0});
            if (i % 10 == 9)
                curve_send(&c, CURVE_COMMAND, bytes_of(ping, ping_len));
        }
        curve_close(&c);
    }
    greet();
    judge(what, answer->kind == MSG_WELCOME);
}

static void odd_frames(void)
{
    struct curve c;
    if (curve_open(&c, &me, false)) {
        for (int i = 0; i < 100; i++) { /* one frame; three; a header that is too long */
            curve_send(&c, 0, bytes_str("alone"));
            curve_send(&c, CURVE_MORE, bytes_str("a"));
            curve_send(&c, CURVE_MORE, bytes_str("b"));
            curve_send(&c, 0, bytes_str("c"));
            curve_send(&c, CURVE_MORE, bomb(0x91, HEADER_MAX + 1));
            curve_send(&c, 0, (struct bytes){0});
        }
        curve_send(&c, 0, bomb(1, 1024 * 1024 + 10)); /* more than a frame may have */
    }
    uint64_t until = now_ms() + ANSWER_MS;
    while (!curve_is_cut(&c) && now_ms() < until)
        (void)poll(NULL, 0, 5);
    answer->kind = (enum message_kind)0;
    judge("messages of one frame and of three, and a frame that is too long: cut off", c.fd < 0);
    curve_close(&c);
}

static bool told_to_go_on(const char *word)
{
    char line[16];
    printf("%s\n", word);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) != NULL;
}

static void lie_to_the_hub(void)
{
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        lie_about_events(&lies[i]);
    greet();
    lie_about_itself();
    lie_about_the_log();
    lie_by_shape();
    flood("HELLOs without pause", MSG_HELLO);
    flood("PULLs without pause", MSG_PULL);
    flood("KEYS without pause", MSG_KEYS);
    flood("OFFERs without pause", MSG_OFFER);
    flood("false PUSHes without pause", MSG_PUSH);
    odd_frames();
    endless("a message without an end, in large frames", 1000000);
    endless("a message without an end, in small frames", 30);
    hang_up_in_the_midst("hanging up before all is read", "\4PING\0\0", 7);
    hang_up_in_the_midst("PINGs that are too short", "\4PING", 5);
}

int main(int argc, char **argv)
{
    bool restored = argc == 3 && strcmp(argv[2], "restored") == 0;
    if ((argc != 2 && !restored) || sodium_init() < 0 || !laptop_make(&me, argv[1])) {
        fprintf(stderr, "liar TICKET [restored]\n");
        return 2;
    }
    bool ready = asker_open(&hub, &me);
    said = hub.said;
    answer = hub.answer;
    ready = ready && join() && (!restored || told_to_go_on("joined")) &&
                 tell_the_truth() && (!restored || told_to_go_on("told"));
    if (!ready) {
        printf("FAIL the liar joins and tells the truth once\n");
        return 1;
    }
    if (restored)
        lie_to_the_restored();
    else
        lie_to_the_hub();
    asker_close(&hub);
    story_release(&story);
    return failed > 0;
}
