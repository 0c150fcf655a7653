/* SPDX-License-Identifier: Apache-2.0 */
/* What the projector's thread (projector.c), its passes (projector_pass.c) and those who ask it for something
 * (projector_asked.c) share. */
#ifndef FELLOE_DAEMON_PROJECTOR_STATE_H
#define FELLOE_DAEMON_PROJECTOR_STATE_H

#include <pthread.h>

#include "daemon/views/denied.h"
#include "daemon/views/projector_fold.h"

struct site_state {
    char site[SLUG_MAX + 1];
    struct seen seen;
    uint64_t folded;
    struct key_id missing[KEYS_MAX];
    size_t missing_count;
    bool settled;               /* of the thread alone: all of it was folded, and nothing waits for a key … */
    struct views_cursor reach;  /* … when the log had come so far */
};

/* See projector_gather.c. Times are of the steady clock, in ms. */
struct gather {
    bool poked;                 /* the log has something new */
    bool asked;                 /* see projector_do_asked */
    uint64_t wanted;            /* somebody waits for this commit … */
    bool wants_first;           /* … or for what the log held at the start, before its first commit since */
    uint64_t first_ms, last_ms; /* when the first and the latest came of what is new */
    uint64_t began_ms;          /* when folding began */
    uint64_t rest_until_ms;
    uint64_t more_until_ms;     /* see projector_expect */
    uint64_t quiet_ms, most_ms;
};

struct projector {
    struct projector_config config;
    uint32_t incarnation;       /* of the log, when it was opened */
    struct views *views;
    struct fold_work *work;
    struct denied denied;
    pthread_t thread;

    pthread_mutex_t mutex;      /* guards what follows */
    pthread_cond_t woken;
    struct gather gather;
    bool stop, wipe;
    uint64_t compact_from_ms;   /* of the thread alone: the views' file is not written anew before */
    uint64_t rest_ms;           /* of the thread alone: when it syncs what it wrote */
    size_t fewer;               /* of the thread alone: a step's most events, since memory ran out; 0: as usual */
    size_t most_taken;          /* of the thread alone: the events of the longest step since the last projector_slim */
    bool has_any;               /* all that the log held was folded once, since the start or the last wipe */
    uint64_t has_commits;       /* with it: everything up to this commit of the log is folded; without it 0 */
    struct felloe_error stuck;  /* FELLOE_OK: all is well */
    struct site_state *sites;
    size_t site_count;
    struct person_id shared[PROJECTOR_SHARED_MAX]; /* see projector_take_shared */
    size_t shared_count;
    bool shared_all;
    struct person_id forget[PROJECTOR_SHARED_MAX]; /* see projector_forget */
    size_t forget_count;
    bool verified;              /* see projector_verified */
};

/* How long the log is to be quiet before it is folded, and how long at most what came first waits, where nobody does.
 */
#define PROJECTOR_QUIET_MS 20u
#define PROJECTOR_MOST_MS  250u
/* A bulk append or an import rests for so long between two batches (a thousand lines of JSON are read meanwhile), and
 * what it brought waits for so many times as long: ten seconds, in which a million events come in. A turn in between
 * folded a hundredth of them, and wrote a page for each row of it. */
#define PROJECTOR_MORE_MS    200u
#define PROJECTOR_MORE_TIMES 40u
/* While the log goes on and nobody waits: a turn is of so many events at most (it lasts a fraction of a second, also
 * where others want the processors), then it rests for so many times as long as it worked, of which so much counts.
 * While large batches come others are short of processors; and what is folded then is done no sooner for it, but at a
 * higher price: most of those people have more to come. */
#define PROJECTOR_TURN_EVENTS   (16u * 1024)
#define PROJECTOR_REST          3u
#define PROJECTOR_TURN_MAX_MS   500u
#define PROJECTOR_MORE_REST     15u
#define PROJECTOR_MORE_TURN_MAX_MS 1000u
/* Where memory ran out in a step the next one is of half as many events, but of so many; until all is folded. */
#define PROJECTOR_FEWEST 256u

/* ---- passes (projector_pass.c), on the projector's thread ---- */

enum pass {
    PASS_IDLE,   /* there was nothing to fold */
    PASS_ALL,    /* all that the log had when it began is folded */
    PASS_MORE,   /* some of it is left */
    PASS_FAILED
};

enum pass projector_pass(struct projector *projector);
/* What the views already hold counts as seen from the first moment on. */
void projector_publish_kept(struct projector *projector);
/* Each site is to be looked at again. With the mutex held. */
void projector_unsettle(struct projector *projector);
void projector_set_stuck(struct projector *projector, const struct felloe_error *error);
/* From any thread, with the mutex held; NULL when nothing is known of it. */
struct site_state *projector_site(struct projector *projector, struct bytes site);
/* The log's sites; the one first in which erasures are told. */
size_t projector_sites(struct log_reader *reader, char sites[SITES_MAX][SLUG_MAX + 1]);

/* ---- when (projector_gather.c) ---- */

/* All with the mutex held, which is let go of while they wait; but for gather_init on the projector's thread. */
void gather_init(struct projector *projector);
/* Until it is to fold, or (false) `until_ms` has come. */
bool gather_wait(struct projector *projector, uint64_t until_ms);
void gather_wait_ms(struct projector *projector, uint64_t ms);
/* After a pass: folding goes on at once. `more`: something was left. */
bool gather_goes_on(struct projector *projector, bool more);
/* Before a step, without the mutex: as far as can be said now, does nobody else need the processors? Then folding goes
 * on at once when something is left. */
bool gather_will_go_on(struct projector *projector);

/* On the projector's thread, before it folds: what it was asked for. What does not come to an end is found again by
 * whoever asked. */
void projector_do_asked(struct projector *projector);

/* On the thread, after an erasure, once there is time: writes the views' file anew, so that nothing is left in free
 * pages. While there are many, not more often than this. True: it is still due. */
#define PROJECTOR_COMPACT_MS 5000u
bool projector_compact(struct projector *projector);
/* On the thread, once all is folded: gives back the memory of steps longer than this. */
#define PROJECTOR_SLIM_EVENTS 4096u
void projector_slim(struct projector *projector);
/* On the thread, once it has folded nothing for so long: what was written since the last time reaches the disk. Not so
 * soon again where the disk did not take it. */
#define PROJECTOR_REST_MS   2000u
#define PROJECTOR_FAILED_MS 60000u
void projector_rest_later(struct projector *projector);
void projector_rest(struct projector *projector);
/* On the thread: the disk did not take all of the views, they are made again. */
void projector_not_taken(struct projector *projector, const struct felloe_error *error);

#endif
