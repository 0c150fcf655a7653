/* SPDX-License-Identifier: Apache-2.0 */
/* A person's crisis: whether it is open, since when, how urgent, and when somebody was with them. */
#ifndef FELLOE_PROTO_VIEW_SAFETY_H
#define FELLOE_PROTO_VIEW_SAFETY_H

#include "proto/domain/view_person.h"

/* A response face to face answers the openings that its author had seen; while one is left that none has answered, the
 * crisis is open, and its clock runs from the earliest of those. Of one that is over: the last. */
struct crisis {
    bool open, stopped;
    const struct item *opening; /* the earliest; NULL: there is none (or it is not here yet) */
    struct bytes urgency, words;
    int64_t stopped_at;
};
void crisis_of(const struct document *document, struct crisis *out);

#endif
