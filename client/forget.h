/* SPDX-License-Identifier: Apache-2.0 */
/* What the client showed does not stay in memory that could reach swap or a core file: the command line forgets it. */
#ifndef FELLOE_CLIENT_FORGET_H
#define FELLOE_CLIENT_FORGET_H

/* At the start: no core files, no debugger of this user's, freed memory is overwritten, stdout's buffer is ours. */
void forget_prepare(void);
/* At the very end, when all is freed and stdout is flushed: what is left in stdout's and stdin's buffers, among the
 * arguments and on the stack is wiped. */
void forget_all(int argc, char **argv);

#endif
