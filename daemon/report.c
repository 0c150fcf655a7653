/* SPDX-License-Identifier: Apache-2.0 */
/* One line an incident, in one write, so that lines of several threads do not mix. */
#include "daemon/report.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static _Atomic int limit = LEVEL_INFO;

void report_level(enum log_level level)
{
    atomic_store(&limit, (int)level);
}

/* The journal wants the syslog priority; people at a terminal want the time. */
static int write_prefix(char *line, size_t size, enum log_level level)
{
    static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};
    static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
    if (getenv("JOURNAL_STREAM") != NULL)
        return snprintf(line, size, "%s", priorities[level]);
    char when[32] = "";
    time_t now = time(NULL);
    struct tm parts;
    if (localtime_r(&now, &parts) != NULL)
        strftime(when, sizeof when, "%H:%M:%S", &parts);
    return snprintf(line, size, "%s felloed: %s", when, words[level]);
}

void report(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load(&limit))
        return;
    char line[1024];
    int prefix = write_prefix(line, sizeof line, level);
    size_t used = prefix > 0 ? (size_t)prefix : 0;
    va_list arguments;
    va_start(arguments, format);
    int text = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    if (text < 0)
        return;
    used += (size_t)text;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    /* What comes from outside must not be able to fake a line or drive a terminal. */
    for (size_t i = (size_t)prefix; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[used] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used + 1);
    (void)written; /* nowhere to complain to */
}
