/* SPDX-License-Identifier: Apache-2.0 */
/* The log on a disk that is really full: a small file system of memory, mounted for this process alone. Where that is
 * not permitted the tests are skipped, and say so. */
#include "tests/unit/given_log.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "daemon/log/verify.h"

#define DISK "size=12m,mode=0700"

static char disk[48];

static bool write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* A mount namespace of our own; for somebody who is not root, inside a user namespace of our own. */
static bool mount_disk(void)
{
    char map[64];
    snprintf(disk, sizeof disk, "/tmp/felloe-disk-XXXXXX");
    snprintf(map, sizeof map, "0 %u 1", (unsigned)getuid());
    if (mkdtemp(disk) == NULL)
        return false;
    bool apart = geteuid() == 0 && unshare(CLONE_NEWNS) == 0;
    if (!apart)
        apart = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_to("/proc/self/uid_map", map);
    return apart && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", disk, "tmpfs", 0, DISK) == 0 && setenv("TMPDIR", disk, 1) == 0;
}

/* Takes what is free, but for `leave` bytes. */
static void fill_disk(size_t leave)
{
    char path[80];
    static const char zeros[4096];
    snprintf(path, sizeof path, "%s/filler", disk);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros)
        continue;
    off_t size = lseek(fd, 0, SEEK_END);
    if (leave > 0)
        assert_int_equal(ftruncate(fd, size > (off_t)leave ? size - (off_t)leave : 0), 0);
    close(fd);
}

static void free_disk(void)
{
    char path[80];
    snprintf(path, sizeof path, "%s/filler", disk);
    unlink(path);
}

static enum felloe_code record_long(struct given_log *g, struct felloe_error *error)
{
    static char text[30000];
    memset(text, 'x', sizeof text - 1);
    struct log_draft draft = site_note(g, text);
    struct log_job job = record_job(SITE, &draft, 1);
    enum felloe_code code = run(g, &job);
    if (error != NULL)
        *error = job.error;
    return code;
}

static void assert_verifies(struct given_log *g, uint64_t own)
{
    struct verify_result result;
    const struct verify_options options = {.log = g->log, .keyring = g->keyring, .identity = &g->identity};
    assert_int_equal(verify_log(&options, &result, NULL), FELLOE_OK);
    assert_int_equal(result.problems, 0);
    assert_int_equal(result.sites[0].own, own);
}

static void nothing_saved_is_lost_and_it_goes_on_when_there_is_room(void **state)
{
    (void)state;
    if (disk[0] == '\0')
        skip();
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct felloe_error error = {0};
    uint64_t saved = 0;
    fill_disk(200000);
    enum felloe_code code;
    while ((code = record_long(g, &error)) == FELLOE_OK)
        saved++;
    assert_int_equal(code, FELLOE_STORAGE);
    assert_non_null(strstr(error.message, "the disk is full"));
    assert_true(saved > 0);
    assert_true(event_log_full(g->log));
    assert_false(event_log_failed(g->log));
    assert_int_equal(own_head(g, NULL).seq, saved);

    /* The reserve was given up, so what sync brings can still be kept. */
    assert_int_not_equal(access(given_path(&g->dir, "log/reserve"), F_OK), 0);
    struct log_job add = {.kind = LOG_ADD_SITE};
    name_site(&add, "south");
    run_well(g, &add);
    assert_int_equal(record_long(g, NULL), FELLOE_STORAGE);
    assert_verifies(g, saved);

    free_disk();
    assert_false(event_log_full(g->log));
    assert_int_equal(record_long(g, NULL), FELLOE_OK);
    assert_int_equal(access(given_path(&g->dir, "log/reserve"), F_OK), 0);
    given_log_close(g);
    given_log_reopen(g);
    assert_verifies(g, saved + 1);
    given_log_end(g);
}

static void a_daemon_can_be_started_on_a_full_disk(void **state)
{
    (void)state;
    if (disk[0] == '\0')
        skip();
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    record_note(g, "before");
    given_log_close(g);
    assert_int_equal(unlink(given_path(&g->dir, "log/reserve")), 0);
    fill_disk(0);
    given_log_reopen(g);
    assert_true(event_log_full(g->log));
    assert_int_equal(record_long(g, NULL), FELLOE_STORAGE);
    assert_verifies(g, 1);
    free_disk();
    assert_int_equal(record_long(g, NULL), FELLOE_OK);
    given_log_end(g);
}

static void a_full_disk_in_the_middle_of_many_jobs_fails_them_or_keeps_them(void **state)
{
    (void)state;
    if (disk[0] == '\0')
        skip();
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    enum { JOBS = 120 };
    static struct log_job jobs[JOBS];
    static struct log_draft drafts[JOBS];
    static struct key_record people[JOBS];
    struct buffer fields = {0};
    static char text[30000];
    memset(text, 'x', sizeof text - 1);
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "text");
    mp_put_text(&fields, text);
    fill_disk(400000);
    for (unsigned i = 0; i < JOBS; i++) { /* each brings a key too: the keyring's commit can be what finds no room */
        people[i] = new_person(SITE);
        drafts[i] = person_note(&people[i], "");
        drafts[i].body.fields = buffer_bytes(&fields);
        jobs[i] = record_job(SITE, &drafts[i], 1);
        jobs[i].new_keys = &people[i];
        jobs[i].new_key_count = 1;
        submit(g, &jobs[i]);
    }
    uint64_t saved = 0;
    for (unsigned i = 0; i < JOBS; i++) {
        wait_for(g, &jobs[i]);
        assert_true(jobs[i].code == FELLOE_OK || jobs[i].code == FELLOE_STORAGE);
        saved += jobs[i].code == FELLOE_OK;
    }
    assert_true(saved < JOBS);
    assert_int_equal(own_head(g, NULL).seq, saved);
    assert_verifies(g, saved);
    free_disk();
    given_log_close(g);
    given_log_reopen(g);
    assert_verifies(g, saved);
    buffer_release(&fields);
    given_log_end(g);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    if (!mount_disk()) {
        rmdir(disk);
        disk[0] = '\0';
        print_message("skipped: a small file system cannot be mounted here, so no disk can be filled\n");
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_saved_is_lost_and_it_goes_on_when_there_is_room),
        cmocka_unit_test(a_daemon_can_be_started_on_a_full_disk),
        cmocka_unit_test(a_full_disk_in_the_middle_of_many_jobs_fails_them_or_keeps_them),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (disk[0] != '\0') {
        umount2(disk, MNT_DETACH);
        rmdir(disk);
    }
    return failed;
}
