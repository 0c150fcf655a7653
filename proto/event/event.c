/* SPDX-License-Identifier: Apache-2.0 */
/* The event: reading, opening, making. What event_seal makes event_decode and event_open accept, and nothing else
 * passes them. */
#include "proto/event/event.h"

#include <sodium.h>

#include "proto/endian.h"
#include "proto/event/seal.h"
#include "proto/mp.h"

#define SEAL_TAG SEAL_TAG_SIZE
/* An empty body is no body: the smallest has more bytes than its tag. */
#define SEALED_MIN (SEAL_TAG + 1)

_Static_assert(DATA_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "data key");
_Static_assert(EVENT_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");

/* ---- the clear part ---- */

static void read_seen(struct mp_reader *r, struct seen *seen)
{
    uint32_t count = mp_array(r, 0, 2 * SEEN_MAX);
    *seen = (struct seen){.count = (uint8_t)(count / 2)};
    if (count % 2 != 0)
        mp_fail(r);
    for (uint32_t i = 0; i < count / 2; i++) {
        seen->at[i].epoch = (uint32_t)mp_uint(r, UINT32_MAX);
        seen->at[i].n = mp_uint(r, UINT64_MAX);
    }
}

static bool seen_valid(const struct seen *seen)
{
    if (seen->count > SEEN_MAX)
        return false;
    for (unsigned i = 0; i < seen->count; i++)
        if (seen->at[i].n == 0 || seen->at[i].epoch <= (i ? seen->at[i - 1].epoch : 0))
            return false;
    return true;
}

/* The rules of the clear part that need no other event. */
static bool clear_valid(const struct event_clear *clear)
{
    static const struct event_id none = {{0}};
    return clear->incarnation >= 1 && clear->seq >= 1 && slug_valid(clear->site) && seen_valid(&clear->seen) &&
           (clear->seq == 1) == event_id_equal(&clear->prev, &none);
}

static size_t bin_header(size_t len)
{
    return len <= UINT8_MAX ? 2 : len <= UINT16_MAX ? 3 : 5;
}

/* The nonce and the sealed part carry msgpack's shortest headers, so that one event has one form: what stands between
 * the associated data and the sealed bytes is then fixed. */
static bool tail_is_shortest(struct bytes raw, const uint8_t *nonce, struct bytes sealed)
{
    static const uint8_t nonce_header[2] = {0xc4, EVENT_NONCE_SIZE};
    return nonce - raw.data >= 2 && memcmp(nonce - 2, nonce_header, sizeof nonce_header) == 0 &&
           nonce + EVENT_NONCE_SIZE + bin_header(sealed.len) == sealed.data;
}

/* ---- the clear part, as event_seal writes it ----
 * Nearly every event has the one shortest form. Read by hand that takes a tenth of the time; what is found to be
 * anything else is left to the general reader, which decides. */

struct plain_reader {
    const uint8_t *at, *end;
    bool other;
};

static const uint8_t *plain_take(struct plain_reader *r, size_t len)
{
    const uint8_t *at = r->at;
    if (r->other || (size_t)(r->end - at) < len) {
        r->other = true;
        return NULL;
    }
    r->at += len;
    return at;
}

static uint8_t plain_byte(struct plain_reader *r)
{
    const uint8_t *at = plain_take(r, 1);
    return at ? *at : 0;
}

static uint64_t plain_uint(struct plain_reader *r)
{
    const uint8_t first = plain_byte(r);
    if (first < 0x80)
        return first;
    if (first < 0xcc || first > 0xcf) {
        r->other = true;
        return 0;
    }
    const size_t len = (size_t)1 << (first - 0xcc);
    const uint8_t *at = plain_take(r, len);
    uint64_t value = 0;
    for (size_t i = 0; at && i < len; i++)
        value = value << 8 | at[i];
    return value;
}

static void plain_fixed(struct plain_reader *r, void *out, size_t size)
{
    const uint8_t *header = plain_take(r, 2 + size);
    if (header && header[0] == 0xc4 && header[1] == size)
        memcpy(out, header + 2, size);
    else
        r->other = true;
}

static struct bytes plain_site(struct plain_reader *r)
{
    const uint8_t first = plain_byte(r);
    size_t len = first & 0x1fu;
    if ((first & 0xe0) != 0xa0) {
        len = first == 0xd9 ? plain_byte(r) : 0;
        r->other |= len != SLUG_MAX;
    }
    return bytes_of(plain_take(r, len), len);
}

static void plain_seen(struct plain_reader *r, struct seen *seen)
{
    const uint8_t first = plain_byte(r);
    seen->count = (uint8_t)((first & 0x0fu) / 2); /* what stands beyond is not looked at: it need not be cleared */
    r->other |= (first & 0xf1) != 0x90;
    for (unsigned i = 0; i < seen->count && !r->other; i++) {
        const uint64_t epoch = plain_uint(r);
        r->other |= epoch > UINT32_MAX;
        seen->at[i] = (struct position){(uint32_t)epoch, plain_uint(r)};
    }
}

static struct bytes plain_sealed(struct plain_reader *r)
{
    const uint8_t first = plain_byte(r);
    const uint8_t *header = plain_take(r, first == 0xc4 ? 1 : 2);
    size_t len = 0;
    if (header && first == 0xc4)
        len = header[0];
    else if (header && first == 0xc5)
        len = (size_t)header[0] << 8 | header[1];
    else
        r->other = true;
    r->other |= len < SEALED_MIN;
    return bytes_of(plain_take(r, len), len);
}

size_t event_decode_first(struct bytes in, struct event *out)
{
    struct plain_reader r = {.at = in.data, .end = in.data + in.len};
    struct event_clear *clear = &out->clear;
    const uint8_t *begin = plain_take(&r, 2);
    if (!begin || begin[0] != 0x9a || begin[1] != EVENT_VERSION)
        return 0;
    plain_fixed(&r, clear->device.b, sizeof clear->device.b);
    const uint64_t incarnation = plain_uint(&r);
    clear->incarnation = (uint32_t)incarnation;
    clear->site = plain_site(&r);
    clear->seq = plain_uint(&r);
    plain_fixed(&r, clear->prev.b, sizeof clear->prev.b);
    plain_seen(&r, &clear->seen);
    plain_fixed(&r, clear->key.b, sizeof clear->key.b);
    const uint8_t *nonce = plain_take(&r, 2 + EVENT_NONCE_SIZE);
    if (!nonce || nonce[0] != 0xc4 || nonce[1] != EVENT_NONCE_SIZE)
        return 0;
    out->nonce = nonce + 2;
    out->sealed = plain_sealed(&r);
    if (r.other || incarnation > UINT32_MAX || (size_t)(r.at - begin) > EVENT_SIZE_MAX)
        return 0;
    out->raw = bytes_of(begin, (size_t)(r.at - begin));
    out->header = bytes_of(begin, (size_t)(nonce - begin));
    return clear_valid(clear) && tail_is_shortest(out->raw, out->nonce, out->sealed) ? out->raw.len : 0;
}

bool event_decode(struct bytes raw, struct event *out)
{
    if (raw.len > EVENT_SIZE_MAX)
        return false;
    const size_t first = event_decode_first(raw, out);
    if (first > 0)
        return first == raw.len;
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, raw);
    if (!mp_next(&r))
        return false;
    struct event_clear *clear = &out->clear;
    mp_array(&r, 10, 10);
    if (mp_uint(&r, UINT64_MAX) != EVENT_VERSION)
        return false;
    mp_fixed(&r, clear->device.b, sizeof clear->device.b);
    clear->incarnation = (uint32_t)mp_uint(&r, UINT32_MAX);
    clear->site = mp_str(&r, 1, SLUG_MAX);
    clear->seq = mp_uint(&r, UINT64_MAX);
    mp_fixed(&r, clear->prev.b, sizeof clear->prev.b);
    read_seen(&r, &clear->seen);
    mp_fixed(&r, clear->key.b, sizeof clear->key.b);
    struct bytes nonce = mp_bin(&r, EVENT_NONCE_SIZE, EVENT_NONCE_SIZE);
    out->sealed = mp_bin(&r, SEALED_MIN, EVENT_SIZE_MAX);
    if (!mp_done(&r) || !clear_valid(clear) || !tail_is_shortest(raw, nonce.data, out->sealed))
        return false;
    out->raw = raw;
    out->nonce = nonce.data;
    out->header = bytes_of(raw.data, (size_t)(nonce.data - 2 - raw.data));
    return true;
}

bool event_prev(struct bytes raw, struct event_id *out)
{
    struct plain_reader r = {.at = raw.data, .end = raw.data + raw.len};
    const uint8_t *begin = plain_take(&r, 2);
    (void)plain_take(&r, 2 + sizeof(struct device_id));
    (void)plain_uint(&r);
    (void)plain_site(&r);
    (void)plain_uint(&r);
    plain_fixed(&r, out->b, sizeof out->b);
    return begin && begin[0] == 0x9a && begin[1] == EVENT_VERSION && !r.other;
}

bool event_may_be_by(struct bytes raw, const struct device_id *device)
{
    static const uint8_t begin[] = {0x9a, EVENT_VERSION, 0xc4, sizeof device->b};
    const bool plain = raw.len >= sizeof begin + sizeof device->b && memcmp(raw.data, begin, sizeof begin) == 0;
    return !plain || memcmp(raw.data + sizeof begin, device->b, sizeof device->b) == 0;
}

void event_id_of(struct bytes raw, struct event_id *out)
{
    crypto_generichash(out->b, sizeof out->b, raw.data, raw.len, NULL, 0);
}

/* ---- the body ---- */

static void read_after(struct mp_reader *r, struct branches *after)
{
    uint32_t count = mp_array(r, 0, 2 * BRANCHES_MAX);
    after->count = count / 2;
    if (count % 2 != 0)
        mp_fail(r);
    for (uint32_t i = 0; i < count / 2; i++) {
        after->at[i].incarnation = (uint32_t)mp_uint(r, UINT32_MAX);
        after->at[i].seq = mp_uint(r, UINT64_MAX);
    }
}

/* A branch is of an earlier incarnation: within its own stream an event's seq says what it has seen. */
static bool after_valid(const struct branches *after, uint32_t incarnation)
{
    if (after->count > BRANCHES_MAX)
        return false;
    for (uint32_t i = 0; i < after->count; i++)
        if (after->at[i].seq == 0 || after->at[i].incarnation <= (i ? after->at[i - 1].incarnation : 0) ||
            after->at[i].incarnation >= incarnation)
            return false;
    return true;
}

static void read_head(struct mp_reader *r, struct log_head *head)
{
    uint8_t b[EVENT_HEAD_SIZE] = {0};
    mp_fixed(r, b, sizeof b);
    head->at = (struct position){get_be32(b), get_be64(b + 4)};
    memcpy(head->hash.b, b + 12, sizeof head->hash.b);
}

static bool head_valid(const struct event_body *body)
{
    return !body->has_head || (body->head.at.epoch >= 1 && body->head.at.n >= 1);
}

/* Takes a map whose names are texts, each there once. */
static void read_fields(struct mp_reader *r)
{
    struct bytes names[MP_TAPE_MAX / 2] MP_UNSET;
    uint32_t pairs = mp_map(r, MP_TAPE_MAX / 2);
    for (uint32_t i = 0; i < pairs && !r->failed; i++) {
        names[i] = mp_str(r, 1, EVENT_SIZE_MAX);
        mp_skip(r);
        for (uint32_t k = 0; k < i; k++)
            if (bytes_equal(names[k], names[i]))
                mp_fail(r);
    }
}

/* Of an event of this incarnation. */
static bool read_body(struct bytes plain, uint32_t incarnation, struct event_body *out)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, plain);
    if (!mp_next(&r))
        return false;
    *out = (struct event_body){0};
    uint32_t count = mp_array(&r, 6, MP_TAPE_MAX);
    out->time = mp_uint(&r, UINT64_MAX);
    out->type = mp_str(&r, 1, TYPE_MAX);
    out->has_subject = !mp_nil(&r);
    if (out->has_subject)
        mp_fixed(&r, out->subject.b, sizeof out->subject.b);
    out->worker = mp_str(&r, 1, SLUG_MAX);
    out->has_occurred = !mp_nil(&r);
    if (out->has_occurred)
        out->occurred = mp_int(&r, INT64_MIN, INT64_MAX);
    out->has_origin = !mp_nil(&r);
    if (out->has_origin)
        mp_fixed(&r, out->origin.b, sizeof out->origin.b);
    if (count > 6)
        read_after(&r, &out->after);
    out->has_was = count > 7 && !mp_nil(&r);
    if (out->has_was)
        mp_fixed(&r, out->was.b, sizeof out->was.b);
    out->has_head = count > 8 && !mp_nil(&r);
    if (out->has_head)
        read_head(&r, &out->head);
    if (r.failed || !slug_valid(out->worker) || (out->has_subject && person_id_is_none(&out->subject)) ||
        !after_valid(&out->after, incarnation) || !head_valid(out))
        return false;
    mp_skip_rest(&r); /* what a later version may add */
    if (!mp_next(&r))
        return false;
    out->fields = mp_object(&r);
    read_fields(&r);
    return mp_done(&r);
}

bool event_open(const struct event *event, const struct data_key *key, struct buffer *plain, struct event_body *out)
{
    buffer_clear(plain);
    if (event->sealed.len < SEALED_MIN || !buffer_reserve(plain, seal_room(event->sealed.len)) ||
        !seal_open(plain->data, key, event->nonce, event->header, event->sealed))
        return false;
    plain->len = event->sealed.len - SEAL_TAG;
    return read_body(buffer_bytes(plain), event->clear.incarnation, out);
}

/* ---- making one ---- */

static void put_head(struct buffer *b, const struct log_head *head)
{
    uint8_t bytes[EVENT_HEAD_SIZE];
    put_be32(bytes, head->at.epoch);
    put_be64(bytes + 4, head->at.n);
    memcpy(bytes + 12, head->hash.b, sizeof head->hash.b);
    mp_put_bin(b, bytes, sizeof bytes);
}

void event_put_body_head(struct buffer *b, const struct event_body *body)
{
    mp_put_uint(b, body->time);
    mp_put_str(b, body->type);
    if (body->has_subject)
        mp_put_bin(b, body->subject.b, sizeof body->subject.b);
    else
        mp_put_nil(b);
    mp_put_str(b, body->worker);
    mp_put_int_or_nil(b, body->has_occurred, body->occurred);
}

static void put_body(struct buffer *b, const struct event_body *body)
{
    const bool has_was = body->has_was || body->has_head, has_after = body->after.count > 0 || has_was;
    mp_put_array(b, body->has_head ? 9 : has_was ? 8 : has_after ? 7 : 6);
    event_put_body_head(b, body);
    if (body->has_origin)
        mp_put_bin(b, body->origin.b, sizeof body->origin.b);
    else
        mp_put_nil(b);
    if (has_after)
        mp_put_array(b, 2 * body->after.count);
    for (uint32_t i = 0; i < body->after.count; i++) {
        mp_put_uint(b, body->after.at[i].incarnation);
        mp_put_uint(b, body->after.at[i].seq);
    }
    if (body->has_was)
        mp_put_bin(b, body->was.b, sizeof body->was.b);
    else if (has_was)
        mp_put_nil(b);
    if (body->has_head)
        put_head(b, &body->head);
    buffer_append(b, body->fields.data, body->fields.len);
}

static void put_clear(struct buffer *b, const struct event_clear *clear)
{
    mp_put_array(b, 10);
    mp_put_uint(b, EVENT_VERSION);
    mp_put_bin(b, clear->device.b, sizeof clear->device.b);
    mp_put_uint(b, clear->incarnation);
    mp_put_str(b, clear->site);
    mp_put_uint(b, clear->seq);
    mp_put_bin(b, clear->prev.b, sizeof clear->prev.b);
    mp_put_array(b, 2u * clear->seen.count);
    for (unsigned i = 0; i < clear->seen.count; i++) {
        mp_put_uint(b, clear->seen.at[i].epoch);
        mp_put_uint(b, clear->seen.at[i].n);
    }
    mp_put_bin(b, clear->key.b, sizeof clear->key.b);
}

/* What a body takes up besides its fields, at most (of a type and a worker that are not too long). */
#define BODY_ROOM (256 + TYPE_MAX + SLUG_MAX + BRANCHES_MAX * 14)
/* What stands between the clear part and the sealed text. */
#define TEXT_HEADER_MAX (2 + EVENT_NONCE_SIZE + 5)

/* Would event_open take it? */
static bool body_valid(const struct event_body *body, uint32_t incarnation)
{
    struct mp_reader r MP_UNSET;
    if (body->type.len < 1 || body->type.len > TYPE_MAX || !utf8_valid(body->type) ||
        memchr(body->type.data, '\0', body->type.len) != NULL || !slug_valid(body->worker) ||
        (body->has_subject && person_id_is_none(&body->subject)) || !after_valid(&body->after, incarnation) ||
        !head_valid(body))
        return false;
    mp_reader_init(&r, body->fields);
    if (!mp_next(&r))
        return false;
    read_fields(&r);
    return mp_done(&r);
}

/* Writes the body behind SEAL_ROOM bytes, and seals it where it stands. */
static bool put_sealed_text(struct buffer *out, const struct event_body *body, const struct seal_subkey *subkey,
                            const uint8_t nonce[EVENT_NONCE_SIZE], struct seal_tag_key *tag_key, size_t *len)
{
    if (!buffer_reserve(out, seal_room(BODY_ROOM + body->fields.len) + SEAL_TAG))
        return false; /* (at once: else each part would ask for a little more) */
    const size_t room = out->len;
    out->len += SEAL_ROOM;
    put_body(out, body);
    *len = out->len - room - SEAL_ROOM;
    if (out->failed || *len > EVENT_SIZE_MAX) {
        sodium_memzero(out->data + room, out->len - room); /* the words stay in no buffer that is used again */
        return false;
    }
    seal_text(out->data + room, *len, subkey, nonce, tag_key);
    return true;
}

/* Ends the event that begins at `begin` with its clear part. `text` may stand behind that, in out itself. */
static bool end_event(struct buffer *out, size_t begin, const uint8_t nonce[EVENT_NONCE_SIZE],
                      const struct seal_tag_key *tag_key, struct bytes text)
{
    const struct bytes header = bytes_of(out->data + begin, out->len - begin);
    uint8_t tag[SEAL_TAG];
    seal_tag(tag_key, header, text, tag);
    mp_put_bin(out, nonce, EVENT_NONCE_SIZE);
    mp_put_bin_header(out, text.len + SEAL_TAG);
    if (!buffer_reserve(out, text.len + SEAL_TAG))
        return false;
    memmove(out->data + out->len, text.data, text.len);
    out->len += text.len;
    buffer_append(out, tag, sizeof tag);
    return out->len - begin <= EVENT_SIZE_MAX;
}

bool event_seal_body(const struct event_body *body, const struct seal_subkey *subkey, struct buffer *room,
                     struct event_sealed *out)
{
    size_t len;
    buffer_clear(room);
    if (!body_valid(body, out->incarnation) ||
        !put_sealed_text(room, body, subkey, out->nonce, &out->tag_key, &len))
        return false;
    out->text = bytes_of(room->data + SEAL_ROOM, len);
    return true;
}

bool event_seal_with(const struct event_clear *clear, const struct event_sealed *body, struct buffer *out)
{
    const size_t begin = out->len;
    if (!clear_valid(clear) || clear->incarnation != body->incarnation)
        return false;
    put_clear(out, clear);
    if (buffer_reserve(out, TEXT_HEADER_MAX + body->text.len + SEAL_TAG) &&
        end_event(out, begin, body->nonce, &body->tag_key, body->text))
        return true;
    out->len = begin;
    return false;
}

bool event_seal(const struct event_clear *clear, const struct event_body *body, const struct data_key *key,
                const uint8_t nonce[EVENT_NONCE_SIZE], struct buffer *out)
{
    const size_t begin = out->len;
    struct seal_tag_key tag_key;
    struct seal_subkey subkey;
    size_t header, len;
    if (!clear_valid(clear) || !body_valid(body, clear->incarnation))
        return false;
    event_subkey(key, nonce, &subkey);
    put_clear(out, clear);
    header = out->len;
    bool ok = buffer_reserve(out, TEXT_HEADER_MAX);
    if (ok) { /* the text is sealed beyond where its own header will be, and then moved up to that */
        out->len += TEXT_HEADER_MAX;
        ok = put_sealed_text(out, body, &subkey, nonce, &tag_key, &len);
    }
    if (ok) {
        const struct bytes text = bytes_of(out->data + header + TEXT_HEADER_MAX + SEAL_ROOM, len);
        out->len = header;
        ok = end_event(out, begin, nonce, &tag_key, text);
    }
    sodium_memzero(&subkey, sizeof subkey);
    sodium_memzero(&tag_key, sizeof tag_key);
    if (!ok)
        out->len = begin;
    return ok;
}

void origin_id_of(struct bytes source, struct bytes id, struct origin_id *out)
{
    static const uint8_t purpose[] = "felloe origin"; /* its NUL is part of it */
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof out->b);
    crypto_generichash_update(&state, purpose, sizeof purpose);
    crypto_generichash_update(&state, source.data, source.len);
    crypto_generichash_update(&state, (const uint8_t *)"", 1);
    crypto_generichash_update(&state, id.data, id.len);
    crypto_generichash_final(&state, out->b, sizeof out->b);
}
