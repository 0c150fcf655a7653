/* SPDX-License-Identifier: Apache-2.0 */
/* What may be on the disk: per file what is certain and what is pending, per folder likewise. */
#include "tests/power/disk_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void *grow(void *items, size_t *cap, size_t count, size_t item)
{
    if (count < *cap)
        return items;
    *cap = *cap ? 2 * *cap : 16;
    while (*cap <= count)
        *cap *= 2;
    items = realloc(items, *cap * item);
    if (items == NULL) {
        fputs("felloe-power: memory ran out\n", stderr);
        exit(2);
    }
    return items;
}

static struct node *node_new(struct disk *disk, bool is_folder)
{
    struct node *node = calloc(1, sizeof *node);
    assert(node != NULL);
    node->is_folder = is_folder;
    node->next = disk->all;
    disk->all = node;
    return node;
}

struct disk *disk_new(enum pretence pretence)
{
    struct disk *disk = calloc(1, sizeof *disk);
    assert(disk != NULL);
    disk->pretence = pretence;
    disk->root = node_new(disk, true);
    return disk;
}

void disk_free(struct disk *disk)
{
    for (struct node *node = disk->all, *next; node != NULL; node = next) {
        next = node->next;
        free(node->base.bytes);
        free(node->pending);
        free(node->now.items);
        free(node->certain.items);
        free(node->changes);
        free(node);
    }
    free(disk->files);
    free(disk->names);
    free(disk);
}

/* ---- folders ---- */

static struct entry *find(const struct entries *entries, const char *name, size_t len)
{
    for (size_t i = 0; i < entries->count; i++)
        if (strncmp(entries->items[i].name, name, len) == 0 && entries->items[i].name[len] == '\0')
            return &entries->items[i];
    return NULL;
}

void entries_apply(struct entries *entries, const struct change *change)
{
    const char *gone = change->from != NULL ? change->from : change->node == NULL ? change->name : NULL;
    struct entry *entry = gone != NULL ? find(entries, gone, strlen(gone)) : NULL;
    if (entry != NULL)
        *entry = entries->items[--entries->count];
    if (change->node == NULL)
        return;
    entry = find(entries, change->name, strlen(change->name));
    if (entry == NULL) {
        entries->items = grow(entries->items, &entries->cap, entries->count, sizeof *entries->items);
        entry = &entries->items[entries->count++];
    }
    *entry = (struct entry){change->name, change->node};
}

static void change_folder(struct node *folder, struct change change)
{
    entries_apply(&folder->now, &change);
    folder->changes = grow(folder->changes, &folder->change_cap, folder->change_count, sizeof change);
    folder->changes[folder->change_count++] = change;
}

/* The folder that a path is in, and its last part. NULL: there is no such folder. */
static struct node *folder_of(const struct disk *disk, const char *path, const char **last)
{
    struct node *folder = disk->root;
    for (const char *slash; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        struct entry *entry = find(&folder->now, path, (size_t)(slash - path));
        if (entry == NULL || !entry->node->is_folder)
            return NULL;
        folder = entry->node;
    }
    *last = path;
    return folder;
}

static struct node *lookup(const struct disk *disk, const char *path)
{
    const char *last;
    struct node *folder = *path == '\0' ? disk->root : folder_of(disk, path, &last);
    if (*path == '\0' || folder == NULL)
        return folder;
    struct entry *entry = find(&folder->now, last, strlen(last));
    return entry != NULL ? entry->node : NULL;
}

static void add_name(struct disk *disk, const char *path, struct node *node)
{
    const char *last;
    struct node *folder = folder_of(disk, path, &last);
    if (folder == NULL) {
        fprintf(stderr, "felloe-power: %s is in no folder that was recorded\n", path);
        exit(2);
    }
    change_folder(folder, (struct change){.name = last, .node = node});
}

static void rename_node(struct disk *disk, const char *from, const char *to, bool exchange)
{
    const char *old, *new;
    struct node *source = folder_of(disk, from, &old), *target = folder_of(disk, to, &new);
    struct node *node = lookup(disk, from), *other = exchange ? lookup(disk, to) : NULL;
    if (node == NULL || target == NULL)
        return;
    const size_t step = ++disk->steps;
    if (source == target && !exchange) {
        change_folder(source, (struct change){.name = new, .from = old, .node = node});
    } else if (source == target) {
        fputs("felloe-power: two names of one folder exchanged: not supported\n", stderr);
        exit(2);
    } else {
        change_folder(target, (struct change){.name = new, .node = node, .other_folder = source, .step = step});
        change_folder(source, (struct change){.name = old, .node = other, .other_folder = target, .step = step});
    }
}

/* ---- files ---- */

void content_hold(struct content *c, size_t wanted)
{
    if (wanted > c->cap) {
        size_t cap = c->cap ? c->cap : 65536;
        while (cap < wanted)
            cap *= 2;
        c->bytes = realloc(c->bytes, cap);
        assert(c->bytes != NULL);
        c->cap = cap;
    }
    if (wanted > c->held) {
        memset(c->bytes + c->held, 0, wanted - c->held);
        c->held = wanted;
    }
    if (c->held > c->size)
        c->size = c->held;
}

void content_resize(struct content *c, size_t size)
{
    c->size = size;
    if (c->held > size)
        c->held = size;
}

/* But for writes. */
void content_change(struct content *c, const struct op *op)
{
    if (op->head->kind == TRACE_OPEN) /* emptied */
        content_resize(c, 0);
    else if (op->head->kind == TRACE_SIZE || op->head->offset > c->size)
        content_resize(c, op->head->offset);
}

static void file_apply(struct node *file, const struct op *op)
{
    const uint64_t at = op->head->offset;
    if (op->head->kind != TRACE_WRITE) {
        content_change(&file->base, op);
        return;
    }
    content_hold(&file->base, at + op->data.len);
    memcpy(file->base.bytes + at, op->data.data, op->data.len);
}

static void file_flush(struct node *file)
{
    size_t sure = 0;
    if (file->pending_count == 0)
        return;
    for (; sure < file->pending_count && !file->pending[sure].doubtful; sure++)
        file_apply(file, file->pending[sure].op);
    file->pending_count -= sure;
    memmove(file->pending, file->pending + sure, file->pending_count * sizeof *file->pending);
    for (size_t i = 0; i < file->pending_count; i++)
        file->pending[i].certain = !file->pending[i].doubtful;
}

static void file_doubt(struct node *file)
{
    for (size_t i = 0; i < file->pending_count; i++)
        file->pending[i].doubtful = !file->pending[i].certain;
}

static void file_add(struct node *file, const struct op *op)
{
    file->pending = grow(file->pending, &file->pending_cap, file->pending_count, sizeof *file->pending);
    file->pending[file->pending_count++] = (struct pending){
        .op = op, .doubtful = (op->head->flags & TRACE_DOUBTFUL) != 0 && op->head->kind == TRACE_WRITE};
}

/* ---- operations ---- */

static struct node *file_of(const struct disk *disk, const struct op *op)
{
    return op->head->file < disk->file_cap ? disk->files[op->head->file] : NULL;
}

static void open_file(struct disk *disk, const struct op *op)
{
    struct node *node = lookup(disk, op->name);
    if (node == NULL || (op->head->flags & TRACE_CREATED && *op->name != '\0')) {
        node = *op->name == '\0' ? disk->root : node_new(disk, (op->head->flags & TRACE_FOLDER) != 0);
        if (node != disk->root)
            add_name(disk, op->name, node);
    }
    const size_t before = disk->file_cap;
    if (op->head->file >= before) {
        size_t cap = before;
        disk->files = grow(disk->files, &disk->file_cap, op->head->file, sizeof *disk->files);
        disk->names = grow(disk->names, &cap, op->head->file, sizeof *disk->names);
        memset(disk->files + before, 0, (disk->file_cap - before) * sizeof *disk->files);
    }
    disk->files[op->head->file] = node;
    disk->names[op->head->file] = op->name;
    if (op->head->flags & TRACE_EMPTIED)
        file_add(node, op);
}

void disk_begin(struct disk *disk, const struct op *op)
{
    struct node *file = file_of(disk, op);
    switch (op->head->kind) {
    case TRACE_BEGIN:
        for (size_t i = 0; i < disk->file_cap; i++)
            disk->files[i] = NULL;
        break;
    case TRACE_OPEN:
        open_file(disk, op);
        break;
    case TRACE_WRITE:
    case TRACE_SIZE:
    case TRACE_ROOM:
        if (file != NULL)
            file_add(file, op);
        break;
    case TRACE_FAILED:
        if (file != NULL)
            file_doubt(file);
        break;
    case TRACE_MKDIR:
        add_name(disk, op->name, node_new(disk, true));
        break;
    case TRACE_REMOVE:
        if (lookup(disk, op->name) != NULL)
            add_name(disk, op->name, NULL);
        break;
    case TRACE_RENAME:
    case TRACE_EXCHANGE:
        rename_node(disk, op->name, (const char *)op->data.data, op->head->kind == TRACE_EXCHANGE);
        break;
    case TRACE_LINK:
        add_name(disk, (const char *)op->data.data, lookup(disk, op->name));
        break;
    default:
        break;
    }
}

/* The first changes of a folder are on the disk; with each step what goes with it in another folder, up to there. */
static void folder_flush(struct node *folder, size_t count)
{
    struct change *changes = malloc((count + 1) * sizeof *changes);
    assert(changes != NULL);
    for (size_t i = 0; i < count; i++) {
        changes[i] = folder->changes[i];
        entries_apply(&folder->certain, &changes[i]);
    }
    folder->change_count -= count;
    memmove(folder->changes, folder->changes + count, folder->change_count * sizeof *changes);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; changes[i].step != 0 && k < changes[i].other_folder->change_count; k++)
            if (changes[i].other_folder->changes[k].step == changes[i].step)
                folder_flush(changes[i].other_folder, k + 1);
    free(changes);
}

static bool forgotten(const struct disk *disk, const struct op *op, const struct node *file)
{
    switch (disk->pretence) {
    case PRETEND_NO_SYNC:
        return true;
    case PRETEND_NO_META_SYNC:
        return op->head->kind == TRACE_WRITE;
    case PRETEND_NO_KEY_SYNC:
        return strstr(disk->names[op->head->file], "/keys/") != NULL;
    case PRETEND_NO_VIEWS_SYNC:
        return strstr(disk->names[op->head->file], "/views/data.mdb") != NULL;
    case PRETEND_NO_FOLDER_SYNC:
        return file->is_folder;
    default:
        return false;
    }
}

void disk_end(struct disk *disk, const struct op *op)
{
    struct node *file = file_of(disk, op);
    if (file == NULL || (op->head->kind != TRACE_SYNC && op->head->kind != TRACE_WRITE) || forgotten(disk, op, file))
        return;
    if (op->head->kind == TRACE_SYNC && file->is_folder) {
        folder_flush(file, file->change_count);
    } else if (op->head->kind == TRACE_SYNC) {
        file_flush(file);
    } else if (op->head->flags & TRACE_DURABLE) {
        if (file->pending_count == 1)
            file_flush(file);
        else
            file->pending[file->pending_count - 1].certain = true;
    }
}
