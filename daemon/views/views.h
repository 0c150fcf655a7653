/* SPDX-License-Identifier: Apache-2.0 */
/* The views' own environment, D/views: everything in it is derived from the log and may be deleted at any time.
 *
 *   table     key                                      value
 *   meta      "schema" | 'c' site                      what made it, and whose it is; how far the site is folded
 *   docs      site subject                             sealed document
 *   rows      site view sort subject sub               sealed cells
 *   rowkeys   site subject                             (view sort sub)…: the subject's rows, to take old ones out
 *   names     site subject                             sealed: the names a person goes by, and who else they are
 *   links     site subject                             names has something of whom they are, or are not, one with
 *   timeline  site subject sort event-id               reference into the log
 *   events    event-id site                            subject, sort, reference, flags; of a copy the original's id
 *   devices   site device incarnation                  last seq, its time
 *   shares    site subject                             which sites the person is with (views_shares.h)
 *   witnesses site device                              what it holds of the site's log (views_witness.h)
 *   erased    "commons" person                         sealed: when, on which basis (erased.h)
 *   waiting   site key-id reference                    event whose key is not here yet
 *   restricted         site subject                    sealed document of what restricted keys seal
 *   restrictedtimeline site subject sort event-id      reference into the log, key id
 *   origins   hash-of-origin site                      event id, subject: an import counts once
 *             hash-of-device-and-event site            event id: what was written again counts once
 *
 * "site" is the slug and a NUL; the subject a person's id, zeros for the site itself; numbers big-endian. What is
 * personal lies sealed (XChaCha20-Poly1305, random nonce, table and key as associated data) under the subject's own
 * data key, so that destroying the key empties the views too. Origins may be guessable, so they are hashed with a
 * secret of this device (SipHash of 128 bits: they are short, and every imported event has one).
 *
 * One thread writes (the projector's). Readers: begin and end on one thread, and do not nest. */
#ifndef FELLOE_DAEMON_VIEWS_H
#define FELLOE_DAEMON_VIEWS_H

#include "daemon/store/identity.h"
#include "daemon/store/keyring.h"
#include "daemon/store/store.h"
#include "proto/domain/view.h"

/* Raise it whenever a table here changes its meaning: the views are then folded afresh. (Documents and rows have a
 * version of their own, document_version.) */
#define VIEWS_SCHEMA 7

enum views_table {
    VIEWS_META, VIEWS_DOCS, VIEWS_ROWS, VIEWS_ROWKEYS, VIEWS_NAMES, VIEWS_TIMELINE, VIEWS_EVENTS, VIEWS_DEVICES,
    VIEWS_WAITING, VIEWS_ORIGINS, VIEWS_RESTRICTED, VIEWS_RESTRICTED_TIMELINE, VIEWS_SHARES,
    VIEWS_WITNESSES, VIEWS_ERASED, VIEWS_LINKS,
    VIEWS_TABLE_COUNT
};

struct views;
struct views_txn;
struct views_later;

struct views_options {
    const char *dir;                 /* the daemon's directory; the environment is dir/views */
    struct keyring *keyring;
    const struct identity *identity; /* whose views they are, and of which incarnation: others mean to fold afresh */
    uint32_t incarnation;
};

/* Opens it; what is missing, damaged, of another version or device, or made with keys that were lost since (not
 * erased), is made new and empty. */
enum felloe_code views_open(struct views **out, const struct views_options *options, struct felloe_error *error);
void views_close(struct views *views);
/* Deletes the files and starts empty; waits for readers to end. On the writing thread. */
enum felloe_code views_wipe(struct views *views, struct felloe_error *error);

/* What was deleted is left in the file until its pages are used again; once this is noted, views_compact writes the
 * file anew. That takes as long as copying it; on the writing thread, and it waits for readers to end. FELLOE_DAMAGED:
 * the disk did not take all of them, they are to be wiped. */
void views_compact_later(struct views_txn *txn);
bool views_compact_is_due(struct views *views);
enum felloe_code views_compact(struct views *views, struct felloe_error *error);
/* After large transactions: gives back the memory that LMDB keeps of them. On the writing thread; waits for readers. */
enum felloe_code views_slim(struct views *views, struct felloe_error *error);
/* No commit waits for the disk: after the system went down without a rest, they are made anew at the next opening. On
 * the writing thread; FELLOE_DAMAGED: the disk did not take what was written. */
enum felloe_code views_rest(struct views *views, struct felloe_error *error);
bool views_are_at_rest(struct views *views);

/* False after a wipe that could not open it again: wipe it once more. On the writing thread. */
bool views_are_open(struct views *views);

/* Something in them did not open though its key is here, could not be read, or was not what it should be: answers from
 * them may lack something. True until they are wiped. From any thread. */
bool views_damaged(struct views *views);
void views_found_damage(struct views *views);

/* ---- transactions ---- */

struct views_txn {
    struct views *views;
    struct store_txn *store;
    bool writing;
    struct key_record key;      /* the subject's that was used last; wiped at the end */
    bool has_key;
    bool unread;                /* a key could not be read: what was found, or not, may lack something … */
    bool no_memory;             /* … or there was no memory to open, or to write, something … */
    bool broken;                /* … or something did not open */
    struct views_later *later;  /* between views_events_begin and _end; else NULL */
    struct views_later *rows;   /* between views_rows_begin and _end; else NULL */
    bool first;                 /* what is put of an event is mostly the last of its timeline's table */
    struct store_cursor *timeline;
    struct store_cursor *origins; /* once one was looked for in any site; else NULL */
    struct person_id key_subject;
    char key_site[SLUG_MAX + 1];
};

enum felloe_code views_read(struct views *views, struct views_txn *txn, struct felloe_error *error);
bool views_read_now(struct views *views, struct views_txn *txn); /* false also where it would have to wait */
enum felloe_code views_write(struct views *views, struct views_txn *txn, struct felloe_error *error);
enum store_outcome views_commit(struct views_txn *txn, struct felloe_error *error);
void views_end(struct views_txn *txn); /* ends a reader, or gives up what was written */
/* Could something not be read, or held in memory? Then what was found, or not, may lack something. */
bool views_may_lack(const struct views_txn *txn);

/* What tells one state of them from all others since they were opened: the commit, and of which file. Zeros: none. */
struct views_state {
    uint64_t file, commit;
};
struct views_state views_state(const struct views_txn *txn);
/* An empty document, to be read into; NULL when memory ran out. Free it. */
struct document *views_new_document(const struct views_txn *txn);

/* ---- how far ---- */

struct views_cursor {
    struct seen seen;   /* positions folded, per epoch */
    uint64_t own_seq;   /* of the own stream */
};
void views_get_cursor(struct views_txn *txn, struct bytes site, struct views_cursor *out); /* {0} when there is none */
void views_put_cursor(struct views_txn *txn, struct bytes site, const struct views_cursor *cursor);

/* Where the log has an event: by position, or (epoch 0) as own event number n of this incarnation. */
struct views_ref {
    struct position at;
};

/* ---- documents and what is made of them ---- */

enum views_found {
    VIEWS_ABSENT,
    VIEWS_FOUND,
    VIEWS_LOCKED, /* it is there, but its key is not (any more), or (txn->unread) could not be read */
    VIEWS_BROKEN  /* it is there, and does not open */
};
/* `plain` is cleared first. */
bool views_has_document(struct views_txn *txn, struct bytes site, const struct person_id *subject);
enum views_found views_get_document(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                                    struct buffer *plain);
/* The key that the subject's derived data lies under: the person's own, or the site's. NULL: it is not here, or
 * (txn->unread) could not be read. Until the next one is asked for, or the transaction ends. */
const struct data_key *views_key(struct views_txn *txn, struct bytes site, const struct person_id *subject);
/* What is made of a document is put by views_put_made (views_made.h). For whoever does so for many: in between the rows
 * go into `rows`, and into their table at the end. End it before the transaction ends. */
void views_rows_begin(struct views_txn *txn, struct views_later *rows);
void views_rows_put(struct views_txn *txn); /* what there is of them, now */
void views_rows_end(struct views_txn *txn); /* also where it has not begun */

/* What restricted keys seal about a subject never touches its document, which is the same for all, but lies beside it:
 * a document of its own, whose only rows are those to settle, marked by this bit of their `sub`. NULL: there is none
 * (any more). False: memory ran out, or no key. */
#define VIEWS_RESTRICTED_ROW 0x80000000u
bool views_put_restricted(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                          const struct document *document);
enum views_found views_get_restricted(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                                      struct buffer *plain);
/* Takes the rows out: the person moved away, and nobody here waits for them. */
void views_drop_rows(struct views_txn *txn, struct bytes site, const struct person_id *subject);
/* Takes out all that is kept of a subject except its timelines. */
void views_drop_subject(struct views_txn *txn, struct bytes site, const struct person_id *subject);

/* Takes out all that there is of a person who was erased, where the log has their events, too. */
void views_drop_person(struct views_txn *txn, struct bytes site, const struct person_id *person);

/* Walks. Each visit's pointers live until it returns; false stops the walk. */
struct views_row {
    uint64_t sort;
    struct person_id subject;
    uint32_t sub;
    struct bytes cells;  /* plain */
    struct bytes key;    /* to go on after it */
};
typedef bool (*views_row_visit)(void *context, const struct views_row *row);
/* Rows of one view of one site in their order, after the key `after` (empty: from the first). Rows that do not open are
 * left out. */
void views_rows(struct views_txn *txn, struct bytes site, enum view view, struct bytes after, views_row_visit visit,
                void *context);
/* The same, from the first on, where the first `from` rows, and those after `count` more, are not opened, and come
 * without cells. */
void views_rows_page(struct views_txn *txn, struct bytes site, enum view view, size_t from, size_t count,
                     views_row_visit visit, void *context);
uint64_t views_count_rows(struct views_txn *txn, struct bytes site, enum view view);
bool views_any_row(struct views_txn *txn, struct bytes site, enum view view);

/* The name that a person is shown by; `name` is cleared first, and stays empty when none is known. */
void views_get_name(struct views_txn *txn, struct bytes site, const struct person_id *subject, struct buffer *name);
typedef bool (*views_name_visit)(void *context, const struct person_id *subject, struct bytes name);
void views_names(struct views_txn *txn, struct bytes site, views_name_visit visit, void *context);
/* Who everybody is, as proto/domain/identity.h reads it. */
typedef bool (*views_identity_visit)(void *context, const struct person_id *subject, struct bytes identity);
void views_identities(struct views_txn *txn, struct bytes site, views_identity_visit visit, void *context);
/* The same of those alone who are said to be, or not to be, one with others. */
void views_linked_identities(struct views_txn *txn, struct bytes site, views_identity_visit visit, void *context);
/* Every subject that has a document in the site, in the order of ids. */
typedef bool (*views_subject_visit)(void *context, const struct person_id *subject);
void views_subjects(struct views_txn *txn, struct bytes site, struct bytes id_prefix, views_subject_visit visit,
                    void *context);

/* ---- events ---- */

enum views_event_flag {
    VIEWS_DUPLICATE = 1, /* of an import that another event brought already, or of one that was written again: not
                            folded */
    VIEWS_BY_HUB = 2,
    VIEWS_WRITTEN_AGAIN = 4,
    VIEWS_IS_RESTRICTED = 8, /* sealed with a restricted key: in the timeline of those, not in the subject's own */
    VIEWS_COPIED = 16    /* written in another site, whose person is with this one too: the hub copied it */
};

struct views_event {
    struct person_id subject;
    uint64_t sort;
    struct views_ref ref;
    unsigned flags;
    struct event_id was; /* with VIEWS_WRITTEN_AGAIN: the event in whose place it is */
    struct key_id key;   /* with VIEWS_IS_RESTRICTED: the key that seals it; not read back, see views_restricted_key */
    uint8_t more_count;  /* its other positions: a hub that was put back may have given it another one */
    struct position more[SEEN_MAX];
};
bool views_get_event(struct views_txn *txn, const struct event_id *id, struct bytes site, struct views_event *out);
/* Also enters it in the timeline, or, with VIEWS_DUPLICATE, takes it out. */
void views_put_event(struct views_txn *txn, const struct event_id *id, struct bytes site,
                     const struct views_event *event);
/* For whoever puts many events, and looks for few: in between they go into `later`, and into their table at the end, or
 * when one is looked for. End it before the transaction ends. */
void views_events_begin(struct views_txn *txn, struct views_later *later);
void views_events_put(struct views_txn *txn); /* what there is of them, now */
void views_events_end(struct views_txn *txn); /* also where it has not begun */
typedef bool (*views_event_visit)(void *context, const struct event_id *id, struct bytes site,
                                  const struct views_event *event);
/* Events whose id begins with these bytes (and, where odd, the upper half of one more), in the order of ids. */
void views_events(struct views_txn *txn, struct bytes id_prefix, views_event_visit visit, void *context);

typedef bool (*views_timeline_visit)(void *context, const struct event_id *id, uint64_t sort,
                                     const struct views_ref *ref);
/* After (sort, id) when `after` is not NULL. */
struct views_place {
    uint64_t sort;
    struct event_id id;
};
void views_timeline(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                    const struct views_place *after, views_timeline_visit visit, void *context);
/* The same of what restricted keys seal. */
void views_restricted_timeline(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                               const struct views_place *after, views_timeline_visit visit, void *context);
/* The restricted key that seals this event; false: none does. */
bool views_restricted_key(struct views_txn *txn, const struct event_id *id, struct bytes site,
                          const struct views_event *event, struct key_id *out);

/* What counts once. What restricted keys seal is counted apart, for not everybody can. */
struct views_origin {
    struct origin_id id;
    bool restricted;
};
struct views_writing {
    struct device_id device;
    struct event_id was;
    bool restricted;
};
/* The event that an import brought first: in this site, or (site empty) in any. */
bool views_get_origin(struct views_txn *txn, const struct views_origin *origin, struct bytes site, struct event_id *id,
                      struct person_id *subject);
/* In parts: the origin as the table has it (from any thread), the row, and reading such a row. */
struct views_blind {
    uint8_t b[16];
};
struct views_blind views_blind_origin(struct views *views, const struct views_origin *origin);
bool views_add_origin(const struct views_blind *origin, struct bytes site, const struct event_id *id,
                      const struct person_id *subject, struct views_later *out);
bool views_read_origin(struct bytes value, struct event_id *id, struct person_id *subject);

/* Of the events that a device wrote again in the place of `was`, the one that counts. */
bool views_get_rewritten(struct views_txn *txn, const struct views_writing *writing, struct bytes site,
                         struct event_id *id);
void views_put_rewritten(struct views_txn *txn, const struct views_writing *writing, struct bytes site,
                         const struct event_id *id);
/* Is there any in this site? */
bool views_any_rewritten(struct views_txn *txn, struct bytes site);

/* ---- devices, and events without a key ---- */

struct views_device {
    struct device_id device;
    uint32_t incarnation;
    uint64_t seq, time; /* its last event, and the event's HLC time */
};
void views_heard_device(struct views_txn *txn, struct bytes site, const struct views_device *device);
typedef bool (*views_device_visit)(void *context, const struct views_device *device);
void views_devices(struct views_txn *txn, struct bytes site, views_device_visit visit, void *context);

void views_put_waiting(struct views_txn *txn, struct bytes site, const struct key_id *key, const struct views_ref *ref);
void views_drop_waiting(struct views_txn *txn, struct bytes site, const struct key_id *key,
                        const struct views_ref *ref);
/* The first key at or after `from` that events wait for; false when there is none. */
bool views_waiting_key(struct views_txn *txn, struct bytes site, const struct key_id *from, struct key_id *out);
bool views_is_waiting(struct views_txn *txn, struct bytes site, const struct key_id *key);
/* References that wait for `key`, up to `max`. */
size_t views_waiting(struct views_txn *txn, struct bytes site, const struct key_id *key, struct views_ref *out,
                     size_t max);

#endif
