/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as people meet them: a code that is also the exit code of the command line, and a
 * sentence that says what happened, to what, and what to do now. */
#ifndef FELLOE_ERROR_H
#define FELLOE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Stable: scripts rely on these numbers. The README lists them. */
enum felloe_code {
    FELLOE_OK = 0,
    FELLOE_FAILED = 1,      /* something went wrong that has no code of its own */
    FELLOE_USAGE = 2,       /* unknown verb or option, or an argument is missing or one too many */
    FELLOE_INVALID = 3,     /* unknown type, field or code; a value out of range; an event too large; no backup */
    FELLOE_NOT_FOUND = 4,   /* no such person, event, site, device, file */
    FELLOE_AMBIGUOUS = 5,   /* a name or a prefix that fits several */
    FELLOE_NO_DAEMON = 6,   /* no daemon runs on this directory, or it went away */
    FELLOE_IN_USE = 7,      /* directory already served, port taken, already joined; a file that is there already */
    FELLOE_DENIED = 8,      /* not permitted: file modes, a site one is not let into, a verb of the hub */
    FELLOE_REFUSED = 9,     /* the hub said no: ticket used or expired, device revoked, unknown key */
    FELLOE_UNREACHABLE = 10,/* the hub did not answer */
    FELLOE_STORAGE = 11,    /* disk full or failing; what was said to be saved is safe */
    FELLOE_DAMAGED = 12,    /* stored data does not verify; a backup was cut short or changed */
    FELLOE_PARTLY = 13,     /* some of it was done, the rest is listed */
    FELLOE_LOCKED = 14,     /* locked: unlock first; or too long without the hub to show the record */
    FELLOE_INTERRUPTED = 130/* stopped by the person at the keyboard */
};

/* Room for one plain sentence or two; longer texts are cut at a whole character. */
struct felloe_error {
    enum felloe_code code;
    char message[500];
};

/* Sets code and message (printf style); returns code, so that callers can return its result.
 * `error` may be NULL: then only the code is returned. */
enum felloe_code felloe_fail(struct felloe_error *error, enum felloe_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The code's short stable name ("not-found"), a static string. */
const char *felloe_code_name(enum felloe_code code);

#ifdef __cplusplus
}
#endif
#endif
