/* SPDX-License-Identifier: Apache-2.0 */
/* Making a hub or a laptop is the daemon's own work: felloe hands it over to felloed. */
#ifndef FELLOE_CLIENT_SETUP_H
#define FELLOE_CLIENT_SETUP_H

#include "client/cli.h"

#define GROUP_SETUP "Set up"

/* Becomes felloed with these arguments (NULL-terminated, without the program's name); --dir and --json are added.
 * Comes back only when felloed cannot be run. */
enum felloe_code become_felloed(struct cli *cli, const char *const *arguments);

#endif
