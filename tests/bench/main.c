/* SPDX-License-Identifier: Apache-2.0 */
/* The measuring program's table of subcommands, and what they share. See bench.h. */
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "felloe/client.h"
#include "tests/bench/bench.h"

static const struct subcommand {
    const char *name, *arguments;
    int count;
    void (*run)(int argc, char **argv);
} subcommands[] = {
    {"commit", "DIR BYTES BATCH SECONDS", 4, bench_commit},
    {"road", "DIR EVENTS BYTES", 3, bench_road},
    {"reached", "DIR shared|received EVENTS SECONDS", 4, bench_reached},
    {"parse", "FILE", 1, bench_parse},
    {"scan", "DIR", 1, bench_scan},
    {"fold", "DIR TIMES", 2, bench_fold},
    {"costs", "IMAGE [SMALL-IMAGE]", 1, bench_costs},
    {"handshake", "FELLOED DIR TIMES", 3, bench_handshake},
    {"stages", "IMAGE DIR EVENTS", 3, bench_stages},
    {"record", "DIR CLIENTS BATCH SECONDS [BYTES]", 4, bench_record},
    {"clients", "DIR CLIENTS SECONDS [BYTES]", 3, bench_clients},
    {"fill", "DIR EVENTS BYTES", 3, bench_fill},
    {"turns", "DIR RAW-DIR one|clients|bulk SECONDS", 4, bench_turns},
    {"live", "DIR OTHER-DIR RAW-DIR TIMES", 4, bench_live},
    {"ask", "DIR RAW-DIR TIMES VIEW [PERSON]", 4, bench_ask},
    {"fanin", "TICKETS EVENTS [SECONDS]", 2, bench_fanin},
    {"bytes", "DIR", 1, bench_bytes},
    {"wakeups", "SECONDS PID...", 2, bench_wakeups},
};
#define SUBCOMMANDS (sizeof subcommands / sizeof *subcommands)

uint64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_processor(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

void bench_tell(const char *figure, double value, const char *unit)
{
    printf("%s %.6g %s\n", figure, value, unit);
    fflush(stdout);
}

static int by_time(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void bench_tell_times(const char *figure, uint64_t *times, size_t count)
{
    static const struct {
        const char *name;
        unsigned percent;
    } marks[] = {{"p50", 50}, {"p99", 99}, {"max", 100}};
    char name[96];
    if (count == 0)
        bench_die("nothing was measured for %s", figure);
    qsort(times, count, sizeof *times, by_time);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        snprintf(name, sizeof name, "%s-%s", figure, marks[i].name);
        bench_tell(name, (double)times[(count - 1) * marks[i].percent / 100] / 1e6, "ms");
    }
}

void bench_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("felloe-bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

uint64_t bench_number(const char *text)
{
    char *end;
    const unsigned long long number = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || number == 0)
        bench_die("'%s' is to be a number above 0", text);
    return number;
}

struct felloe_client *bench_connect(const char *dir)
{
    struct felloe_client *client;
    struct felloe_error error;
    if (felloe_connect(dir, &client, &error) != FELLOE_OK)
        bench_die("%s", error.message);
    return client;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        bench_die("libsodium cannot be used here");
    for (size_t i = 0; argc > 1 && i < SUBCOMMANDS; i++)
        if (strcmp(argv[1], subcommands[i].name) == 0 && argc - 2 >= subcommands[i].count) {
            subcommands[i].run(argc - 1, argv + 1);
            return 0;
        }
    for (size_t i = 0; i < SUBCOMMANDS; i++)
        fprintf(stderr, "felloe-bench %s %s\n", subcommands[i].name, subcommands[i].arguments);
    return 2;
}
