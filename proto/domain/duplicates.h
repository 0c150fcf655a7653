/* SPDX-License-Identifier: Apache-2.0 */
/* Records that may be about one person: proposed to whoever settles, never merged by themselves.
 *
 *   same NHS number
 *   same date of birth, and similar names
 *   same way to get in touch, and similar names
 *
 * None is proposed for two that are linked (also by way of others) or were told apart, nor for who moved away. Names
 * are similar when each word of the shorter is like a word of the other: the same however it is written, the beginning
 * of it (Jo, Joanne), or with one letter otherwise (two in long words). Pure; the same people give the same pairs in
 * any order. */
#ifndef FELLOE_PROTO_DUPLICATES_H
#define FELLOE_PROTO_DUPLICATES_H

#include "proto/domain/identity.h"

struct duplicate_person {
    struct person_id id;
    struct bytes identity; /* as document_identity gives it */
};
/* The two, the one with the lower id first, and why, in words. */
typedef void (*duplicate_visit)(void *context, size_t first, size_t second, const char *why);

/* Calls for each pair once, by the ids. A person may come several times (of several sites): they are one. What cannot
 * be read counts as nobody. False: memory ran out. */
bool duplicates_find(const struct duplicate_person *people, size_t count, duplicate_visit visit, void *context);

bool names_similar(struct bytes a, struct bytes b);

#endif
