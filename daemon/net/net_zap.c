/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's allow-list and its ZAP handler (RFC 27); see net_zap.h. */
#include "daemon/net/net_zap.h"

#include <stdlib.h>
#include <zmq.h>

#include "daemon/daemon.h"
#include "daemon/net/net_socket.h"
#include "daemon/report.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
/* ZMQ_ZAP_ENFORCE_DOMAIN is in the draft part of 4.3.4's header, and accepted at run time: without a handler nobody is
 * let in. */
#define ZAP_ENFORCE_DOMAIN 93
#define USER_SIZE          (2 * CURVE_KEY_SIZE + 1)

/* ---- the list ---- */

/* Where the key is, or where it would be. */
static size_t place_of(const struct net_keys *keys, const uint8_t *curve)
{
    size_t low = 0, high = keys->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(keys->items[middle].curve, curve, CURVE_KEY_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct net_keys *keys, size_t place, const uint8_t *curve)
{
    return place < keys->count && memcmp(keys->items[place].curve, curve, CURVE_KEY_SIZE) == 0;
}

void net_keys_release(struct net_keys *keys)
{
    free(keys->items);
    *keys = (struct net_keys){0};
}

bool net_keys_put(struct net_keys *keys, const struct net_key *key)
{
    size_t place = place_of(keys, key->curve);
    if (is_at(keys, place, key->curve)) {
        keys->items[place] = *key;
        return true;
    }
    if (keys->count == keys->cap) {
        size_t cap = keys->cap > 0 ? keys->cap * 2 : 16;
        struct net_key *items = realloc(keys->items, cap * sizeof *items);
        if (items == NULL)
            return false;
        keys->items = items;
        keys->cap = cap;
    }
    memmove(keys->items + place + 1, keys->items + place, (keys->count - place) * sizeof *keys->items);
    keys->items[place] = *key;
    keys->count++;
    return true;
}

void net_keys_remove(struct net_keys *keys, const uint8_t curve[CURVE_KEY_SIZE])
{
    size_t place = place_of(keys, curve);
    if (!is_at(keys, place, curve))
        return;
    keys->count--;
    memmove(keys->items + place, keys->items + place + 1, (keys->count - place) * sizeof *keys->items);
}

const struct net_key *net_keys_find(const struct net_keys *keys, const uint8_t curve[CURVE_KEY_SIZE])
{
    size_t place = place_of(keys, curve);
    return is_at(keys, place, curve) ? &keys->items[place] : NULL;
}

const struct net_key *net_keys_find_user(const struct net_keys *keys, const char *user)
{
    uint8_t curve[CURVE_KEY_SIZE];
    return hex_decode(bytes_str(user), curve, sizeof curve) ? net_keys_find(keys, curve) : NULL;
}

/* ---- the handler ---- */

void *net_zap_bind(void *zmq_context)
{
    void *socket = zmq_socket(zmq_context, ZMQ_REP);
    if (socket == NULL)
        return NULL;
    if (net_set(socket, ZMQ_LINGER, 0) && zmq_bind(socket, ZAP_ENDPOINT) == 0)
        return socket;
    zmq_close(socket);
    return NULL;
}

/* version, request, domain, address, routing id, mechanism, key. */
enum { ZAP_VERSION, ZAP_REQUEST, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_ROUTING, ZAP_MECHANISM, ZAP_KEY, ZAP_FRAMES };

static bool is_admitted(const struct net_frames *request, const struct net_keys *keys)
{
    if (request->count != ZAP_FRAMES || !bytes_is(request->at[ZAP_VERSION].bytes, "1.0") ||
        !bytes_is(request->at[ZAP_DOMAIN].bytes, NET_ZAP_DOMAIN) ||
        !bytes_is(request->at[ZAP_MECHANISM].bytes, "CURVE") || request->at[ZAP_KEY].bytes.len != CURVE_KEY_SIZE)
        return false;
    return net_keys_find(keys, request->at[ZAP_KEY].bytes.data) != NULL;
}

static void report_refusal(const struct net_frames *request)
{
    static struct report_often often; /* strangers may knock as often as they like; on the loop's thread alone */
    if (!report_again(&often, clock_steady_ms()))
        return;
    char address[64] = "?";
    if (request->count > ZAP_ADDRESS)
        bytes_to_text(request->at[ZAP_ADDRESS].bytes, address, sizeof address);
    report(LEVEL_INFO, "refused a connection from %s: its key is not, or no longer, admitted", address);
}

bool net_zap_answer(void *socket, const struct net_keys *keys, uint64_t *refused)
{
    struct net_frames request;
    if (!net_receive(socket, &request))
        return false;
    bool admitted = is_admitted(&request, keys);
    if (!admitted && refused != NULL) {
        ++*refused;
        report_refusal(&request);
    }
    char user[USER_SIZE] = "";
    if (admitted)
        hex_encode(request.at[ZAP_KEY].bytes, user);
    struct bytes id = request.count > ZAP_REQUEST ? request.at[ZAP_REQUEST].bytes : (struct bytes){0};
    /* 400 makes the other side stop trying, so that it can tell its user; 300 would have it retry in silence. */
    const struct bytes answer[] = {bytes_str("1.0"),
                                   id,
                                   bytes_str(admitted ? "200" : "400"),
                                   bytes_str(admitted ? "OK" : "not admitted"),
                                   bytes_str(user),
                                   bytes_str("")};
    const size_t frames = sizeof answer / sizeof *answer;
    for (size_t i = 0; i < frames; i++)
        (void)!zmq_send(socket, answer[i].data, answer[i].len, ZMQ_DONTWAIT | (i + 1 < frames ? ZMQ_SNDMORE : 0));
    net_frames_release(&request);
    return true;
}

bool net_zap_guard(void *router, const uint8_t curve_secret[CURVE_KEY_SIZE])
{
    return net_set(router, ZMQ_CURVE_SERVER, 1) &&
           zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, curve_secret, CURVE_KEY_SIZE) == 0 &&
           zmq_setsockopt(router, ZMQ_ZAP_DOMAIN, NET_ZAP_DOMAIN, strlen(NET_ZAP_DOMAIN)) == 0 &&
           net_set(router, ZAP_ENFORCE_DOMAIN, 1);
}
