/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that change: what is on the disk at each moment of it, and what a hub takes from whom. */
#include "tests/unit/given_net_callers.h"

#include "daemon/store/file.h"
#include "daemon/store/rekey_file.h"
#include "daemon/sync/driver_inside.h"

/* ---- on the disk ---- */

static struct given_dir home;
static struct identity me;

static int at_home(void **state)
{
    (void)state;
    home = given_dir();
    identity_generate(&me, ROLE_SPOKE);
    return given_identity_save(&me, home.path) != FELLOE_OK;
}

static int leave_home(void **state)
{
    (void)state;
    given_dir_end(&home);
    return 0;
}

static struct identity open_again(void)
{
    struct identity opened;
    assert_int_equal(given_identity_open(&opened, home.path), FELLOE_OK);
    return opened;
}

static void keep_fresh(struct rekey_file *file)
{
    struct felloe_error error;
    rekey_make(file, &me, 0);
    assert_int_equal(rekey_seal_boxes(home.path, &me, &error), FELLOE_OK);
    assert_int_equal(rekey_save(file, home.path, &error), FELLOE_OK);
}

/* Its secrets belong to its public key, and it can open what was wrapped before the change and after. */
static void assert_sound(const struct identity *it, const struct rekey_keys *keys)
{
    uint8_t public[32];
    assert_memory_equal(it->curve_public, keys->curve_public, 32);
    assert_memory_equal(it->curve_secret, keys->curve_secret, 32);
    assert_memory_equal(&it->box_public, &keys->box, 32);
    crypto_scalarmult_base(public, it->box_secret.b);
    assert_memory_equal(public, keys->box.b, 32);
}

static void whatever_is_on_the_disk_makes_an_identity(void **state)
{
    (void)state;
    struct rekey_file file, found;
    struct felloe_error error;
    struct buffer vault = {0}, identity = {0};
    keep_fresh(&file);
    struct identity it = open_again(); /* kept, not asked */
    assert_sound(&it, &file.old);
    assert_int_equal(rekey_load(&found, home.path, &it, &error), FELLOE_OK);
    assert_false(rekey_is_done(&found, &it));
    assert_memory_equal(&found, &file, sizeof found);
    assert_int_equal(file_read(home.path, "vault", 65536, &vault, &error), FELLOE_OK);
    assert_int_equal(file_read(home.path, "identity", 65536, &identity, &error), FELLOE_OK);

    assert_int_equal(rekey_turn(&found, home.path, &it, &error), FELLOE_OK);
    assert_sound(&it, &file.fresh);
    it = open_again();
    assert_sound(&it, &file.fresh);
    assert_true(rekey_is_done(&found, &it));
    assert_memory_equal(&it.box_before, &me.box_secret, sizeof it.box_before);
    assert_int_equal(rekey_load(&found, home.path, &it, &error), FELLOE_OK); /* kept, for a hub that is put back */

    /* the power went after the identity was written, and before the vault was */
    assert_int_equal(file_write(home.path, "vault", buffer_bytes(&vault), &error), FELLOE_OK);
    it = open_again();
    assert_sound(&it, &file.fresh);
    assert_memory_equal(&it.box_before, &me.box_secret, sizeof it.box_before);
    assert_int_equal(rekey_seal_boxes(home.path, &it, &error), FELLOE_OK);

    /* and an identity that was put back, with the vault of after */
    assert_int_equal(file_write(home.path, "identity", buffer_bytes(&identity), &error), FELLOE_OK);
    it = open_again();
    assert_sound(&it, &file.old);
    assert_int_equal(rekey_load(&found, home.path, &it, &error), FELLOE_OK);
    assert_int_equal(rekey_turn(&found, home.path, &it, &error), FELLOE_OK);
    it = open_again();
    assert_sound(&it, &file.fresh);
    buffer_release(&vault);
    buffer_release(&identity);
}

static void a_locked_laptop_can_be_told_that_the_hub_knows(void **state)
{
    (void)state;
    struct rekey_file file;
    struct identity locked;
    struct felloe_error error;
    keep_fresh(&file);
    assert_int_equal(identity_load(&locked, home.path, &error), FELLOE_OK);
    assert_true(locked.locked);
    assert_int_equal(rekey_turn(&file, home.path, &locked, &error), FELLOE_OK);
    struct identity it = open_again();
    assert_sound(&it, &file.fresh);
    assert_memory_equal(&it.box_before, &me.box_secret, sizeof it.box_before);
}

static void a_file_that_is_damaged_or_anothers_changes_nothing(void **state)
{
    (void)state;
    struct rekey_file file, found;
    struct identity other;
    struct felloe_error error;
    struct buffer whole = {0};
    assert_int_equal(rekey_load(&found, home.path, &me, &error), FELLOE_NOT_FOUND);
    keep_fresh(&file);
    assert_int_equal(given_mode(&home, "rekey"), 0600);
    identity_generate(&other, ROLE_SPOKE);
    assert_int_equal(rekey_load(&found, home.path, &other, &error), FELLOE_NOT_FOUND);
    assert_true(sodium_is_zero((const uint8_t *)&found, sizeof found));
    assert_int_equal(file_read(home.path, "rekey", 4096, &whole, &error), FELLOE_OK);
    for (size_t i = 0; i < whole.len; i += 7) {
        whole.data[i] ^= 0x10;
        assert_int_equal(file_write(home.path, "rekey", buffer_bytes(&whole), &error), FELLOE_OK);
        assert_int_equal(rekey_load(&found, home.path, &me, &error), FELLOE_DAMAGED);
        assert_true(sodium_is_zero((const uint8_t *)&found, sizeof found));
        whole.data[i] ^= 0x10;
    }
    for (size_t len = 0; len < whole.len; len += 31) {
        assert_int_equal(file_write(home.path, "rekey", bytes_of(whole.data, len), &error), FELLOE_OK);
        assert_int_equal(rekey_load(&found, home.path, &me, &error), FELLOE_DAMAGED);
    }
    buffer_release(&whole);
}

/* ---- what is opened with what ---- */

static void keys_of_before_and_of_after_open(void **state)
{
    (void)state;
    struct identity hub;
    struct rekey_file file;
    struct box_pairs pairs;
    static const struct box_secret none;
    static const struct box_public nobody;
    identity_generate(&hub, ROLE_HUB);
    rekey_make(&file, &me, 0);
    const struct box_secret *const own[] = {&hub.box_secret, &none, &none};
    const struct box_public *const theirs[] = {&file.old.box, &file.fresh.box, &nobody};
    assert_true(driver_pairs(own, theirs, &pairs));
    assert_int_equal(pairs.count, 2);
    struct box_shared old, fresh;
    assert_true(box_shared_of(&old, &hub.box_public, &me.box_secret));
    assert_true(box_shared_of(&fresh, &hub.box_public, &me.box_next));
    assert_memory_equal(&pairs.at[0], &old, sizeof old); /* what is wrapped with */
    assert_memory_equal(&pairs.at[1], &fresh, sizeof fresh);
    const struct box_public *const bad[] = {&nobody, &file.fresh.box, &nobody};
    assert_false(driver_pairs(own, bad, &pairs));
}

/* ---- the hub's record ---- */

static void whoever_was_revoked_meanwhile_stays_so(void **state)
{
    (void)state;
    struct felloe_error error;
    struct setup_log log;
    struct device_record device = {.device = {{7}}, .sign = {{1}}, .box = {{2}}, .curve = {3}, .worker = "anna",
                                   .joined_ms = 1}, asked, found;
    assert_int_equal(setup_log_open(&log, home.path, &me, &error), FELLOE_OK);
    struct log_job put = {.kind = LOG_PUT_DEVICE, .device = &device};
    assert_int_equal(setup_log_do(&log, &put, &error), FELLOE_OK);
    asked = device;
    asked.next_box = (struct box_public){{4}};
    asked.next_curve[0] = 5;
    asked.rekeyed_ms = 99;
    device.revoked_ms = 50;
    struct log_job revoke = {.kind = LOG_PUT_DEVICE, .device = &device};
    assert_int_equal(setup_log_do(&log, &revoke, &error), FELLOE_OK);
    struct log_job rekey = {.kind = LOG_REKEY, .device = &asked};
    assert_int_equal(setup_log_do(&log, &rekey, &error), FELLOE_OK);
    assert_true(asked.revoked_ms == 50); /* and whoever asked is told so */
    struct log_reader *reader = log_reader_begin(log.log, &error);
    assert_true(log_device(reader, &device.device, &found));
    log_reader_end(reader);
    assert_true(found.revoked_ms == 50 && found.rekeyed_ms == 99);
    assert_int_equal(found.next_box.b[0], 4);
    assert_int_equal(found.next_curve[0], 5);
    assert_int_equal(found.box.b[0], 2);
    asked.device = (struct device_id){{8}};
    struct log_job stranger = {.kind = LOG_REKEY, .device = &asked};
    assert_int_equal(setup_log_do(&log, &stranger, &error), FELLOE_NOT_FOUND);
    setup_log_close(&log);
}

/* ---- at a hub ---- */

static struct rekey_file fresh;

static void rekey(struct caller *c, const uint8_t *box, const uint8_t *curve)
{
    m.kind = MSG_REKEY;
    memcpy(m.rekey.box.b, box, 32);
    memcpy(m.rekey.curve, curve, 32);
    rekey_sign(&c->me.sign_secret, &hub_identity.sign_public, &m.rekey);
}

static void assert_malformed(struct caller *c)
{
    assert_int_equal(ask(c, &m, (struct bytes){0}), MSG_REFUSED);
    assert_int_equal(c->answer->refused.reason, REFUSED_MALFORMED);
}

static void what_is_no_request_for_new_keys_is_refused(void **state)
{
    (void)state;
    static const uint8_t none[32] = {1}; /* of small order */
    const uint8_t *box = fresh.fresh.box.b, *curve = fresh.fresh.curve_public;
    rekey_make(&fresh, &evil->me, 0);
    call(evil);
    rekey(evil, box, curve);
    m.rekey.proof.b[9] ^= 1;
    assert_malformed(evil);
    rekey_sign(&honest->me.sign_secret, &hub_identity.sign_public, &m.rekey); /* another's signature */
    assert_malformed(evil);
    rekey_sign(&evil->me.sign_secret, &honest->me.sign_public, &m.rekey); /* for another hub */
    assert_malformed(evil);
    rekey(evil, none, curve);
    assert_malformed(evil);
    rekey(evil, box, none);
    assert_malformed(evil);
    const uint8_t *const taken[] = {honest->me.curve_public, hub_identity.curve_public, holders[0]->curve};
    for (size_t i = 0; i < 3; i++) {
        rekey(evil, box, taken[i]);
        assert_malformed(evil);
    }
    call(holders[0]); /* a ticket is for joining */
    rekey(holders[0], box, curve);
    assert_int_equal(ask(holders[0], &m, (struct bytes){0}), MSG_REFUSED);
    assert_int_equal(holders[0]->answer->refused.reason, REFUSED_UNKNOWN);
    hello(&m, evil, "south", 1);
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_WELCOME);
}

static bool said_no;
static void listen_for_no(void *context, enum net_link link)
{
    linked(context, link);
    said_no |= link == NET_REFUSED;
}
static bool has_verdict(const struct caller *c, unsigned count)
{
    (void)count;
    return said_no || c->up;
}

/* Soon: the hub writes it down first. */
static void assert_let_in_no_more(struct caller *c)
{
    const struct net_spoke_config config = {.loop = &loop,
                                            .address = address,
                                            .hub_curve = hub_identity.curve_public,
                                            .curve_public = c->curve,
                                            .curve_secret = c->secret,
                                            .context = c,
                                            .message = heard,
                                            .link = listen_for_no};
    said_no = false;
    for (int tries = 0; tries < 100 && !said_no; tries++) {
        net_spoke_close(c->net);
        c->up = false;
        assert_int_equal(net_spoke_open(&c->net, &config, NULL), FELLOE_OK);
        assert_true(run_until(c, has_verdict, 0));
    }
    assert_true(said_no);
}

static void the_first_use_of_the_new_keys_ends_the_old_ones(void **state)
{
    (void)state;
    struct caller *same = caller_new(); /* the same laptop, with its new keys */
    rekey_make(&fresh, &evil->me, 0);
    same->me = evil->me;
    memcpy(same->curve, fresh.fresh.curve_public, 32);
    memcpy(same->secret, fresh.fresh.curve_secret, 32);
    call(evil);
    for (int i = 0; i < 2; i++) { /* the answer may be lost: the same again */
        rekey(evil, fresh.fresh.box.b, fresh.fresh.curve_public);
        assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_REKEYED);
    }
    hello(&m, evil, "south", 1);
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_WELCOME); /* either is let in */
    hub_stop();
    hub_start(); /* also after a restart */
    call(same);
    hello(&m, same, "south", 1);
    assert_int_equal(ask(same, &m, (struct bytes){0}), MSG_WELCOME);
    rekey(same, fresh.fresh.box.b, fresh.fresh.curve_public); /* done already */
    assert_int_equal(ask(same, &m, (struct bytes){0}), MSG_REKEYED);
    assert_let_in_no_more(evil);
    caller_free(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_is_on_the_disk_makes_an_identity, at_home, leave_home),
        cmocka_unit_test_setup_teardown(a_locked_laptop_can_be_told_that_the_hub_knows, at_home, leave_home),
        cmocka_unit_test_setup_teardown(a_file_that_is_damaged_or_anothers_changes_nothing, at_home, leave_home),
        cmocka_unit_test_setup_teardown(keys_of_before_and_of_after_open, at_home, leave_home),
        cmocka_unit_test_setup_teardown(whoever_was_revoked_meanwhile_stays_so, at_home, leave_home),
        cmocka_unit_test_setup_teardown(what_is_no_request_for_new_keys_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(the_first_use_of_the_new_keys_ends_the_old_ones, begin, end),
    };
    const size_t count = sizeof tests / sizeof *tests - (HUB_CAN_BE_FORKED ? 0 : 2); /* the last two need one */
    report_level(LEVEL_ERROR);
    return sodium_init() < 0 ? 1 : _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
}
