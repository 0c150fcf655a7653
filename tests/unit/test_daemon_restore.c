/* SPDX-License-Identifier: Apache-2.0 */
/* A directory put back to a backup: nothing is lost, whatever happens on the way; and nothing is touched for a file
 * that is not what it should be. */
#include "tests/unit/given_backup.h"
#include "tests/unit/given_vault.h"
#include "tests/unit/given_stops.h"

#include <dirent.h>
#include <sys/wait.h>

/* ---- the plain roads ---- */

static void a_hub_is_put_back_and_what_was_there_is_kept(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    const char *dir = hub.g->dir.path;
    assert_int_equal(mkdir(given_path(&hub.g->dir, "views"), 0700), 0);
    struct restore_outcome out = restore_well(dir, hub.log, NULL);
    uint32_t epoch;
    assert_int_equal(notes_in(dir, &hub.g->identity, &epoch), 3);
    assert_in_range(epoch, 2, 1 + 4096);
    assert_int_equal(epoch, out.epoch);
    assert_int_equal(out.epoch_then, 1);
    assert_true(out.log && out.verified && out.configured && !out.keys && !out.fresh);
    assert_int_equal(out.problems, 0);
    assert_int_not_equal(access(given_path(&hub.g->dir, "views"), F_OK), 0);
    assert_int_equal(access(out.log_kept, F_OK), 0);

    /* Once more: above the epoch that it had meanwhile, though the backup is of the first. */
    struct restore_outcome again = restore_well(dir, hub.log, NULL);
    assert_true(again.epoch > out.epoch);
    assert_string_not_equal(again.log_kept, out.log_kept);

    /* What was there first, put back by hand. */
    char log[PATH_MAX];
    snprintf(log, sizeof log, "%s/log", dir);
    assert_int_equal(rename(log, given_path(&hub.g->dir, "another")), 0);
    assert_int_equal(rename(out.log_kept, log), 0);
    assert_int_equal(notes_in(dir, &hub.g->identity, NULL), 5);
    queue_destroy(&hub.g->completions);
    given_dir_end(&hub.g->dir);
    free(hub.g);
}

static void two_files_make_a_hub_of_an_empty_directory(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    struct given_dir other = given_dir();
    char dir[120];
    snprintf(dir, sizeof dir, "%s/deep/hub", other.path); /* not even there */
    struct restore_outcome out = restore_well(dir, hub.log, hub.keys);
    assert_true(out.fresh && out.log && out.keys && out.configured);
    assert_int_equal(out.keys_added, 1);
    for (unsigned i = 0; i < 2; i++) { /* nothing is left of what it grew in */
        char left[160];
        snprintf(left, sizeof left, "%s/%s", dir, i == 0 ? "new-keys" : "new-log");
        assert_int_not_equal(access(left, F_OK), 0);
    }
    assert_string_equal(out.log_kept, "");
    assert_int_equal(notes_in(dir, &hub.g->identity, NULL), 3);
    struct identity identity;
    assert_int_equal(given_identity_open(&identity, dir), FELLOE_OK);
    assert_memory_equal(&identity.sign_secret, &hub.g->identity.sign_secret, sizeof identity.sign_secret);
    given_dir_end(&other);
    given_hub_end(&hub);
}

static void the_keys_alone_make_a_hub_whose_log_begins_anew(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    struct given_dir other = given_dir();
    struct restore_outcome out = restore_well(other.path, NULL, hub.keys);
    assert_true(out.fresh && !out.log && out.keys && out.configured);
    assert_int_equal(access(given_path(&other, "keys/data.mdb"), F_OK), 0);
    assert_int_not_equal(access(given_path(&other, "log"), F_OK), 0);
    given_dir_end(&other);
    given_hub_end(&hub);
}

static void a_laptop_is_put_back_in_its_epoch(void **state)
{
    (void)state;
    struct given_hub laptop = given_hub(ROLE_SPOKE);
    struct restore_outcome out = restore_well(laptop.g->dir.path, laptop.log, NULL);
    uint32_t epoch;
    assert_int_equal(notes_in(laptop.g->dir.path, &laptop.g->identity, &epoch), 3);
    assert_int_equal(epoch, 1);
    assert_int_equal(out.waiting, 5); /* in the log that was put aside */
    given_hub_end(&laptop);
}

/* ---- keys ---- */

static void keys_here_stay_and_erased_ones_stay_erased(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    struct given_log *g = hub.g;
    const struct key_record later = new_person(SITE);
    given_log_reopen(g); /* since the backup: a new key, and the site's erased */
    assert_int_equal(keyring_add(g->keyring, &later, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_erase(g->keyring, &g->site_key.id, 1, NULL), FELLOE_OK);
    given_log_close(g);
    struct restore_outcome out = restore_well(g->dir.path, hub.log, hub.keys);
    assert_int_equal(out.keys_added, 0);
    given_log_reopen(g);
    assert_true(keyring_has(g->keyring, &later.id, NULL));
    assert_false(keyring_has(g->keyring, &g->site_key.id, NULL));
    assert_true(keyring_erased(g->keyring, &g->site_key.id, NULL));
    given_log_close(g);
    given_hub_end(&hub);
}

static void what_the_backup_says_is_erased_is_erased_here(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    struct given_log *g = hub.g;
    const struct key_id gone = {{0xEE}};
    struct key_record restricted = new_person(SITE), got;
    restricted.kind = KEY_PERSON_AUDIENCE;
    assert_true(audience_add(&restricted.members, bytes_str("amy")));
    assert_true(audience_add(&restricted.members, bytes_str("ben")));
    given_log_reopen(g);
    assert_int_equal(keyring_add(g->keyring, &restricted, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_erase(g->keyring, &gone, 1, NULL), FELLOE_OK);
    write_backup(g, true, hub.keys);
    given_log_close(g);
    struct given_dir other = given_dir(); /* an older copy, in which that key is still there */
    restore_well(other.path, hub.log, hub.keys);
    struct keyring *ring;
    assert_int_equal(keyring_open(&ring, other.path, g->identity.keyring_key, NULL), FELLOE_OK);
    assert_true(keyring_erased(ring, &gone, NULL));
    assert_int_equal(keyring_audience_key(ring, &restricted, &got), FELLOE_OK); /* keys are for whom they were */
    assert_memory_equal(&got.key, &restricted.key, sizeof got.key);
    keyring_close(ring);
    given_dir_end(&other);
    given_hub_end(&hub);
}

static void what_is_damaged_makes_way_and_is_kept(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    const char *const files[] = {"keys/data.mdb", "log/data.mdb", "identity"};
    for (unsigned i = 0; i < 3; i++)
        damage(given_path(&hub.g->dir, files[i]));
    struct restore_outcome out = restore_well(hub.g->dir.path, hub.log, hub.keys);
    assert_true(out.fresh && out.log_unreadable);
    assert_int_equal(access(out.keys_kept, F_OK), 0);
    assert_int_equal(access(out.log_kept, F_OK), 0);
    assert_int_equal(access(out.identity_kept, F_OK), 0);
    assert_int_equal(notes_in(hub.g->dir.path, &hub.g->identity, NULL), 3);
    given_hub_end(&hub);
}

/* ---- who was let in, and who was shut out ---- */

static void put_device(struct given_log *g, uint8_t number, int64_t revoked_ms)
{
    struct device_record device = {.device = {{number}}, .joined_ms = 1, .revoked_ms = revoked_ms, .site_count = 1,
                                   .sites = {SITE}};
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    run_well(g, &job);
}

static void who_was_shut_out_since_stays_shut_out(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    struct given_log *g = hub.g;
    given_log_reopen(g);
    put_device(g, 1, 0);
    put_device(g, 2, 77);
    write_backup(g, false, hub.log);
    put_device(g, 1, 99); /* lost on a train, after the backup */
    put_device(g, 3, 0);  /* joined after it */
    given_log_close(g);
    restore_well(g->dir.path, hub.log, NULL);
    given_log_reopen(g);
    struct log_reader *reader = reader_of(g);
    struct device_record device;
    const int64_t revoked[] = {99, 77, 0};
    for (uint8_t i = 0; i < 3; i++) {
        assert_true(log_device(reader, &(struct device_id){{(uint8_t)(i + 1)}}, &device));
        assert_int_equal(device.revoked_ms, revoked[i]);
    }
    log_reader_end(reader);
    given_log_close(g);
    given_hub_end(&hub);
}

/* ---- files that are not what they should be ---- */

/* A hub can be put back so often that its log has no room for another epoch: then it stays as it is. */
static void what_cannot_go_on_leaves_nothing_behind(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    struct given_log *g = hub.g;
    given_log_reopen(g);
    enum felloe_code code = FELLOE_OK;
    for (unsigned i = 0; i < SEEN_MAX && code == FELLOE_OK; i++) { /* an entry in each epoch that there may be */
        write_backup(g, false, hub.log);
        struct log_job job = {.kind = LOG_NEXT_EPOCH};
        code = run(g, &job);
        if (code == FELLOE_OK)
            record_notes(g, 1);
    }
    assert_int_equal(code, FELLOE_INVALID);
    given_log_close(g);
    expect_refused(g->dir.path, hub.log, NULL, FELLOE_INVALID, "times already");
    assert_int_not_equal(access(given_path(&g->dir, "new-log"), F_OK), 0);
    assert_int_not_equal(access(given_path(&g->dir, "log.before-restore-1"), F_OK), 0);
    assert_true(notes_in(g->dir.path, &g->identity, NULL) > 15);
    given_hub_end(&hub);
}

static void flip(const char *path, off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void a_file_that_was_changed_is_refused_and_nothing_is_touched(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    const char *dir = hub.g->dir.path;
    struct stat info;
    assert_int_equal(stat(hub.log, &info), 0);
    for (off_t at = 20; at < info.st_size; at += info.st_size / 40) {
        flip(hub.log, at);
        expect_refused(dir, hub.log, NULL, FELLOE_DAMAGED, "not as it was made");
        flip(hub.log, at);
    }
    flip(hub.log, 3);
    expect_refused(dir, hub.log, NULL, FELLOE_INVALID, "no backup");
    flip(hub.log, 3);
    for (off_t size = info.st_size - 1; size > 0; size -= info.st_size / 30 + 1) {
        assert_int_equal(truncate(hub.log, size), 0);
        expect_refused(dir, hub.log, NULL, size < 20 ? FELLOE_INVALID : FELLOE_DAMAGED, "backup");
    }
    assert_int_equal(notes_in(dir, &hub.g->identity, NULL), 5);
    given_hub_end(&hub);
}

static void the_wrong_file_is_refused_in_words(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB), other = given_hub(ROLE_HUB);
    const char *dir = hub.g->dir.path;
    struct given_dir empty = given_dir();
    expect_refused(dir, other.log, NULL, FELLOE_INVALID, "Nothing was changed");
    expect_refused(dir, hub.log, other.keys, FELLOE_INVALID, "do not go together");
    expect_refused(dir, hub.keys, NULL, FELLOE_INVALID, "--keys");
    expect_refused(dir, hub.log, hub.log, FELLOE_INVALID, "without --keys");
    expect_refused(dir, "/no/such/file", NULL, FELLOE_NOT_FOUND, "/no/such/file");
    expect_refused(dir, dir, NULL, FELLOE_INVALID, "is a directory");
    expect_refused(dir, "-", NULL, FELLOE_INVALID, "standard input");
    char pipe[160];
    snprintf(pipe, sizeof pipe, "%s/pipe", hub.g->dir.path);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    expect_refused(dir, pipe, NULL, FELLOE_INVALID, "pipe"); /* which nobody writes to: it does not wait for them */
    expect_refused(dir, hub.log, pipe, FELLOE_INVALID, "pipe");
    expect_refused(dir, "/dev/null", NULL, FELLOE_INVALID, "a device");
    expect_refused(empty.path, hub.log, NULL, FELLOE_NOT_FOUND, "--keys KEYFILE");
    assert_int_equal(rmdir(empty.path), 0); /* as empty as it was */
    assert_int_equal(rename(given_path(&hub.g->dir, "keys"), empty.path), 0);
    expect_refused(dir, hub.log, NULL, FELLOE_NOT_FOUND, "no keys");
    given_dir_end(&empty);
    given_hub_end(&other);
    given_hub_end(&hub);
}

/* ---- killed at every step ---- */

/* Restores in a process of its own that ends before its nth step; its exit code. */
static int restore_apart(const char *dir, const char *log, const char *keys, int nth)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct restore_outcome out;
        struct felloe_error error = {0};
        atomic_store(&stop_calls, 0);
        atomic_store(&stop_at, nth);
        enum felloe_code code = restore_to(dir, log, keys, &out, &error);
        if (code != FELLOE_OK)
            fprintf(stderr, "step %d: %s\n", nth, error.message);
        _exit((int)code);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The most notes that any log in this directory has; others than that are taken away, so that there is room. */
static uint64_t most_notes(const char *dir, const struct identity *identity)
{
    uint64_t most = 0;
    char aside[PATH_MAX], path[PATH_MAX], log[PATH_MAX];
    snprintf(aside, sizeof aside, "%s/look", dir);
    snprintf(log, sizeof log, "%s/look/log", dir);
    DIR *folder = opendir(dir);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strncmp(entry->d_name, "log.before", 10) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        assert_int_equal(mkdir(aside, 0700), 0);
        assert_int_equal(rename(path, log), 0);
        uint64_t notes = notes_in(aside, identity, NULL);
        if (notes < 5)
            nftw(log, given_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
        else
            assert_int_equal(rename(log, path), 0);
        nftw(aside, given_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
        most = notes > most ? notes : most;
    }
    closedir(folder);
    return most;
}

static void killed_anywhere_it_is_finished_by_doing_it_again(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    const char *dir = hub.g->dir.path;
    int code = STOPPED, nth = 0;
    while (code == STOPPED) {
        code = restore_apart(dir, hub.log, hub.keys, ++nth);
        assert_true(code == STOPPED || code == FELLOE_OK);
        if (nth % 3 != 0) /* one kill after the other, too */
            continue;
        assert_int_equal(restore_apart(dir, hub.log, hub.keys, 0), FELLOE_OK);
        assert_int_equal(notes_in(dir, &hub.g->identity, NULL), 3);
        assert_int_equal(most_notes(dir, &hub.g->identity), 5); /* what was there is there */
    }
    assert_true(nth > 20);
    assert_int_equal(notes_in(dir, &hub.g->identity, NULL), 3);
    assert_int_equal(most_notes(dir, &hub.g->identity), 5);
    given_hub_end(&hub);
}

static void killed_anywhere_a_new_machine_becomes_the_hub_all_the_same(void **state)
{
    (void)state;
    struct given_hub hub = given_hub(ROLE_HUB);
    int code = STOPPED;
    for (int nth = 1; code == STOPPED; nth++) {
        struct given_dir other = given_dir();
        code = restore_apart(other.path, hub.log, hub.keys, nth);
        assert_true(code == STOPPED || code == FELLOE_OK);
        /* As long as it is not whole, it has no configuration, and nothing serves it. */
        if (access(given_path(&other, "felloe.conf"), F_OK) == 0)
            assert_int_equal(notes_in(other.path, &hub.g->identity, NULL), 3);
        assert_int_equal(restore_apart(other.path, hub.log, hub.keys, 0), FELLOE_OK);
        assert_int_equal(notes_in(other.path, &hub.g->identity, NULL), 3);
        assert_int_equal(access(given_path(&other, "felloe.conf"), F_OK), 0);
        given_dir_end(&other);
    }
    given_hub_end(&hub);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_is_put_back_and_what_was_there_is_kept),
        cmocka_unit_test(two_files_make_a_hub_of_an_empty_directory),
        cmocka_unit_test(the_keys_alone_make_a_hub_whose_log_begins_anew),
        cmocka_unit_test(a_laptop_is_put_back_in_its_epoch),
        cmocka_unit_test(keys_here_stay_and_erased_ones_stay_erased),
        cmocka_unit_test(what_the_backup_says_is_erased_is_erased_here),
        cmocka_unit_test(what_is_damaged_makes_way_and_is_kept),
        cmocka_unit_test(who_was_shut_out_since_stays_shut_out),
        cmocka_unit_test(what_cannot_go_on_leaves_nothing_behind),
        cmocka_unit_test(a_file_that_was_changed_is_refused_and_nothing_is_touched),
        cmocka_unit_test(the_wrong_file_is_refused_in_words),
        cmocka_unit_test(killed_anywhere_it_is_finished_by_doing_it_again),
        cmocka_unit_test(killed_anywhere_a_new_machine_becomes_the_hub_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
