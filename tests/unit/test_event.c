/* SPDX-License-Identifier: Apache-2.0 */
/* The event: its bytes are what PROTOCOL.md says, and nothing that breaks a rule is read, opened or made. */
#define GIVEN_FAILING_REALLOC
#include "tests/unit/given_event.h"

#include <stdio.h>

/* Decodes and opens; both must succeed for an event to count. */
static bool passes(struct bytes raw, const struct data_key *key)
{
    struct event event;
    struct event_body body;
    struct buffer plain = {0};
    bool ok = event_decode(raw, &event) && event_open(&event, key, &plain, &body);
    buffer_release(&plain);
    return ok;
}

static void events_are_the_known_answers(void **state)
{
    (void)state;
    for (unsigned number = 1; number <= GIVEN_EVENTS; number++) {
        struct given_event g = given_event(number);
        struct buffer raw = {0};
        struct event_id id;
        assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));
        assert_hex(buffer_bytes(&raw), g.raw_hex);
        event_id_of(buffer_bytes(&raw), &id);
        assert_hex(bytes_of(id.b, sizeof id.b), g.id_hex);
        buffer_release(&raw);
        buffer_release(&g.fields);
    }
}

static void an_event_is_read_back(void **state)
{
    (void)state;
    for (unsigned number = 1; number <= GIVEN_EVENTS; number++) {
        struct given_event g = given_event(number);
        struct buffer raw = given_buffer(g.raw_hex), plain = {0};
        struct event event;
        struct event_body body;
        assert_true(event_decode(buffer_bytes(&raw), &event));
        assert_true(device_id_equal(&event.clear.device, &g.clear.device));
        assert_int_equal(event.clear.incarnation, g.clear.incarnation);
        assert_true(bytes_equal(event.clear.site, g.clear.site));
        assert_int_equal(event.clear.seq, g.clear.seq);
        assert_true(event_id_equal(&event.clear.prev, &g.clear.prev));
        assert_int_equal(event.clear.seen.count, g.clear.seen.count);
        assert_true(seen_includes(&event.clear.seen, &g.clear.seen) && seen_includes(&g.clear.seen, &event.clear.seen));
        assert_memory_equal(event.clear.key.b, g.clear.key.b, sizeof g.clear.key.b);
        assert_true(bytes_equal(event.raw, buffer_bytes(&raw)));

        assert_true(event_open(&event, &g.key, &plain, &body));
        assert_hex(buffer_bytes(&plain), g.body_hex);
        assert_true(body.time == g.body.time);
        assert_true(bytes_equal(body.type, g.body.type));
        assert_int_equal(body.has_subject, g.body.has_subject);
        assert_true(person_id_equal(&body.subject, &g.body.subject));
        assert_true(bytes_equal(body.worker, g.body.worker));
        assert_int_equal(body.has_occurred, g.body.has_occurred);
        assert_true(body.occurred == g.body.occurred);
        assert_int_equal(body.has_origin, g.body.has_origin);
        assert_memory_equal(body.origin.b, g.body.origin.b, sizeof body.origin.b);
        assert_int_equal(body.after.count, g.body.after.count);
        assert_memory_equal(body.after.at, g.body.after.at, sizeof body.after.at);
        assert_int_equal(body.has_was, g.body.has_was);
        assert_true(event_id_equal(&body.was, &g.body.was));
        assert_int_equal(body.has_head, g.body.has_head);
        assert_int_equal(position_compare(body.head.at, g.body.head.at), 0);
        assert_memory_equal(&body.head.hash, &g.body.head.hash, sizeof body.head.hash);
        assert_true(bytes_equal(body.fields, g.body.fields));
        buffer_release(&raw);
        buffer_release(&plain);
        buffer_release(&g.fields);
    }
}

static void origins_are_the_known_answer(void **state)
{
    (void)state;
    struct origin_id a, b;
    origin_id_of(bytes_str("urn:example:old-record"), bytes_str("42"), &a);
    assert_hex(bytes_of(a.b, sizeof a.b), VECTOR_ORIGIN);
    origin_id_of(bytes_str("urn:example:old-record4"), bytes_str("2"), &b); /* the border counts */
    assert_memory_not_equal(a.b, b.b, sizeof a.b);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (unsigned number = 1; number <= GIVEN_EVENTS; number++) {
        struct given_event g = given_event(number);
        struct buffer raw = given_buffer(g.raw_hex);
        struct event event;
        for (size_t len = 0; len < raw.len; len++) {
            uint8_t *exact = malloc(len + 1);
            assert_non_null(exact);
            memcpy(exact, raw.data, len);
            assert_false(event_decode(bytes_of(exact, len), &event));
            free(exact);
        }
        buffer_append_byte(&raw, 0xc0);
        assert_false(event_decode(buffer_bytes(&raw), &event));
        buffer_release(&raw);
        buffer_release(&g.fields);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    for (unsigned number = 1; number <= GIVEN_EVENTS; number++) {
        struct given_event g = given_event(number);
        struct buffer raw = given_buffer(g.raw_hex);
        assert_true(passes(buffer_bytes(&raw), &g.key));
        for (size_t bit = 0; bit < 8 * raw.len; bit++) {
            raw.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(passes(buffer_bytes(&raw), &g.key));
            raw.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        g.key.b[0] ^= 1;
        assert_false(passes(buffer_bytes(&raw), &g.key));
        buffer_release(&raw);
        buffer_release(&g.fields);
    }
}

/* The clear part's rules, one broken at a time; the same forgery with none broken passes. */
static void a_clear_part_that_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    struct given_event g = given_event(3), first = given_event(1);
    struct buffer raw = {0}, body = given_buffer(g.body_hex);
    const struct forgery ok = forgery_of(&g.clear);
    forge(&ok, &g, buffer_bytes(&body), &raw);
    assert_true(passes(buffer_bytes(&raw), &g.key));

    struct forgery f[24];
    size_t count = 0;
#define BROKEN(change) \
    do { \
        f[count] = ok; \
        f[count].change; \
        count++; \
    } while (0)
    BROKEN(items = 9);
    BROKEN(items = 11);
    BROKEN(version = 0);
    BROKEN(version = 2);
    BROKEN(incarnation = 0);
    BROKEN(incarnation = (uint64_t)UINT32_MAX + 1);
    BROKEN(seq = 0);
    BROKEN(seq = 1);                      /* with a previous event */
    BROKEN(prev = (struct event_id){{0}}); /* seq 3 without one */
    BROKEN(site = bytes_str(""));
    BROKEN(site = bytes_str("Dale"));
    BROKEN(site = bytes_str("-dale"));
    BROKEN(site = bytes_str("abcdefghijklmnopqrstuvwxyz0123456"));
    BROKEN(seen_items = 3);
    BROKEN(seen[0] = 0);
    BROKEN(seen[1] = 0);
    BROKEN(seen[2] = 1);                  /* the same epoch twice */
    BROKEN(seen[0] = 3);                  /* descending */
    BROKEN(seen[2] = (uint64_t)UINT32_MAX + 1);
    BROKEN(long_nonce = true);
    BROKEN(long_sealed = true);
    f[count] = ok;
    f[count].seen_items = 2 * SEEN_MAX + 2;
    for (uint32_t i = 0; i <= SEEN_MAX; i++) {
        f[count].seen[2 * i] = i + 1;
        f[count].seen[2 * i + 1] = 1;
    }
    count++;
    for (size_t i = 0; i < count; i++) {
        struct event event;
        forge(&f[i], &g, buffer_bytes(&body), &raw);
        assert_false(event_decode(buffer_bytes(&raw), &event));
    }
    f[count - 1].seen_items = 2 * SEEN_MAX; /* as many epochs as there may be */
    forge(&f[count - 1], &g, buffer_bytes(&body), &raw);
    assert_true(passes(buffer_bytes(&raw), &g.key));

    struct forgery begin = forgery_of(&first.clear);
    begin.seq = 2; /* and seq 2 of nothing before */
    forge(&begin, &g, buffer_bytes(&body), &raw);
    struct event event;
    assert_false(event_decode(buffer_bytes(&raw), &event));
    buffer_release(&raw);
    buffer_release(&body);
    buffer_release(&g.fields);
    buffer_release(&first.fields);
}

#define ID32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEAD "000000010000000000000001000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e"

static void a_body_that_breaks_a_rule_is_not_opened(void **state)
{
    (void)state;
    struct given_event g = given_event(2);
    struct buffer raw = {0};
    const struct forgery f = forgery_of(&g.clear);
    static const struct { bool ok; const char *hex; } bodies[] = {
        {true, "9600a174c0a177c0c0" "80"},
        {true, "9a00a174c0a177c0c090c0c0c3" "80"},       /* a later version says more */
        {false, "9900a174c0a177c0c090c0c3" "80"},        /* … nor of `head` */
        {false, "9900a174c0a177c0c090c0c42b" HEAD "80"}, /* which has 44 bytes */
        {true, "9900a174c0a177c0c090c0c42c00000001" "0000000000000001" ID32 "80"},
        {true, "9a00a174c0a177c0c090c0c42cffffffff" "ffffffffffffffff" ID32 "c3" "80"},
        {false, "9900a174c0a177c0c090c0c42c00000000" "0000000000000001" ID32 "80"}, /* no epoch */
        {false, "9900a174c0a177c0c090c0c42c00000001" "0000000000000000" ID32 "80"}, /* of nothing */
        {false, "9700a174c0a177c0c0c3" "80"},            /* but not in the place of `after` */
        {false, "9800a174c0a177c0c090c3" "80"},          /* nor of `was` */
        {false, "9800a174c0a177c0c090c40100" "80"},      /* which is an id */
        {true, "9800a174c0a177c0c090c420" ID32 "80"},
        {true, "9600a174c0a177c0c0" "82a16101a16202"},
        {false, "9600a174c0a177c0c0"},                   /* no fields */
        {false, "9600a174c0a177c0c0" "8080"},            /* twice */
        {false, "9600a174c0a177c0c0" "90"},              /* no map */
        {false, "9600a174c0a177c0c0" "82a16101a16102"},  /* a name twice */
        {false, "9600a174c0a177c0c0" "83a16101a16202d9016103"}, /* also in another form */
        {false, "9600a174c0a177c0c0" "810102"},          /* a name that is no text */
        {false, "9600a174c0a177c0c0" "81a001"},          /* an empty name */
        {false, "9600a174c0a177c0c0" "81a1ff01"},        /* a name that is no UTF-8 */
        {false, "9600a174c0a177c0c0" "81a16190c1"},
        {false, "9500a174c0a177c0" "80"},                /* five */
        {false, "80" "80"},
        {false, "96ffa174c0a177c0c0" "80"},              /* a time before 1970 */
        {false, "9600a0c0a177c0c0" "80"},                /* no type */
        {false, "9600c0c0a177c0c0" "80"},
        {false, "9600a174c3a177c0c0" "80"},              /* a subject that is no id */
        {false, "9600a174c40f000000000000000000000000000000a177c0c0" "80"},
        {false, "9600a174c41000000000000000000000000000000000a177c0c0" "80"}, /* nobody is written as nil */
        {true, "9600a174c41000000000000000000000000000000001a177c0c0" "80"},
        {false, "9600a174c0c0c0c0" "80"},                /* no worker */
        {false, "9600a174c0a157c0c0" "80"},              /* no slug */
        {false, "9600a174c0a177cf8000000000000000c0" "80"}, /* a time that no int64 holds */
        {true, "9600a174c0a177d38000000000000000c0" "80"},
        {false, "9600a174c0a177a0c0" "80"},
        {false, "9600a174c0a177c0c40101" "80"},          /* an origin of another size */
        {false, "9600a174c0a177c0c3" "80"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct buffer body = given_buffer(bodies[i].hex);
        forge(&f, &g, buffer_bytes(&body), &raw);
        assert_int_equal(passes(buffer_bytes(&raw), &g.key), bodies[i].ok);
        buffer_release(&body);
    }
    for (size_t len = TYPE_MAX; len <= TYPE_MAX + 1; len++) { /* the longest type, and one that is too long */
        struct buffer body = {0};
        char type[TYPE_MAX + 2] = "";
        memset(type, 't', len);
        buffer_append(&body, "\x96\x00", 2);
        mp_put_text(&body, type);
        buffer_append(&body, "\xc0\xa1w\xc0\xc0\x80", 6);
        forge(&f, &g, buffer_bytes(&body), &raw);
        assert_int_equal(passes(buffer_bytes(&raw), &g.key), len == TYPE_MAX);
        buffer_release(&body);
    }
    struct event event; /* a sealed part without a body, and one that is shorter than its tag */
    forge(&f, &g, (struct bytes){0}, &raw);
    assert_false(event_decode(buffer_bytes(&raw), &event));
    buffer_release(&raw);
    buffer_release(&g.fields);
}

/* Of an event of incarnation 5. */
static void branches_that_break_a_rule_are_not_opened(void **state)
{
    (void)state;
    struct given_event g = given_event(2);
    struct buffer raw = {0};
    struct forgery f = forgery_of(&g.clear);
    f.incarnation = 5;
    static const struct { bool ok; const char *after; } bodies[] = {
        {true, "90"},                                    /* none, said at length */
        {true, "920101"},
        {true, "9401cf8000000000000000" "0402"},
        {false, "c0"},
        {false, "80"},
        {false, "00"},
        {false, "9101"},                                 /* half a pair */
        {false, "93010102"},
        {false, "920100"},                               /* events are numbered from 1 */
        {false, "920001"},                               /* and incarnations */
        {false, "9201ff"},
        {false, "92ff01"},
        {false, "9201c0"},
        {false, "92a13101"},
        {false, "92cf000000010000000101"},               /* no uint32 */
        {false, "9401010101"},                           /* twice */
        {false, "9402010101"},                           /* descending */
        {false, "920501"},                               /* its own incarnation */
        {false, "9401010601"},                           /* a later one */
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char hex[128];
        for (unsigned more = 0; more < 2; more++) { /* and one that a later version says more of */
            snprintf(hex, sizeof hex, "9%x00a174c0a177c0c0%s%s80", 7 + 3 * more, bodies[i].after, more ? "c0c0c3" : "");
            struct buffer body = given_buffer(hex);
            forge(&f, &g, buffer_bytes(&body), &raw);
            assert_int_equal(passes(buffer_bytes(&raw), &g.key), bodies[i].ok);
            buffer_release(&body);
        }
    }
    f.incarnation = 10; /* as many branches as there may be, and one more */
    for (uint32_t count = BRANCHES_MAX; count <= BRANCHES_MAX + 1; count++) {
        struct buffer body = given_buffer("9700a174c0a177c0c0");
        mp_put_array(&body, 2 * count);
        for (uint32_t i = 0; i < count; i++) {
            mp_put_uint(&body, i + 1);
            mp_put_uint(&body, 1);
        }
        mp_put_map(&body, 0);
        forge(&f, &g, buffer_bytes(&body), &raw);
        assert_int_equal(passes(buffer_bytes(&raw), &g.key), count == BRANCHES_MAX);
        buffer_release(&body);
    }
    buffer_release(&raw);
    buffer_release(&g.fields);
}

static void branches_are_read_back(void **state)
{
    (void)state;
    struct given_event g = given_event(2);
    g.clear.incarnation = 40;
    for (uint32_t count = 0; count <= BRANCHES_MAX; count++) {
        struct buffer raw = {0}, plain = {0};
        struct event event;
        struct event_body body;
        g.body.after = (struct branches){.count = count};
        for (uint32_t i = 0; i < count; i++)
            g.body.after.at[i] = (struct branch){1 + 5 * i, UINT64_MAX - i};
        assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));
        assert_true(event_decode(buffer_bytes(&raw), &event) && event_open(&event, &g.key, &plain, &body));
        assert_int_equal(plain.data[0], count > 0 ? 0x97 : 0x96);
        assert_int_equal(body.after.count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(body.after.at[i].incarnation, 1 + 5 * i);
            assert_true(body.after.at[i].seq == UINT64_MAX - i);
        }
        assert_true(bytes_equal(body.fields, g.body.fields));
        buffer_release(&raw);
        buffer_release(&plain);
    }
    buffer_release(&g.fields);
}

static void what_an_event_was_is_read_back(void **state)
{
    (void)state;
    struct given_event g = given_event(2);
    g.clear.incarnation = 2;
    g.body.has_was = true;
    memset(g.body.was.b, 7, sizeof g.body.was.b);
    for (uint32_t branches = 0; branches < 2; branches++) {
        struct buffer raw = {0}, plain = {0};
        struct event event;
        struct event_body body;
        g.body.after = (struct branches){branches, {{1, 5}}};
        assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));
        assert_true(event_decode(buffer_bytes(&raw), &event) && event_open(&event, &g.key, &plain, &body));
        assert_int_equal(plain.data[0], 0x98);
        assert_true(body.has_was && event_id_equal(&body.was, &g.body.was));
        assert_int_equal(body.after.count, branches);
        buffer_release(&raw);
        buffer_release(&plain);
    }
    buffer_release(&g.fields);
}

/* What it costs is told in PROTOCOL.md. */
static void a_head_is_read_back_whatever_stands_before_it(void **state)
{
    (void)state;
    struct given_event g = given_event(5);
    g.clear.incarnation = 2;
    memset(g.body.was.b, 7, sizeof g.body.was.b);
    for (unsigned with = 0; with < 4; with++) {
        struct buffer raw = {0}, plain = {0}, bare = {0};
        struct event event;
        struct event_body body;
        g.body.after = (struct branches){with & 1, {{1, 5}}};
        g.body.has_was = (with & 2) != 0;
        g.body.has_head = false;
        assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &bare));
        g.body.has_head = true;
        assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));
        assert_true(raw.len - bare.len <= 48);
        assert_true(event_decode(buffer_bytes(&raw), &event) && event_open(&event, &g.key, &plain, &body));
        assert_int_equal(plain.data[0], 0x99);
        assert_int_equal(body.has_was, g.body.has_was);
        assert_int_equal(body.after.count, g.body.after.count);
        assert_true(body.has_head && position_compare(body.head.at, (struct position){1, 2}) == 0);
        assert_hex(bytes_of(body.head.hash.b, sizeof body.head.hash.b), VECTOR_LOG_2);
        buffer_release(&raw);
        buffer_release(&plain);
        buffer_release(&bare);
    }
    buffer_release(&g.fields);
}

static void what_breaks_a_rule_is_not_made(void **state)
{
    (void)state;
    struct given_event ok = given_event(2), g;
    struct buffer out = {0};
    mp_put_text(&out, "before");
    const struct bytes before = bytes_str("\xa6" "before");
    static const uint8_t no_map[] = {0x90}, two_maps[] = {0x80, 0x80}, twice[] = {0x82, 0xa1, 'a', 1, 0xa1, 'a', 2};
#define REFUSED(change) \
    do { \
        g = ok; \
        g.change; \
        assert_false(event_seal(&g.clear, &g.body, &g.key, g.nonce, &out)); \
        assert_true(bytes_equal(buffer_bytes(&out), before)); \
    } while (0)
    REFUSED(clear.incarnation = 0);
    REFUSED(clear.seq = 0);
    REFUSED(clear.seq = 1);
    REFUSED(clear.prev = (struct event_id){{0}});
    REFUSED(clear.site = bytes_str("No Slug"));
    REFUSED(clear.seen.at[0].n = 0);
    REFUSED(clear.seen.at[0].epoch = 0);
    REFUSED(clear.seen.count = SEEN_MAX + 1);
    REFUSED(body.type = bytes_str(""));
    REFUSED(body.type = bytes_str("a.type.that.is.longer.than.the.longest.that.there.is"));
    REFUSED(body.worker = bytes_str("No Slug"));
    REFUSED(body.subject = PERSON_ID_NONE);
    REFUSED(body.after = ((struct branches){1, {{1, 1}}})); /* of incarnation 1 */
    ok.clear.incarnation = 3;
    REFUSED(body.after = ((struct branches){1, {{3, 1}}}));
    REFUSED(body.after = ((struct branches){1, {{0, 1}}}));
    REFUSED(body.after = ((struct branches){1, {{1, 0}}}));
    REFUSED(body.after = ((struct branches){2, {{2, 1}, {1, 1}}}));
    REFUSED(body.after.count = BRANCHES_MAX + 1);
    REFUSED(body.after.count = UINT32_MAX);
    ok.body.has_head = true;
    REFUSED(body.head = ((struct log_head){.at = {0, 1}}));
    REFUSED(body.head = ((struct log_head){.at = {1, 0}}));
    ok.body.has_head = false;
    ok.clear.incarnation = 1;
    REFUSED(body.fields = bytes_str(""));
    REFUSED(body.fields = bytes_of(no_map, sizeof no_map));
    REFUSED(body.fields = bytes_of(two_maps, sizeof two_maps));
    REFUSED(body.fields = bytes_of(twice, sizeof twice));
    assert_true(event_seal(&ok.clear, &ok.body, &ok.key, ok.nonce, &out));
    assert_hex(bytes_of(out.data + before.len, out.len - before.len), ok.raw_hex);
    buffer_release(&out);
    buffer_release(&ok.fields);
}

static void the_largest_event_is_64_kib(void **state)
{
    (void)state;
    struct given_event g = given_event(2);
    struct buffer text = {0}, fields = {0}, raw = {0};
    while (text.len < 70000)
        buffer_append_byte(&text, 'x');
    size_t largest = 0;
    for (size_t len = 65100; len < 65536; len++) {
        buffer_clear(&fields);
        mp_put_map(&fields, 1);
        mp_put_text(&fields, "text");
        mp_put_str(&fields, bytes_of(text.data, len));
        g.body.fields = buffer_bytes(&fields);
        buffer_clear(&raw);
        if (!event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw)) {
            assert_int_equal(raw.len, 0);
            break;
        }
        largest = raw.len;
        assert_true(passes(buffer_bytes(&raw), &g.key));
    }
    assert_int_equal(largest, EVENT_SIZE_MAX);
    g.body.fields = buffer_bytes(&text); /* far over it */
    assert_false(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));

    /* one byte over it, made by somebody else */
    struct event event;
    const struct forgery f = forgery_of(&g.clear);
    for (size_t len = 65500;; len--) {
        forge(&f, &g, bytes_of(text.data, len), &raw);
        if (raw.len == EVENT_SIZE_MAX + 1)
            break;
    }
    assert_false(event_decode(buffer_bytes(&raw), &event));
    buffer_release(&text);
    buffer_release(&fields);
    buffer_release(&raw);
    buffer_release(&g.fields);
}

/* It is sealed in place, behind a header whose size is guessed before the body's is known: both ways of being wrong. */
static void a_body_of_any_length_is_read_back(void **state)
{
    (void)state;
    struct given_event g = given_event(2);
    struct buffer raw = {0}, plain = {0};
    char text[420];
    for (size_t len = 1; len < sizeof text; len++) {
        struct event event;
        struct event_body body;
        memset(text, 'x', len);
        text[len] = '\0';
        buffer_clear(&g.fields);
        given_fields(&g.fields, (const char *[]){"text", text, NULL});
        g.body.fields = buffer_bytes(&g.fields);
        buffer_clear(&raw);
        buffer_append_byte(&raw, 0xc0); /* what was there before stays */
        assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));
        assert_int_equal(raw.data[0], 0xc0);
        assert_true(event_decode(bytes_of(raw.data + 1, raw.len - 1), &event));
        assert_true(event_open(&event, &g.key, &plain, &body));
        assert_true(bytes_equal(body.fields, g.body.fields));
    }
    buffer_release(&raw);
    buffer_release(&plain);
    buffer_release(&g.fields);
}

static void without_memory_nothing_half_done_is_left(void **state)
{
    (void)state;
    if (!REALLOC_CAN_FAIL)
        skip();
    struct given_event g = given_event(2);
    int failures = 0;
    for (;; failures++) {
        struct buffer out = {0};
        realloc_good_for = failures;
        bool ok = event_seal(&g.clear, &g.body, &g.key, g.nonce, &out);
        realloc_good_for = -1;
        if (ok) {
            assert_hex(buffer_bytes(&out), g.raw_hex);
            buffer_release(&out);
            break;
        }
        assert_int_equal(out.len, 0);
        buffer_release(&out);
    }
    assert_true(failures >= 2);

    struct buffer raw = given_buffer(g.raw_hex), plain = {0};
    struct event event;
    struct event_body body;
    assert_true(event_decode(buffer_bytes(&raw), &event)); /* needs none */
    realloc_good_for = 0;
    assert_false(event_open(&event, &g.key, &plain, &body));
    realloc_good_for = -1;
    assert_true(event_open(&event, &g.key, &plain, &body));
    buffer_release(&raw);
    buffer_release(&plain);
    buffer_release(&g.fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_the_known_answers),
        cmocka_unit_test(an_event_is_read_back),
        cmocka_unit_test(origins_are_the_known_answer),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(a_clear_part_that_breaks_a_rule_is_refused),
        cmocka_unit_test(a_body_that_breaks_a_rule_is_not_opened),
        cmocka_unit_test(branches_that_break_a_rule_are_not_opened),
        cmocka_unit_test(branches_are_read_back),
        cmocka_unit_test(what_an_event_was_is_read_back),
        cmocka_unit_test(a_head_is_read_back_whatever_stands_before_it),
        cmocka_unit_test(what_breaks_a_rule_is_not_made),
        cmocka_unit_test(the_largest_event_is_64_kib),
        cmocka_unit_test(a_body_of_any_length_is_read_back),
        cmocka_unit_test(without_memory_nothing_half_done_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
