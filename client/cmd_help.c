/* SPDX-License-Identifier: Apache-2.0 */
/* help: the list of verbs, or one of them. */
#include "client/verbs.h"

static enum felloe_code run(struct cli *cli)
{
    const struct verb *verb;
    if (cli->word_count == 0)
        return help_tell(cli, NULL);
    size_t taken = verb_find(cli->words, cli->word_count, &verb);
    if (taken == cli->word_count)
        return help_tell(cli, verb);
    enum felloe_code code;
    if (cli->word_count == 1 && help_group(cli, cli->words[0], &code))
        return code;
    if (taken > 0)
        return cli_fail(cli, FELLOE_USAGE, "that is one word too many: say `felloe help %s`", verb->name);
    const char *near = verb_nearest(cli->words[0]);
    return cli_fail(cli, FELLOE_USAGE, "there is no verb \"%s\"%s%s%s", cli->words[0], near ? ": did you mean \"" : "",
                    near ? near : "", near ? "\"?" : "");
}

const struct verb verb_help = {"help", GROUP_HELP, "[VERB or GROUP]", "all verbs, a group of them, or one in full",
                               NULL, NULL, 0, 2, run};
