/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon did to its disk, and what it said to others meanwhile, in the order in which it did: written by
 * tests/preload/record_io.c, read by tests/power/. Records stand one after the other:
 *
 *   struct trace_head, name (name_size bytes, with its NUL), data (the rest of size)
 *
 * Names are paths below the folder that is recorded; that folder's own is empty. A file is named once, when it is
 * opened; after that the record's number means it, until the next TRACE_BEGIN. */
#ifndef FELLOE_TESTS_POWER_TRACE_H
#define FELLOE_TESTS_POWER_TRACE_H

#include <stdint.h>

enum trace_kind {
    TRACE_BEGIN = 1, /* a process; data: its arguments, each with its NUL */
    TRACE_END,       /* it ended of itself; offset: its exit code */
    TRACE_OPEN,      /* name, file */
    TRACE_WRITE,     /* file, offset, data */
    TRACE_SIZE,      /* file, offset: its new size */
    TRACE_ROOM,      /* file, offset: it reaches at least this far (blocks taken ahead) */
    TRACE_SYNC,      /* file: all that was done to it is on the disk */
    TRACE_FAILED,    /* file: a sync failed. What was written since the last one may be lost even if a later one works:
                        the system takes those pages for written */
    TRACE_MKDIR,     /* name */
    TRACE_REMOVE,    /* name: a file or an empty folder */
    TRACE_RENAME,    /* name; data: the new name, with its NUL */
    TRACE_EXCHANGE,  /* name; data: another name, with its NUL: each is now what the other was */
    TRACE_LINK,      /* name; data: the second name, with its NUL */
    TRACE_LOCAL,     /* data: what goes out on a local socket, before it goes */
    TRACE_NET,       /* data: a frame that goes out on the network, before it goes */
    TRACE_UNSEEN     /* name: written through a map, which cannot be recorded */
};

#define TRACE_CREATED 1 /* TRACE_OPEN: it was not there before */
#define TRACE_EMPTIED 2 /* TRACE_OPEN: with O_TRUNC */
#define TRACE_FOLDER  4 /* TRACE_OPEN: of a folder */
#define TRACE_DURABLE 8 /* TRACE_WRITE: on the disk when it returned (O_DSYNC) */
#define TRACE_DOUBTFUL 16 /* TRACE_WRITE: the same, and it failed: as after a sync that failed */

struct trace_head {
    uint32_t size; /* of the whole record */
    uint16_t kind, flags;
    uint32_t file, name_size;
    uint64_t offset;
};

#endif
