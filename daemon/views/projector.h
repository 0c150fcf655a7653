/* SPDX-License-Identifier: Apache-2.0 */
/* The projector: reads what the log has and the views have not, folds it per person, and writes documents, rows,
 * timeline and indexes in one transaction with its own cursor. Environment D/views (LMDB), which may be deleted at any
 * time; it is rebuilt when it is missing, of another version, or damaged. One thread writes; queries read from others.
 *
 * All personal data in it lies sealed under the person's (or the site's) own data key: destroying the key empties the
 * views too. Database keys hold only random ids, numbers and times. */
#ifndef FELLOE_DAEMON_PROJECTOR_H
#define FELLOE_DAEMON_PROJECTOR_H

#include "daemon/log/event_log.h"
#include "daemon/views/views.h"

struct projector;

#define PROJECTOR_SHARED_MAX 256u

struct projector_config {
    const char *dir;
    struct event_log *log;
    struct keyring *keyring;
    const struct identity *identity;
    void (*changed)(void *context);  /* from the projector's thread: something new was folded, or keys are missing */
    void *context;
    unsigned quiet_ms, most_ms, rest_ms; /* see projector_state.h; 0: as usual */
    size_t step_events;              /* see projector_fold.h; 0: as usual */
};

enum felloe_code projector_open(struct projector **out, const struct projector_config *config,
                                struct felloe_error *error);
void projector_close(struct projector *projector);
/* What it writes, for queries. */
struct views *projector_views(struct projector *projector);
/* The log has news (called on the loop after a commit). Cheap. It is folded when somebody wants it, or in a moment. */
void projector_poke(struct projector *projector);
/* Somebody waits until everything up to this commit of the log is folded, also when it is still to come: then that is
 * done without delay. */
void projector_want(struct projector *projector, uint64_t commits);
/* A large batch is being recorded, and another is likely to follow: what nobody waits for is folded later, and then in
 * one. */
void projector_expect(struct projector *projector);
/* Fold everything again from the first event on. */
void projector_rebuild(struct projector *projector);
/* Folded so far against what the log has now, in events; equal when up to date. */
void projector_progress(struct projector *projector, uint64_t *folded, uint64_t *total);
/* How far the views have folded a site's log: what a new event has `seen`. From any thread. */
void projector_seen(struct projector *projector, struct bytes site, struct seen *out);
/* Is everything folded that the log held durably at this moment's commit count? (What waits for a key counts as
 * folded.) */
bool projector_has(struct projector *projector, uint64_t commits);
/* Does folding not get on (disk full, views not to be opened)? Then says why. */
bool projector_stuck(struct projector *projector, struct felloe_error *error);
/* Those with several sites whom something new was folded of since this was asked last; with *all, and at first, others
 * too: look at all that the views have of such. */
size_t projector_take_shared(struct projector *projector, struct person_id out[PROJECTOR_SHARED_MAX], bool *all);
/* Takes out of the views all that is kept of a person whose key was put away, but for where the log has their events.
 * Cheap: it is done on the projector's thread. */
void projector_forget(struct projector *projector, const struct person_id *person);
/* Other laptops that hold another record were named to people by a verification: status tells of those no more. Cheap:
 * it is done on the projector's thread. */
void projector_verified(struct projector *projector);
/* Keys that were met and are not in the keyring, to be asked of the hub; up to `max`. */
size_t projector_missing_keys(struct projector *projector, struct bytes site, struct key_id *out, size_t max);

/* The hub said that in this site these are for others: they are not missing there, until a new connection forgets it.
 */
void projector_deny_keys(struct projector *projector, struct bytes site, const struct key_id *ids, size_t count);
void projector_deny_nothing(struct projector *projector);
bool projector_denies(struct projector *projector, struct bytes site, const struct key_id *id);

#endif
