/* SPDX-License-Identifier: Apache-2.0 */
/* A repair that is killed at each of its steps, on file systems that can exchange two names and on those that cannot:
 * what the directory held is there, a whole log stands in its place, and doing it again finishes it. */
#include "tests/unit/given_repair.h"
#include "tests/unit/given_vault.h"
#include "tests/unit/given_stops.h"

#include <sys/wait.h>

#include "daemon/report.h"
#include "daemon/setup/setup_swap.h"

/* A laptop with six notes, one of them hit, and a key that is. */
struct given_home {
    struct given_log *g;
    struct event_id own[6];
};

static struct given_home given_home(void)
{
    struct given_home home = {.g = given_log(ROLE_SPOKE, NULL)};
    struct key_record person = new_person(SITE);
    make_home(home.g);
    assert_int_equal(keyring_add(home.g->keyring, &person, 1, NULL), FELLOE_OK);
    record_notes(home.g, 6);
    given_log_close(home.g);
    memcpy(home.own, held_in(home.g)->own, sizeof home.own);
    given_log_reopen(home.g);
    struct buffer event = own_bytes(home.g, 3);
    hit_event(home.g, &event);
    struct file keys = file_of(home.g, "keys/data.mdb");
    uint8_t row[17];
    memcpy(row, person.id.b, 16);
    row[16] = KEY_PERSON;
    assert_true(flip_all(&keys, bytes_of(row, sizeof row), 16 + 60) > 0);
    file_put(&keys);
    free(keys.data);
    assert_int_equal(mkdir(given_path(&home.g->dir, "views"), 0700), 0);
    return home;
}

static void given_home_end(struct given_home *home)
{
    queue_destroy(&home->g->completions);
    given_dir_end(&home->g->dir);
    free(home->g);
}

/* In a process of its own that ends before its nth step (0: never); its exit code. */
static int repair_apart(const struct given_log *g, int nth, bool exchange)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct repair_outcome out;
        struct felloe_error error = {0};
        atomic_store(&stop_calls, 0);
        atomic_store(&stop_no_exchange, !exchange);
        atomic_store(&stop_at, nth);
        enum felloe_code code = setup_repair(&(struct repair_options){.dir = g->dir.path}, &out, &error);
        if (code != FELLOE_OK)
            fprintf(stderr, "step %d: %s\n", nth, error.message);
        _exit((int)code);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_healed(const struct given_home *home)
{
    const struct held *held = held_in(home->g);
    assert_int_equal(held->problems, 0);
    assert_int_equal(held->own_count, 5);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(holds(held->own, held->own_count, &home->own[i]), i != 2);
    assert_int_equal(access(given_path(&home->g->dir, "new-log"), F_OK), -1);
    assert_int_equal(access(given_path(&home->g->dir, "new-keys"), F_OK), -1);
    assert_int_equal(access(given_path(&home->g->dir, "views"), F_OK), -1); /* they are of the log before */
}

static void killed_one_time_after_the_other_it_is_finished_too(void **state)
{
    (void)state;
    for (unsigned exchange = 0; exchange < 2; exchange++) {
        struct given_home home = given_home();
        int code = STOPPED;
        for (int nth = 1; code == STOPPED; nth++)
            code = repair_apart(home.g, nth, exchange);
        assert_int_equal(code, FELLOE_OK);
        expect_healed(&home);
        given_home_end(&home);
    }
}

/* Should it be served before it is repaired again: never an empty log in the place of one that holds something. */
static void killed_anywhere_no_log_begins_anew(void **state)
{
    (void)state;
    int steps = 0;
    for (unsigned way = 0; way < 2; way++) {
        const bool exchange = way == 0;
        int code = STOPPED, nth = way == 0 ? 0 : steps / 2; /* before that the two ways are one */
        while (code == STOPPED) {
            struct given_home home = given_home();
            struct felloe_error error = {0};
            code = repair_apart(home.g, ++nth, exchange);
            if (swap_settle(home.g->dir.path, &error) != FELLOE_OK) /* as the daemon does first */
                fail_msg("step %d: %s", nth, error.message);
            assert_int_equal(access(given_path(&home.g->dir, "log/data.mdb"), F_OK), 0);
            assert_int_equal(access(given_path(&home.g->dir, "keys/data.mdb"), F_OK), 0);
            assert_int_equal(access(given_path(&home.g->dir, "new-log"), F_OK), -1);
            assert_in_range(held_in(home.g)->own_count, 5, 6);
            assert_int_equal(repair_apart(home.g, 0, exchange), FELLOE_OK);
            expect_healed(&home);
            given_home_end(&home);
        }
        assert_int_equal(code, FELLOE_OK);
        assert_true(nth > 40);
        steps = nth;
    }
}

/* ---- directories that are none ---- */

static void expect_refused(const char *dir, enum felloe_code code, const char *word)
{
    struct repair_outcome out;
    struct felloe_error error = {0};
    assert_int_equal(setup_repair(&(struct repair_options){.dir = dir}, &out, &error), code);
    if (strstr(error.message, word) == NULL)
        fail_msg("\"%s\" is not in: %s", word, error.message);
}

static void what_is_no_home_is_not_made_one(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120];
    snprintf(path, sizeof path, "%s/not/there", dir.path);
    expect_refused(path, FELLOE_NOT_FOUND, "no directory");
    assert_int_equal(access(given_path(&dir, "not"), F_OK), -1);
    expect_refused(dir.path, FELLOE_NOT_FOUND, "neither a hub nor a laptop");
    struct identity identity;
    identity_generate(&identity, ROLE_SPOKE);
    snprintf(identity.worker, sizeof identity.worker, "ash-grey");
    assert_int_equal(given_identity_save(&identity, dir.path), FELLOE_OK);
    expect_refused(dir.path, FELLOE_NOT_FOUND, "join");
    assert_int_equal(access(given_path(&dir, "log"), F_OK), -1);
    given_dir_end(&dir);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_one_time_after_the_other_it_is_finished_too),
        cmocka_unit_test(killed_anywhere_no_log_begins_anew),
        cmocka_unit_test(what_is_no_home_is_not_made_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
