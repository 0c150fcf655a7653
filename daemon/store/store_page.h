/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of LMDB 0.9's files, read with bounds and without mapping: for those who look at a file before it is
 * mapped (store_check.c, store_walk.c), and for those who read one that cannot be mapped any more (store_salvage.c). */
#ifndef FELLOE_DAEMON_STORE_PAGE_H
#define FELLOE_DAEMON_STORE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NO_PAGE    UINT64_MAX
#define META_PAGES 2
#define DEPTH_MAX  32 /* LMDB's */
#define KEY_MAX    511

/* A tree as a meta page or a row of the table of tables describes it. */
struct tree_on_disk {
    uint32_t pad; /* of the first: the page size */
    uint16_t flags, depth;
    uint64_t branch, leaf, overflow, entries, root;
};

struct page_head {
    uint64_t number;
    uint16_t pad, flags, lower, upper; /* of pages for large data, lower and upper are one number: how many pages */
};
#define PAGE_BRANCH   0x01
#define PAGE_LEAF     0x02
#define PAGE_OVERFLOW 0x04
#define PAGE_META     0x08

/* LMDB 0.9's first bytes of each of the two meta pages, in host order. After a page's head: */
struct meta_on_disk {
    struct page_head head;
    uint32_t magic, version;
    uint64_t address, map_size;
    struct tree_on_disk dbs[2]; /* the list of free pages; the table of tables */
    uint64_t last_page, txn;
};
#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1u
_Static_assert(sizeof(void *) == 8, "the layout of the meta page is checked for 64-bit systems only");
_Static_assert(sizeof(struct meta_on_disk) == 152 && sizeof(struct page_head) == 16, "LMDB's layout");

static inline bool page_is_meta(const struct meta_on_disk *meta)
{
    return meta->magic == META_MAGIC && meta->version == META_VERSION;
}
/* False: it cannot be read, or is no meta page. */
bool page_read_meta(int fd, uint64_t at, struct meta_on_disk *out);

#define NODE_HEAD    8
#define NODE_BIG     0x01 /* the data stand on pages of their own */
#define NODE_TREE    0x02 /* the data are a tree: a table */
#define TREE_INTEGER 0x08 /* keys are numbers in the machine's order: the list of free pages */

enum page_tree { TREE_FREE, TREE_TABLES, TREE_ROWS };

struct page_node {
    uint16_t flags;
    uint64_t size; /* of the data; in a branch the number of the page below */
    const uint8_t *key, *data;
    size_t key_len;
    size_t begin, taken; /* where in the page it begins, and how many bytes of it are its */
};

/* How many nodes a page says it has; its head must have been found possible (page_head_possible). */
static inline size_t page_node_count(const struct page_head *head)
{
    return (head->lower - sizeof *head) / 2;
}
/* Is this the head of a branch or a leaf, as far as it alone can tell? */
bool page_head_possible(const struct page_head *head, size_t page_size);
/* One node of a branch or a leaf; pointers go into the page. NULL when it is well-formed, else what is wrong with it.
 */
const char *page_node_read(const uint8_t *page, size_t page_size, size_t index, enum page_tree tree,
                           struct page_node *out);
/* How many pages data of this size take. */
uint64_t page_count_for(uint64_t size, size_t page_size);

#endif
