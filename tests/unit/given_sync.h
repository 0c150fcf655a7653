/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the story of a sync machine: keys of a hub and some laptops, and outputs written as one line of text. */
#ifndef FELLOE_TESTS_GIVEN_SYNC_H
#define FELLOE_TESTS_GIVEN_SYNC_H

#include <sodium.h>
#include <stdio.h>

#include "proto/sync/message.h"
#include "tests/lib/sync_store.h"
#include "tests/unit/given.h"

#define SITE "dale"

struct party {
    struct sign_public sign;
    struct sign_secret secret;
    struct device_id device;
};

static inline struct party given_party(uint8_t number)
{
    struct party party;
    uint8_t seed[32] = {number}, hash[32];
    crypto_sign_seed_keypair(party.sign.b, party.secret.b, seed);
    crypto_generichash(hash, sizeof hash, party.sign.b, sizeof party.sign.b, NULL, 0);
    memcpy(party.device.b, hash, sizeof party.device.b);
    return party;
}

/* A line that grows, item by item. */
struct line {
    char text[2000];
    size_t len;
};

static inline void line_add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void line_add(struct line *line, const char *format, ...)
{
    va_list args;
    if (line->len > 0)
        line->len += (size_t)snprintf(line->text + line->len, sizeof line->text - line->len, "; ");
    va_start(args, format);
    line->len += (size_t)vsnprintf(line->text + line->len, sizeof line->text - line->len, format, args);
    va_end(args);
    assert_true(line->len < sizeof line->text);
}

static inline int text_of(struct bytes b)
{
    return (int)b.len;
}

/* A message in a few words; `m` is decoded from the header. */
static inline void line_message(struct line *line, const struct message *m)
{
    char what[120] = "";
    size_t n = sizeof what;
    switch (m->kind) {
    case MSG_HELLO:
        if (m->hello.site_count > 0)
            (void)snprintf(what, n, " own %llu waiting %llu", (unsigned long long)m->hello.sites[0].own_seq,
                           (unsigned long long)m->hello.sites[0].waiting);
        break;
    case MSG_WELCOME:
        if (m->welcome.site_count > 0)
            (void)snprintf(
                what, n, " %s held %llu head %llu",
                (const char *const[]){"ok", "rewind", "fork", "denied", "split"}[m->welcome.sites[0].verdict],
                (unsigned long long)m->welcome.sites[0].held_seq, (unsigned long long)m->welcome.sites[0].head.n);
        break;
    case MSG_PUSH:
        (void)snprintf(what, n, " %llu+%u keys %u", (unsigned long long)m->push.first_seq, m->push.count,
                       m->push.key_count);
        break;
    case MSG_RECEIPT:
        (void)snprintf(what, n, " %llu runs %u", (unsigned long long)m->receipt.seq, m->receipt.run_count);
        break;
    case MSG_PULL:
        (void)snprintf(what, n, " after %llu max %u",
                       (unsigned long long)(m->pull.cursor_count ? m->pull.cursors[0].n : 0), m->pull.max_bytes);
        break;
    case MSG_FEED:
        (void)snprintf(what, n, " %u.%llu+%u", m->feed.first.epoch, (unsigned long long)m->feed.first.n, m->feed.count);
        break;
    case MSG_KEYS:
        (void)snprintf(what, n, " %u", m->keys.count);
        break;
    case MSG_KEYRING:
        if (m->keyring.denied_count > 0)
            (void)snprintf(what, n, " %u denied %u", m->keyring.key_count, m->keyring.denied_count);
        else
            (void)snprintf(what, n, " %u", m->keyring.key_count);
        break;
    case MSG_OFFER:
        (void)snprintf(what, n, " %u.%llu+%u", m->offer.first.epoch, (unsigned long long)m->offer.first.n,
                       m->offer.count);
        break;
    case MSG_OFFERED:
        (void)snprintf(what, n, " %u.%llu", m->offered.held.epoch, (unsigned long long)m->offered.held.n);
        break;
    case MSG_REFUSED:
        (void)snprintf(what, n, m->refused.reason == REFUSED_KEPT_ASIDE ? " %d held %llu" : " %d",
                       (int)m->refused.reason, (unsigned long long)m->refused.held_seq);
        break;
    default:
        break;
    }
    line_add(line, "%s#%llu%s", message_name(m->kind), (unsigned long long)m->request, what);
}

/* A wrapped key record that is well-formed; nobody opens it here. Each third one is of a restricted key. */
static inline void given_key_record(struct buffer *out, uint8_t number)
{
    struct key_record record = {.kind = KEY_SITE, .site = SITE};
    if (number % 3 == 0)
        record = (struct key_record){.kind = KEY_SITE_AUDIENCE, .site = SITE,
                                     .members = {.count = 2, .workers = {"amy", "ben"}}};
    struct box_shared shared = {{1}};
    uint8_t nonce[BOX_NONCE_SIZE] = {number};
    memset(record.id.b, number, sizeof record.id.b);
    key_record_wrap(&record, &shared, nonce, out);
}

static inline struct lent lend_buffer(struct buffer *b)
{
    struct lent lent = {.bytes = buffer_bytes(b), .release = free, .owner = b->data};
    *b = (struct buffer){0};
    return lent;
}

#endif
