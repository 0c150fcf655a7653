/* SPDX-License-Identifier: Apache-2.0 */
/* A hub whose log is repaired and whose keyring has lost its copy of the devices: who was let in stays so, and whom it
 * revoked stays out, whichever of the two still knows it. */
#include "tests/unit/given_log.h"

#include "daemon/log/log_repair.h"
#include "daemon/report.h"

static struct device_record laptop(bool revoked)
{
    struct identity who;
    identity_generate(&who, ROLE_SPOKE);
    struct device_record record = {.device = who.device, .sign = who.sign_public, .box = who.box_public,
                                   .sites = {SITE}, .site_count = 1, .joined_ms = 5, .revoked_ms = revoked ? 6 : 0};
    memcpy(record.curve, who.curve_public, sizeof record.curve);
    return record;
}

static void put(struct given_log *g, struct device_record *record)
{
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = record};
    run_well(g, &job);
}

/* As the keyring would have it: the very row of a log. */
static struct keyring *keyring_of(const struct given_dir *dir, const struct given_log *g)
{
    struct keyring *keyring;
    struct felloe_error error;
    assert_int_equal(keyring_open(&keyring, dir->path, g->identity.keyring_key, &error), FELLOE_OK);
    return keyring;
}

static bool copy_row(void *context, const struct device_id *device, struct bytes row)
{
    return keyring_put_device(context, device, row, NULL) == FELLOE_OK;
}

static struct device_record found(struct event_log *log, const struct device_record *record)
{
    struct device_record there = {0};
    struct log_reader *reader = log_reader_begin(log, NULL);
    assert_non_null(reader);
    assert_true(log_device(reader, &record->device, &there));
    log_reader_end(reader);
    return there;
}

static void who_is_let_in_is_known_from_either(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_HUB, NULL), *other = given_log(ROLE_HUB, NULL);
    struct device_record in = laptop(false), out = laptop(true), lately = laptop(false), false_one = laptop(false);
    put(g, &in);
    put(g, &out);
    put(g, &lately);
    false_one.sign.b[3] ^= 1; /* a bit of its row was turned over */
    put(g, &false_one);
    lately.revoked_ms = 7; /* since: the log's newest page is what is damaged */
    put(other, &lately);
    struct given_dir copy = given_dir();
    struct keyring *keyring = keyring_of(&copy, g);
    assert_true(keyring_devices(other->keyring, copy_row, keyring, NULL));

    event_log_close(g->log);
    g->log = NULL;
    struct log_repair_result result;
    struct felloe_error error = {0};
    const struct event_log_config config = {.dir = copy.path, .identity = &g->identity, .keyring = keyring,
                                            .completions = &g->completions, .reserve_bytes = 1 << 20};
    if (log_repair(given_path(&g->dir, "log/data.mdb"), &config, &result, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    struct event_log *log;
    assert_int_equal(event_log_open(&log, &config, &error), FELLOE_OK);
    assert_int_equal(found(log, &in).revoked_ms, 0);
    assert_memory_equal(found(log, &in).curve, in.curve, sizeof in.curve);
    assert_int_equal(found(log, &out).revoked_ms, 6);
    assert_int_equal(found(log, &lately).revoked_ms, 7);
    struct device_record there;
    struct log_reader *reader = log_reader_begin(log, NULL);
    assert_false(log_device(reader, &false_one.device, &there));
    log_reader_end(reader);
    event_log_close(log);
    keyring_close(keyring);
    given_dir_end(&copy);
    given_log_reopen(g);
    given_log_end(g);
    given_log_end(other);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_let_in_is_known_from_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
