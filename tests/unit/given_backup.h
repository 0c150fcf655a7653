/* SPDX-License-Identifier: Apache-2.0 */
/* A directory with backups of it, and putting it back to them. */
#ifndef FELLOE_TESTS_GIVEN_BACKUP_H
#define FELLOE_TESTS_GIVEN_BACKUP_H

#include "tests/unit/given_log.h"
#include "tests/unit/given_vault.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/log/log_copy.h"
#include "daemon/setup/setup_restore.h"
#include "daemon/store/file.h"

/* A hub with three notes, its two backups, and two notes more. */
struct given_hub {
    struct given_log *g;
    char log[160], keys[160];       /* the backups' names */
};

static inline void write_backup(struct given_log *g, bool keys, const char *path)
{
    struct buffer identity = {0}, vault = {0}, head = {0};
    struct felloe_error error;
    assert_int_equal(file_read(g->dir.path, "identity", 16384, &identity, &error), FELLOE_OK);
    assert_int_equal(file_read(g->dir.path, "vault", 16384, &vault, &error), FELLOE_OK);
    const struct backup_head what = {.keys = keys, .hub = g->identity.role == ROLE_HUB, .device = g->identity.device,
                                     .name = "wheel", .made_ms = 1767312000000, .epoch = event_log_epoch(g->log),
                                     .incarnation = 1, .identity = buffer_bytes(&identity),
                                     .vault = buffer_bytes(&vault),
                                     .configuration = bytes_str("role = hub\n")};
    backup_put_head(&head, &what);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, head.data, head.len), head.len);
    assert_int_equal(keys ? keyring_copy(g->keyring, fd, NULL) : event_log_copy(g->log, fd, NULL), FELLOE_OK);
    static uint8_t all[1 << 20];
    uint8_t hash[BACKUP_HASH_SIZE];
    ssize_t size = pread(fd, all, sizeof all, 0);
    assert_in_range(size, 1, sizeof all - 1);
    crypto_generichash(hash, sizeof hash, all, (size_t)size, NULL, 0);
    assert_int_equal(pwrite(fd, hash, sizeof hash, size), sizeof hash);
    close(fd);
    buffer_release(&identity);
    buffer_release(&vault);
    buffer_release(&head);
}

static inline struct given_hub given_hub(enum role role)
{
    struct given_hub hub = {.g = given_log(role, NULL)};
    struct given_log *g = hub.g;
    snprintf(hub.log, sizeof hub.log, "%s/log.backup", g->dir.path);
    snprintf(hub.keys, sizeof hub.keys, "%s/keys.backup", g->dir.path);
    g->identity.joined = true;
    assert_int_equal(given_identity_save(&g->identity, g->dir.path), FELLOE_OK);
    assert_int_equal(file_write(g->dir.path, "felloe.conf", bytes_str("role = hub\n"), NULL), FELLOE_OK);
    record_notes(g, 3);
    write_backup(g, false, hub.log);
    write_backup(g, true, hub.keys);
    record_notes(g, 2);
    given_log_close(g);
    return hub;
}

static inline enum felloe_code restore_to(const char *dir, const char *log, const char *keys,
                                          struct restore_outcome *out, struct felloe_error *error)
{
    const struct restore_options options = {.dir = dir, .log = log, .keys = keys};
    return setup_restore(&options, out, error);
}

static inline struct restore_outcome restore_well(const char *dir, const char *log, const char *keys)
{
    struct restore_outcome out;
    struct felloe_error error = {0};
    if (restore_to(dir, log, keys, &out, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return out;
}

static inline void expect_refused(const char *dir, const char *log, const char *keys, enum felloe_code code,
                                  const char *word)
{
    struct restore_outcome out;
    struct felloe_error error = {0};
    assert_int_equal(restore_to(dir, log, keys, &out, &error), code);
    if (strstr(error.message, word) == NULL)
        fail_msg("\"%s\" is not in: %s", word, error.message);
}

/* How many notes the log in `dir` has, and its epoch. */
static inline uint64_t notes_in(const char *dir, const struct identity *identity, uint32_t *epoch)
{
    struct setup_log log;
    struct felloe_error error = {0};
    if (setup_log_open(&log, dir, identity, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    struct log_reader *reader = log_reader_begin(log.log, NULL);
    struct log_walk walk;
    struct log_item item;
    uint64_t count = 0;
    if (identity->role == ROLE_SPOKE) {
        for (uint64_t seq = 1; log_get_own(reader, bytes_str(SITE), seq, &item); seq++)
            count++;
    } else {
        log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){0});
        while (log_walk_next(&walk, &item))
            count++;
        log_walk_end(&walk);
    }
    log_reader_end(reader);
    if (epoch != NULL)
        *epoch = event_log_epoch(log.log);
    setup_log_close(&log);
    return count;
}

static inline void given_hub_end(struct given_hub *hub)
{
    queue_destroy(&hub->g->completions);
    given_dir_end(&hub->g->dir);
    free(hub->g);
}

static inline void damage(const char *path)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "not what it was", 15), 15);
    close(fd);
}

#endif
