/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file that is written without waiting for the disk can be believed. Such a file is whole as long as the
 * system runs that wrote it, whatever becomes of the process; when that goes down, the disk may have any part of it.
 *
 * So a small file beside it says since which start of the system it is in use, from before the first such write until
 * all of it was synced. It names itself, too: in a copy of the directory it is another file, and says nothing good.
 *
 *   D/views/in-use    "at rest", or "in use since boot ID, by file DEVICE.INODE.BIRTH" (in ns; 0: not known), or words
 *                     that say why it is not whole
 *
 * What it cannot tell: a disk that was pulled out while in use, and put back, while the system ran on. */
#ifndef FELLOE_DAEMON_STORE_MARK_H
#define FELLOE_DAEMON_STORE_MARK_H

#include <stdbool.h>

#include "felloe/error.h"

#define MARK_NAME "in-use"

enum store_mark {
    MARK_REST, /* all was synced; also where there is no mark yet */
    MARK_HERE, /* in use, by this start of the system: what was written is there */
    MARK_LOST  /* in use, by another one, or it cannot be told: made of this and that */
};
enum store_mark store_mark_read(const char *dir);

/* What the owner of such a file keeps of it. Starts as {0}, which is of a file whose commits are synced. */
struct store_marking {
    const char *dir;
    bool can; /* the system says which start of it this is: what is written need not be synced */
    bool set; /* the file is in use */
    bool lost; /* it is not whole, and never will be */
};
/* Before the file is opened. One that is missing or empty begins in use. FELLOE_DAMAGED: it is not to be believed. */
enum felloe_code store_marking_open(struct store_marking *marking, const char *dir, const char *what,
                                    struct felloe_error *error);
/* Before anything is written: the mark is on the disk when it returns 0, else an errno. */
int store_marking_set(struct store_marking *marking);
/* Once all was synced, with the names in the folder. Where it cannot be written either mark is right, and the next
 * store_marking_set writes it again. */
void store_marking_clear(struct store_marking *marking);
/* A sync failed: the system forgets what it could not write, shows it still, and the next sync succeeds. So nobody is
 * to believe the file any more, also who opens it after this process. */
void store_marking_spoil(struct store_marking *marking);

#endif
