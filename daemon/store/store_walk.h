/* SPDX-License-Identifier: Apache-2.0 */
/* Every page of a database file looked at before it is mapped. LMDB has no checksums and believes its pages: one bit
 * turned over in a page's head makes it read outside the file (SIGBUS, SIGSEGV), stop the process, or give a page that
 * is in use out again. Knows LMDB 0.9's pages, and reads them with bounds. */
#ifndef FELLOE_DAEMON_STORE_WALK_H
#define FELLOE_DAEMON_STORE_WALK_H

#include "daemon/store/store_page.h"

/* The file, as its newest meta page says it is. */
struct store_walk {
    int fd;
    size_t page;                   /* its size */
    uint64_t there, wanted;        /* pages in the file; pages it should have */
    struct tree_on_disk free, all; /* the list of free pages; the table of tables */
    const char *what;              /* out: what is wrong */
    uint64_t where;                /* out: on which page */
};

/* False: a page is damaged, is used twice, or is missing though it is in use (see `what`; NULL: memory ran out). A
 * transaction that takes pages and gives them back before its commit never writes them: where they were the last ones,
 * the file is shorter than its meta page says, and whole all the same. */
bool store_walk(struct store_walk *walk);

#endif
