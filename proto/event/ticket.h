/* SPDX-License-Identifier: Apache-2.0 */
/* An invitation as text: "felloe1-" and URL-safe base64 without padding of a msgpack array
 *   [1, address (str), hub's CURVE public key (bin 32), hub's signing public key (bin 32), ticket's CURVE secret key
 *    (bin 32), expires (ms since 1970), check (bin 4)]
 * where check is the first 4 bytes of the BLAKE2b-256 of the array's bytes up to it. It pins the hub; whoever holds it
 * may become one device, once, until it expires. */
#ifndef FELLOE_PROTO_TICKET_H
#define FELLOE_PROTO_TICKET_H

#include "felloe/error.h"
#include "proto/event/signature.h"

#define TICKET_ADDRESS_MAX 255
#define TICKET_TEXT_MAX 640

struct ticket {
    char address[TICKET_ADDRESS_MAX + 1];
    uint8_t hub_curve[32];
    struct sign_public hub_sign;
    uint8_t curve_secret[32];
    int64_t expires_ms;
};

/* False when the address is empty, too long or not UTF-8, or the time negative. */
bool ticket_format(const struct ticket *ticket, char out[TICKET_TEXT_MAX]);
/* White space around and within it is ignored: mails wrap lines. Says in words what is wrong (FELLOE_INVALID). */
enum felloe_code ticket_parse(struct bytes text, struct ticket *out, struct felloe_error *error);

#endif
