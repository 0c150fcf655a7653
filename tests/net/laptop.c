/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop without a daemon; see laptop.h. */
#include "tests/net/laptop.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

#define NOTE                                                                                                           \
    "Rang in the morning, no answer; the neighbour says that all is well. Will try again on Thursday after lunch."

/* ---- keys and tickets ---- */

bool laptop_make(struct laptop *l, const char *ticket)
{
    *l = (struct laptop){0};
    if (ticket_parse(bytes_str(ticket), &l->ticket, NULL) != FELLOE_OK)
        return false;
    crypto_sign_keypair(l->sign_public.b, l->sign.b);
    crypto_box_keypair(l->box_public.b, l->box.b);
    crypto_box_keypair(l->curve, l->curve_secret);
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, l->sign_public.b, sizeof l->sign_public.b, NULL, 0);
    memcpy(l->device.b, hash, sizeof l->device.b);
    return true;
}

void laptop_join(const struct laptop *l, struct message *out)
{
    out->kind = MSG_JOIN;
    out->request = 1;
    out->join = (struct msg_join){.version = PROTOCOL_VERSION,
                                  .sign = l->sign_public,
                                  .box = l->box_public,
                                  .label = bytes_str("one of a fleet")};
    memcpy(out->join.curve, l->curve, sizeof out->join.curve);
    join_sign(&l->sign, &out->join);
}

bool laptop_joined(struct laptop *l, const struct msg_joined *joined)
{
    l->site_count = joined->site_count;
    for (uint32_t i = 0; i < joined->site_count; i++)
        if (!bytes_to_text(joined->sites[i], l->sites[i], sizeof l->sites[i]))
            return false;
    return box_shared_of(&l->hub, &joined->hub_box, &l->box);
}

/* ---- the socket ---- */

static bool set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

bool laptop_connect(struct laptop *l, void *zmq, bool with_ticket)
{
    uint8_t public[32];
    const uint8_t *secret = with_ticket ? l->ticket.curve_secret : l->curve_secret;
    crypto_scalarmult_base(public, secret);
    void *s = l->socket = zmq_socket(zmq, ZMQ_DEALER);
    return s != NULL && set(s, ZMQ_LINGER, 0) && set(s, ZMQ_IMMEDIATE, 1) && set(s, ZMQ_RECONNECT_IVL, 100) &&
           set(s, ZMQ_RECONNECT_IVL_MAX, 5000) && set(s, ZMQ_HANDSHAKE_IVL, 5000) &&
           set(s, ZMQ_HEARTBEAT_IVL, 120000) && set(s, ZMQ_HEARTBEAT_TIMEOUT, 60000) && set(s, ZMQ_RCVHWM, 0) &&
           zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, l->ticket.hub_curve, 32) == 0 &&
           zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, public, 32) == 0 &&
           zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret, 32) == 0 && zmq_connect(s, l->ticket.address) == 0;
}

void laptop_hang_up(struct laptop *l)
{
    if (l->socket != NULL)
        zmq_close(l->socket);
    l->socket = NULL;
}

bool laptop_is_up(const struct laptop *l)
{
    int events = 0;
    size_t size = sizeof events;
    return l->socket != NULL && zmq_getsockopt(l->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLOUT);
}

bool laptop_send(const struct laptop *l, struct bytes header, struct bytes body)
{
    return zmq_send(l->socket, header.data, header.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0 &&
           zmq_send(l->socket, body.data, body.len, ZMQ_DONTWAIT) >= 0;
}

bool laptop_say(const struct laptop *l, const struct message *message, struct bytes body)
{
    struct buffer header = {0};
    message_encode(message, &header);
    bool sent = !header.failed && laptop_send(l, buffer_bytes(&header), body);
    buffer_release(&header);
    return sent;
}

bool laptop_hear(const struct laptop *l, struct buffer *header, struct buffer *body)
{
    buffer_clear(header);
    buffer_clear(body);
    for (unsigned part = 0;; part++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, l->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&frame);
            return false;
        }
        struct buffer *to = part == 0 ? header : body;
        buffer_append(to, zmq_msg_data(&frame), zmq_msg_size(&frame));
        bool more = zmq_msg_more(&frame) != 0;
        zmq_msg_close(&frame);
        if (!more)
            return part == 1;
    }
}

/* ---- asking ---- */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool wait_for(struct asker *a, bool (*there)(struct asker *asker))
{
    uint64_t until = now_ms() + ANSWER_MS;
    while (!there(a)) {
        if (now_ms() >= until)
            return false;
        zmq_pollitem_t item = {.socket = a->laptop->socket, .events = ZMQ_POLLIN};
        (void)!zmq_poll(&item, 1, 5);
    }
    return true;
}

static bool is_up(struct asker *a)
{
    return laptop_is_up(a->laptop);
}

/* The hub has news, and would like to be greeted again: nobody had asked. */
static bool is_unasked(const struct message *m)
{
    return m->kind == MSG_REFUSED && m->request == 0 && m->refused.reason == REFUSED_HELLO_FIRST;
}

static bool has_answer(struct asker *a)
{
    while (laptop_hear(a->laptop, &a->header, &a->body))
        if (message_decode(buffer_bytes(&a->header), a->answer) && !is_unasked(a->answer) &&
            (a->answer->request == a->last_request || a->answer->request == 0))
            return true;
    return false;
}

bool asker_open(struct asker *a, struct laptop *laptop)
{
    *a = (struct asker){.laptop = laptop, .zmq = zmq_ctx_new(), .said = calloc(1, sizeof *a->said),
                        .answer = calloc(1, sizeof *a->answer)};
    return a->zmq != NULL && a->said != NULL && a->answer != NULL;
}

void asker_close(struct asker *a)
{
    laptop_hang_up(a->laptop);
    zmq_ctx_term(a->zmq);
    buffer_release(&a->header);
    buffer_release(&a->body);
    free(a->said);
    free(a->answer);
}

bool asker_connect(struct asker *a, bool with_ticket)
{
    laptop_hang_up(a->laptop);
    return laptop_connect(a->laptop, a->zmq, with_ticket) && wait_for(a, is_up);
}

bool asker_send(struct asker *a, struct bytes header, struct bytes body)
{
    a->answer->kind = (enum message_kind)0;
    if (laptop_send(a->laptop, header, body) && !wait_for(a, has_answer))
        a->answer->kind = (enum message_kind)0;
    return a->answer->kind != 0;
}

bool asker_ask(struct asker *a, struct bytes body)
{
    struct buffer out = {0};
    a->said->request = ++a->last_request;
    message_encode(a->said, &out);
    bool answered = asker_send(a, buffer_bytes(&out), body);
    buffer_release(&out);
    return answered;
}

bool asker_refused(const struct asker *a, enum refusal reason)
{
    return a->answer->kind == MSG_REFUSED && a->answer->refused.reason == reason;
}

/* ---- what it writes ---- */

void story_begin(struct story *story, const char *site)
{
    *story = (struct story){.incarnation = 1, .key = {.kind = KEY_PERSON}};
    snprintf(story->site, sizeof story->site, "%s", site);
    snprintf(story->key.site, sizeof story->key.site, "%s", site);
    randombytes_buf(&story->key.id, sizeof story->key.id);
    memcpy(&story->key.owner, &story->key.id, sizeof story->key.owner);
    randombytes_buf(&story->key.key, sizeof story->key.key);
}

void story_release(struct story *story)
{
    for (uint64_t i = 0; i < story->head.seq; i++)
        buffer_release(&story->events[i]);
    free(story->events);
    free(story->ids);
}

static void put_fields(struct buffer *out, bool introduction)
{
    mp_put_map(out, introduction ? 2 : 1);
    mp_put_text(out, introduction ? "known_as" : "text");
    mp_put_text(out, introduction ? "Jo" : NOTE);
    if (introduction) {
        mp_put_text(out, "source");
        mp_put_text(out, "A1");
    }
}

bool story_write(struct story *story, const struct laptop *l)
{
    uint64_t seq = story->head.seq + 1;
    struct buffer *events = realloc(story->events, seq * sizeof *events);
    if (events == NULL)
        return false;
    story->events = events;
    struct event_id *ids = realloc(story->ids, seq * sizeof *ids);
    if (ids == NULL)
        return false;
    story->ids = ids;
    struct buffer fields = {0}, *event = &events[seq - 1];
    *event = (struct buffer){0};
    uint8_t nonce[EVENT_NONCE_SIZE];
    randombytes_buf(nonce, sizeof nonce);
    put_fields(&fields, seq == 1);
    const struct event_clear clear = {.device = l->device,
                                      .incarnation = story->incarnation,
                                      .site = bytes_str(story->site),
                                      .seq = seq,
                                      .prev = story->head.id,
                                      .key = story->key.id};
    const struct event_body body = {.time = ((uint64_t)time(NULL) * 1000 << 16) + seq,
                                    .type = bytes_str(seq == 1 ? "person.introduced" : "note.added"),
                                    .has_subject = true,
                                    .subject = story->key.owner,
                                    .worker = bytes_str("fleet"),
                                    .fields = buffer_bytes(&fields)};
    bool sealed = event_seal(&clear, &body, &story->key.key, nonce, event);
    buffer_release(&fields);
    if (!sealed)
        return false;
    event_id_of(buffer_bytes(event), &ids[seq - 1]);
    story->head.seq = seq;
    story->head.id = ids[seq - 1];
    return true;
}

uint32_t story_push(const struct story *story, const struct laptop *l, uint64_t first, size_t max_bytes,
                    struct buffer *body, uint32_t *key_count, struct event_id *last)
{
    uint32_t count = 0;
    *key_count = first == 1;
    if (first == 1) {
        uint8_t nonce[BOX_NONCE_SIZE];
        randombytes_buf(nonce, sizeof nonce);
        key_record_wrap(&story->key, &l->hub, nonce, body);
    }
    for (uint64_t seq = first; seq <= story->head.seq; seq++) {
        const struct buffer *event = &story->events[seq - 1];
        if (count > 0 && body->len + event->len > max_bytes)
            break;
        buffer_append(body, event->data, event->len);
        *last = story->ids[seq - 1];
        count++;
    }
    return count;
}
