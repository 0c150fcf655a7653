/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file or a pipe, with a bound on their length: memory stays flat whatever is in there. */
#ifndef FELLOE_CLIENT_LINES_H
#define FELLOE_CLIENT_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* An event of 64 KiB, each byte escaped as \u00xx, and what stands around it. */
#define LINE_LENGTH_MAX (512u * 1024)

struct lines {
    FILE *file;
    char *text;          /* the line, without its end (LF or CRLF); NUL-terminated */
    size_t len, cap;
    char *chunk;         /* what was read and is not a line yet: from `at` to `end` */
    size_t at, end;
    uint64_t number;     /* of the line, from 1 */
    uint64_t offset;     /* bytes read so far */
    bool too_long;       /* over LINE_LENGTH_MAX: only its beginning is in text */
    bool failed;         /* reading failed, or memory ran out */
};
void lines_init(struct lines *lines, FILE *file);
/* False at the end, and after a failure. A last line without a newline counts. */
bool lines_next(struct lines *lines);
/* Nothing but white space. */
bool lines_blank(const struct lines *lines);
void lines_release(struct lines *lines);

#endif
