/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers by which people name what is to settle. One is given when it is first listed, and stays with it as long
 * as the daemon runs: also while it is settled, so that who types a number that somebody else settled meanwhile is told
 * so, and never settles another thing. From any thread. */
#ifndef FELLOE_DAEMON_SETTLE_NUMBERS_H
#define FELLOE_DAEMON_SETTLE_NUMBERS_H

#include "proto/bytes.h"
#include "proto/id.h"
#include "proto/limits.h"

struct settle_numbers;

/* What has a number. `key` as in the column of that name: the register, and which one of several. */
struct settle_name {
    char site[SLUG_MAX + 1];
    struct person_id person;  /* none: about the site */
    struct bytes key;         /* lives as long as the numbers */
};

struct settle_numbers *settle_numbers_new(void); /* NULL when memory ran out */
void settle_numbers_free(struct settle_numbers *numbers);
/* The number of it, a new one where it has none; 0 when memory ran out (or `numbers` is NULL). */
uint32_t settle_number_of(struct settle_numbers *numbers, struct bytes site, const struct person_id *person,
                          struct bytes key);
/* What has this number; false: nothing has. */
bool settle_number_find(struct settle_numbers *numbers, int64_t number, struct settle_name *out);

#endif
