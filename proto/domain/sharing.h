/* SPDX-License-Identifier: Apache-2.0 */
/* Which teams a person is with, as the document of one site tells it (person.shared). */
#ifndef FELLOE_PROTO_SHARING_H
#define FELLOE_PROTO_SHARING_H

#include "proto/domain/document.h"

struct item; /* record.h */

/* Visits the site of each sharing that counts, some perhaps more than once. False stops. */
typedef bool (*sharing_visit)(void *context, struct bytes to);
void sharing_sites(const struct document *document, sharing_visit visit, void *context);

enum sharing_place {
    SHARING_STAYS, /* nothing says that the person moved away from there */
    SHARING_LEFT,  /* they did, and nobody who knew of it has shared them back */
    SHARING_BACK   /* they did, and came back, or were shared back by who did not know */
};
/* Written in this site, a sharing that `moves` takes the person away from there; one to this site, written in another,
 * brings them back, unless the team that they move from knew of it. With SHARING_LEFT, *moved is the sharing that says
 * so, the latest of several. */
enum sharing_place sharing_place(const struct document *document, struct bytes site, const struct item **moved);
/* The same, of the site with this tag. */
enum sharing_place sharing_place_of(const struct document *document, uint32_t site, const struct item **moved);

#endif
