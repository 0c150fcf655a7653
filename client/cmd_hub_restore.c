/* SPDX-License-Identifier: Apache-2.0 */
/* hub restore, restore: a hub's or a laptop's directory, put back to a backup. */
#include <stdlib.h>

#include "client/setup.h"
#include "client/unlock.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"keys", "KEYFILE", "a backup of the keys; where the directory is empty, who it is comes from here"},
    UNLOCK_OPTION,
    UNLOCK_ASK_OPTION,
    SECRET_OPTION,
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    const char *keys = cli_option(cli, "keys"), *arguments[8 + UNLOCK_WORDS] = {NULL};
    struct unlock_words unlock;
    size_t at = 0;
    if (cli->word_count == 0 && !keys)
        return cli_fail(cli, FELLOE_USAGE, "something is missing: say `felloe %s %s`", cli->verb->name,
                        cli->verb->arguments);
    if (cli->word_count > 0) {
        arguments[at++] = "--restore";
        arguments[at++] = cli->words[0];
    }
    if (keys) {
        arguments[at++] = "--keys";
        arguments[at++] = keys;
    }
    arguments[at++] = "--verb"; /* which is refused where it is the other's */
    arguments[at++] = cli->verb->name;
    enum felloe_code code = unlock_there(cli, &unlock);
    if (code != FELLOE_OK)
        return code;
    for (size_t i = 0; i < unlock.count; i++)
        arguments[at++] = unlock.words[i];
    return become_felloed(cli, arguments);
}

#define MORE_COMMON \
    "The daemon must not run. The backup is checked before anything is touched. The log that is here is not deleted\n" \
    "but moved aside, to DIR/log.before-restore-N. Keys that are here stay, and what was erased stays erased.\n" \
    "Interrupted at any point, the same command again finishes it. Where a passphrase opens the record, it is asked\n" \
    "for; with an empty DIR say so (--passphrase): it is the one that was in use when the keys were backed up.\n"

const struct verb verb_hub_restore = {
    "hub restore", GROUP_SETUP, "[FILE] [--keys KEYFILE]", "put a hub back to a backup; its laptops bring the rest",
    MORE_COMMON
    "\nThe hub goes on in a next epoch, and laptops bring what the backup lacks, by themselves, as they connect.\n"
    "On a new machine: an empty DIR, both files (or the KEYFILE alone: then the laptops bring everything), and the\n"
    "address that the laptops know. The settings, too, come from the KEYFILE where DIR has no felloe.conf.",
    options, 0, 1, run};

const struct verb verb_restore = {
    "restore", GROUP_SETUP, "[FILE] [--keys KEYFILE]", "put a laptop back to its own backup",
    MORE_COMMON
    "\nWith --keys alone, keys, an identity and settings that are gone come back: a hub's as well as a laptop's.\n"
    "What it had shared comes back from the hub. It goes on as another incarnation, by itself, once it connects.\n"
    "A laptop that is gone is better replaced: revoke it, and let the new one join.",
    options, 0, 1, run};
