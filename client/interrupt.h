/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C (or SIGTERM) during long work: the work notices and ends tidily; pressed again, it ends at once. */
#ifndef FELLOE_CLIENT_INTERRUPT_H
#define FELLOE_CLIENT_INTERRUPT_H

#include <stdbool.h>

void interrupt_watch(void);
bool interrupted(void);

#endif
