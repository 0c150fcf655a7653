/* SPDX-License-Identifier: Apache-2.0 */
/* Pages and nodes of a database file, each length checked against the page; see store_page.h. */
#include "daemon/store/store_page.h"

#include <string.h>
#include <unistd.h>

bool page_read_meta(int fd, uint64_t at, struct meta_on_disk *out)
{
    return pread(fd, out, sizeof *out, (off_t)at) == (ssize_t)sizeof *out && page_is_meta(out);
}

bool page_head_possible(const struct page_head *head, size_t page_size)
{
    return (head->flags == PAGE_BRANCH || head->flags == PAGE_LEAF) && head->lower >= sizeof *head &&
           head->lower <= head->upper && head->upper <= page_size && head->lower % 2 == 0;
}

static bool key_fits(const struct page_node *node, bool nameless, enum page_tree tree)
{
    if (nameless)
        return true;
    return node->key_len > 0 && node->key_len <= KEY_MAX && (tree != TREE_FREE || node->key_len == sizeof(uint64_t));
}

const char *page_node_read(const uint8_t *page, size_t page_size, size_t index, enum page_tree tree,
                           struct page_node *out)
{
    struct page_head head;
    uint16_t at, parts[4]; /* low and high half of a size or a page number, flags, size of the key */
    memcpy(&head, page, sizeof head);
    memcpy(&at, page + sizeof head + 2 * index, sizeof at);
    if (at < head.upper || at % 2 != 0 || at + (size_t)NODE_HEAD > page_size)
        return "has an entry outside itself";
    memcpy(parts, page + at, sizeof parts);
    const bool branch = head.flags == PAGE_BRANCH;
    *out = (struct page_node){.flags = branch ? 0 : parts[2],
                              .size = (uint64_t)parts[0] | (uint64_t)parts[1] << 16 |
                                      (branch ? (uint64_t)parts[2] << 32 : 0),
                              .key = page + at + NODE_HEAD,
                              .key_len = parts[3]};
    const size_t data = (size_t)at + NODE_HEAD + out->key_len;
    const uint64_t inside = branch ? 0 : out->flags & NODE_BIG ? sizeof(uint64_t) : out->size;
    if (data > page_size || inside > page_size - data)
        return "has an entry that is longer than itself";
    out->data = page + data;
    out->begin = at;
    out->taken = (data - at + (size_t)inside + 1) / 2 * 2;
    if (!key_fits(out, branch && index == 0, tree)) /* the key of a branch's first child is not looked at */
        return "has a key of a wrong length";
    const unsigned allowed = branch ? 0 : tree == TREE_TABLES ? NODE_TREE : NODE_BIG;
    if ((out->flags & ~allowed) != 0 || (tree == TREE_TABLES && !branch && out->flags != NODE_TREE))
        return "has an entry of an unknown kind";
    return NULL;
}

uint64_t page_count_for(uint64_t size, size_t page_size)
{
    return (sizeof(struct page_head) + size + page_size - 1) / page_size;
}
