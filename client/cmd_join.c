/* SPDX-License-Identifier: Apache-2.0 */
/* join: makes a laptop of a directory, with a ticket from the hub. */
#include "client/setup.h"
#include "client/unlock.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"label", "NAME", "what this laptop is called (else: the machine's name)"},
    {"proxy", "HOST:PORT", "a SOCKS proxy on the way to the hub"},
    UNLOCK_NEW_OPTION,
    SECRET_OPTION,
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    const char *arguments[7 + UNLOCK_WORDS] = {"--join", cli->words[0]};
    const char *label = cli_option(cli, "label"), *proxy = cli_option(cli, "proxy");
    struct unlock_words unlock;
    size_t at = 2;
    enum felloe_code code = unlock_new(cli, true, &unlock);
    if (code != FELLOE_OK)
        return code;
    if (label) {
        arguments[at++] = "--label";
        arguments[at++] = label;
    }
    if (proxy) {
        arguments[at++] = "--proxy";
        arguments[at++] = proxy;
    }
    for (size_t i = 0; i < unlock.count; i++)
        arguments[at++] = unlock.words[i];
    return become_felloed(cli, arguments);
}

const struct verb verb_join = {"join", GROUP_SETUP, "TICKET", "make a laptop of the directory, with a hub's ticket",
                               "Then start it: felloed --dir DIR. A ticket is good for one laptop, once. - reads it\n"
                               "from standard input, where no other user of the machine sees it.\n\n"
                               "A passphrase for the record is asked for, and a recovery code is shown, once: write\n"
                               "it down. --unlock says what else opens it: a key file (on a stick, say), a credential\n"
                               "of systemd, or none: then whoever has the disk can read it.", options, 1, 1,
                               run};
