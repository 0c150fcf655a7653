/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar for long work, on a terminal only. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/output.h"

#define BAR_WIDTH 30
#define REDRAW_MS 100

void progress_init(struct progress *progress, const char *what, bool json)
{
    const char *term = getenv("TERM");
    *progress = (struct progress){.what = what};
    progress->shown = !json && isatty(STDERR_FILENO) == 1 && !(term && strcmp(term, "dumb") == 0);
}

static int64_t steady_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *what)
{
    int64_t now = progress->shown ? steady_ms() : 0;
    if (!progress->shown || (progress->started && done < total && now - progress->drawn_ms < REDRAW_MS))
        return;
    progress->started = true;
    progress->drawn_ms = now;
    if (!what || !*what)
        what = progress->what;
    fprintf(stderr, "\r%-10s ", what);
    if (total > 0) {
        uint64_t part = done >= total ? BAR_WIDTH : done * BAR_WIDTH / total;
        for (uint64_t i = 0; i < BAR_WIDTH; i++)
            fputs(i < part ? "█" : "░", stderr);
        fprintf(stderr, " %3" PRIu64 " %%", done >= total ? 100 : done * 100 / total);
    } else {
        fprintf(stderr, "%" PRIu64, done);
    }
    fputs("\033[K", stderr);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->started)
        fputs("\r\033[K", stderr);
    progress->started = false;
}

static void report(void *context, uint64_t done, uint64_t total, const char *what)
{
    progress_show(context, done, total, what);
}

struct felloe_progress progress_reports(struct progress *progress)
{
    return (struct felloe_progress){report, progress};
}
