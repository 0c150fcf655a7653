/* SPDX-License-Identifier: Apache-2.0 */
/* From a draft, as somebody wants it recorded, to what the log's writer takes: type and fields checked, person, site,
 * worker and key found. Works on a thread of the pool; what is new (keys of new people) is only noted here.
 *
 * Imports. An event is named by (source, id), a person there by (source, subject). So that importing again, here or on
 * another laptop once it has synced, adds nothing and finds the same people:
 *   - An event counts as known when its origin is in the log or the views, or when its id is that of an entry that is
 *     here (the record's own export).
 *   - A person's id is a hash of (device and incarnation that first imported them, source, subject) keyed with the
 *     commons key, which every device has and nobody else: the mapping needs no table, survives restarts, and is found
 *     from any device by trying the devices known. Two laptops that import the same person before they hear of each
 *     other make two people, whom the team can link; they never make two keys for one.
 *   - A subject that is a person's id here stands for that person.
 *   - Source "/felloe/…", an export of any Felloe: ids and subjects are unique by themselves, so the rest of the
 *     source (site and device) does not count.
 * An event about a subject whom nobody has introduced yet makes the person all the same: the introduction may come
 * later in the file, or never. */
#ifndef FELLOE_DAEMON_CONTROL_DRAFT_H
#define FELLOE_DAEMON_CONTROL_DRAFT_H

#include "daemon/control/control_audit.h"
#include "daemon/control/control_query.h"
#include "proto/arena.h"

enum draft_state {
    DRAFT_OPEN,   /* not looked at yet */
    DRAFT_READY,  /* to be recorded */
    DRAFT_GIVEN,  /* in a job of the log */
    DRAFT_SAVED,
    DRAFT_KNOWN,  /* imported before */
    DRAFT_WRONG
};

/* More entries of the same request than this no entry names without waiting for them. */
#define LINKS_MAX 4

enum draft_same { SAME_PERSON, SAME_ORIGIN };
struct record_draft {
    enum draft_state state;
    struct control_draft text;      /* points into the request */
    const struct type_def *type;
    struct event_id id;
    bool has_person;
    struct person_id person;
    char site[SLUG_MAX + 1];
    struct bytes worker;
    struct key_id key;
    /* Few drafts have these, and a batch has thousands: malloc'd, NULL otherwise. */
    struct key_record *new_key;     /* of a person who is made with this entry */
    struct key_record *audience_key; /* `key` is this restricted key, which is made with this entry */
    struct audience *readers;       /* the members of a restricted key; NULL: everybody in the site */
    struct bytes companion;         /* fields of the entry.restricted that is written next; empty: none is */
    bool has_origin;
    struct origin_id origin;
    struct bytes fields;            /* normal form; it and the companion in the request's arena */
    struct draft_link {
        size_t at, of;              /* where in the fields the id goes, of which draft of this request */
    } links[LINKS_MAX];
    size_t link_count;
    uint32_t same[2], maker;        /* numbers from 1 of drafts noted before it; see control_draft_index.c */
    size_t in_job;                  /* DRAFT_GIVEN: as which of its job */
    struct felloe_error *error;     /* DRAFT_WRONG; malloc'd */
    char *warning;                  /* worth a second look; malloc'd, NULL: nothing */
};

struct record_drafts {
    struct record_draft *items;
    size_t count;
    struct arena *arena;            /* the request's */
    uint32_t *by_person, *by_origin; /* control_draft_index.c */
    size_t slots;
};
/* Once all are read; false: memory ran out. Then each is noted when it has been looked at, with its person and origin;
 * one that is about no person stands with PERSON_ID_NONE. */
bool drafts_index(struct record_drafts *drafts);
void drafts_note(struct record_drafts *drafts, size_t index);
/* The latest that was noted about this person, and the one before that; the one that makes the person. NULL: none. */
void drafts_forget(struct record_drafts *drafts); /* none was noted */
struct record_draft *drafts_of_person(const struct record_drafts *drafts, const struct person_id *person);
struct record_draft *drafts_before(const struct record_drafts *drafts, const struct record_draft *draft);
struct record_draft *drafts_maker(const struct record_drafts *drafts, const struct person_id *person);
/* The last before the one at `at`, of those noted. NULL: none. */
struct record_draft *drafts_of_origin(const struct record_drafts *drafts, const struct origin_id *origin, size_t at);
struct record_draft *drafts_of_person_at(const struct record_drafts *drafts, const struct person_id *person, size_t at);

/* One pass over drafts that are still open. */
struct preparing {
    struct daemon *daemon;
    const struct control_request *request; /* NULL: nobody's, the daemon's own */
    struct record_drafts *drafts;
    struct reading *reading;
    struct finder finder;
    struct mp_reader *r;
    struct buffer rewritten, checked;
    uint8_t mark[24];               /* random; see control_translate.c */
    struct control_shown *shown;    /* out: of whom an answer tells something, which is a look */
    bool hides;                     /* in: nothing of the record may be told: the lease has passed */
    bool behind;                    /* in: the views have not folded all yet */
    size_t final;                   /* in: drafts before this one are not put off a second time */
    bool ahead;                     /* in: see drafts_look_ahead */
    struct {
        struct bytes text;          /* whom it named */
        struct person_id person;
        bool has_site, unasked;     /* in which site somebody is, and no event there waits for their key */
        struct person_id sited;
        char site[SLUG_MAX + 1];
        struct bytes asked;         /* a site that was named, and which it is */
        char asked_site[SLUG_MAX + 1];
        bool has_key;               /* a site's own key */
        char key_site[SLUG_MAX + 1];
        struct key_id key;
        bool has_commons;           /* the site commons' key: what an import's people are named by; to be wiped */
        struct data_key commons;
    } last;                         /* what was looked up last: a batch is often about one person */
    bool must_wait;                 /* out: it stopped at a draft that names what may be found later */
    size_t at;                      /* the draft being looked at */
};
/* Is little looked up for it, whatever there is in the record, but for whom it names: is nothing else referred to? What
 * else is wrong with it is told later. */
bool draft_is_light(const struct control_draft *text);
/* Prepares drafts from `from` on, those that are open; returns the index at which it stopped (count: all done). */
size_t drafts_prepare(struct preparing *p, size_t from);
/* While the import before this one is being committed: prepares drafts that are the same whatever it brings. All are
 * imported ones; open stay those that are about somebody new, name what is not here, are restricted, say no site, or
 * are wrong. */
void drafts_look_ahead(struct preparing *p);
/* Those behind `at` are open again, and were never noted. */
void drafts_reopen(struct record_drafts *drafts, size_t at);

/* All that is checked of one; what is wrong with it is said. */
enum draft_verdict { CHECK_OK, CHECK_WRONG, CHECK_KNOWN, CHECK_LATER };
enum draft_verdict draft_check(struct preparing *p, struct record_draft *draft, struct felloe_error *error);
/* The person that (source, subject) of an import names. Fills in the draft's person, and a new key where there is
 * none. False: there is no commons key, or memory ran out. */
bool draft_person_of_subject(struct preparing *p, struct record_draft *draft, struct bytes subject,
                             struct felloe_error *error);
/* Is it about an entry that only some may read? The fields are in their normal form. */
bool draft_speaks_of_restricted(struct preparing *p, const struct record_draft *draft);
/* Finds, or makes, the key of those who may read it, where not all may. FELLOE_NOT_FOUND: a worker, or the entry that
 * it speaks of, is not known here (yet). */
enum felloe_code draft_restrict(struct preparing *p, struct record_draft *draft, struct felloe_error *error);
/* Does it depend on what is known of its subject? */
bool draft_asks_record(const struct preparing *p, const struct record_draft *draft);
/* Does it fit what is known of its subject (sense.h)? Notes a warning in the draft. An import happened, and is not
 * asked; nor is what follows on something of the same request, which the views do not have yet. */
enum felloe_code draft_make_sense(struct preparing *p, struct record_draft *draft, struct felloe_error *error);
/* person.linked, person.unlinked, in normal form: turns it so that it is about the record with the lower id; then one
 * register says of a pair whether it is one person, from whichever side somebody looks at it. Where it was turned, site
 * and key are to be found again. False: memory ran out. */
bool draft_turn_link(struct preparing *p, struct record_draft *draft, bool *turned);
/* Has the entry of this origin been imported, here or elsewhere? */
bool draft_known_origin(struct preparing *p, const struct origin_id *id, struct event_id *event,
                        struct person_id *person);
/* Puts the ids right by which an import's fields name other entries. False: to be done again once more is known. */
bool draft_translate(struct preparing *p, struct record_draft *draft);
/* Notes where, in the normal form, ids are still to be put by the log. False: as above. */
bool draft_place_links(struct preparing *p, struct record_draft *draft);
/* A random person with a fresh key. False: memory ran out. */
bool draft_new_person(struct record_draft *draft);
/* Keeps what was made of its fields (or a companion's) as long as the request. False: memory ran out. */
bool draft_keep(struct preparing *p, const struct buffer *made, struct bytes *kept);
/* Nothing is made with it any more: its keys and whom it was for are wiped. */
void draft_drop_keys(struct record_draft *draft);
/* Of a `source` that is an export of Felloe only that is kept. */
struct bytes draft_source(const struct control_draft *text);

/* Drafts that are not given but made, of what the views say at the very moment of recording: what an event claims to
 * have seen is noted first. Works on a thread of the pool. */
struct made {
    struct buffer drafts;           /* control_put_draft, one after the other */
    struct buffer summary;          /* pairs for the answer's END */
    uint32_t summary_count;
    struct control_shown *shown;    /* whose record the answer shows something of */
};
typedef enum felloe_code (*drafts_make)(struct control_request *request, struct reading *reading, struct made *out,
                                        struct felloe_error *error);
/* Records them, and answers as the verb record does. */
void control_record_made(struct control_request *request, drafts_make make);

#endif
