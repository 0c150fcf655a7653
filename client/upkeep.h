/* SPDX-License-Identifier: Apache-2.0 */
/* What verify, rebuild and digest share: asking with a progress bar. */
#ifndef FELLOE_CLIENT_UPKEEP_H
#define FELLOE_CLIENT_UPKEEP_H

#include "client/cli.h"

/* Asks the verb (its name is the daemon's) and shows how far it is. */
enum felloe_code ask_with_progress(struct cli *cli, const char *what, struct felloe_answer **out);

/* Those that take all sites as one: fails where --site was given. */
enum felloe_code expect_all_sites(struct cli *cli);

#define GROUP_KEEP "Keep it well"

#endif
