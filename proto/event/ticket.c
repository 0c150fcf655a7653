/* SPDX-License-Identifier: Apache-2.0 */
/* Invitations as text. A ticket is a secret until it was used: what is decoded on the way is wiped. */
#include "proto/event/ticket.h"

#include <sodium.h>

#include "proto/mp.h"

#define TICKET_PREFIX "felloe1-"
#define TICKET_PREFIX_SIZE (sizeof TICKET_PREFIX - 1)
#define TICKET_VERSION 1
#define CHECK_SIZE 4
#define CHECK_OBJECT_SIZE (2 + CHECK_SIZE) /* with its msgpack header */
#define WHITE_SPACE " \t\r\n"
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

static void check_of(struct bytes before, uint8_t out[CHECK_SIZE])
{
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, before.data, before.len, NULL, 0);
    memcpy(out, hash, CHECK_SIZE);
}

bool ticket_format(const struct ticket *ticket, char out[TICKET_TEXT_MAX])
{
    uint8_t check[CHECK_SIZE];
    struct buffer b = {0};
    size_t address = strnlen(ticket->address, sizeof ticket->address);
    out[0] = '\0';
    if (address == 0 || address > TICKET_ADDRESS_MAX || ticket->expires_ms < 0 ||
        !utf8_valid(bytes_of(ticket->address, address)))
        return false;
    mp_put_array(&b, 7);
    mp_put_uint(&b, TICKET_VERSION);
    mp_put_str(&b, bytes_of(ticket->address, address));
    mp_put_bin(&b, ticket->hub_curve, sizeof ticket->hub_curve);
    mp_put_bin(&b, ticket->hub_sign.b, sizeof ticket->hub_sign.b);
    mp_put_bin(&b, ticket->curve_secret, sizeof ticket->curve_secret);
    mp_put_int(&b, ticket->expires_ms);
    check_of(buffer_bytes(&b), check);
    mp_put_bin(&b, check, sizeof check);
    bool ok = !b.failed && TICKET_PREFIX_SIZE + sodium_base64_encoded_len(b.len, BASE64) <= TICKET_TEXT_MAX;
    if (ok) {
        memcpy(out, TICKET_PREFIX, TICKET_PREFIX_SIZE);
        sodium_bin2base64(out + TICKET_PREFIX_SIZE, TICKET_TEXT_MAX - TICKET_PREFIX_SIZE, b.data, b.len, BASE64);
    }
    if (b.data)
        sodium_memzero(b.data, b.len);
    buffer_release(&b);
    return ok;
}

static bool is_white(uint8_t c)
{
    return memchr(WHITE_SPACE, c, sizeof WHITE_SPACE - 1) != NULL;
}

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && is_white(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_white(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* libsodium 1.0.18 takes any byte above 127 for a '_'. */
static bool is_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] > 127)
            return false;
    return true;
}

static bool read_ticket(struct bytes packed, struct ticket *out)
{
    uint8_t check[CHECK_SIZE], said[CHECK_SIZE];
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, packed);
    if (!mp_next(&r))
        return false;
    mp_array(&r, 7, 7);
    mp_uint(&r, UINT64_MAX); /* the version: the caller looked at it */
    struct bytes address = mp_str(&r, 1, TICKET_ADDRESS_MAX);
    mp_fixed(&r, out->hub_curve, sizeof out->hub_curve);
    mp_fixed(&r, out->hub_sign.b, sizeof out->hub_sign.b);
    mp_fixed(&r, out->curve_secret, sizeof out->curve_secret);
    out->expires_ms = mp_int(&r, 0, INT64_MAX);
    mp_fixed(&r, said, sizeof said);
    if (!mp_done(&r) || packed.len < CHECK_OBJECT_SIZE)
        return false;
    check_of(bytes_of(packed.data, packed.len - CHECK_OBJECT_SIZE), check);
    return memcmp(check, said, sizeof check) == 0 && bytes_to_text(address, out->address, sizeof out->address);
}

/* A ticket whose first value is another version than ours; what follows is then not ours to judge. */
static bool other_version(struct bytes packed)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, packed);
    if (!mp_next(&r))
        return false;
    mp_array(&r, 1, MP_TAPE_MAX);
    uint64_t version = mp_uint(&r, UINT64_MAX);
    return !r.failed && version != TICKET_VERSION;
}

enum felloe_code ticket_parse(struct bytes text, struct ticket *out, struct felloe_error *error)
{
    uint8_t packed[TICKET_TEXT_MAX];
    size_t len = 0;
    *out = (struct ticket){0};
    text = trimmed(text);
    if (text.len < TICKET_PREFIX_SIZE || memcmp(text.data, TICKET_PREFIX, TICKET_PREFIX_SIZE) != 0)
        return felloe_fail(error, FELLOE_INVALID,
                           "This is not a ticket: a ticket is one long word that begins with \"" TICKET_PREFIX
                           "\". Copy it whole from the invitation.");
    const char *base64 = (const char *)text.data + TICKET_PREFIX_SIZE;
    bool read = is_ascii(text) && sodium_base642bin(packed, sizeof packed, base64, text.len - TICKET_PREFIX_SIZE,
                                                    WHITE_SPACE, &len, NULL, BASE64) == 0;
    struct bytes object = bytes_of(packed, len);
    enum felloe_code code = FELLOE_OK;
    if (read && other_version(object))
        code = felloe_fail(error, FELLOE_INVALID,
                           "This ticket was made by another version of Felloe. Use the same version on both sides, and "
                           "ask the hub for a new ticket.");
    else if (!read || !read_ticket(object, out))
        code = felloe_fail(error, FELLOE_INVALID,
                           "The ticket is damaged or not complete. Copy it whole from the invitation, or ask the hub "
                           "for a new one.");
    if (code != FELLOE_OK)
        sodium_memzero(out, sizeof *out);
    sodium_memzero(packed, sizeof packed);
    return code;
}
