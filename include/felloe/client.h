/* SPDX-License-Identifier: Apache-2.0 */
/* libfelloe: speak to the daemon of a directory. This is all that the command line uses.
 *
 * One handle is used by one thread at a time. Calls block, without a limit of time. Text is UTF-8. Times are
 * milliseconds since 1970. What is passed in is borrowed for the call; what a call hands out belongs to the handle or
 * the result it names and lives until the next call on it, or its free.
 *
 * Calls that can fail return a code and, where `error` is not NULL, say in it what happened and what to do. What the
 * daemon refused leaves the connection as it was. Where the connection is lost or closed, all further calls return
 * FELLOE_NO_DAEMON: close the handle, and connect again. */
#ifndef FELLOE_CLIENT_H
#define FELLOE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "felloe/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct felloe_client;

/* The directory that `dir` means: itself, or (NULL) FELLOE_DIR, else $XDG_DATA_HOME/felloe, else
 * ~/.local/share/felloe; NUL-terminated into `out` of `size` bytes. FELLOE_USAGE: none of them is set, or it does not
 * fit. Whether it exists is not looked at. */
enum felloe_code felloe_directory(const char *dir, char *out, size_t size, struct felloe_error *error);
/* Connects to the daemon that serves `dir` (as felloe_directory reads it). FELLOE_NO_DAEMON: none answers;
 * FELLOE_DENIED: it is another user's. `*out` is set on FELLOE_OK only; free it with felloe_close, which takes NULL. */
enum felloe_code felloe_connect(const char *dir, struct felloe_client **out, struct felloe_error *error);
void felloe_close(struct felloe_client *client);

/* ---- recording ---- */

struct felloe_field {
    const char *name, *value;    /* the same name may come several times, for a list */
};
struct felloe_draft {
    const char *type;            /* "note.added" */
    const char *person;          /* id, unique prefix or name; "@new": a new person; "@same": the previous draft's */
    const char *site, *worker;   /* NULL: the person's site, this device's worker */
    bool has_occurred;
    int64_t occurred;            /* when it happened; without has_occurred: when it is recorded */
    const struct felloe_field *fields;
    size_t field_count;
    /* of an import: where the event comes from, so that it counts once; NULL otherwise */
    const char *source, *id, *subject;
    bool anyway;                 /* record it though it makes no sense as far as is known (FELLOE_INVALID says why) */
};
struct felloe_saved {
    enum felloe_code code;       /* FELLOE_OK: the event is saved (it survives power loss) */
    bool known;                  /* it had been imported before; nothing was added */
    char id[65], person[33];     /* hex; person is empty when the event is about none */
    char warning[200];           /* saved, and yet worth a second look; empty: nothing */
    struct felloe_error error;
};

/* Records a batch in one commit. With `partly` the drafts that are invalid are left out and say why in their result;
 * without it one invalid draft keeps the whole batch out (and is the error returned). results, the caller's, has count
 * items. After FELLOE_NO_DAEMON nobody knows whether it was saved: look before repeating it. */
enum felloe_code felloe_append(struct felloe_client *client, const struct felloe_draft *drafts, size_t count,
                               bool partly, struct felloe_saved *results, struct felloe_error *error);

/* The two halves of felloe_append, so that a long import need not wait after each batch: up to four batches may be
 * under way, and are waited for in the order in which they were sent. */
enum felloe_code felloe_append_send(struct felloe_client *client, const struct felloe_draft *drafts, size_t count,
                                    bool partly, struct felloe_error *error);
enum felloe_code felloe_append_wait(struct felloe_client *client, struct felloe_saved *results, size_t count,
                                    struct felloe_error *error);

/* ---- answers ---- */

/* A value of an answer. Maps and arrays are walked with the functions below; strings and bytes are borrowed. */
enum felloe_kind { FELLOE_NIL, FELLOE_BOOL, FELLOE_INTEGER, FELLOE_TEXT, FELLOE_BYTES, FELLOE_ARRAY, FELLOE_MAP };
struct felloe_value;
enum felloe_kind felloe_value_kind(const struct felloe_value *value);
bool felloe_value_bool(const struct felloe_value *value);
int64_t felloe_value_integer(const struct felloe_value *value);      /* 0 for other kinds */
const char *felloe_value_text(const struct felloe_value *value);     /* NUL-terminated; "" for other kinds */
const uint8_t *felloe_value_bytes(const struct felloe_value *value, size_t *len);
size_t felloe_value_count(const struct felloe_value *value);         /* items, or pairs; 0 for other kinds */
const struct felloe_value *felloe_value_at(const struct felloe_value *value, size_t index);
const char *felloe_value_key(const struct felloe_value *map, size_t index); /* value: felloe_value_at */
const struct felloe_value *felloe_value_get(const struct felloe_value *map, const char *key); /* NULL when absent */

/* An answer: items that came, and the summary at its end. */
struct felloe_answer;
size_t felloe_answer_count(const struct felloe_answer *answer);
const struct felloe_value *felloe_answer_item(const struct felloe_answer *answer, size_t index);
const struct felloe_value *felloe_answer_summary(const struct felloe_answer *answer);
void felloe_answer_free(struct felloe_answer *answer);

struct felloe_argument {
    const char *name;
    enum felloe_kind kind;       /* FELLOE_TEXT, FELLOE_INTEGER, FELLOE_BOOL, or FELLOE_ARRAY (of texts) */
    const char *text;
    int64_t integer;
    const char *const *texts;    /* FELLOE_ARRAY: NULL-terminated */
};

struct felloe_progress {
    void (*report)(void *context, uint64_t done, uint64_t total, const char *what);
    void *context;
};

/* Asks any verb of the daemon and waits for the whole answer. `progress` may be NULL. `*out` is set on FELLOE_OK only,
 * and freed with felloe_answer_free; it may outlive the handle. */
enum felloe_code felloe_ask(struct felloe_client *client, const char *verb, const struct felloe_argument *arguments,
                            size_t argument_count, const struct felloe_progress *progress, struct felloe_answer **out,
                            struct felloe_error *error);
/* The same, but gives each item as it comes (the value lives for the call only); return false to stop: the
 * connection is then closed, and the call has succeeded. `summary` may be NULL; else it is set and freed as `out`
 * above. For "log" and following it, and for "backup", whose items are FELLOE_BYTES. */
typedef bool (*felloe_item)(void *context, const struct felloe_value *item);
enum felloe_code felloe_stream(struct felloe_client *client, const char *verb, const struct felloe_argument *arguments,
                               size_t argument_count, felloe_item item, void *context,
                               const struct felloe_progress *progress, struct felloe_answer **summary,
                               struct felloe_error *error);

/* Short forms of felloe_ask. A view ("caseload", "front-door", "safety", …: `felloe views` lists them) has its rows as
 * items; site NULL: all sites; person is needed by "person" and "before-you-call", and else keeps the rows about them.
 * felloe_ask("view", …) takes more, to keep some of the rows only: worker and team (texts), urgency (a code), since
 * (ms), days (how far my-day and places look ahead), limit and after (a page; the summary's total counts all).
 *
 * felloe_ask("settle", …): number (integer), or person with key, or person with what and which (texts); then choose
 * (integer, from 1), value or text; with (texts), why. Settled meanwhile: FELLOE_INVALID, and by whom. Status is a
 * summary, what `felloe status --json` shows, with times in milliseconds. */
enum felloe_code felloe_view(struct felloe_client *client, const char *name, const char *site, const char *person,
                             struct felloe_answer **out, struct felloe_error *error);
enum felloe_code felloe_status(struct felloe_client *client, struct felloe_answer **out, struct felloe_error *error);

#ifdef __cplusplus
}
#endif
#endif
