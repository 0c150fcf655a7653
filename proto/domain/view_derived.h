/* SPDX-License-Identifier: Apache-2.0 */
/* What is to settle of a person though no field was written twice; see view_derived.c. */
#ifndef FELLOE_PROTO_VIEW_DERIVED_H
#define FELLOE_PROTO_VIEW_DERIVED_H

#include "proto/domain/view_settle.h"

struct derived {
    enum register_id id;
    struct bytes each;           /* lives until the visit returns */
    const struct item *first, *second;
    const struct appointment *appointments[2]; /* in the order of the key */
    struct bytes workers[2];
    uint64_t since;              /* ms */
};
typedef bool (*derived_visit)(void *context, const struct derived *derived);
/* False: the visit said so, or memory ran out. */
bool derived_each(const struct document *document, derived_visit visit, void *context);

/* Their rows of to-settle, numbered from `sub` on. */
bool rows_derived(struct row_maker *maker, uint32_t sub);

#endif
