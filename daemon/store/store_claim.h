/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of an environment, before LMDB sees it: opened once only in a process, its table of readers given its
 * room. */
#ifndef FELLOE_DAEMON_STORE_CLAIM_H
#define FELLOE_DAEMON_STORE_CLAIM_H

#include <stdbool.h>
#include <sys/types.h>

/* Opening an environment twice in one process drops the protection of live readers, so this process keeps a list. */
struct store_claim {
    dev_t device;
    ino_t inode;
    struct store_claim *next;
};
/* False: it is taken. `claim` stays where it is until store_unclaim, which is fine with one that was never taken. */
bool store_claim(struct store_claim *claim, dev_t device, ino_t inode);
void store_unclaim(struct store_claim *claim);

/* The table of readers is written through a map: on a full disk its first touch would kill the process, so its blocks
 * are taken beforehand. No environment of this directory may be open in this process: closing the file loses its locks.
 * Returns 0 or an errno. */
int store_allocate_readers(const char *dir);

/* After a write that failed the system shows what was written, takes it for written, and the disk may have something
 * older: what is said to be there could be gone after a power cut. So the two meta pages, which say what the newest
 * commit is, are written once more as they are seen, and synced, before anybody builds on them. (What a commit consists
 * of was synced before its meta page was written.) Returns 0 or an errno. */
int store_settle(const char *data_file);

/* What a file holds, overwritten as well as a file system lets one: for what was deleted with good reason. */
void store_overwrite(int fd);

#endif
