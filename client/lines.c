/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file or a pipe, with a bound on their length. */
#include "client/lines.h"

#include <stdlib.h>
#include <string.h>

void lines_init(struct lines *lines, FILE *file)
{
    *lines = (struct lines){.file = file};
}

void lines_release(struct lines *lines)
{
    free(lines->text);
    lines->text = NULL;
}

static bool add(struct lines *lines, char c)
{
    if (lines->len + 1 >= lines->cap) {
        size_t cap = lines->cap ? lines->cap * 2 : 4096;
        char *text = realloc(lines->text, cap);
        if (!text)
            return false;
        lines->text = text;
        lines->cap = cap;
    }
    lines->text[lines->len++] = c;
    return true;
}

bool lines_next(struct lines *lines)
{
    int c = EOF;
    bool any = false;
    lines->len = 0;
    lines->too_long = false;
    while (!lines->failed && (c = getc_unlocked(lines->file)) != EOF) {
        any = true;
        lines->offset++;
        if (c == '\n')
            break;
        if (lines->len >= LINE_LENGTH_MAX)
            lines->too_long = true;
        else if (!add(lines, (char)c))
            lines->failed = true;
    }
    lines->failed |= ferror(lines->file) != 0 || !add(lines, '\0');
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
