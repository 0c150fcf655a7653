/* SPDX-License-Identifier: Apache-2.0 */
/* One line an incident, in one write, so that lines of several threads do not mix. */
#include "daemon/report.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Control characters (C0, DEL, C1), and what turns the direction of the text around it. */
static size_t driving(const unsigned char *at)
{
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
        return 2;
    bool turns = at[0] == 0xe2 && ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
                                   (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
    return turns ? 3 : 0;
}

void report_clean(char *text)
{
    while (*text) {
        size_t len = driving((const unsigned char *)text);
        if (len > 0)
            memset(text, ' ', len);
        text += len ? len : 1;
    }
}

bool report_again(struct report_often *often, uint64_t now_ms)
{
    if (often->told == 0 || now_ms - often->since_ms >= REPORT_SPAN_MS) {
        unsigned left_out = often->left_out;
        *often = (struct report_often){.since_ms = now_ms};
        if (left_out > 0)
            report(LEVEL_INFO, "%u more lines like the next were left out", left_out);
    }
    if (often->told < REPORT_BURST) {
        often->told++;
        return true;
    }
    often->left_out++;
    return false;
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
    report_clean(line + prefix);
    line[used] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used + 1);
    (void)written; /* nowhere to complain to */
}
