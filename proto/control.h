/* SPDX-License-Identifier: Apache-2.0 */
/* Between client and daemon, over the local socket: frames of a 4-byte big-endian length and a sequence of msgpack
 * objects. The first object of a request is [verb, arguments (map)], items follow. An answer is any number of DATA and
 * PROGRESS frames, then exactly one END or ERROR.
 *
 *   DATA      ["data"]            then items: rows (arrays in the view's column order) or events
 *   PROGRESS  ["progress", done, total, what]
 *   END       ["end", summary (map)]
 *   ERROR     ["error", code, text]
 *
 * An event item is an array of 12:
 *   id (bin 32), site (str), position ([epoch, n] or nil), device (bin 16), incarnation, seq, time (HLC), type (str or
 *   nil when it cannot be opened), person (bin 16 or nil), worker (str or nil), occurred (ms or nil),
 *   fields (map, or nil; false: it cannot be opened because it is about a person who was erased)
 * A draft is a map; see control_draft below. */
#ifndef FELLOE_PROTO_CONTROL_H
#define FELLOE_PROTO_CONTROL_H

#include "felloe/error.h"
#include "proto/mp.h"
#include "proto/domain/view.h"

#define CONTROL_VERSION 1

/* Every verb, its arguments (all optional unless marked *) and its answer. One table: the server dispatches by it. */
#define CONTROL_VERBS(V) \
    V(RECORD, "record")         /* items: drafts; all or none per frame unless partly=true. DATA: one map a draft in
                                   order: {id, person, warning?} | {known: id, person} (import seen before) |
                                   {error, code}. END {saved, known, failed} */ \
    V(VIEW, "view")             /* name*, site, person (the story and before-you-call need one; else: rows about them),
                                   worker, team, urgency, since (ms), days, limit, after: see view_filter.h. DATA rows.
                                   END {as_of (ms), sites: [[site, folded, head]], total (of what passes the filters),
                                   names: {worker: name}, person, known_as, linked: [[id, name]], …} */ \
    V(SETTLE, "settle")         /* number (as to-settle lists it) | key (the row's) and person | what (register), which,
                                   person; and choose (1 …: which of the choices) | value (one of the choices) | text
                                   (in words of one's own); with (array), why, worker, site. Records conflict.settled
                                   (for duplicates person.linked or person.unlinked). DATA {id, person}. END {saved,
                                   what, which, chosen} */ \
    V(SEARCH, "search")         /* words* (text), site, person, worker, since (ms), struck (what is struck, too), limit.
                                   PROGRESS. DATA rows (search_view). END {as_of, total, looked_at, names} */ \
    V(NEWS, "news")             /* worker, site, keep (that they have looked is not noted), limit. DATA rows (of the
                                   view news). END {as_of, looked (ms: when they did last), total, worker, noted,
                                   problem (why it could not be noted), names} */ \
    V(UNLOCK, "unlock")         /* passphrase or recovery (a code), worker. END {worker, whole, already} */ \
    V(LOCK, "lock")             /* END {already}; then the daemon starts anew */ \
    V(PASSPHRASE, "passphrase") /* do* (list, change, add, remove, recovery, set), passphrase or recovery, worker, new.
                                   END {locked, worker, of, wait_ms, slots: [map], changed, recovery} */ \
    V(STATUS, "status")         /* END {role, name, device, worker, hub {…}, sites: [map]}: see status --json */ \
    V(LOG, "log")               /* site, from (text), follow, opened (default true), names, limit, for ("export": how
                                   the look is recorded). DATA events; with names each has a 13th item: the person's
                                   name (str or nil) */ \
    V(VERIFY, "verify")         /* PROGRESS. END {role, sites: [map], events, problems: [text], unreadable: [map]} */ \
    V(REBUILD, "rebuild")       /* PROGRESS. END {events, seconds} */ \
    V(DIGEST, "digest")         /* PROGRESS. END {sites: [[site, view, rows, hex]]} */ \
    V(BACKUP, "backup")         /* keys (bool). DATA: bins, the file's bytes from first to last (proto/backup.h).
                                   PROGRESS. END {what, role, name, device, made, epoch, bytes, hash} */ \
    V(AUDIT, "audit")           /* at the hub: whom (a worker's id; else a person), since (ms), limit (the newest so
                                   many), passphrase (the auditors'). PROGRESS. DATA rows of 10: id, time (ms), worker,
                                   device, its label, how, what, uid (-1: not known), user, people [[id, name]]. END
                                   {total, sealed (what the secret does not open)} */ \
    V(HUB_AUDITORS, "hub.auditors") /* passphrase (the present one), new (another) or like_hub (opened like the hub).
                                   END {opened_by: nothing | passphrase | file, key} */ \
    V(REKEY, "rekey")           /* ticket: pins the hub's key instead. END {state (done, asked, pinned), reachable,
                                   words} */ \
    V(HUB_REKEY, "hub.rekey")   /* seconds (from now), or cancel, or tell. END {from (ms or nil), ticket ("" but for
                                   tell: names the hub's keys, lets nobody in)} */ \
    V(HUB_INVITE, "hub.invite") /* sites* (array), worker*, name, role, agency, seconds. END {ticket, expires} */ \
    V(HUB_DEVICES, "hub.devices") /* DATA maps. END {} */ \
    V(HUB_REVOKE, "hub.revoke") /* device* (id, prefix or label), why (needed where none is known). END {device} */ \
    V(HUB_QUARANTINE, "hub.quarantine") /* nothing: DATA maps, a device each. device: DATA events (as log, with names)
                                   with a 14th item, what would become of it (follows, held, other, gap, unseen); limit,
                                   after. END {device, label, worker, why, total, events}. device and do (accept,
                                   discard), why: END {device, taken | dropped, left} */ \
    V(HUB_ERASE, "hub.erase")   /* person*, basis*; or look: says only who it is. END {person, already: false, known_as,
                                   entries, sites, linked: [[id, name]]} | {person, already: true, erased (ms), basis}
                                   */ \
    V(HUB_RETENTION, "hub.retention") /* site. DATA rows of 6: names (array or nil), person, site, farewell (ms), last
                                   entry (ms), until (a day). END {years} */

enum control_verb {
#define V(id, name) CONTROL_##id,
    CONTROL_VERBS(V)
#undef V
    CONTROL_VERB_COUNT
};
const char *control_verb_name(enum control_verb verb);
bool control_verb_find(struct bytes name, enum control_verb *out);

/* A draft: an event as somebody wants it recorded. As a msgpack map with the members' names as keys; absent where
 * empty. */
struct control_draft {
    struct bytes type;        /* * */
    struct bytes site;        /* default: the person's, else the device's first */
    struct bytes person;      /* an id, a prefix, a name; "@new" makes a person; "@same": the previous draft's */
    struct bytes worker;      /* default: the device's */
    bool has_occurred;
    int64_t occurred;         /* ms since 1970 */
    struct bytes source, origin; /* of an import: CloudEvents source and id; "subject" is the person's name there */
    struct bytes subject;
    bool anyway;              /* also what makes no sense as far as is known here (sense.h) */
    struct bytes fields;      /* a msgpack map: name -> str | int | bool | array of str */
};
void control_put_draft(struct buffer *out, const struct control_draft *draft);
/* Reads the reader's current object; pointers go into the input. `fields` must be the last key of the map (put_draft
 * writes it so: as a bin that holds the map); without it `fields` is an empty map. False when malformed: no type, a key
 * twice or one that is not known. */
bool control_read_draft(struct mp_reader *r, struct control_draft *out);

/* Frames: reserve the length with begin, patch it with end (a payload over CONTROL_FRAME_MAX fails the buffer). */
size_t control_frame_begin(struct buffer *out);
void control_frame_end(struct buffer *out, size_t begin);
/* 0: more bytes are needed; otherwise the whole frame's size, and its payload. SIZE_MAX: over CONTROL_FRAME_MAX. */
size_t control_frame_parse(struct bytes in, struct bytes *payload);

void control_put_request(struct buffer *out, enum control_verb verb, uint32_t argument_count); /* then the pairs */
void control_put_data(struct buffer *out);
void control_put_progress(struct buffer *out, uint64_t done, uint64_t total, const char *what);
void control_put_end(struct buffer *out, uint32_t pair_count); /* then the pairs */
void control_put_error(struct buffer *out, enum felloe_code code, const char *text);

#endif
