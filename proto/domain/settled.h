/* SPDX-License-Identifier: Apache-2.0 */
/* What holds where there was something to settle: for telling those who come too late. Pure. */
#ifndef FELLOE_PROTO_SETTLED_H
#define FELLOE_PROTO_SETTLED_H

#include "proto/domain/document.h"

/* A row's key (the register's name and, behind EACH_SEPARATOR, which one of several), taken apart. False: there is no
 * such register. */
bool settle_key_read(struct bytes key, const struct register_def **def, struct bytes *each);

/* Points into the document. */
struct settled {
    struct bytes by;       /* who wrote what holds */
    int64_t ms;            /* and when */
    bool agreed;           /* by settling it, not by simply writing anew */
    struct bytes value;    /* its text; empty: of another kind, or none any more */
    const char *label;     /* a code's label, else NULL */
};
/* False: nothing stands in the register, or still more than one value does. */
bool settled_read(const struct document *document, const struct register_def *def, struct bytes each,
                  struct settled *out);

#endif
