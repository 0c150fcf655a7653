/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes event_decode and event_open. The first byte says how to take the rest: even, as an event's bytes (sealed
 * under a known key); odd, as the plain body of an event that is then sealed properly, so that what lies behind the
 * seal is reached. */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>

#include "proto/event/event.h"
#include "proto/mp.h"

unsigned long fuzz_accepted;

static const struct data_key key = {{1, 2, 3}};
static const uint8_t nonce[EVENT_NONCE_SIZE] = {4, 5, 6};

static struct event_clear a_clear_part(unsigned number)
{
    struct event_clear clear = {.device = {{7}}, .incarnation = 1 + number, .site = bytes_str("dale-east"),
                                .seq = 1 + number, .key = {{8}}};
    if (number > 0)
        clear.prev.b[0] = 9;
    for (uint32_t epoch = 1; epoch <= number * 8; epoch++)
        seen_advance(&clear.seen, (struct position){epoch, epoch * 1000});
    return clear;
}

static struct event_body a_body(unsigned number, struct buffer *fields)
{
    mp_put_map(fields, 2);
    mp_put_text(fields, "text");
    mp_put_text(fields, "Prefers to be called after four.");
    mp_put_text(fields, "means");
    mp_put_array(fields, number);
    for (unsigned i = 0; i < number; i++)
        mp_put_text(fields, "phone");
    return (struct event_body){.time = 1767225600000u << 16, .type = bytes_str("note.added"),
                               .after = {number, {{1, 7}, {2, UINT64_MAX}}},
                               .has_was = number == 2, .was = {{12}},
                               .has_subject = number != 0, .subject = {{10}}, .worker = bytes_str("ash-grey"),
                               .has_occurred = number != 1, .occurred = -1, .has_origin = number == 2,
                               .origin = {{11}}, .has_head = number > 0,
                               .head = {{number, 13}, {{14}}}, .fields = buffer_bytes(fields)};
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number >= 6)
        return false;
    struct event_clear clear = a_clear_part(number % 3);
    struct buffer fields = {0}, raw = {0}, plain = {0};
    struct event_body body = a_body(number % 3, &fields), opened;
    struct event event;
    MUST(event_seal(&clear, &body, &key, nonce, &raw));
    MUST(event_decode(buffer_bytes(&raw), &event) && event_open(&event, &key, &plain, &opened));
    buffer_append_byte(out, (uint8_t)(number / 3));
    const struct buffer *part = number < 3 ? &raw : &plain;
    buffer_append(out, part->data, part->len);
    buffer_release(&fields);
    buffer_release(&raw);
    buffer_release(&plain);
    return true;
}

/* An event's bytes around any plain body at all; event_seal would look at it first. */
static void seal_whatever(struct bytes plain, struct buffer *out)
{
    struct event_clear clear = a_clear_part(1);
    struct buffer fields = {0}, made = {0};
    struct event_body body = a_body(1, &fields);
    struct event event;
    clear.incarnation = UINT32_MAX; /* so that there is room for branches */
    MUST(event_seal(&clear, &body, &key, nonce, &made) && event_decode(buffer_bytes(&made), &event));
    uint8_t *sealed = malloc(plain.len + crypto_aead_xchacha20poly1305_ietf_ABYTES);
    unsigned long long len = 0;
    MUST(sealed);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, &len, plain.data, plain.len, event.header.data,
                                               event.header.len, NULL, nonce, key.b);
    buffer_append(out, event.header.data, event.header.len);
    mp_put_bin(out, nonce, sizeof nonce);
    mp_put_bin(out, sealed, (size_t)len);
    free(sealed);
    buffer_release(&fields);
    buffer_release(&made);
}

/* What was opened is made again, and opens to the same. */
static void make_again(const struct event *event, const struct event_body *body)
{
    struct buffer raw = {0}, plain = {0};
    struct event second;
    struct event_body opened;
    MUST(event_seal(&event->clear, body, &key, event->nonce, &raw));
    MUST(raw.len <= event->raw.len); /* the shortest form */
    MUST(event_decode(buffer_bytes(&raw), &second) && event_open(&second, &key, &plain, &opened));
    MUST(bytes_equal(second.clear.site, event->clear.site) && second.clear.seq == event->clear.seq);
    MUST(event_id_equal(&second.clear.prev, &event->clear.prev) && second.clear.seen.count == event->clear.seen.count);
    MUST(opened.time == body->time && bytes_equal(opened.type, body->type) && bytes_equal(opened.worker, body->worker));
    MUST(opened.has_subject == body->has_subject && person_id_equal(&opened.subject, &body->subject));
    MUST(opened.has_occurred == body->has_occurred && opened.occurred == body->occurred);
    MUST(opened.has_origin == body->has_origin && memcmp(&opened.origin, &body->origin, sizeof body->origin) == 0);
    MUST(opened.after.count == body->after.count && opened.after.count <= BRANCHES_MAX);
    for (uint32_t i = 0; i < opened.after.count; i++)
        MUST(opened.after.at[i].incarnation == body->after.at[i].incarnation &&
             opened.after.at[i].seq == body->after.at[i].seq &&
             opened.after.at[i].incarnation < event->clear.incarnation);
    MUST(opened.has_was == body->has_was && event_id_equal(&opened.was, &body->was));
    MUST(opened.has_head == body->has_head && position_compare(opened.head.at, body->head.at) == 0 &&
         memcmp(&opened.head.hash, &body->head.hash, sizeof body->head.hash) == 0);
    MUST(bytes_equal(opened.fields, body->fields));
    buffer_release(&raw);
    buffer_release(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer raw = {0}, plain = {0};
    struct event event;
    struct event_body body;
    if (size == 0)
        return 0;
    struct bytes in = bytes_of(data + 1, size - 1);
    if (data[0] & 1) {
        seal_whatever(in, &raw);
        in = buffer_bytes(&raw);
    }
    if (event_decode(in, &event)) {
        MUST(event.clear.seq >= 1 && event.clear.incarnation >= 1 && slug_valid(event.clear.site));
        MUST(event.header.data == in.data && event.nonce == in.data + event.header.len + 2);
        MUST(event.sealed.data + event.sealed.len == in.data + in.len && in.len <= EVENT_SIZE_MAX);
        if (event_open(&event, &key, &plain, &body)) {
            make_again(&event, &body);
            fuzz_accepted++;
        }
    }
    buffer_release(&raw);
    buffer_release(&plain);
    return 0;
}
