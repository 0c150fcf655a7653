/* SPDX-License-Identifier: Apache-2.0 */
/* People who were erased at the hub (person.erased in commons): destroying their keys here, taking out of the views
 * what is kept of them, and keeping who it was, when, and on which basis.
 *
 *   at the start   the log is gone through for erasures, and their keys are destroyed before anything is opened with
 *                  them: a keyring that was put back from a backup loses them again at once
 *   from then on   the fold notes erasures as they come by; the keys go, then the rows, then the cursor passes it */
#ifndef FELLOE_DAEMON_ERASED_H
#define FELLOE_DAEMON_ERASED_H

#include "daemon/log/event_log.h"
#include "daemon/views/views.h"
#include "proto/domain/erasure.h"

/* Erasures of one step. Starts as {0}; release it. */
struct erased_list {
    struct erased_one {
        struct person_id person;
        uint64_t time;      /* HLC: when it was recorded */
        size_t basis, len;  /* in `texts` */
    } *people;
    size_t count, cap;
    struct key_id *keys;    /* restricted ones that were named; the people's own are not among them */
    size_t key_count, key_cap;
    struct buffer texts;
};
void erased_clear(struct erased_list *list);
void erased_release(struct erased_list *list);
/* Notes the body if it is an erasure; whoever asks has seen that the hub wrote it, in commons. False: no memory. */
bool erased_note(struct erased_list *list, const struct event_body *body);

/* Destroys the keys, and within the transaction takes all of the people out of every site's views and enters them in
 * the table of who was erased. */
enum felloe_code erased_carry_out(const struct erased_list *list, struct keyring *keyring, struct log_reader *reader,
                                  struct views_txn *txn, struct felloe_error *error);
/* Destroys the keys of all who were erased as far as the log has it. */
enum felloe_code erased_at_start(struct event_log *log, struct keyring *keyring, const struct identity *identity,
                                 struct felloe_error *error);

/* ---- the table ---- */

#define ERASED_BASIS_MAX 512u
struct views_erased {
    struct person_id person;
    int64_t ms;             /* when: the first that erased them */
    char basis[ERASED_BASIS_MAX];
};
bool views_get_erased(struct views_txn *txn, const struct person_id *person, struct views_erased *out);
/* Those whose ids begin so; an empty prefix: all, in the order of ids. False stops. */
typedef bool (*views_erased_visit)(void *context, const struct views_erased *erased);
void views_all_erased(struct views_txn *txn, struct bytes id_prefix, views_erased_visit visit, void *context);
uint64_t views_count_erased(struct views_txn *txn);

#endif
