/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases on their way from a person, or a program, to the daemon: asked for without showing them, held in memory
 * that is not swapped, and wiped. */
#ifndef FELLOE_CLIENT_SECRET_H
#define FELLOE_CLIENT_SECRET_H

#include "client/cli.h"

/* Fewer characters are no passphrase; more bytes are no line that somebody typed. */
#define SECRET_CHARACTERS_MIN 8u
#define SECRET_MAX            1023u

/* An option of every verb that asks for a passphrase: a row of its table. */
#define SECRET_OPTION {"passphrase-fd", "N", "read each passphrase as a line from this file descriptor"}

struct secret {
    char *text; /* NUL-terminated; NULL: none */
};

/* Asks for it: a line of --passphrase-fd where that was given (each call takes the next one), else at the terminal,
 * where it is not shown. FELLOE_USAGE: nobody is there to be asked, or they gave up. */
enum felloe_code secret_ask(struct cli *cli, const char *question, struct secret *out);
/* A new one: long enough, and on a terminal typed twice, until both are the same. */
enum felloe_code secret_ask_new(struct cli *cli, const char *question, struct secret *out);
/* Could secret_ask ask anybody? */
bool secret_possible(const struct cli *cli);
/* For a program that this one becomes: the descriptor from which it can read the secret, a line; -1: none to be had. */
int secret_pipe(const struct secret *secret);
void secret_release(struct secret *secret);

#endif
