/* SPDX-License-Identifier: Apache-2.0 */
/* Every event of a directory that no daemon runs on. */
#ifndef FELLOE_TESTS_BENCH_EACH_H
#define FELLOE_TESTS_BENCH_EACH_H

#include "tests/power/opened.h"

/* Site by site in the order of its log, then own ones that the hub has not receipted. */
void each_event(struct opened *opened, void (*found)(void *context, struct bytes event), void *context);

#endif
