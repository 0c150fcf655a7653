/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as people meet them. */
#include "felloe/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/mp.h"

/* Bytes of the UTF-8 character that this one begins; 0 when it begins none. */
static size_t character_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    return first >= 0xf5 || first < 0xc2 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

/* What people gave may be cut in the middle of a character, or be no UTF-8 at all, and the message has to be: it is
 * sent on and becomes JSON. The beginning of a character goes; another byte becomes a question mark. */
static void mend_characters(char *text)
{
    char *to = text;
    for (const char *at = text; *at;) {
        size_t want = character_length((unsigned char)*at), have = 1;
        while (have < want && ((unsigned char)at[have] & 0xc0) == 0x80)
            have++;
        if (have == want && utf8_valid(bytes_of(at, want)))
            to = (char *)memmove(to, at, want) + want;
        else if (have >= want)
            *to++ = '?';
        at += have;
    }
    *to = '\0';
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
    mend_characters(message);
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
    case FELLOE_LOCKED: return "locked";
    case FELLOE_INTERRUPTED: return "interrupted";
    }
    return "failed";
}
