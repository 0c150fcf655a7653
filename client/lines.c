/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file or a pipe, with a bound on their length. */
#include "client/lines.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (64u * 1024)

void lines_init(struct lines *lines, FILE *file)
{
    *lines = (struct lines){.file = file};
}

void lines_release(struct lines *lines)
{
    free(lines->text);
    free(lines->chunk);
    lines->text = lines->chunk = NULL;
}

static bool add(struct lines *lines, const char *more, size_t len)
{
    if (len > lines->cap - lines->len) {
        size_t cap = lines->cap ? lines->cap : 4096;
        while (cap - lines->len < len)
            cap *= 2;
        char *text = realloc(lines->text, cap);
        if (!text)
            return false;
        lines->text = text;
        lines->cap = cap;
    }
    memcpy(lines->text + lines->len, more, len);
    lines->len += len;
    return true;
}

/* What is there now: whoever types lines need not fill a buffer first. False at the end, and when it fails. */
static bool fill(struct lines *lines)
{
    if (!lines->chunk)
        lines->chunk = malloc(CHUNK);
    ssize_t got = lines->chunk ? read(fileno(lines->file), lines->chunk, CHUNK) : -1;
    lines->failed |= got < 0;
    lines->at = 0;
    lines->end = got > 0 ? (size_t)got : 0;
    return got > 0;
}

bool lines_next(struct lines *lines)
{
    bool any = false, ended = false;
    lines->len = 0;
    lines->too_long = false;
    while (!lines->failed && !ended && (lines->at < lines->end || fill(lines))) {
        const char *from = lines->chunk + lines->at, *newline = memchr(from, '\n', lines->end - lines->at);
        const size_t there = newline ? (size_t)(newline - from) : lines->end - lines->at;
        const size_t room = LINE_LENGTH_MAX - lines->len;
        any = true;
        ended = newline != NULL;
        lines->at += there + ended;
        lines->offset += there + ended;
        lines->too_long |= there > room;
        lines->failed = !add(lines, from, there < room ? there : room);
    }
    lines->failed = lines->failed || !add(lines, "", 1);
    if (lines->failed || !any)
        return false;
    lines->len--; /* the NUL */
    lines->number++;
    if (!lines->too_long && lines->len > 0 && lines->text[lines->len - 1] == '\r')
        lines->text[--lines->len] = '\0';
    if (lines->number == 1 && lines->len >= 3 && memcmp(lines->text, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        memmove(lines->text, lines->text + 3, lines->len - 2);
        lines->len -= 3;
    }
    return true;
}

bool lines_blank(const struct lines *lines)
{
    return !lines->too_long && strspn(lines->text, " \t") == lines->len;
}
