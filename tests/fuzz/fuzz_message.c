/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes message headers: what is accepted is written, read and written again to the same bytes. */
#include "tests/fuzz/fuzz.h"

#include "proto/sync/message.h"

unsigned long fuzz_accepted;

static struct message message, second; /* large */

static struct log_head a_head(uint32_t epoch)
{
    return (struct log_head){.at = {epoch, 100 + epoch}, .hash = {{(uint8_t)epoch}}};
}

static void spoke_asks(enum message_kind kind)
{
    struct bytes site = bytes_str("dale-east");
    switch (kind) {
    case MSG_HELLO:
        message.hello = (struct msg_hello){.version = PROTOCOL_VERSION, .device = {{1}}, .incarnation = 2,
                                          .site_count = 2};
        message.hello.sites[0] = (struct hello_site){.site = site, .own_seq = 5, .own_id = {{2}}, .waiting = 3,
                                                     .oldest_waiting_ms = 1767225600000, .cursor_count = 2,
                                                     .cursors = {a_head(1), a_head(3)}};
        message.hello.sites[1] = (struct hello_site){.site = bytes_str("commons")};
        break;
    case MSG_PUSH:
        message.push = (struct msg_push){.site = site, .incarnation = 1, .first_seq = 6, .count = 4, .key_count = 1,
                                         .signature = {{3}}};
        break;
    case MSG_PULL:
        message.pull = (struct msg_pull){.site = site, .cursor_count = 2, .cursors = {{1, 7}, {3, 9}},
                                         .max_bytes = BODY_TARGET, .wait_ms = 20000, .waiting = 2,
                                         .oldest_waiting_ms = 1767225600000};
        break;
    case MSG_KEYS:
        message.keys = (struct msg_keys){.site = site, .count = 2, .ids = {{{1}}, {{2}}}};
        break;
    case MSG_OFFER:
        message.offer = (struct msg_offer){.site = site, .first = {1, 98}, .count = 4, .head = a_head(1)};
        break;
    default:
        message.join = (struct msg_join){.version = PROTOCOL_VERSION, .sign = {{1}}, .box = {{2}}, .curve = {3},
                                         .label = bytes_str("Ash's laptop"), .proof = {{4}}};
    }
}

static void hub_answers(enum message_kind kind)
{
    struct bytes site = bytes_str("dale-east");
    switch (kind) {
    case MSG_WELCOME:
        message.welcome = (struct msg_welcome){.hub = {{1}}, .epoch = 1, .now_ms = 1767225600000, .site_count = 1,
                                               .peer_count = 2};
        message.welcome.sites[0] = (struct welcome_site){.site = site, .verdict = SITE_OK, .held_seq = 5,
                                                         .held_id = {{2}}, .held_receipt = {{3}}, .head = {1, 100},
                                                         .missing_count = 2, .missing = {{{6}}, {{7}}}};
        message.welcome.peers[0] = (struct welcome_peer){.device = {{4}}, .heard_ms = 0, .waiting = 0};
        message.welcome.terms = bytes_str("\x94\x01\x02\xc0\xa1x"); /* whatever object */
        message.welcome.peers[1] = (struct welcome_peer){.device = {{5}}, .heard_ms = 1767225600000, .waiting = 300};
        break;
    case MSG_RECEIPT:
        message.receipt = (struct msg_receipt){.site = site, .incarnation = 1, .seq = 9, .id = {{1}},
                                               .signature = {{2}}, .run_count = 2,
                                               .runs = {{6, {1, 101}, 3}, {9, {1, 120}, 1}}, .missing_count = 1,
                                               .missing = {{{3}}}};
        break;
    case MSG_FEED:
        message.feed = (struct msg_feed){.site = site, .first = {1, 98}, .count = 4, .key_count = 1, .head = a_head(1),
                                         .signature = {{2}}, .newest = {1, 200}};
        break;
    case MSG_KEYRING:
        message.keyring =
            (struct msg_keyring){.site = site, .key_count = 2, .denied_count = 2, .denied = {{{3}}, {{4}}}};
        break;
    case MSG_OFFERED:
        message.offered = (struct msg_offered){.site = site, .held = {1, 101}};
        break;
    case MSG_JOINED:
        message.joined = (struct msg_joined){.device = {{1}}, .hub_name = bytes_str("Dale hub"),
                                             .worker = bytes_str("ash-grey"), .site_count = 2,
                                             .sites = {site, bytes_str("commons")}, .hub_box = {{2}}, .key_count = 2};
        break;
    case MSG_REKEY:
        message.rekey = (struct msg_rekey){.box = {{1}}, .curve = {2}, .proof = {{3}}};
        break;
    case MSG_REKEYED:
        break;
    default:
        message.refused = (struct msg_refused){.reason = REFUSED_SITE, .site = site,
                                               .text = bytes_str("This laptop is not let into dale-east.")};
    }
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    enum message_kind kind = (enum message_kind)(number + 1);
    if (number == MSG_LAST) { /* one more: an OFFER of nothing, which is a question */
        message = (struct message){.kind = MSG_OFFER, .request = 1};
        message.offer = (struct msg_offer){.site = bytes_str("dale-east"), .first = {3, 0}};
        message_encode(&message, out);
        return true;
    }
    bool missing = number > MSG_LAST; /* two more: with keys that the hub lacks, left out when there are none */
    if (missing)
        kind = number == MSG_LAST + 1 ? MSG_WELCOME : MSG_OFFERED;
    if (number == MSG_LAST + 3) { /* and what a revoked laptop is told that hands over */
        message = (struct message){.kind = MSG_REFUSED, .request = 9};
        message.refused = (struct msg_refused){.reason = REFUSED_KEPT_ASIDE, .site = bytes_str("dale-east"),
                                               .text = bytes_str("It is kept aside."), .held_seq = 5, .held_id = {{2}}};
        message_encode(&message, out);
        return true;
    }
    if (number > MSG_LAST + 2)
        return false;
    memset(&message, 0, sizeof message);
    message.kind = kind;
    message.request = 70000 + number;
    if (kind == MSG_HELLO || kind == MSG_PUSH || kind == MSG_PULL || kind == MSG_KEYS || kind == MSG_OFFER ||
        kind == MSG_JOIN)
        spoke_asks(kind);
    else
        hub_answers(kind);
    if (missing && kind == MSG_WELCOME)
        message.welcome.sites[0].missing_count = 2;
    else if (missing)
        message.offered.missing_count = 3;
    message_encode(&message, out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer once = {0}, twice = {0};
    if (!message_decode(bytes_of(data, size), &message))
        return 0;
    MUST(message.kind >= MSG_HELLO && message.kind <= MSG_LAST && message_name(message.kind)[0]);
    message_encode(&message, &once);
    MUST(!once.failed && message_decode(buffer_bytes(&once), &second));
    MUST(second.kind == message.kind && second.request == message.request);
    message_encode(&second, &twice);
    MUST(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
    if (message.kind == MSG_JOIN)
        MUST(!join_verify(&message.join)); /* nobody guesses a signature */
    buffer_release(&once);
    buffer_release(&twice);
    fuzz_accepted++;
    return 0;
}
