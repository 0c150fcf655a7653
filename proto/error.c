/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as people meet them. */
#include "felloe/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Shortens a text that was cut in the middle of a UTF-8 character to its last whole character. */
static void cut_at_character(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char first = (unsigned char)text[start - 1];
    size_t want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (len - (start - 1) < want)
        text[start - 1] = '\0';
}

enum felloe_code felloe_fail(struct felloe_error *error, enum felloe_code code, const char *format, ...)
{
    if (!error)
        return code;
    /* By way of a copy: an error's own message may be among the arguments. */
    char message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (len < 0)
        message[0] = '\0';
    else if ((size_t)len >= sizeof message)
        cut_at_character(message, sizeof message - 1);
    error->code = code;
    memcpy(error->message, message, sizeof message);
    return code;
}

const char *felloe_code_name(enum felloe_code code)
{
    switch (code) {
    case FELLOE_OK: return "ok";
    case FELLOE_FAILED: return "failed";
    case FELLOE_USAGE: return "usage";
    case FELLOE_INVALID: return "invalid";
    case FELLOE_NOT_FOUND: return "not-found";
    case FELLOE_AMBIGUOUS: return "ambiguous";
    case FELLOE_NO_DAEMON: return "no-daemon";
    case FELLOE_IN_USE: return "in-use";
    case FELLOE_DENIED: return "denied";
    case FELLOE_REFUSED: return "refused";
    case FELLOE_UNREACHABLE: return "unreachable";
    case FELLOE_STORAGE: return "storage";
    case FELLOE_DAMAGED: return "damaged";
    case FELLOE_PARTLY: return "partly";
    case FELLOE_INTERRUPTED: return "interrupted";
    }
    return "failed";
}
