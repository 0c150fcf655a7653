/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C during long work. */
#include "client/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t noticed;

static void notice(int number)
{
    (void)number;
    noticed = 1;
}

void interrupt_watch(void)
{
    struct sigaction action = {.sa_handler = notice, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return noticed != 0;
}
