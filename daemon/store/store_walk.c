/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the trees of a database file page by page; see store_walk.h. */
#include "daemon/store/store_walk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum use { USE_NONE, USE_TREE, USE_FREE };

struct walking {
    struct store_walk *w;
    uint8_t *uses; /* two bits a page */
    /* the tree at hand */
    enum page_tree kind;
    unsigned depth;
    uint64_t entries;
    uint8_t last[KEY_MAX]; /* the last key that was passed */
    size_t last_len;
    bool has_last, may_equal;
};

static bool bad(struct walking *k, uint64_t page, const char *what)
{
    k->w->what = what;
    k->w->where = page;
    return false;
}

/* Each page has one use. */
static bool take(struct walking *k, uint64_t page, enum use use)
{
    if (page < META_PAGES || page >= k->w->wanted || (use == USE_TREE && page >= k->w->there))
        return bad(k, page, "is named and is not in the file");
    uint8_t *at = &k->uses[page / 4];
    unsigned shift = page % 4 * 2;
    if ((*at >> shift & 3) != USE_NONE)
        return bad(k, page, "is used twice");
    *at |= (uint8_t)(use << shift);
    return true;
}

static bool read_at(struct walking *k, uint64_t page, void *out, size_t size)
{
    off_t at = (off_t)(page * k->w->page);
    return pread(k->w->fd, out, size, at) == (ssize_t)size || bad(k, page, "cannot be read");
}

/* ---- nodes ---- */

static bool follows(const struct walking *k, const uint8_t *key, size_t len)
{
    if (!k->has_last)
        return true;
    if (k->kind == TREE_FREE) {
        uint64_t a, b;
        memcpy(&a, k->last, sizeof a);
        memcpy(&b, key, sizeof b);
        return a < b || (a == b && k->may_equal);
    }
    int order = memcmp(k->last, key, len < k->last_len ? len : k->last_len);
    return order < 0 || (order == 0 && (k->last_len < len || (k->last_len == len && k->may_equal)));
}

static void note_key(struct walking *k, const struct page_node *node)
{
    memcpy(k->last, node->key, node->key_len);
    k->last_len = node->key_len;
    k->has_last = true;
    k->may_equal = false;
}

/* ---- what a leaf holds ---- */

static bool take_big(struct walking *k, uint64_t number, const struct page_node *node, uint64_t *first)
{
    struct page_head head;
    memcpy(first, node->data, sizeof *first);
    if (!take(k, *first, USE_TREE) || !read_at(k, *first, &head, sizeof head))
        return false;
    const uint64_t pages = (uint64_t)head.lower | (uint64_t)head.upper << 16;
    const uint64_t needed = page_count_for(node->size, k->w->page);
    if (head.number != *first || head.flags != PAGE_OVERFLOW || pages < needed || pages > k->w->there - *first)
        return bad(k, number, "has data on other pages, and those are damaged");
    for (uint64_t i = 1; i < pages; i++)
        if (!take(k, *first + i, USE_TREE))
            return false;
    return true;
}

static bool take_free(struct walking *k, uint64_t number, const uint8_t *ids, uint64_t size)
{
    uint64_t count, id;
    if (size < sizeof count)
        return bad(k, number, "has a list of free pages that is too short");
    memcpy(&count, ids, sizeof count);
    if (count > size / sizeof id - 1)
        return bad(k, number, "has a list of free pages that is too short");
    for (uint64_t i = 1; i <= count; i++) {
        memcpy(&id, ids + i * sizeof id, sizeof id);
        if (!take(k, id, USE_FREE))
            return false;
    }
    return true;
}

static bool take_free_list(struct walking *k, uint64_t number, const struct page_node *node)
{
    uint64_t first, commit;
    memcpy(&commit, node->key, sizeof commit);
    if (commit == 0) /* LMDB would take them for ones that it has not read yet, and give each out twice */
        return bad(k, number, "has a list of free pages that is no commit's");
    if (!(node->flags & NODE_BIG))
        return take_free(k, number, node->data, node->size);
    if (!take_big(k, number, node, &first))
        return false;
    uint8_t *ids = malloc(node->size);
    bool ok = ids != NULL && (pread(k->w->fd, ids, node->size,
                                    (off_t)(first * k->w->page + sizeof(struct page_head))) == (ssize_t)node->size
                                  ? take_free(k, number, ids, node->size)
                                  : bad(k, first, "cannot be read"));
    free(ids);
    return ok;
}

static bool walk_tree(struct walking *k, uint64_t number, const struct tree_on_disk *tree, enum page_tree kind);

static bool walk_table(struct walking *k, uint64_t number, const struct page_node *node)
{
    struct tree_on_disk tree;
    if (node->size != sizeof tree)
        return bad(k, number, "has a table of a wrong size");
    memcpy(&tree, node->data, sizeof tree);
    struct walking below = {.w = k->w, .uses = k->uses};
    return walk_tree(&below, number, &tree, TREE_ROWS);
}

static bool walk_entry(struct walking *k, uint64_t number, const struct page_node *node)
{
    uint64_t first;
    if (!follows(k, node->key, node->key_len))
        return bad(k, number, "has its entries out of order");
    note_key(k, node);
    k->entries++;
    switch (k->kind) {
    case TREE_FREE:
        return take_free_list(k, number, node);
    case TREE_TABLES:
        return walk_table(k, number, node);
    default:
        return !(node->flags & NODE_BIG) || take_big(k, number, node, &first);
    }
}

/* ---- pages ---- */

static bool walk_page(struct walking *k, uint64_t number, unsigned depth);

/* A branch's key is above all on its left, and not above what is on its right. */
static bool walk_child(struct walking *k, uint64_t number, const struct page_node *node, size_t index, unsigned depth)
{
    if (index > 0) {
        if (!follows(k, node->key, node->key_len))
            return bad(k, number, "has its entries out of order");
        note_key(k, node);
        k->may_equal = true;
    }
    return walk_page(k, node->size, depth + 1);
}

/* Edges: a bit for each even place of a page, and for its end, where nodes begin and end; turned over by each. */
static size_t edge_words(size_t page_size)
{
    return page_size / 128 + 1;
}

static void turn_edge(uint64_t *edges, size_t at)
{
    edges[at / 128] ^= UINT64_C(1) << at / 2 % 64;
}

/* LMDB leaves no room between nodes, and moves the others by what one says that it takes when it is taken out: one that
 * says something else is well-formed, and were it believed, memory would be written over. Where no edges are left but
 * the first and the last, each byte between them is in an odd number of nodes; and so in one, if all together take no
 * more than that. */
static bool are_adjacent(uint64_t *edges, const struct page_head *head, size_t size, size_t taken)
{
    uint64_t left = 0;
    turn_edge(edges, head->upper);
    turn_edge(edges, size);
    for (size_t i = 0; i < edge_words(size); i++)
        left |= edges[i];
    return left == 0 && taken == size - head->upper;
}

static bool walk_nodes(struct walking *k, uint64_t number, const uint8_t *page, uint64_t *edges, unsigned depth)
{
    struct page_head head;
    memcpy(&head, page, sizeof head);
    const bool branch = head.flags == PAGE_BRANCH;
    const size_t size = k->w->page;
    if (head.number != number || !page_head_possible(&head, size))
        return bad(k, number, "has a damaged head");
    const size_t count = page_node_count(&head);
    if (count < (branch ? 2 : 1) || branch != (depth < k->depth) || depth > k->depth)
        return bad(k, number, "does not belong where it is");
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        struct page_node node;
        const char *wrong = page_node_read(page, size, i, k->kind, &node);
        if (wrong != NULL)
            return bad(k, number, wrong);
        turn_edge(edges, node.begin);
        turn_edge(edges, node.begin + node.taken);
        taken += node.taken;
        if (!(branch ? walk_child(k, number, &node, i, depth) : walk_entry(k, number, &node)))
            return false;
    }
    return are_adjacent(edges, &head, size, taken) ||
           bad(k, number, "has entries of which one is not as long as it says");
}

static bool walk_page(struct walking *k, uint64_t number, unsigned depth)
{
    if (!take(k, number, USE_TREE))
        return false;
    const size_t size = k->w->page, words = edge_words(size);
    uint64_t *edges = malloc(words * sizeof *edges + size);
    bool ok = edges != NULL;
    if (ok) {
        uint8_t *page = (uint8_t *)(edges + words);
        memset(edges, 0, words * sizeof *edges);
        ok = read_at(k, number, page, size) && walk_nodes(k, number, page, edges, depth);
    }
    free(edges);
    return ok;
}

static bool walk_tree(struct walking *k, uint64_t number, const struct tree_on_disk *tree, enum page_tree kind)
{
    k->kind = kind;
    k->depth = tree->depth;
    k->entries = 0;
    if (tree->flags != (kind == TREE_FREE ? TREE_INTEGER : 0) || tree->depth > DEPTH_MAX ||
        (tree->root == NO_PAGE) != (tree->depth == 0))
        return bad(k, number, "has a damaged table");
    if (tree->root != NO_PAGE && !walk_page(k, tree->root, 1))
        return false;
    /* A page that says that it has fewer than it has is well-formed. Were it believed, tables could be missing, and
     * be made anew, empty. */
    return k->entries == tree->entries || bad(k, number, "has a table of which entries are missing");
}

bool store_walk(struct store_walk *w)
{
    w->what = NULL;
    w->where = 0;
    struct walking k = {.w = w, .uses = calloc(1, (size_t)(w->wanted / 4 + 1))};
    bool ok = k.uses != NULL && walk_tree(&k, 0, &w->free, TREE_FREE);
    if (ok) {
        k.has_last = false;
        ok = walk_tree(&k, 0, &w->all, TREE_TABLES);
    }
    for (uint64_t page = w->there; ok && page < w->wanted; page++)
        if ((k.uses[page / 4] >> page % 4 * 2 & 3) != USE_FREE)
            ok = bad(&k, page, "is missing");
    free(k.uses);
    return ok;
}
