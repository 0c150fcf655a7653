/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for whoever runs the daemon: to stderr, with the journal's priority prefix when it reads along. Never personal
 * data: ids, counts, positions, sites and devices only. */
#ifndef FELLOE_DAEMON_REPORT_H
#define FELLOE_DAEMON_REPORT_H

#include "daemon/config.h"

void report_level(enum log_level level);
void report(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text that came from outside must not be able to fake a line or drive a terminal: what could becomes spaces. */
void report_clean(char *text);

/* For what outsiders can cause as often as they like: REPORT_BURST lines in REPORT_SPAN_MS, then none until it is over;
 * the next line says how many were left out. For the loop's thread. Starts as {0}. */
#define REPORT_BURST 10u
#define REPORT_SPAN_MS 60000u
struct report_often {
    uint64_t since_ms;
    unsigned told, left_out;
};
bool report_again(struct report_often *often, uint64_t now_ms);

#endif
