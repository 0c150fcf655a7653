/* SPDX-License-Identifier: Apache-2.0 */
/* help: the list of verbs, or one of them. */
#include <string.h>

#include "client/verbs.h"

static enum felloe_code run(struct cli *cli)
{
    const struct verb *verb;
    if (cli->word_count == 0)
        return help_tell(cli, NULL);
    size_t taken = verb_find(cli->words, cli->word_count, &verb);
    if (taken == cli->word_count)
        return help_tell(cli, verb);
    if (taken > 0)
        return cli_fail(cli, FELLOE_USAGE, "that is one word too many: say `felloe help %s`", verb->name);
    if (strcmp(cli->words[0], "hub") == 0)
        return cli_fail(cli, FELLOE_USAGE, "say what about the hub: hub init, hub invite, hub devices, hub revoke or "
                        "hub restore");
    const char *near = verb_nearest(cli->words[0]);
    return cli_fail(cli, FELLOE_USAGE, "there is no verb \"%s\"%s%s%s", cli->words[0], near ? ": did you mean \"" : "",
                    near ? near : "", near ? "\"?" : "");
}

const struct verb verb_help = {"help", "Help", "[VERB]", "all verbs, or one in full", NULL, NULL, 0, 2, run};
