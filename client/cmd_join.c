/* SPDX-License-Identifier: Apache-2.0 */
/* join: makes a laptop of a directory, with a ticket from the hub. */
#include "client/setup.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"label", "NAME", "what this laptop is called (else: the machine's name)"},
    {"proxy", "HOST:PORT", "a SOCKS proxy on the way to the hub"},
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    const char *arguments[7] = {"--join", cli->words[0]};
    size_t at = 2;
    for (const struct option_def *option = options; option->name; option++) {
        const char *value = cli_option(cli, option->name);
        if (value) {
            arguments[at++] = option == options ? "--label" : "--proxy";
            arguments[at++] = value;
        }
    }
    return become_felloed(cli, arguments);
}

const struct verb verb_join = {"join", GROUP_SETUP, "TICKET", "make a laptop of the directory, with a hub's ticket",
                               "Then start it: felloed --dir DIR. A ticket is good for one laptop, once. - reads it\n"
                               "from standard input, where no other user of the machine sees it.", options, 1, 1,
                               run};
