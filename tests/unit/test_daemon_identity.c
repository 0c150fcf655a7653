/* SPDX-License-Identifier: Apache-2.0 */
/* The identity file: what is saved is read back, nobody else may read it, and a broken one is never taken for good. */
#include "tests/unit/given_dir.h"

#include <fcntl.h>
#include <sodium.h>

#include "daemon/store/identity.h"
#include "proto/mp.h"

static struct identity full_identity(void)
{
    struct identity identity;
    identity_generate(&identity, ROLE_SPOKE);
    identity.joined = true;
    snprintf(identity.worker, sizeof identity.worker, "ash-grey");
    snprintf(identity.label, sizeof identity.label, "Ash's laptop");
    snprintf(identity.hub_address, sizeof identity.hub_address, "tcp://192.0.2.1:5170");
    snprintf(identity.hub_name, sizeof identity.hub_name, "The hub");
    randombytes_buf(identity.hub_curve, sizeof identity.hub_curve);
    randombytes_buf(&identity.hub_sign, sizeof identity.hub_sign);
    randombytes_buf(&identity.hub_box, sizeof identity.hub_box);
    randombytes_buf(&identity.hub_box_before, sizeof identity.hub_box_before);
    randombytes_buf(&identity.hub_device, sizeof identity.hub_device);
    return identity;
}

static void a_device_is_named_after_its_signing_key(void **state)
{
    (void)state;
    struct identity identity, other;
    identity_generate(&identity, ROLE_HUB);
    identity_generate(&other, ROLE_HUB);
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, identity.sign_public.b, sizeof identity.sign_public.b, NULL, 0);
    assert_memory_equal(identity.device.b, hash, 16);
    assert_memory_not_equal(identity.device.b, other.device.b, 16);
    assert_memory_not_equal(identity.keyring_key, other.keyring_key, KEYRING_KEY_SIZE);
}

static void the_keys_are_pairs(void **state)
{
    (void)state;
    struct identity identity, hub;
    identity_generate(&identity, ROLE_SPOKE);
    identity_generate(&hub, ROLE_HUB);
    struct event_id id = {{1}};
    struct signature signature;
    sign_stream(&identity.sign_secret, bytes_str("north"), &identity.device, 1, 1, &id, &signature);
    assert_true(verify_stream(&identity.sign_public, bytes_str("north"), &identity.device, 1, 1, &id, &signature));
    struct box_shared there, back;
    assert_true(box_shared_of(&there, &hub.box_public, &identity.box_secret));
    assert_true(box_shared_of(&back, &identity.box_public, &hub.box_secret));
    assert_memory_equal(&there, &back, sizeof there);
    uint8_t curve[32];
    assert_int_equal(crypto_scalarmult_base(curve, identity.curve_secret), 0);
    assert_memory_equal(curve, identity.curve_public, 32);
}

static void what_is_saved_is_read_back(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct identity identity = full_identity(), read;
    struct felloe_error error = {0};
    assert_int_equal(identity_save(&identity, dir.path, &error), FELLOE_OK);
    assert_int_equal(identity_load(&read, dir.path, &error), FELLOE_OK);
    assert_int_equal(read.role, ROLE_SPOKE);
    assert_true(read.joined);
    assert_string_equal(read.label, "Ash's laptop");
    assert_string_equal(read.hub_address, "tcp://192.0.2.1:5170");
    assert_true(read.locked); /* what opens the record is not in it */
    identity.locked = true;
    sodium_memzero(&identity.box_secret, sizeof identity.box_secret);
    sodium_memzero(identity.keyring_key, sizeof identity.keyring_key);
    assert_memory_equal(&read, &identity, sizeof read);
    identity_clear(&read);
    assert_true(sodium_is_zero((const uint8_t *)&read, sizeof read));
    given_dir_end(&dir);
}

static void only_its_owner_may_read_it(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct identity identity = full_identity();
    mode_t before = umask(0);
    assert_int_equal(identity_save(&identity, dir.path, NULL), FELLOE_OK);
    umask(before);
    assert_int_equal(given_mode(&dir, "identity"), 0600);
    assert_int_equal(access(given_path(&dir, "identity.new"), F_OK), -1);
    given_dir_end(&dir);
}

static void saving_again_replaces_it_whole(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct identity identity = full_identity(), read;
    assert_int_equal(identity_save(&identity, dir.path, NULL), FELLOE_OK);
    snprintf(identity.worker, sizeof identity.worker, "birch");
    identity.label[0] = '\0';
    assert_int_equal(identity_save(&identity, dir.path, NULL), FELLOE_OK);
    assert_int_equal(identity_load(&read, dir.path, NULL), FELLOE_OK);
    assert_string_equal(read.worker, "birch");
    assert_string_equal(read.label, "");
    given_dir_end(&dir);
}

static void a_missing_one_is_said_in_words(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct identity identity;
    struct felloe_error error = {0};
    assert_int_equal(identity_load(&identity, dir.path, &error), FELLOE_NOT_FOUND);
    assert_non_null(strstr(error.message, dir.path));
    identity = full_identity();
    assert_int_equal(identity_save(&identity, "/nonexistent", &error), FELLOE_NOT_FOUND);
    given_dir_end(&dir);
}

static void one_that_was_cut_short_or_made_longer_is_refused(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct identity identity = full_identity(), read;
    struct stat st;
    assert_int_equal(identity_save(&identity, dir.path, NULL), FELLOE_OK);
    assert_int_equal(stat(given_path(&dir, "identity"), &st), 0);
    int fd = open(given_path(&dir, "identity"), O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "\xc0", 1), 1);
    close(fd);
    assert_int_equal(identity_load(&read, dir.path, NULL), FELLOE_DAMAGED);
    for (off_t size = st.st_size - 1; size >= 0; size--) {
        assert_int_equal(truncate(given_path(&dir, "identity"), size), 0);
        struct felloe_error error = {0};
        assert_int_equal(identity_load(&read, dir.path, &error), FELLOE_DAMAGED);
        assert_non_null(strstr(error.message, "identity"));
        assert_true(sodium_is_zero((const uint8_t *)&read, sizeof read));
    }
    given_dir_end(&dir);
}

/* A key that is wrong by one bit would seal what nobody can open once the file has been put back. */
static void one_with_any_bit_turned_over_is_refused(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct identity identity = full_identity(), read;
    struct stat st;
    assert_int_equal(identity_save(&identity, dir.path, NULL), FELLOE_OK);
    assert_int_equal(stat(given_path(&dir, "identity"), &st), 0);
    int fd = open(given_path(&dir, "identity"), O_RDWR);
    for (off_t at = 0; at < st.st_size; at++) {
        uint8_t was, is;
        assert_int_equal(pread(fd, &was, 1, at), 1);
        is = (uint8_t)(was ^ 1u << at % 8);
        assert_int_equal(pwrite(fd, &is, 1, at), 1);
        if (identity_load(&read, dir.path, NULL) != FELLOE_DAMAGED)
            fail_msg("byte %ld", (long)at);
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
    }
    close(fd);
    assert_int_equal(identity_load(&read, dir.path, NULL), FELLOE_OK);
    given_dir_end(&dir);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_named_after_its_signing_key),
        cmocka_unit_test(the_keys_are_pairs),
        cmocka_unit_test(what_is_saved_is_read_back),
        cmocka_unit_test(only_its_owner_may_read_it),
        cmocka_unit_test(saving_again_replaces_it_whole),
        cmocka_unit_test(a_missing_one_is_said_in_words),
        cmocka_unit_test(one_that_was_cut_short_or_made_longer_is_refused),
        cmocka_unit_test(one_with_any_bit_turned_over_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
