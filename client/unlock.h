/* SPDX-License-Identifier: Apache-2.0 */
/* What opens a directory's record, as the verbs that hand over to felloed take it: --unlock WAY, and a passphrase,
 * which is asked for here and goes to felloed through a pipe. */
#ifndef FELLOE_CLIENT_UNLOCK_H
#define FELLOE_CLIENT_UNLOCK_H

#include "client/secret.h"

/* Rows of a verb's table of options. */
#define UNLOCK_NEW_OPTION \
    {"unlock", "WAY", "what opens the record: passphrase, file:PATH (a key file), credential:NAME or none"}
#define UNLOCK_OPTION {"unlock", "WAY", "what opens the record, where felloe.conf does not say it: file:PATH, …"}
#define UNLOCK_ASK_OPTION {"passphrase", NULL, "ask for the passphrase that opens the record"}

/* What felloed is given: words, and room for the descriptor's number. */
#define UNLOCK_WORDS 4
struct unlock_words {
    const char *words[UNLOCK_WORDS];
    size_t count;
    char number[12];
};
/* Of a new directory. Without --unlock a passphrase is asked for, where somebody is there who can be asked (and
 * `passphrases`: not of a hub); otherwise felloed says that a way is missing, and which there are. */
enum felloe_code unlock_new(struct cli *cli, bool passphrases, struct unlock_words *out);
/* Of one that is there: asks for the passphrase with --passphrase, or where its felloe.conf says that it takes one. */
enum felloe_code unlock_there(struct cli *cli, struct unlock_words *out);

#endif
