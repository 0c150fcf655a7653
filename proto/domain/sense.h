/* SPDX-License-Identifier: Apache-2.0 */
/* Does an entry make sense here? catalogue_check says whether it is well formed; this, whether it fits what is known of
 * the person (or the site): a farewell before there was support, a task closed twice, an objection passed over.
 *
 * Only what is recorded by hand is asked; what is imported happened, and is taken as it is. What a document does not
 * know may still come: a reference to an entry that is not here yet is allowed, and a warning says so. Pure. */
#ifndef FELLOE_PROTO_SENSE_H
#define FELLOE_PROTO_SENSE_H

#include "proto/domain/document.h"

/* What the caller can look up beyond the document. Each may be NULL: then nobody asks. */
struct sense_lookup {
    void *context;
    /* Is this entry (by its name) here, and whom is it about? PERSON_ID_NONE: the site. */
    bool (*entry)(void *context, const struct event_id *name, struct person_id *subject);
    bool (*worker)(void *context, struct bytes worker); /* does a worker of this id work here? */
    bool (*site)(void *context, struct bytes site);     /* is there such a site, as far as is known here? */
};

struct sense_case {
    const struct type_def *type;
    struct bytes fields;             /* in normal form (catalogue_check) */
    const struct document *document; /* of the subject, or of the site where it is about no person; NULL: empty */
    struct person_id subject;        /* PERSON_ID_NONE: the site */
    struct bytes site;               /* that it is recorded in */
    struct bytes worker;             /* who records it */
    bool has_occurred;
    int64_t occurred, now;           /* ms since 1970 */
    const struct sense_lookup *lookup; /* NULL: nothing can be looked up */
};

/* Does anything depend on the document? Else it may be NULL: a note, say, fits any record. */
bool sense_reads_record(const struct type_def *type);

/* FELLOE_OK; or FELLOE_INVALID, with what is wrong and what to do; or FELLOE_FAILED: memory ran out. Where it is OK but
 * worth a second look, warning->message says why (else it is empty); warning may be NULL. */
enum felloe_code sense_check(const struct sense_case *c, struct felloe_error *error, struct felloe_error *warning);

#endif
