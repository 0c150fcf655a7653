/* SPDX-License-Identifier: Apache-2.0 */
/* help: the list of verbs, or one of them. */
#include "client/verbs.h"

static enum felloe_code run(struct cli *cli)
{
    const struct verb *verb;
    if (cli->word_count == 0) {
        help_overview();
        return FELLOE_OK;
    }
    if (verb_find(cli->words, cli->word_count, &verb) > 0) {
        help_verb(verb);
        return FELLOE_OK;
    }
    const char *near = verb_nearest(cli->words[0]);
    return cli_fail(cli, FELLOE_USAGE, "there is no verb \"%s\"%s%s%s", cli->words[0], near ? ": did you mean \"" : "",
                    near ? near : "", near ? "\"?" : "");
}

const struct verb verb_help = {"help", "Help", "[VERB]", "all verbs, or one in full", NULL, NULL, 0, 2, run};
