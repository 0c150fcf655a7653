/* SPDX-License-Identifier: Apache-2.0 */
/* Who a person is, in few bytes: what a daemon keeps of everybody (sealed), to find people by name and to see whether
 * two records may be about one person.
 *
 * The bytes: the names as msgpack strings, the one that shows first, as document_names gives them; then one array
 * [other names, dates of birth, NHS numbers, contacts, links, moved], links being arrays [person, "linked" or "apart"].
 * Other names are those that somebody wrote and others took the place of. */
#ifndef FELLOE_PROTO_IDENTITY_H
#define FELLOE_PROTO_IDENTITY_H

#include "proto/domain/view.h"
#include "proto/mp.h"

#define IDENTITY_VALUES_MAX 8
#define IDENTITY_LINKS_MAX 32

struct identity_values {
    struct bytes at[IDENTITY_VALUES_MAX];
    uint32_t count;
};
struct identity_link {
    struct person_id other;
    bool linked; /* else told apart */
};
struct person_identity {
    struct identity_values names; /* those that show, then the others */
    struct identity_values births, nhs_numbers, contacts;
    struct identity_link links[IDENTITY_LINKS_MAX];
    uint32_t link_count;
    bool moved;                   /* to another team */
};

/* Appends the bytes for this document. False: memory ran out. */
bool document_identity(const struct document *document, struct buffer *out);
/* False: these are no such bytes. Everything points into `in`. `r` is room to read in. */
bool person_identity_read(struct bytes in, struct mp_reader *r, struct person_identity *out);

#endif
