/* SPDX-License-Identifier: Apache-2.0 */
/* The events of the known answers as values, and a forger that packs what event_seal would refuse. */
#ifndef FELLOE_TESTS_GIVEN_EVENT_H
#define FELLOE_TESTS_GIVEN_EVENT_H

#include "tests/unit/given.h"

#include <sodium.h>

#include "proto/event/event.h"
#include "proto/mp.h"

#define GIVEN_EVENTS 5

struct given_event {
    struct event_clear clear;
    struct event_body body;
    struct data_key key;
    uint8_t nonce[EVENT_NONCE_SIZE];
    struct buffer fields; /* release it */
    const char *raw_hex, *body_hex, *id_hex;
};

static inline void given_fields(struct buffer *out, const char *const *pairs)
{
    uint32_t count = 0;
    while (pairs[2 * count])
        count++;
    mp_put_map(out, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_put_text(out, pairs[i]);
}

/* Event 1 to 5 of vectors.h. */
static inline struct given_event given_event(unsigned number);

/* Event 2, as incarnation 2 wrote it again. */
static inline struct given_event given_written_again(void)
{
    struct given_event g = given_event(2);
    given_hex(VECTOR_NONCE_4, g.nonce, sizeof g.nonce);
    g.clear.incarnation = 2;
    g.clear.seq = 1;
    g.clear.prev = (struct event_id){{0}};
    g.body.after = (struct branches){1, {{1, 1}}};
    g.body.has_was = true;
    given_hex(VECTOR_ID_2, g.body.was.b, sizeof g.body.was.b);
    g.raw_hex = VECTOR_EVENT_4;
    g.body_hex = VECTOR_BODY_4;
    g.id_hex = VECTOR_ID_4;
    return g;
}

/* What comes after event 2 instead of event 3, and tells of the log's head. */
static inline struct given_event given_with_head(void)
{
    struct given_event g = given_event(2);
    const char *const fields[] = {"text", "Likes the bus.", NULL};
    given_hex(VECTOR_NONCE_5, g.nonce, sizeof g.nonce);
    g.clear.seq = 3;
    given_hex(VECTOR_ID_2, g.clear.prev.b, sizeof g.clear.prev.b);
    g.body.time++;
    g.body.has_occurred = g.body.has_origin = false;
    g.body.occurred = 0;
    g.body.origin = (struct origin_id){{0}};
    g.body.has_head = true;
    g.body.head.at = (struct position){1, 2};
    given_hex(VECTOR_LOG_2, g.body.head.hash.b, sizeof g.body.head.hash.b);
    buffer_clear(&g.fields);
    given_fields(&g.fields, fields);
    g.body.fields = buffer_bytes(&g.fields);
    g.raw_hex = VECTOR_EVENT_5;
    g.body_hex = VECTOR_BODY_5;
    g.id_hex = VECTOR_ID_5;
    return g;
}

static inline struct given_event given_event(unsigned number)
{
    if (number == 4)
        return given_written_again();
    if (number == 5)
        return given_with_head();
    static const char *const fields[][8] = {{"known_as", "Robin", "source", "gp", "urgency", "4"},
                                            {"text", "Prefers to be called after four o\xe2\x80\x99" "clock."},
                                            {"worker", "ash-grey", "name", "Ash Grey"}};
    static const char *const types[] = {"person.introduced", "note.added", "worker.joined"};
    static const char *const nonces[] = {VECTOR_NONCE_1, VECTOR_NONCE_2, VECTOR_NONCE_3};
    static const char *const raws[] = {VECTOR_EVENT_1, VECTOR_EVENT_2, VECTOR_EVENT_3};
    static const char *const bodies[] = {VECTOR_BODY_1, VECTOR_BODY_2, VECTOR_BODY_3};
    static const char *const ids[] = {VECTOR_ID_1, VECTOR_ID_2, VECTOR_ID_3};
    const uint64_t time = 1767225600000u << 16;
    unsigned i = number - 1;
    struct given_event g = {
        .clear = {.incarnation = 1, .site = bytes_str(VECTOR_SITE), .seq = number},
        .body = {.time = i == 0 ? time : i == 1 ? time + 1 : time + 65536 * 1500, .type = bytes_str(types[i]),
                 .has_subject = i < 2, .worker = bytes_str("ash-grey"), .has_occurred = i > 0,
                 .occurred = i == 1 ? 1767222000000 : i == 2 ? -1 : 0, .has_origin = i == 1},
        .raw_hex = raws[i], .body_hex = bodies[i], .id_hex = ids[i]};
    given_hex(VECTOR_DEVICE, g.clear.device.b, sizeof g.clear.device.b);
    if (i > 0)
        given_hex(ids[i - 1], g.clear.prev.b, sizeof g.clear.prev.b);
    if (i > 0)
        seen_advance(&g.clear.seen, (struct position){1, i == 1 ? 1 : 2});
    if (i == 2)
        seen_advance(&g.clear.seen, (struct position){2, 300});
    given_hex(i < 2 ? VECTOR_PERSON : VECTOR_SITE_KEY_ID, g.clear.key.b, sizeof g.clear.key.b);
    given_hex(i < 2 ? VECTOR_PERSON_KEY : VECTOR_SITE_KEY, g.key.b, sizeof g.key.b);
    given_hex(nonces[i], g.nonce, sizeof g.nonce);
    if (g.body.has_subject)
        given_hex(VECTOR_PERSON, g.body.subject.b, sizeof g.body.subject.b);
    if (g.body.has_origin)
        given_hex(VECTOR_ORIGIN, g.body.origin.b, sizeof g.body.origin.b);
    given_fields(&g.fields, fields[i]);
    g.body.fields = buffer_bytes(&g.fields);
    return g;
}

/* An event's bytes with whatever clear part and whatever plain body, sealed properly. */
struct forgery {
    uint32_t items;              /* of the outer array */
    uint64_t version;
    uint64_t incarnation, seq;
    struct bytes site;
    struct event_id prev;
    uint32_t seen_items;
    uint64_t seen[2 * SEEN_MAX + 2];
    bool long_nonce, long_sealed; /* headers that are longer than need be */
};

static inline struct forgery forgery_of(const struct event_clear *clear)
{
    struct forgery f = {.items = 10, .version = EVENT_VERSION, .incarnation = clear->incarnation, .seq = clear->seq,
                        .site = clear->site, .prev = clear->prev, .seen_items = 2u * clear->seen.count};
    for (unsigned i = 0; i < clear->seen.count; i++) {
        f.seen[2 * i] = clear->seen.at[i].epoch;
        f.seen[2 * i + 1] = clear->seen.at[i].n;
    }
    return f;
}

static inline void forge(const struct forgery *f, const struct given_event *g, struct bytes body, struct buffer *out)
{
    buffer_clear(out);
    mp_put_array(out, f->items);
    mp_put_uint(out, f->version);
    mp_put_bin(out, g->clear.device.b, 16);
    mp_put_uint(out, f->incarnation);
    mp_put_str(out, f->site);
    mp_put_uint(out, f->seq);
    mp_put_bin(out, f->prev.b, 32);
    mp_put_array(out, f->seen_items);
    for (uint32_t i = 0; i < f->seen_items; i++)
        mp_put_uint(out, f->seen[i]);
    mp_put_bin(out, g->clear.key.b, 16);
    unsigned long long sealed_len = 0;
    uint8_t *sealed = malloc(body.len + 16);
    assert_non_null(sealed);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, &sealed_len, body.data, body.len, out->data, out->len, NULL,
                                               g->nonce, g->key.b);
    if (f->long_nonce) {
        buffer_append(out, "\xc5\x00\x18", 3);
        buffer_append(out, g->nonce, sizeof g->nonce);
    } else {
        mp_put_bin(out, g->nonce, sizeof g->nonce);
    }
    if (f->long_sealed) {
        const uint8_t header[] = {0xc6, 0, 0, (uint8_t)(sealed_len >> 8), (uint8_t)sealed_len};
        buffer_append(out, header, sizeof header);
        buffer_append(out, sealed, (size_t)sealed_len);
    } else {
        mp_put_bin(out, sealed, (size_t)sealed_len);
    }
    for (uint32_t i = 10; i < f->items; i++)
        mp_put_nil(out);
    free(sealed);
    assert_false(out->failed);
}

#endif
