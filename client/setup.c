/* SPDX-License-Identifier: Apache-2.0 */
/* Finding felloed, beside felloe itself or in PATH, and becoming it. */
#include "client/setup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum felloe_code become_felloed(struct cli *cli, const char *const *arguments)
{
    size_t count = 0, at = 0;
    while (arguments[count])
        count++;
    char **argv = calloc(count + 5, sizeof *argv), beside[PATH_MAX + 16];
    if (!argv)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    argv[at++] = (char *)"felloed";
    argv[at++] = (char *)"--dir";
    argv[at++] = cli->dir;
    for (size_t i = 0; i < count; i++)
        argv[at++] = (char *)arguments[i];
    if (cli->json)
        argv[at++] = (char *)"--json";
    fflush(stdout);
    ssize_t len = readlink("/proc/self/exe", beside, PATH_MAX);
    char *slash = len > 0 ? memrchr(beside, '/', (size_t)len) : NULL;
    if (slash) {
        memcpy(slash, "/felloed", sizeof "/felloed");
        execv(beside, argv);
    }
    execvp("felloed", argv);
    int cause = errno;
    free(argv);
    return cli_fail(cli, FELLOE_FAILED, "felloed, the daemon, is neither beside felloe nor in PATH: %s",
                    strerror(cause));
}
