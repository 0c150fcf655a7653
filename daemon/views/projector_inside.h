/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the fold share: the events of one chunk, and the memory that is used again from step to step. For
 * projector_fold.c, projector_order.c, projector_sift.c, projector_note.c and projector_ahead.c alone. */
#ifndef FELLOE_DAEMON_PROJECTOR_INSIDE_H
#define FELLOE_DAEMON_PROJECTOR_INSIDE_H

#include "daemon/log/witness.h"
#include "daemon/views/erased.h"
#include "daemon/views/opened.h"
#include "daemon/views/projector_fold.h"
#include "daemon/views/projector_range.h"
#include "daemon/views/views_later.h"
#include "daemon/views/views_made.h"

/* ---- events taken from the log and opened: needs nothing of the views ---- */

/* Events that are noted and folded together. */
#define CHUNK_EVENTS_MAX 1024u
#define CHUNK_EVENTS_ENOUGH 192u /* where the next are somebody else's */
#define CHUNK_BYTES_MAX (4u * 1024 * 1024)

struct fold_item {
    enum { ITEM_ABSENT, ITEM_MALFORMED, ITEM_NO_KEY, ITEM_KEY_UNREAD, ITEM_TAKEN } found; /* and its key */
    enum opening outcome;       /* of ITEM_TAKEN */
    struct opened opened;
    struct views_blind origin;  /* of OPENED, if it has one */
    struct fold_event event;    /* of OPENED; whole once it is sifted */
    struct key_id key;          /* what seals it */
    enum key_kind kind;
    struct person_id owner;     /* of that key */
    bool restricted;            /* it is a restricted key */
    unsigned flags;             /* of its entry in the log */
    struct position at;         /* there; epoch 0: an own event without a position */
    struct views_ref ref;
    struct person_id subject;
    uint32_t order;
    struct fold_prepared *prepared; /* of the first of a person's; NULL: none was */
};

/* A person's document, what is kept of it, and of how many items it is. */
struct fold_prepared {
    struct document *document;
    struct views_made made;
    uint32_t count;
};

struct fold_chunk {
    struct fold_item *memory;   /* CHUNK_EVENTS_MAX of them, as long as it is in use; NULL else */
    struct fold_item **items;   /* those that count, in their order */
    size_t count, bytes;
    size_t used;                /* the most that were in it */
    size_t filled;              /* bytes that were, since it was trimmed */
    size_t from, next;          /* of the range: where it begins, and what comes after it */
    size_t continued;           /* so many of its first items have the key of the last one before it */
    struct fold_prepared *documents; /* of people who may have had none before; as many as there are keys in it */
    size_t document_count, document_room;
    size_t taken;               /* so many of them were what the views lacked */
    bool unread;                /* of the thread's: something in it could not be read */
};
/* Empty, with memory for its events. False: memory ran out. */
bool chunk_init(struct fold_chunk *chunk);
void chunk_release(struct fold_chunk *chunk);
/* Before it is filled again: gives back what its longest events and documents had, where that is much by now. */
void chunk_trim(struct fold_chunk *chunk);
#define CHUNK_KEPT_MAX (1024u * 1024)
static inline bool chunk_has_room(const struct fold_chunk *chunk)
{
    return chunk->count < CHUNK_EVENTS_MAX && chunk->bytes < CHUNK_BYTES_MAX;
}

/* By subjects; of each what restricted keys seal comes last. */
void chunk_sort(struct fold_chunk *chunk);

/* Takes events out of the log and opens them, with the key used last at hand. Starts as {0}. */
struct taker {
    struct keyring *keyring;
    struct views *views;        /* for their hash */
    struct opener opener;
    const struct document *document; /* any: others are made beside it */
    struct key_record key;
    bool has_key;
    bool unread;                /* a key could not be read since taker_begin: it may well be here */
};
void taker_begin(struct taker *taker, const struct fold_step *step, struct log_reader *reader);
void taker_end(struct taker *taker); /* wipes the key */
void taker_release(struct taker *taker);
/* NULL: it is not here, or (`unread` says so) that cannot be said. */
const struct data_key *taker_key(struct taker *taker, const struct key_id *id);
/* Into the next item of the chunk. `there`: the log's entry, or NULL to look for it; `id`: its id, where known. */
void taker_take(struct taker *taker, struct fold_chunk *chunk, const struct views_ref *ref,
                const struct log_item *there, const struct event_id *id);

/* Chunks of a range one after the other; a thread of its own takes and opens the next ones while one is folded. Where
 * that is long each person's events are folded into a document, too, and what is kept of it is made, as long as that is
 * mostly what the views lack: whoever has a document already needs it added to that. */
struct ahead;
/* Fewer are not worth a thread; and steps of fewer are to end where they are said to. */
#define AHEAD_EVENTS_MIN 2048u
struct ahead *ahead_new(void); /* NULL when memory ran out */
void ahead_free(struct ahead *ahead);
/* From the range's next entry on, below `end`; beside `document` others are made. What the caller opens lies in the
 * pages of `reader`. Where it was not ended it goes on as it was begun, but for the step. False: memory ran out. */
bool ahead_begin(struct ahead *ahead, const struct fold_step *step, struct log_reader *reader,
                 const struct fold_range *range, size_t end, const struct document *document);
/* The next chunk, for the caller until the next call; NULL when there is none. */
struct fold_chunk *ahead_next(struct ahead *ahead);
/* At the end of a step after which the same range goes on, and neither its reader nor a key is given up in between: the
 * thread opens the next step's chunks meanwhile. False, and ended: there is no thread. */
bool ahead_stays(struct ahead *ahead, struct felloe_error *unread);
/* Also where it has not begun. `unread` is set where the log could not be read by the thread. */
void ahead_end(struct ahead *ahead, struct felloe_error *unread);

/* ---- folding ---- */

#define HEARD_MAX 64u

struct fold_work {
    struct fold_range range;    /* of the site whose range is under way; it may take many steps */
    struct fold_range beside;   /* of another one meanwhile; never larger than a chunk */
    struct ahead *ahead;        /* in the first of them, and from step to step … */
    struct ahead *ahead_beside; /* … and in the other */
    struct fold_chunk arrived;  /* what waited for its key */
    struct taker taker;
    struct opened opened;       /* what is folded again */
    struct person_id *refold;   /* subjects to be folded from their first event on … */
    size_t refold_count, refold_cap;
    bool refold_sorted;         /* … in the order of ids, each once; before it is asked for */
    struct person_id shared[FOLD_SHARED_MAX];
    struct document *document;
    struct views_made made;     /* of that document */
    const struct views_made **first; /* of the chunk: of people of whom nothing is kept yet */
    size_t first_count, first_room;
    bool any_restricted;        /* the views have something that restricted keys seal */
    size_t taken;               /* documents of the chunk that were folded beforehand */
    struct buffer encoded;
    bool has_site_key;
    bool any_waiting;           /* events of this site wait for keys */
    struct told_list told;      /* of the site's log, by events of its range */
    struct told_list told_beside;
    struct views_device heard[HEARD_MAX]; /* of this step */
    size_t heard_count;
    struct views_later events, origins, rows; /* of this step: to be put in parts, or at its end */
    struct erased_list erased;  /* of this step */
    bool any_rewritten;         /* events of this site were written again: names have to be looked up */
    bool failed;
};

/* Looks through a chunk: what is to be folded stays in it, in its order, and is ready to be. */
void fold_sift(struct fold_work *work, struct fold_step *step, struct fold_chunk *chunk, struct told_list *told,
               bool has_waited);
/* Enters the items in the tables by event; what does not count is left out of the chunk, and whom something no longer
 * counts of is to be folded from the first event on (`refold`). */
void fold_note_items(struct fold_work *work, struct fold_step *step, struct fold_chunk *chunk);
bool fold_is_to_refold(struct fold_work *work, const struct person_id *subject);
void fold_sort_refold(struct fold_work *work);
/* What of this step was imported twice, counts once. */
void fold_note_origins(struct fold_work *work, struct fold_step *step);
void fold_note_heard(struct fold_work *work, struct fold_step *step);

/* Where it is, as the fold is to know it. */
static inline struct position fold_item_at(const struct fold_item *item)
{
    return item->ref.at.epoch != 0 ? item->ref.at : item->at;
}
/* What the fold is to know of it besides, as an entry of this log. */
void fold_event_of_log(const struct fold_step *step, const struct opened *opened, unsigned flags,
                       struct fold_event *event);

#endif
