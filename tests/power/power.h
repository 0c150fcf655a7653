/* SPDX-License-Identifier: Apache-2.0 */
/* Power loss: from a trace (trace.h) of what a daemon did to its disk, the disks that a power cut could have left
 * behind are built, opened by the daemon's own code, and compared with what the daemon had said until then.
 *
 *   trace.c  reads a trace            disk.c        what may be on the disk    said.c   what was said
 *   keys_work.c  something to record  disk_image.c  one image of it            image.c  judges it
 *
 * What a power cut leaves: all that was synced; of the writes since then any subset, a write torn at its sectors of 512
 * bytes; a file's new size with or without what was written there; of the new, renamed and removed names of a folder
 * those up to any one of them, unless the folder was synced. */
#ifndef FELLOE_TESTS_POWER_H
#define FELLOE_TESTS_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "tests/power/trace.h"

/* ---- the trace ---- */

struct op {
    const struct trace_head *head;
    const char *name;
    struct bytes data;
};
struct trace {
    const char *path;
    struct op *ops;
    size_t count;
    uint8_t *bytes;
};
/* Exits with a message when it cannot be read, or holds what cannot be replayed. */
void trace_load(struct trace *trace, const char *path);
void trace_release(struct trace *trace);
/* Does it change the disk, or make something durable? */
bool op_is_of_disk(const struct op *op);

/* ---- chance, from a seed ---- */

struct chance {
    uint64_t state;
};
uint64_t chance_next(struct chance *chance);
uint64_t chance_below(struct chance *chance, uint64_t bound); /* 0 for bound 0 */

/* ---- the disk ---- */

/* A product that is wrong on purpose, so that the test is seen to find it. */
enum pretence {
    PRETEND_NOTHING,
    PRETEND_NO_SYNC,      /* nothing is ever synced */
    PRETEND_NO_META_SYNC, /* O_DSYNC is forgotten */
    PRETEND_NO_KEY_SYNC,  /* the keyring is never synced */
    PRETEND_NO_VIEWS_SYNC, /* the views are said to be at rest, and are not synced */
    PRETEND_NO_FOLDER_SYNC,
    PRETEND_EARLY /* what is said is said before the sync that goes before it */
};

struct disk;
struct disk *disk_new(enum pretence pretence);
void disk_free(struct disk *disk);
/* The operation begins: from now on it may be on the disk. Then it has ended: what it makes durable is. */
void disk_begin(struct disk *disk, const struct op *op);
void disk_end(struct disk *disk, const struct op *op);

/* Which of what is pending there is, in an image. */
struct choice {
    enum { KEEP_NONE, KEEP_ALL, KEEP_MASK, KEEP_SOME, KEEP_TORN } kind;
    uint64_t mask;        /* KEEP_MASK: the nth pending operation on files, where bit n is set */
    struct chance chance; /* for all the others, and for folders */
    bool views;           /* with D/views, or without */
};
/* How many operations on files are pending. */
size_t disk_pending(const struct disk *disk);
/* Writes an image into the folder `into`, which is emptied first. */
void disk_build(const struct disk *disk, struct choice *choice, const char *into);
void folder_empty(const char *path);

/* ---- what was said ---- */

/* Everything that left the daemon and is a promise, with the operation before which it was said. */
enum said_kind {
    SAID_EVENT,   /* an own event, by its place in the own stream: "saved", or pushed */
    SAID_ENTRY,   /* an event by its position: a RECEIPT, or an answer to somebody */
    SAID_HEAD,    /* a site's log up to here has this hash: in a FEED, or in the cursors of a HELLO */
    SAID_DEVICE,  /* JOINED: the device is let in */
    SAID_TICKET,  /* an invitation was handed out */
    SAID_KEY,     /* a key is kept, */
    SAID_ERASING, /* is about to be erased, */
    SAID_ERASED,  /* and is (keys_work.c) */
    SAID_MADE,    /* the directory is a hub's or a laptop's */
    SAID_SELF     /* JOIN: these are the keys of the laptop */
};
struct said {
    size_t op;
    enum said_kind kind;
    char site[33];
    uint8_t id[32]; /* the event's, the head's hash, or a key */
    uint64_t seq;
    uint32_t epoch;
    uint64_t n;
};
struct said_list {
    struct said *items;
    size_t count, cap;
    bool hub;      /* a hub's trace, or a laptop's */
    bool sealed;   /* some keys are missing even at the end: then so they may before */
    size_t events; /* in the log, at the end of the trace */
    /* Operations between which the hub was set back to a backup (0: it was not), and its epoch since then: what had
     * been said of its log before counts until it is in that epoch. */
    size_t restored_from, restored_to;
    uint32_t epoch;
    size_t counts[SAID_SELF + 1];
};
/* `whole` is a folder with the disk as it was at the end of the trace. */
void said_collect(struct said_list *list, const struct trace *trace, const char *whole, enum pretence pretence);
void said_release(struct said_list *list);

/* How keys_work.c says it: one of these words, as long as KEY_WORDS, and the key's id. */
#define KEY_KEPT    "felloe-power: kept"
#define KEY_ERASING "felloe-power: erasing"
#define KEY_ERASED  "felloe-power: erased"
#define KEY_WORDS   24
int keys_work(const char *dir);

/* ---- one image ---- */

#define WHY_SIZE 600
struct verdict {
    char why[WHY_SIZE]; /* what is wrong; empty when all is well */
    bool views_again;   /* the views are damaged: the daemon would make them again from the log, which is allowed */
};
/* Opens it by the daemon's code and compares. `cut`: operations before it have ended. */
bool image_judge(const char *folder, const struct said_list *said, size_t cut, struct chance *chance,
                 struct verdict *verdict);
/* The daemon's directory in an image: the first folder in it. False: there is none. */
bool image_directory(const char *folder, char *out, size_t size);

#endif
