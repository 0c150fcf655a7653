/* SPDX-License-Identifier: Apache-2.0 */
/* The event: immutable bytes, made once by the device that writes it, stored, sent, hashed and signed as exactly
 * these bytes everywhere.
 *
 *   event   = array of 10
 *             version        uint, 1
 *             device         bin 16
 *             incarnation    uint, from 1
 *             site           str, a slug
 *             seq            uint, from 1, no gaps within (device, incarnation, site)
 *             prev           bin 32, id of the stream's previous event; zeros for seq 1
 *             seen           array [epoch, n, epoch, n …], ascending epochs
 *             key            bin 16, which data key seals the rest
 *             nonce          bin 24, random; of a batch under one key the first is, and the others count on from it
 *             sealed         bin, XChaCha20-Poly1305 (IETF) of the body;
 *                            associated data: every byte of the event up to the nonce's msgpack header (c4 18), without
 *                            it. The headers of nonce and sealed are in their shortest form
 *
 *   body    = sequence of two objects
 *             array of 6 or more: time, type, subject, worker, occurred, origin, and where there are any: after, was,
 *             head
 *             map: fields, name -> value
 *
 *   id      = BLAKE2b-256 of the event's bytes
 *
 * prev is zeros in the event with seq 1 and in no other. seen: epochs and n from 1. time is a hybrid logical clock (see
 * hlc.h); type a text of 1 to TYPE_MAX bytes; subject a person's id (never zeros) or nil; worker a slug; occurred
 * milliseconds since 1970 or nil; fields: names are texts, each once; the whole body's array and map have at most
 * MP_TAPE_MAX values each, MP_DEPTH_MAX deep.
 * after: [incarnation, seq, incarnation, seq …], at most BRANCHES_MAX pairs; incarnations ascending from 1 and each
 * below the event's own, seq from 1. What makes an event leaves an empty one out; what follows it is passed over.
 * was: the id (bin 32) of the event that this one is in the place of, which its writer wrote again when it went on as
 * another incarnation; nil or left out otherwise. Of an event written again twice: the first of all.
 * head: bin 44, epoch(4) n(8) hash(32), epoch and n from 1: the newest head of this site's log that the writing device
 * had received from the hub, so that two devices that were told two stories find it out; nil or left out otherwise.
 * origin is nil, or a bin 16 that names where an imported event came from (see origin_id), so that it counts once. */
#ifndef FELLOE_PROTO_EVENT_H
#define FELLOE_PROTO_EVENT_H

#include "proto/id.h"

#define EVENT_VERSION 1
#define DATA_KEY_SIZE 32
#define EVENT_NONCE_SIZE 24
#define EVENT_HEAD_SIZE (4 + 8 + 32)
#define TYPE_MAX 48
#define BRANCHES_MAX 8 /* of the newest incarnations; what is older counts as not seen, which at worst asks people */

struct data_key { uint8_t b[DATA_KEY_SIZE]; };
struct log_hash { uint8_t b[32]; };

/* A site's log in one epoch, up to its last position. See chain.h. */
struct log_head {
    struct position at;
    struct log_hash hash;
};

struct origin_id { uint8_t b[16]; };

/* The clear part. When decoded, `site` points into the event's bytes. */
struct event_clear {
    struct device_id device;
    uint32_t incarnation;
    struct bytes site;
    uint64_t seq;
    struct event_id prev;
    struct seen seen;
    struct key_id key;
};

struct event {
    struct event_clear clear;
    struct bytes raw;    /* the whole event */
    struct bytes header; /* raw before the nonce: the associated data */
    const uint8_t *nonce;
    struct bytes sealed;
};

/* How far this device had itself written the site's streams of its earlier incarnations: what it had seen of them
 * though their positions are not in `seen`. Another history of the same incarnation (a clone's) has higher numbers. */
struct branch {
    uint32_t incarnation;
    uint64_t seq;
};
struct branches {
    uint32_t count;
    struct branch at[BRANCHES_MAX]; /* incarnations ascending; seq from 1 */
};

struct event_body {
    uint64_t time;      /* hybrid logical clock */
    struct bytes type;
    bool has_subject;
    struct person_id subject;
    struct bytes worker;
    bool has_occurred;
    int64_t occurred;   /* ms since 1970 */
    bool has_origin;
    struct origin_id origin;
    struct branches after;
    bool has_was;
    struct event_id was;
    bool has_head;
    struct log_head head;
    struct bytes fields; /* one msgpack map, its own bytes */
};

/* Reads one event that fills `raw` exactly. All pointers of `out` point into raw. False when it is malformed, over
 * EVENT_SIZE_MAX, of another version, or breaks a rule above that needs no other event to check. */
bool event_decode(struct bytes raw, struct event *out);

/* Reads an event at the beginning of `in`, where it is in the one shortest form, as event_seal writes it. Returns its
 * length; 0: what is there is something else, or an event in a longer form. */
size_t event_decode_first(struct bytes in, struct event *out);

/* False: it is certainly another device's. A look at how it begins. */
bool event_may_be_by(struct bytes raw, const struct device_id *device);

void event_id_of(struct bytes raw, struct event_id *out);
/* Its `prev`, with no look at what follows. False: it is in a longer form, or none. */
bool event_prev(struct bytes raw, struct event_id *out);

/* Decrypts into `plain` (cleared first) and reads the body; the body's pointers point into plain. False when the key
 * is wrong or the event was altered (plain is empty then), the body is malformed (plain is what was sealed), or memory
 * ran out (plain->failed). */
bool event_open(const struct event *event, const struct data_key *key, struct buffer *plain, struct event_body *out);

/* A body that was sealed before its event's clear part was known: all but the tag. */
struct seal_tag_key { uint8_t b[32]; };
struct event_sealed {
    uint32_t incarnation;     /* of the events that it can be the body of */
    uint8_t nonce[EVENT_NONCE_SIZE];
    struct seal_tag_key tag_key; /* for one event: under another clear part the body is sealed anew, another nonce */
    struct bytes text;
};
/* A data key as far as the first SEAL_PREFIX bytes of a nonce take it: the same for all nonces that begin so. */
#define SEAL_PREFIX 16
struct seal_subkey { uint8_t b[32]; };
void event_subkey(const struct data_key *key, const uint8_t nonce[EVENT_NONCE_SIZE], struct seal_subkey *out);
/* Seals a body so, with the subkey of out->nonce, which was never used under that key and is the caller's, as is
 * out->incarnation. The text stands in `room`, which is cleared first, until that changes. False when it breaks a rule
 * above, is too long for any event, or memory ran out (room->failed). */
bool event_seal_body(const struct event_body *body, const struct seal_subkey *subkey, struct buffer *room,
                     struct event_sealed *out);
/* Appends the event that it is the body of; the clear part is of its incarnation and names the key that it is sealed
 * with. Otherwise as event_seal. */
bool event_seal_with(const struct event_clear *clear, const struct event_sealed *body, struct buffer *out);

/* Appends the event's bytes to `out`. `nonce` is 24 fresh random bytes. False when it is over EVENT_SIZE_MAX, when
 * it breaks a rule above (event_decode and event_open accept what this makes), or when memory ran out (out->failed);
 * then out holds what it held before. Nothing of clear and body may point into out. */
bool event_seal(const struct event_clear *clear, const struct event_body *body, const struct data_key *key,
                const uint8_t nonce[EVENT_NONCE_SIZE], struct buffer *out);

/* Appends what a body's array begins with: time, type, subject, worker, occurred. (Event items of the local socket have
 * them, too: proto/control.h.) */
void event_put_body_head(struct buffer *b, const struct event_body *body);

/* Of (source, id) as CloudEvents names an event: BLAKE2b-128 of "felloe origin" NUL source NUL id. */
void origin_id_of(struct bytes source, struct bytes id, struct origin_id *out);

#endif
