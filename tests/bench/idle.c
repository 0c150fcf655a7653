/* SPDX-License-Identifier: Apache-2.0 */
/* How often daemons that do nothing are woken, as the kernel counts it. */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"

#define NAME "voluntary_ctxt_switches:"

static uint64_t switches_of(const char *pid, const char *thread)
{
    char path[320], line[128];
    uint64_t count = 0;
    snprintf(path, sizeof path, "/proc/%s/task/%s/status", pid, thread);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, NAME, sizeof NAME - 1) == 0)
            count = strtoull(line + sizeof NAME - 1, NULL, 10);
    if (file != NULL)
        fclose(file);
    return count;
}

static uint64_t switches(const char *pid)
{
    char path[64];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *threads = opendir(path);
    if (threads == NULL)
        bench_die("there is no process %s", pid);
    for (const struct dirent *entry; (entry = readdir(threads)) != NULL;)
        if (entry->d_name[0] != '.')
            sum += switches_of(pid, entry->d_name);
    closedir(threads);
    return sum;
}

/* Whoever waits and goes on was woken: the kernel counts these for each thread. */
void bench_wakeups(int argc, char **argv)
{
    const uint64_t seconds = bench_number(argv[1]);
    uint64_t *before = calloc((size_t)argc, sizeof *before);
    char figure[64];
    if (before == NULL)
        bench_die("out of memory");
    for (int i = 2; i < argc; i++)
        before[i] = switches(argv[i]);
    (void)!poll(NULL, 0, (int)seconds * 1000); /* this is what is measured */
    for (int i = 2; i < argc; i++) {
        snprintf(figure, sizeof figure, "wakeups-%d", i - 1);
        bench_tell(figure, (double)(switches(argv[i]) - before[i]) / (double)seconds, "/s");
    }
    free(before);
}
