/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program under test: what its memory holds, as a core file would, goes into the file FELLOE_IMAGE,
 * when it gets SIGUSR2, and with FELLOE_IMAGE_AT_EXIT when it ends. Needs no privilege, which a debugger might. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096ul

static char path[4096], unfinished[4096 + 8];
static char maps[1 << 20];

static unsigned long hex(char **at)
{
    unsigned long value = 0;
    for (;; ++*at) {
        char c = **at;
        if (c >= '0' && c <= '9')
            value = value * 16 + (unsigned long)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (unsigned long)(c - 'a' + 10);
        else
            return value;
    }
}

static bool is_empty(const char *page)
{
    for (unsigned long i = 0; i < PAGE; i++)
        if (page[i] != 0)
            return false;
    return true;
}

static void write_all(int fd, const char *data, unsigned long size)
{
    while (size > 0) {
        ssize_t done = write(fd, data, size);
        if (done <= 0)
            return;
        data += done;
        size -= (unsigned long)done;
    }
}

/* Neither what is mapped from files (they are looked through as files), nor what this writes. */
static bool is_wanted(const char *mode, const char *line)
{
    bool file = strchr(line, '/') != NULL;
    return mode[0] == 'r' && mode[3] == 'p' && (mode[1] == 'w' || !file) && strstr(line, "[v") == NULL;
}

static void write_region(int fd, unsigned long begin, unsigned long end)
{
    for (unsigned long at = begin; at < end; at += PAGE) {
        const char *page = (const char *)at; // NOLINT: an address out of /proc/self/maps
        if (page + PAGE > maps && page < maps + sizeof maps)
            continue;
        if (!is_empty(page))
            write_all(fd, page, PAGE);
    }
}

static void take_image(void)
{
    int from = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), to = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    size_t len = 0;
    for (ssize_t got; from >= 0 && len < sizeof maps - 1 && (got = read(from, maps + len, sizeof maps - 1 - len)) > 0;)
        len += (size_t)got;
    maps[len] = '\0';
    for (char *line = maps, *next; to >= 0 && *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        if (next[-1] == '\n')
            next[-1] = '\0';
        char *at = line;
        unsigned long begin = hex(&at);
        at++;
        unsigned long end = hex(&at);
        if (is_wanted(at + 1, line))
            write_region(to, begin, end);
    }
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    rename(unfinished, path);
}

static void on_signal(int number)
{
    (void)number;
    take_image();
}

__attribute__((constructor)) static void prepare(void)
{
    const char *name = getenv("FELLOE_IMAGE");
    if (!name)
        return;
    snprintf(path, sizeof path, "%s", name);
    snprintf(unfinished, sizeof unfinished, "%s.part", path);
    signal(SIGUSR2, on_signal);
}

__attribute__((destructor)) static void end(void)
{
    if (getenv("FELLOE_IMAGE_AT_EXIT"))
        take_image();
}
