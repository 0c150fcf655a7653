/* SPDX-License-Identifier: Apache-2.0 */
/* Events opened, and originals taken out of the hub's copies. */
#include "daemon/views/opened.h"

#include <sodium.h>

void opener_release(struct opener *opener)
{
    buffer_release(&opener->outer);
    buffer_release(&opener->whole);
}

void opener_of_site(struct opener *opener, struct bytes site)
{
    opener->site = site;
    opener->tag = 0;
}

void opened_release(struct opened *opened)
{
    buffer_release(&opened->plain);
    buffer_release(&opened->marks);
}

bool opener_fetch(struct log_reader *reader, struct bytes site, const struct views_ref *ref, struct log_item *out)
{
    return ref->at.epoch != 0 ? log_get(reader, site, ref->at, out) : log_get_own(reader, site, ref->at.n, out);
}

/* ---- copies ---- */

/* Is it the piece that comes before, of the same original? The bodies are compared by what they say of it. */
static bool is_piece_of(const struct envelope *piece, const struct envelope *last, uint32_t part)
{
    return piece->part == part && piece->parts == last->parts && bytes_equal(piece->from, last->from) &&
           position_compare(piece->at, last->at) == 0;
}

/* The earlier pieces of a long original stand right before its last one, for the hub wrote them together. */
static enum opening put_together(struct opener *o, const struct log_item *item, const struct data_key *key,
                                 const struct envelope *last)
{
    struct buffer plain = {0};
    enum opening outcome = OPENED;
    buffer_clear(&o->whole);
    for (uint32_t part = 1; part < last->parts && outcome == OPENED; part++) {
        struct position at = {item->at.epoch, item->at.n - (last->parts - part)};
        struct log_item found;
        struct event event;
        struct event_body body;
        struct envelope piece;
        outcome = OPENED_NOT;
        if (item->at.n <= last->parts - part || !log_get(o->reader, o->site, at, &found) ||
            !event_decode(found.event, &event) || !identity_is_hub(o->identity, &event.clear.device))
            break;
        if (event_open(&event, key, &plain, &body) && envelope_read(&body, &piece) && is_piece_of(&piece, last, part)) {
            buffer_append(&o->whole, piece.event.data, piece.event.len);
            outcome = OPENED;
        } else if (plain.failed) {
            outcome = OPENED_NO_MEMORY;
        }
    }
    buffer_release(&plain);
    buffer_append(&o->whole, last->event.data, last->event.len);
    return o->whole.failed ? OPENED_NO_MEMORY : outcome;
}

/* What the hub copied counts only as what it was: an event of the other site, about the same person, under the key
 * that the copy is sealed with, and no copy itself. */
static bool is_sound(const struct opener *o, const struct opened *opened, const struct event *outer,
                     const struct event_body *outer_body, const struct envelope *envelope)
{
    const struct event_clear *clear = &opened->event.clear;
    return bytes_equal(clear->site, envelope->from) && !bytes_equal(clear->site, o->site) &&
           memcmp(&clear->key, &outer->clear.key, sizeof clear->key) == 0 && opened->body.has_subject &&
           person_id_equal(&opened->body.subject, &outer_body->subject) && !bytes_is(opened->body.type, ENVELOPE_TYPE);
}

static enum opening open_copy(struct opener *o, const struct log_item *item, const struct event *event,
                              const struct data_key *key, struct opened *out)
{
    struct envelope envelope;
    const struct event outer = *event; /* which may stand where the original comes to */
    const struct event_body outer_body = out->body;
    struct buffer memory = out->plain; /* the envelope's body stays where it is, in the opener's memory from now on */
    out->plain = o->outer;
    o->outer = memory;
    if (!envelope_read(&outer_body, &envelope))
        return OPENED_NOT;
    if (envelope.part < envelope.parts)
        return OPENED_PART;
    struct bytes original = envelope.event;
    if (envelope.parts > 1) {
        enum opening outcome = put_together(o, item, key, &envelope);
        if (outcome != OPENED)
            return outcome;
        original = buffer_bytes(&o->whole);
    }
    if (!event_decode(original, &out->event) || !event_open(&out->event, key, &out->plain, &out->body))
        return out->plain.failed ? OPENED_NO_MEMORY : OPENED_NOT;
    if (!is_sound(o, out, &outer, &outer_body, &envelope))
        return OPENED_NOT;
    event_id_of(original, &out->id);
    out->copied = true;
    out->home = site_tag(out->event.clear.site);
    out->home_at = envelope.at;
    return envelope_marks(envelope.saw, &out->marks, &out->saw) ? OPENED : OPENED_NO_MEMORY;
}

/* ---- any ---- */

enum opening opener_open(struct opener *o, const struct log_item *item, const struct event *event,
                         const struct data_key *key, struct opened *out)
{
    return opener_open_named(o, item, event, key, NULL, out);
}

enum opening opener_open_named(struct opener *o, const struct log_item *item, const struct event *event,
                               const struct data_key *key, const struct event_id *id, struct opened *out)
{
    out->copied = false;
    out->home_at = (struct position){0};
    out->saw = (struct marks){0};
    out->at = item->at;
    if (!event_open(event, key, &out->plain, &out->body))
        return out->plain.failed ? OPENED_NO_MEMORY : OPENED_NOT;
    if (bytes_is(out->body.type, ENVELOPE_TYPE) && identity_is_hub(o->identity, &event->clear.device))
        return open_copy(o, item, event, key, out);
    if (event != &out->event)
        out->event = *event;
    if (id)
        out->id = *id;
    else
        event_id_of(item->event, &out->id);
    return OPENED;
}

enum opening opener_get_item(struct opener *o, struct keyring *keyring, const struct log_item *item,
                             struct opened *out)
{
    struct event event;
    struct key_record key;
    if (!event_decode(item->event, &event))
        return OPENED_NOT;
    const enum felloe_code code = keyring_get(keyring, &event.clear.key, &key);
    if (code != FELLOE_OK)
        return keyring_was_read(code) ? OPENED_NO_KEY : OPENED_KEY_UNREAD;
    out->restricted = key_kind_restricted(key.kind);
    enum opening outcome = opener_open(o, item, &event, &key.key, out);
    sodium_memzero(&key, sizeof key);
    return outcome;
}

enum opening opener_get(struct opener *o, struct keyring *keyring, const struct views_ref *ref, struct opened *out)
{
    struct log_item item;
    return opener_fetch(o->reader, o->site, ref, &item) ? opener_get_item(o, keyring, &item, out) : OPENED_NOT;
}

void opened_for_fold(struct opener *o, const struct opened *opened, struct fold_event *out)
{
    const struct event_clear *clear = &opened->event.clear;
    if (o->tag == 0)
        o->tag = site_tag(o->site);
    out->at = opened->at;
    out->log = o->tag;
    out->home = opened->copied ? opened->home : o->tag;
    out->home_at = opened->home_at;
    out->saw = opened->saw;
    out->device = clear->device;
    out->by_hub = identity_is_hub(o->identity, &clear->device);
    out->incarnation = clear->incarnation;
    out->seq = clear->seq;
    seen_copy(&out->seen, &clear->seen);
    out->id = opened->id;
    out->restricted = false;
    out->body = &opened->body;
}
