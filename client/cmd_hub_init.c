/* SPDX-License-Identifier: Apache-2.0 */
/* hub init: makes a hub of a directory. */
#include <stdlib.h>

#include "client/setup.h"
#include "client/unlock.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"name", "NAME", "what the hub is called"},
    {"listen", "ADDRESS", "where it listens: tcp://ADDRESS:PORT"},
    {"advertise", "ADDRESS", "the address that tickets carry, where it differs"},
    {"site", "SITE", "a team's patch; repeat it for several"},
    {"unlock", "WAY", "what opens its record: file:PATH (a key file), credential:NAME (of systemd) or none"},
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    const char *name = cli_option(cli, "name"), *listen = cli_option(cli, "listen"),
               *advertise = cli_option(cli, "advertise");
    const char **sites = cli_option_all(cli, "site");
    size_t count = 0, at = 0;
    if (!name || !listen || !sites) {
        free(sites);
        return cli_fail(cli, FELLOE_USAGE, "--%s is missing: felloe hub init --name NAME --listen tcp://ADDRESS:PORT "
                        "--site SITE", !name ? "name" : !listen ? "listen" : "site");
    }
    while (sites[count])
        count++;
    struct unlock_words unlock;
    enum felloe_code code = unlock_new(cli, false, &unlock);
    const char **arguments = code == FELLOE_OK ? calloc(count * 2 + 8 + UNLOCK_WORDS, sizeof *arguments) : NULL;
    if (arguments) {
        arguments[at++] = "--init-hub";
        arguments[at++] = "--name";
        arguments[at++] = name;
        arguments[at++] = "--listen";
        arguments[at++] = listen;
        if (advertise) {
            arguments[at++] = "--advertise";
            arguments[at++] = advertise;
        }
        for (size_t i = 0; i < count; i++) {
            arguments[at++] = "--site";
            arguments[at++] = sites[i];
        }
        for (size_t i = 0; i < unlock.count; i++)
            arguments[at++] = unlock.words[i];
        code = become_felloed(cli, arguments);
    } else if (code == FELLOE_OK) {
        code = cli_fail(cli, FELLOE_FAILED, "out of memory");
    }
    free(arguments);
    free(sites);
    return code;
}

const struct verb verb_hub_init = {
    "hub init", GROUP_SETUP, "--name NAME --listen tcp://ADDRESS:PORT --site SITE… --unlock WAY",
    "make a hub of the directory",
    "Then start it: felloed --dir DIR. Its settings are in DIR/felloe.conf. A hub has to start by itself: so its\n"
    "record is opened by a key file (head -c 32 /dev/urandom > PATH; keep a second one elsewhere), by a credential\n"
    "that systemd keeps, or by nothing: then whoever has the disk can read it.", options, 0, 0, run};
