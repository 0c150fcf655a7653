/* SPDX-License-Identifier: Apache-2.0 */
/* join: makes a laptop of a directory, with a ticket from the hub. */
#include "client/setup.h"
#include "client/verbs.h"

static enum felloe_code run(struct cli *cli)
{
    const char *const arguments[] = {"--join", cli->words[0], NULL};
    return become_felloed(cli, arguments);
}

const struct verb verb_join = {"join", GROUP_SETUP, "TICKET", "make a laptop of the directory, with a hub's ticket",
                               "Then start it: felloed --dir DIR. A ticket is good for one laptop, once.", NULL, 1, 1,
                               run};
