/* SPDX-License-Identifier: Apache-2.0 */
/* repair: what of a damaged directory can be made whole is made whole; the daemon's own work, while it does not run. */
#include "client/setup.h"
#include "client/unlock.h"
#include "client/upkeep.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    UNLOCK_OPTION,
    UNLOCK_ASK_OPTION,
    SECRET_OPTION,
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    const char *arguments[2 + UNLOCK_WORDS] = {"--repair"};
    struct unlock_words unlock;
    enum felloe_code code = unlock_there(cli, &unlock);
    if (code != FELLOE_OK)
        return code;
    for (size_t i = 0; i < unlock.count; i++)
        arguments[i + 1] = unlock.words[i];
    return become_felloed(cli, arguments);
}

const struct verb verb_repair = {
    "repair", GROUP_KEEP, "", "look for damage in the directory, and make whole what can be",
    "Stop felloed first. What proves to be true (by hashes, signatures, seals) is taken over into a new log; the rest\n"
    "comes back by sync: to a laptop from its hub, to a hub from its laptops. The damaged log is kept beside the new\n"
    "one, as DIR/log.damaged-N. Where nothing is damaged, nothing is changed. Interrupted at any point, run it again.\n"
    "Where a passphrase opens the record, it is asked for.\n"
    "An identity that is lost or damaged it cannot make: `restore --keys` brings it from a backup of the keys.",
    options, 0, 0, run};
