/* SPDX-License-Identifier: Apache-2.0 */
/* What of a site's log the projector folds next, in the order of keys: a person's events stand together, whenever they
 * were written, so that their document is read and written once.
 *
 * The clear part of an event names its key, and a person's key is called as the person is; so nothing has to be opened
 * to find out what belongs together. An index of 32 bytes an event says which event has which key, and in which order
 * they are taken from the log. A large range takes several commits. What holds:
 *
 *   1. After each commit the tables by event, the timelines and the documents agree: a document is the fold of just
 *      those events that its timeline names (but for those that count no more). A commit takes on whole chunks, and
 *      all of a chunk's events are noted and folded, or wait for their key.
 *   2. The cursor moves in the range's last commit. Until then more is folded than it says, never less; `seen` is what
 *      it says, so that nobody claims to have seen what was not there yet.
 *   3. Folding an event again changes nothing. So a range that was broken off (a crash, a commit that failed, a wipe)
 *      is folded again from wherever it is known to have been committed, else from its beginning.
 *   4. How far it is committed lies in the views, under a random mark of this range: memory that a commit, or a wipe,
 *      has left behind is found out, and given up.
 *   5. No outcome depends on the order within a range. What counts once (imports, second writings) goes by ids; the
 *      last that was heard of a device by numbers; waiting for a key is by key; what others tell of the log is compared
 *      after the range's last event; people who were erased have no key.
 *
 * The names in an index are cut short. Where two keys share one their events stand mixed, and are still told apart.
 *
 * The log is read once for the index, in its own order, and its events stay where they are as long as that reader
 * lives: until then the index says where each lies. A long range has a reader of its own, over as many steps as it
 * takes, but not while the projector rests (the log's free pages wait for it); without it each event is looked for. */
#ifndef FELLOE_DAEMON_PROJECTOR_RANGE_H
#define FELLOE_DAEMON_PROJECTOR_RANGE_H

#include "daemon/log/event_log.h"
#include "daemon/views/views.h"

/* 9 MiB of index, which is held while a long log is folded: enough for most people's events to meet in one range. */
#define RANGE_EVENTS_MAX (256u * 1024)

/* Starts as {0}; release it. */
struct fold_range {
    bool begun;              /* a part of it is committed, and the views say so */
    bool more;               /* the log goes on behind it */
    bool first;              /* the views had nothing of this site before it */
    char site[SLUG_MAX + 1];
    uint64_t mark;
    struct views_cursor to;  /* where the cursor goes once all of it is folded */
    struct range_part {      /* a run of positions of one epoch, or (epoch 0) of own events */
        uint32_t epoch, first;
        uint64_t from;       /* its entry number `first` is this one */
    } parts[SEEN_MAX + 1];
    size_t part_count;
    struct log_reader *reader; /* what the entries point into; NULL: their events have to be looked for … */
    bool holds;             /* … and it is this range's own */
    struct range_entry {
        const uint8_t *event;   /* NULL: look for it */
        const uint8_t *id;      /* in the author's next event; NULL: it is not there */
        uint32_t number;
        uint32_t key;           /* which of the keys */
        uint32_t len;
        uint32_t flags;         /* of the log's entry */
    } *entries;                 /* in the log's order */
    size_t count, room, next;
    uint32_t *order;            /* the entries in the order of keys */
    struct range_key {
        uint64_t name;          /* the first 8 bytes of the key's id, which may be but the time when it was made … */
        uint32_t more_name;     /* … and the last 4 */
        uint32_t count, number; /* entries of it; what they call it (the keys are put in order) */
    } *keys;
    size_t key_count, key_room;
    uint32_t *slots;            /* by a hash of the name, a key's number + 1, or 0; twice as many as keys have room */
};

void range_release(struct fold_range *range);
/* Makes it what follows the cursor, up to `most` events. A long one takes a reader of its own, else it has this one,
 * until range_rest, and takes no more than this one sees; and where the log cannot be read on, what comes before.
 * False: memory ran out, or (`unread` says so) the log could not be read. */
bool range_begin(struct fold_range *range, struct event_log *log, struct log_reader *reader, struct bytes site,
                 const struct views_cursor *cursor, size_t most, struct felloe_error *unread);
/* From now on its events are looked for again: the reader that it was made with ends, or the projector rests. */
void range_rest(struct fold_range *range);
/* Is a part of it folded, and a part not? */
static inline bool range_is_under_way(const struct fold_range *range)
{
    return range->begun && range->next < range->count;
}
/* Is it under way, of this site, as far as these views have committed? */
bool range_is_kept(const struct fold_range *range, struct views_txn *views, struct bytes site);
/* The same; otherwise it is over, and emptied. */
bool range_goes_on(struct fold_range *range, struct views_txn *views, struct bytes site);
/* Where the log has its entry number `index`, in the order of keys. */
struct views_ref range_ref(const struct fold_range *range, size_t index);
/* The entry itself, and its id where it is known (else NULL). False: it has to be looked for, as range_ref says. */
bool range_item(const struct fold_range *range, size_t index, const struct views_ref *ref, struct log_item *out,
                const struct event_id **id);
/* How many bytes it has, or, where it has to be looked for, may well have. */
size_t range_size(const struct fold_range *range, size_t index);
/* It will be wanted in a moment. */
void range_prepare(const struct fold_range *range, size_t index);
/* Have the entries at `index` and before it one key? */
bool range_is_same_key(const struct fold_range *range, size_t index);
/* Within the transaction: how far it is, or that all of it is folded and the cursor stands behind it. */
void range_keep(struct fold_range *range, struct views_txn *views, struct bytes site);

#endif
