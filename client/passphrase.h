/* SPDX-License-Identifier: Apache-2.0 */
/* What unlock, lock and passphrase share: asking the daemon, and what it says of the passphrases here. */
#ifndef FELLOE_CLIENT_PASSPHRASE_H
#define FELLOE_CLIENT_PASSPHRASE_H

#include "client/cli.h"

/* One question to the daemon's verb passphrase; NULL or "" is not sent. */
struct passphrase_wish {
    const char *what;                 /* list, change, add, remove, recovery, set */
    const char *passphrase, *recovery; /* what shows that they may */
    const char *worker, *fresh;
};
enum felloe_code passphrase_ask(struct cli *cli, const struct passphrase_wish *wish, struct felloe_answer **out);
/* How many workers have a passphrase here; is it shut by one at all? */
size_t passphrase_count(const struct felloe_value *summary);
bool passphrase_of(const struct felloe_value *summary, const char *worker);
/* The recovery code, with what it is for; "" shows nothing. */
void passphrase_show_recovery(const char *code);

#endif
