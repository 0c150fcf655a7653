/* SPDX-License-Identifier: Apache-2.0 */
/* One image of what may be on the disk, by a choice of what is pending. */
#include "tests/power/disk_inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u

size_t disk_pending(const struct disk *disk)
{
    size_t count = 0;
    for (const struct node *node = disk->all; node != NULL; node = node->next)
        for (size_t i = 0; i < node->pending_count; i++)
            count += !node->pending[i].certain;
    return count;
}

struct building {
    struct choice *choice;
    size_t nth; /* of the pending operations on files */
    struct content content;
};

/* A write torn at its sectors: the beginning, the end, or any of them. */
static void put_torn(uint8_t *bytes, uint64_t at, struct bytes data, struct chance *chance)
{
    const uint64_t first = at / SECTOR, sectors = (at + data.len - 1) / SECTOR - first + 1;
    const uint64_t how = chance_below(chance, 3), where = chance_below(chance, sectors);
    for (uint64_t i = 0; i < sectors; i++) {
        bool there = how == 0 ? i < where : how == 1 ? i >= where : chance_below(chance, 2) == 0;
        uint64_t from = (first + i) * SECTOR, to = from + SECTOR;
        from = from < at ? at : from;
        to = to > at + data.len ? at + data.len : to;
        if (there)
            memcpy(bytes + from, data.data + (from - at), to - from);
    }
}

static bool chosen(struct building *b, const struct pending *pending)
{
    struct choice *choice = b->choice;
    if (pending->certain)
        return true;
    const size_t nth = b->nth++;
    switch (choice->kind) {
    case KEEP_NONE:
        return false;
    case KEEP_ALL:
        return true;
    case KEEP_MASK:
        return nth < 64 && (choice->mask >> nth & 1) != 0;
    default:
        return chance_below(&choice->chance, 2) == 0;
    }
}

static void put_pending(struct building *b, const struct pending *pending)
{
    const struct op *op = pending->op;
    struct chance *chance = &b->choice->chance;
    const bool whole = chosen(b, pending), tearing = b->choice->kind == KEEP_TORN && !pending->certain;
    const bool torn = tearing && op->head->kind == TRACE_WRITE && op->data.len > 0 && chance_below(chance, 3) == 0;
    const bool size_alone = tearing && chance_below(chance, 4) == 0;
    if (!whole && !torn && !size_alone)
        return;
    if (op->head->kind != TRACE_WRITE) {
        content_change(&b->content, op);
        return;
    }
    content_hold(&b->content, op->head->offset + op->data.len);
    if (torn)
        put_torn(b->content.bytes, op->head->offset, op->data, chance);
    else if (whole)
        memcpy(b->content.bytes + op->head->offset, op->data.data, op->data.len);
}

static void cannot(const char *path)
{
    perror(path);
    exit(2);
}

static void build_file(struct building *b, const struct node *file, const char *path)
{
    struct content *c = &b->content;
    content_resize(c, 0);
    if (file->base.held > 0) {
        content_hold(c, file->base.held);
        memcpy(c->bytes, file->base.bytes, file->base.held);
    }
    content_resize(c, file->base.size);
    for (size_t i = 0; i < file->pending_count; i++)
        put_pending(b, &file->pending[i]);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, c->bytes, c->held) != (ssize_t)c->held || ftruncate(fd, (off_t)c->size) != 0)
        cannot(path);
    close(fd);
}

/* Of what is pending in a folder: all up to some change, as a journal has it. */
static size_t changes_kept(struct building *b, const struct node *folder)
{
    struct choice *choice = b->choice;
    if (folder->change_count == 0 || choice->kind == KEEP_NONE)
        return 0;
    if (choice->kind == KEEP_ALL)
        return folder->change_count;
    uint64_t how = chance_below(&choice->chance, 4);
    return how == 0 ? 0 : how < 3 ? folder->change_count : chance_below(&choice->chance, folder->change_count + 1);
}

/* For all folders at once, since a step is there in both of its folders, or in neither. */
static void keep_changes(struct building *b, const struct disk *disk)
{
    for (struct node *node = disk->all; node != NULL; node = node->next)
        node->kept = node->is_folder ? changes_kept(b, node) : 0;
    for (bool again = true; again;) {
        again = false;
        for (struct node *node = disk->all; node != NULL; node = node->next)
            for (size_t i = 0; i < node->kept; i++) {
                const struct node *other = node->changes[i].step != 0 ? node->changes[i].other_folder : NULL;
                for (size_t k = other != NULL ? other->kept : 0; other != NULL && k < other->change_count; k++)
                    if (other->changes[k].step == node->changes[i].step && i < node->kept) {
                        node->kept = i;
                        again = true;
                    }
            }
    }
}

static void build_folder(struct building *b, const struct node *folder, const char *path)
{
    struct entries entries = {0};
    for (size_t i = 0; i < folder->certain.count; i++) {
        const struct entry *entry = &folder->certain.items[i];
        entries_apply(&entries, &(struct change){.name = entry->name, .node = entry->node});
    }
    for (size_t i = 0; i < folder->kept; i++)
        entries_apply(&entries, &folder->changes[i]);
    for (size_t i = 0; i < entries.count; i++) {
        char name[PATH_MAX];
        const struct node *node = entries.items[i].node;
        snprintf(name, sizeof name, "%s/%s", path, entries.items[i].name);
        if (!node->is_folder)
            build_file(b, node, name);
        else if (!b->choice->views && strcmp(entries.items[i].name, "views") == 0)
            continue;
        else if (mkdir(name, 0700) != 0)
            cannot(name);
        else
            build_folder(b, node, name);
    }
    free(entries.items);
}

void folder_empty(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        cannot(path);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char name[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        struct stat st;
        if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode))
            folder_empty(name);
        if (remove(name) != 0)
            cannot(name);
    }
    closedir(dir);
}

void disk_build(const struct disk *disk, struct choice *choice, const char *into)
{
    static struct building b; /* its memory is used again */
    b.choice = choice;
    b.nth = 0;
    folder_empty(into);
    keep_changes(&b, disk);
    build_folder(&b, disk->root, into);
}
