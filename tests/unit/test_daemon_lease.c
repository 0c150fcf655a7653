/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's terms on a laptop, and how long it shows its record without the hub: kept over restarts, not stretched by a
 * clock that is set back, and over when it is over. */
#include <sodium.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/store/file.h"
#include "tests/unit/given_log.h"

#define HOUR 3600000ll
#define NOON 1767268800000ll

/* ---- the reckoning ---- */

static void a_lease_is_counted_from_the_latest_contact(void **state)
{
    (void)state;
    struct lease lease = {0};
    assert_true(lease_end(&lease, 0) == 0);  /* none */
    assert_true(lease_end(&lease, 72) == 1); /* never heard: long past */
    lease_heard_at(&lease, NOON, 1000);
    assert_true(lease_end(&lease, 0) == 0);
    assert_true(lease_end(&lease, 72) == NOON + 72 * HOUR);
    lease_heard_at(&lease, NOON + HOUR, 2000);
    assert_true(lease_end(&lease, 72) == NOON + 73 * HOUR);
}

static void a_clock_that_goes_back_does_not_stretch_it(void **state)
{
    (void)state;
    struct lease lease = {0};
    lease_heard_at(&lease, NOON, 1000);
    assert_true(lease_now(&lease, NOON + HOUR, 1000 + HOUR) == NOON + HOUR);
    /* a day back: an hour has gone by all the same */
    assert_true(lease_now(&lease, NOON - 24 * HOUR, 1000 + HOUR) == NOON + HOUR);
    /* begun again with the clock set back: it goes on from what was kept */
    lease = (struct lease){.contact_ms = NOON, .clock_ms = NOON + 70 * HOUR, .steady_ms = 500};
    assert_true(lease_now(&lease, NOON - 24 * HOUR, 500) == NOON + 70 * HOUR);
    assert_true(lease_now(&lease, NOON - 24 * HOUR, 500 + 3 * HOUR) > lease_end(&lease, 72));
    /* the steady clock began anew with the machine */
    lease.steady_ms = 900 * HOUR;
    assert_true(lease_now(&lease, NOON, 5) == NOON + 70 * HOUR);
    /* and a clock that had been ahead is forgiven by the hub alone */
    lease_heard_at(&lease, NOON, 6);
    assert_true(lease_now(&lease, NOON, 6) == NOON);
}

/* ---- a laptop's directory ---- */

struct laptop {
    struct given_dir dir;
    uv_loop_t loop;
    struct daemon daemon;
    struct sign_secret hub;
    uint8_t asked; /* HELLOs so far */
};

static void begin(struct laptop *l)
{
    l->daemon.dir = l->dir.path;
    l->daemon.loop = &l->loop;
    l->daemon.config.role = ROLE_SPOKE;
    l->daemon.terms = (struct terms){0};
    terms_open(&l->daemon);
    lease_open(&l->daemon);
}

static void end(struct laptop *l)
{
    lease_close(&l->daemon);
    uv_run(&l->loop, UV_RUN_DEFAULT);
}

static int set_up(void **state)
{
    static struct laptop laptop;
    static const uint8_t seed[32] = {5};
    laptop = (struct laptop){.dir = given_dir(), .daemon.identity.device = {{7}}};
    assert_int_equal(uv_loop_init(&laptop.loop), 0);
    crypto_sign_seed_keypair(laptop.daemon.identity.hub_sign.b, laptop.hub.b, seed);
    begin(&laptop);
    *state = &laptop;
    return 0;
}

static int tear_down(void **state)
{
    struct laptop *l = *state;
    end(l);
    uv_loop_close(&l->loop);
    given_dir_end(&l->dir);
    return 0;
}

/* A WELCOME, in answer to a HELLO of then. */
static void take_of(struct laptop *l, uint32_t lease_hours, int64_t wall_ms, uint64_t steady_ms)
{
    const struct terms terms = {.device = l->daemon.identity.device, .challenge = {{++l->asked}},
                                .lease_hours = lease_hours, .curve = {1}, .box = {{2}}};
    struct buffer object = {0};
    terms_put(&object, &terms, &l->hub);
    lease_heard(&l->daemon, lease_hours, wall_ms, steady_ms);
    terms_take(&l->daemon, buffer_bytes(&object));
    buffer_release(&object);
}
static void take(struct laptop *l, uint32_t lease_hours)
{
    take_of(l, lease_hours, clock_wall_ms(), clock_steady_ms());
}

static void what_the_hub_said_holds_after_a_restart(void **state)
{
    struct laptop *l = *state;
    assert_false(lease_passed(&l->daemon)); /* nobody has said that there is one */
    assert_true(lease_until_ms(&l->daemon) == 0);
    int64_t before = clock_wall_ms();
    take(l, 72);
    assert_false(lease_passed(&l->daemon));
    assert_true(lease_until_ms(&l->daemon) >= before + 72 * HOUR);
    int64_t until = lease_until_ms(&l->daemon);
    end(l);
    begin(l);
    assert_int_equal(l->daemon.terms.lease_hours, 72);
    assert_true(lease_until_ms(&l->daemon) == until);
    assert_false(lease_passed(&l->daemon));
    take(l, 0); /* the hub wants none any more */
    end(l);
    begin(l);
    assert_true(lease_until_ms(&l->daemon) == 0);
}

static void past_it_the_record_is_refused_until_the_hub_is_heard(void **state)
{
    struct laptop *l = *state;
    struct felloe_error error;
    take(l, 72);
    l->daemon.lease.contact_ms -= 73 * HOUR;
    assert_true(lease_passed(&l->daemon));
    assert_int_not_equal(lease_refuse(&l->daemon, &error), FELLOE_OK);
    assert_non_null(strstr(error.message, "72 h"));
    take(l, 72);
    assert_false(lease_passed(&l->daemon));
}

/* Somebody held the answer up, or the laptop slept over it: the hub was there when it was asked, and that is all. */
static void an_old_answer_does_not_make_it_longer(void **state)
{
    struct laptop *l = *state;
    int64_t asked = clock_wall_ms() - 70 * HOUR;
    take_of(l, 72, asked, clock_steady_ms());
    assert_false(lease_passed(&l->daemon));
    assert_true(lease_until_ms(&l->daemon) == asked + 72 * HOUR);
    take_of(l, 72, asked - 3 * HOUR, clock_steady_ms());
    assert_true(lease_passed(&l->daemon));
    take(l, 72);
    assert_false(lease_passed(&l->daemon));
}

static void terms_of_somebody_else_change_nothing(void **state)
{
    struct laptop *l = *state;
    struct sign_public other;
    struct sign_secret hub = l->hub;
    static const uint8_t seed[32] = {6};
    take(l, 24);
    crypto_sign_seed_keypair(other.b, l->hub.b, seed);
    take(l, 0);
    l->hub = hub;
    assert_int_equal(l->daemon.terms.lease_hours, 24);
    end(l);
    begin(l);
    assert_int_equal(l->daemon.terms.lease_hours, 24);
    l->daemon.identity.device.b[0] ^= 1; /* a file of another laptop of this hub */
    end(l);
    begin(l);
    assert_true(lease_passed(&l->daemon));
    l->daemon.identity.device.b[0] ^= 1;
}

static struct buffer content_of(struct laptop *l, const char *name)
{
    struct buffer content = {0};
    struct felloe_error error;
    assert_int_equal(file_read(l->dir.path, name, 4096, &content, &error), FELLOE_OK);
    return content;
}

/* With each WELCOME another challenge is answered: that is no reason to write to the disk each minute. */
static void they_are_written_down_when_they_change(void **state)
{
    struct laptop *l = *state;
    take(l, 24);
    struct buffer first = content_of(l, "terms");
    take(l, 24);
    struct buffer second = content_of(l, "terms");
    assert_true(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    take(l, 48);
    buffer_release(&second);
    second = content_of(l, "terms");
    assert_false(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    end(l);
    begin(l);
    assert_int_equal(l->daemon.terms.lease_hours, 48);
    buffer_release(&first);
    buffer_release(&second);
}

static void spoil(struct laptop *l, const char *name)
{
    struct buffer content = content_of(l, name);
    struct felloe_error error;
    content.data[content.len / 2] ^= 1;
    assert_int_equal(file_write(l->dir.path, name, buffer_bytes(&content), &error), FELLOE_OK);
    buffer_release(&content);
}

static void lose(struct laptop *l, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", l->dir.path, name);
    assert_int_equal(unlink(path), 0);
}

/* Whoever has the directory can do worse; but what is damaged or gone does not open anything. */
static void without_its_files_it_is_careful(void **state)
{
    struct laptop *l = *state;
    struct felloe_error error;
    take(l, 72);
    end(l);
    spoil(l, "lease");
    begin(l);
    assert_true(lease_passed(&l->daemon)); /* a lease, and no contact known of */
    take(l, 72);
    end(l);
    spoil(l, "terms");
    begin(l);
    assert_int_equal(l->daemon.terms.lease_hours, 0);
    assert_false(l->daemon.terms.renews);
    assert_true(lease_passed(&l->daemon)); /* how long it may show the record it does not know */
    assert_int_not_equal(lease_refuse(&l->daemon, &error), FELLOE_OK);
    assert_non_null(strstr(error.message, "lacks a file"));
    take(l, 72);
    assert_false(lease_passed(&l->daemon));
    end(l);
    begin(l);
    assert_false(lease_passed(&l->daemon));
    end(l);
    lose(l, "lease"); /* put back from a backup: the terms are in it */
    begin(l);
    assert_true(lease_passed(&l->daemon));
    take(l, 72);
    end(l);
    lose(l, "terms");
    begin(l);
    assert_true(lease_passed(&l->daemon));
    terms_open(&l->daemon); /* the log is opened again */
    assert_true(lease_passed(&l->daemon));
    take(l, 72);
    assert_false(lease_passed(&l->daemon));
    end(l);
    lose(l, "terms");
    lose(l, "lease"); /* a laptop that has never heard of one looks so, too */
    begin(l);
    assert_false(lease_passed(&l->daemon));
    take(l, 72);
    assert_int_equal(given_mode(&l->dir, "lease"), 0600);
    assert_int_equal(given_mode(&l->dir, "terms"), 0600);
}

/* Both files deleted: a laptop that the hub never answered has none either, and it is the log that tells them apart. */
static void without_both_files_the_log_tells_whether_there_were_terms(void **state)
{
    struct laptop *l = *state;
    struct given_log *hub = given_log(ROLE_HUB, NULL), *spoke = given_log(ROLE_SPOKE, hub);
    l->daemon.log = spoke->log;
    record_note(spoke, "before the hub was ever there");
    terms_look_at_log(&l->daemon);
    assert_false(lease_passed(&l->daemon));
    struct log_job job;
    const uint32_t count = push(spoke, hub, 1, &job);
    struct stream_head head = own_head(spoke, NULL);
    struct msg_receipt receipt = receipt_of(hub, spoke, &job, &head, count);
    struct log_job kept = {.kind = LOG_KEEP_RECEIPT, .receipt = &receipt};
    name_site(&kept, SITE);
    run_well(spoke, &kept);
    take(l, 72);
    terms_look_at_log(&l->daemon);
    assert_false(lease_passed(&l->daemon)); /* the files are there */
    end(l);
    lose(l, "terms");
    lose(l, "lease");
    begin(l);
    terms_look_at_log(&l->daemon);
    assert_true(lease_passed(&l->daemon));
    /* The hub answers, and its new keys could not be pinned: what it tells of a lease was not taken. */
    lease_heard(&l->daemon, 72, clock_wall_ms(), clock_steady_ms());
    assert_true(lease_passed(&l->daemon));
    take(l, 72);
    assert_false(lease_passed(&l->daemon));
    assert_int_equal(l->daemon.terms.lease_hours, 72);
    l->daemon.log = NULL;
    given_log_end(spoke);
    given_log_end(hub);
}

static void a_hub_has_none(void **state)
{
    struct laptop *l = *state;
    end(l);
    l->daemon.config.role = ROLE_HUB;
    l->daemon.config.lease_hours = 24;
    l->daemon.identity.curve_public[0] = 9;
    terms_open(&l->daemon);
    lease_open(&l->daemon);
    assert_int_equal(l->daemon.terms.lease_hours, 24); /* what it tells */
    assert_int_equal(l->daemon.terms.curve[0], 9);
    lease_heard(&l->daemon, 24, clock_wall_ms(), clock_steady_ms());
    assert_false(lease_passed(&l->daemon));
    l->daemon.config.role = ROLE_SPOKE;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_is_counted_from_the_latest_contact),
        cmocka_unit_test(a_clock_that_goes_back_does_not_stretch_it),
        TEST(what_the_hub_said_holds_after_a_restart),
        TEST(past_it_the_record_is_refused_until_the_hub_is_heard),
        TEST(an_old_answer_does_not_make_it_longer),
        TEST(they_are_written_down_when_they_change),
        TEST(terms_of_somebody_else_change_nothing),
        TEST(without_its_files_it_is_careful),
        TEST(without_both_files_the_log_tells_whether_there_were_terms),
        TEST(a_hub_has_none),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
