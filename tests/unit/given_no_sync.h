/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody cuts the power here, and what a disk takes its time for is of no matter: nothing is synced. */
#ifndef FELLOE_TESTS_GIVEN_NO_SYNC_H
#define FELLOE_TESTS_GIVEN_NO_SYNC_H

#include <unistd.h>

int fsync(int fd)
{
    (void)fd;
    return 0;
}
int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

#endif
