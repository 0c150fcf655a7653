/* SPDX-License-Identifier: Apache-2.0 */
/* The keyring: keys are there again after opening, wrapped in the file, and none can be passed off as another's. */
#include "tests/unit/given_dir.h"

#include <fcntl.h>
#include <sodium.h>

#include "daemon/store/keyring.h"

static const uint8_t wrapping[32] = {1, 2, 3};

static struct keyring *open_ring(const struct given_dir *dir, const uint8_t key[32])
{
    struct keyring *ring;
    struct felloe_error error = {0};
    if (keyring_open(&ring, dir->path, key, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return ring;
}

static struct key_record person_key(uint8_t number)
{
    struct key_record record = {.id = {{number}}, .kind = KEY_PERSON, .owner = {{number}}, .site = "north"};
    memset(record.key.b, 0xA0 + number, sizeof record.key.b);
    return record;
}

static struct key_record site_key(uint8_t number, const char *site)
{
    struct key_record record = {.id = {{100, number}}, .kind = KEY_SITE};
    snprintf(record.site, sizeof record.site, "%s", site);
    memset(record.key.b, number, sizeof record.key.b);
    return record;
}

static void keys_are_there_again_after_opening(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record records[2] = {person_key(1), person_key(2)}, got;
    assert_int_equal(keyring_add(ring, records, 2, NULL), FELLOE_OK);
    assert_int_equal(keyring_count(ring), 2);
    keyring_close(ring);

    ring = open_ring(&dir, wrapping);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(keyring_has(ring, &records[i].id));
        assert_int_equal(keyring_get(ring, &records[i].id, &got), FELLOE_OK);
        assert_int_equal(got.kind, KEY_PERSON);
        assert_memory_equal(&got.key, &records[i].key, sizeof got.key);
        assert_memory_equal(&got.owner, &records[i].owner, sizeof got.owner);
        assert_string_equal(got.site, "north");
    }
    const struct key_id unknown = {{99}};
    assert_false(keyring_has(ring, &unknown));
    assert_int_equal(keyring_get(ring, &unknown, &got), FELLOE_NOT_FOUND);
    keyring_close(ring);
    given_dir_end(&dir);
}

static void adding_again_is_fine_and_another_key_of_that_name_is_not(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record mixed[2] = {person_key(2), person_key(1)}, record = person_key(1), got;
    assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK);
    snprintf(record.site, sizeof record.site, "south"); /* the same key met in another site */
    assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK);
    mixed[1].key.b[31] ^= 1;
    struct felloe_error error = {0};
    assert_int_equal(keyring_add(ring, mixed, 2, &error), FELLOE_DAMAGED);
    assert_non_null(strstr(error.message, "different key"));
    assert_int_equal(keyring_count(ring), 1); /* nothing of a refused batch goes in */
    assert_int_equal(keyring_get(ring, &record.id, &got), FELLOE_OK);
    assert_memory_equal(&got.key, &record.key, sizeof got.key);
    keyring_close(ring);
    given_dir_end(&dir);
}

static void the_first_key_of_a_site_is_found_and_stands(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record got;
    assert_int_equal(keyring_site_key(ring, bytes_str("north"), &got), FELLOE_NOT_FOUND);
    const struct key_record records[] = {site_key(3, "north"), site_key(9, "northern"), site_key(1, "north")};
    assert_int_equal(keyring_add(ring, records, 3, NULL), FELLOE_OK);
    assert_int_equal(keyring_site_key(ring, bytes_str("north"), &got), FELLOE_OK);
    assert_int_equal(got.key.b[0], 3);
    assert_int_equal(keyring_site_key(ring, bytes_str("northern"), &got), FELLOE_OK);
    assert_int_equal(got.key.b[0], 9);
    assert_int_equal(keyring_site_key(ring, bytes_str("nor"), &got), FELLOE_NOT_FOUND);
    keyring_close(ring);
    given_dir_end(&dir);
}

static bool file_contains(const char *path, const void *what, size_t len)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *all = malloc((size_t)st.st_size);
    assert_non_null(all);
    assert_int_equal(read(fd, all, (size_t)st.st_size), st.st_size);
    bool found = memmem(all, (size_t)st.st_size, what, len) != NULL;
    free(all);
    close(fd);
    return found;
}

static void no_key_lies_open_in_the_file(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record record = person_key(1);
    assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK);
    keyring_close(ring);
    assert_true(file_contains(given_path(&dir, "keys/data.mdb"), record.id.b, 16));
    assert_false(file_contains(given_path(&dir, "keys/data.mdb"), record.key.b, 8));
    assert_false(file_contains(given_path(&dir, "keys/data.mdb"), wrapping, 32));
    given_dir_end(&dir);
}

static void another_wrapping_key_opens_nothing(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record record = person_key(1), got;
    assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK);
    keyring_close(ring);
    const uint8_t other[32] = {9};
    ring = open_ring(&dir, other);
    assert_int_equal(keyring_get(ring, &record.id, &got), FELLOE_DAMAGED);
    keyring_close(ring);
    given_dir_end(&dir);
}

static void a_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record record = person_key(1), got;
    memset(record.owner.b, 0x77, sizeof record.owner.b); /* easy to find in the file */
    assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK);
    keyring_close(ring);
    char path[100];
    snprintf(path, sizeof path, "%s/keys/data.mdb", dir.path);
    int fd = open(path, O_RDWR);
    static uint8_t all[1 << 20];
    ssize_t size = read(fd, all, sizeof all);
    uint8_t *at =
        memmem(all, (size_t)size, "\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x05north", 22);
    assert_non_null(at);
    const int flips[] = {-1, 0, 17, 22, 60}; /* kind, owner, site, nonce, sealed key */
    for (unsigned i = 0; i < 5; i++) {
        off_t place = at - all + flips[i];
        uint8_t bit = (uint8_t)(all[place] ^ 2);
        assert_int_equal(pwrite(fd, &bit, 1, place), 1);
        ring = open_ring(&dir, wrapping);
        assert_int_equal(keyring_get(ring, &record.id, &got), FELLOE_DAMAGED);
        keyring_close(ring);
        assert_int_equal(pwrite(fd, &all[place], 1, place), 1);
    }
    close(fd);
    given_dir_end(&dir);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_there_again_after_opening),
        cmocka_unit_test(adding_again_is_fine_and_another_key_of_that_name_is_not),
        cmocka_unit_test(the_first_key_of_a_site_is_found_and_stands),
        cmocka_unit_test(no_key_lies_open_in_the_file),
        cmocka_unit_test(another_wrapping_key_opens_nothing),
        cmocka_unit_test(a_flipped_bit_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
