/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes tickets. The first byte says how to take the rest: even, as a ticket's text; odd, as the msgpack in it, which
 * is given its check and put into base64 first. What is accepted is written again and read as the same. */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>

#include "proto/mp.h"
#include "proto/event/ticket.h"

unsigned long fuzz_accepted;

#define PREFIX "felloe1-"
#define CHECK_SIZE 6 /* with its msgpack header */

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number >= 4)
        return false;
    struct ticket ticket = {.hub_curve = {1}, .hub_sign = {{2}}, .curve_secret = {3}, .expires_ms = 1767312000000};
    char text[TICKET_TEXT_MAX];
    snprintf(ticket.address, sizeof ticket.address, number % 2 ? "tcp://[2001:db8::1]:7411" : "tcp://hub.example:7411");
    MUST(ticket_format(&ticket, text));
    buffer_append_byte(out, (uint8_t)(number / 2));
    if (number < 2) {
        buffer_append(out, text, strlen(text));
        return true;
    }
    uint8_t packed[TICKET_TEXT_MAX];
    size_t len = 0;
    MUST(sodium_base642bin(packed, sizeof packed, text + strlen(PREFIX), strlen(text) - strlen(PREFIX), NULL, &len,
                           NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0);
    buffer_append(out, packed, len - CHECK_SIZE);
    return true;
}

/* The text of a ticket whose msgpack is this, with a check that holds. */
static void as_text(struct bytes packed, struct buffer *out)
{
    uint8_t hash[32];
    struct buffer whole = {0};
    crypto_generichash(hash, sizeof hash, packed.data, packed.len, NULL, 0);
    buffer_append(&whole, packed.data, packed.len);
    mp_put_bin(&whole, hash, 4);
    size_t room = sodium_base64_encoded_len(whole.len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    buffer_append(out, PREFIX, strlen(PREFIX));
    MUST(buffer_reserve(out, room));
    sodium_bin2base64((char *)out->data + out->len, room, whole.data, whole.len,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    out->len += room - 1;
    buffer_release(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ticket ticket, second;
    struct felloe_error error;
    struct buffer text = {0};
    if (size == 0)
        return 0;
    struct bytes in = bytes_of(data + 1, size - 1);
    if (data[0] & 1) {
        as_text(in, &text);
        in = buffer_bytes(&text);
    }
    if (ticket_parse(in, &ticket, &error) == FELLOE_OK) {
        char again[TICKET_TEXT_MAX];
        MUST(ticket.expires_ms >= 0 && strlen(ticket.address) > 0);
        MUST(ticket_format(&ticket, again));
        MUST(ticket_parse(bytes_str(again), &second, &error) == FELLOE_OK);
        MUST(strcmp(ticket.address, second.address) == 0 && ticket.expires_ms == second.expires_ms);
        MUST(memcmp(ticket.hub_curve, second.hub_curve, sizeof ticket.hub_curve) == 0);
        MUST(memcmp(&ticket.hub_sign, &second.hub_sign, sizeof ticket.hub_sign) == 0);
        MUST(memcmp(ticket.curve_secret, second.curve_secret, sizeof ticket.curve_secret) == 0);
        fuzz_accepted++;
    } else {
        MUST(error.code == FELLOE_INVALID && error.message[0]);
    }
    buffer_release(&text);
    return 0;
}
