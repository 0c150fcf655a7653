/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program under test (built by tests/lib/e2e.sh): its wall clock is ahead by FELLOE_LATER seconds. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int (*real)(clockid_t, struct timespec *);
    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, out);
    const char *later = getenv("FELLOE_LATER");
    if (result == 0 && clock == CLOCK_REALTIME && later)
        out->tv_sec += strtol(later, NULL, 10);
    return result;
}
