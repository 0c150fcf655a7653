/* SPDX-License-Identifier: Apache-2.0 */
/* The keyring: keys are there again after opening, wrapped in the file, and none can be passed off as another's. */
#include "tests/unit/given_dir.h"

#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>

#include "daemon/store/keyring.h"

static const uint8_t wrapping[KEYRING_KEY_SIZE] = {1, 2, 3, [KEYRING_HALF_SIZE] = 4};

static struct keyring *open_ring(const struct given_dir *dir, const uint8_t *key)
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

/* A key about a person for amy and these. */
static struct key_record audience_key(uint8_t number, const char *second, const char *third)
{
    struct key_record record = {.id = {{200, number}}, .kind = KEY_PERSON_AUDIENCE, .owner = {{1}}, .site = "north"};
    memset(record.key.b, number, sizeof record.key.b);
    assert_true(audience_add(&record.members, bytes_str("amy")));
    assert_true(audience_add(&record.members, bytes_str(second)));
    assert_true(third == NULL || audience_add(&record.members, bytes_str(third)));
    return record;
}

static void an_audiences_key_is_found_by_whom_it_is_for(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record two = audience_key(1, "ben", NULL), three = audience_key(2, "ben", "cleo"),
                      again = audience_key(3, "ben", NULL), got;
    assert_int_equal(keyring_audience_key(ring, &two, &got), FELLOE_NOT_FOUND);
    const struct key_record records[] = {person_key(1), three, two, again};
    assert_int_equal(keyring_add(ring, records, 4, NULL), FELLOE_OK);
    keyring_close(ring);

    ring = open_ring(&dir, wrapping);
    struct key_record like = two;
    memset(&like.id, 0, sizeof like.id);
    assert_int_equal(keyring_audience_key(ring, &like, &got), FELLOE_OK);
    assert_memory_equal(&got.id, &two.id, sizeof got.id); /* the one that came first */
    assert_memory_equal(&got.key, &two.key, sizeof got.key);
    assert_true(audience_equal(&got.members, &two.members));
    like.members = three.members;
    assert_int_equal(keyring_audience_key(ring, &like, &got), FELLOE_OK);
    assert_memory_equal(&got.id, &three.id, sizeof got.id);
    struct key_record others[4] = {three, three, three, audience_key(0, "cleo", NULL)};
    others[0].kind = KEY_SITE_AUDIENCE;
    others[1].owner.b[0]++;
    snprintf(others[2].site, sizeof others[2].site, "nort");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(keyring_audience_key(ring, &others[i], &got), FELLOE_NOT_FOUND);
        for (size_t at = 0; at < sizeof got.key.b; at++)
            assert_int_equal(got.key.b[at], 0);
    }
    struct key_record false_one = two; /* the same key for others: refused, and the first stands */
    assert_true(audience_add(&false_one.members, bytes_str("mallory")));
    assert_int_equal(keyring_add(ring, &false_one, 1, NULL), FELLOE_DAMAGED);
    assert_int_equal(keyring_get(ring, &two.id, &got), FELLOE_OK);
    assert_int_equal(got.members.count, 2);
    assert_int_equal(keyring_erase(ring, &two.id, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_audience_key(ring, &two, &got), FELLOE_OK);
    assert_memory_equal(&got.id, &again.id, sizeof got.id);
    keyring_close(ring);
    given_dir_end(&dir);
}

/* Who else may read about somebody is nobody's business either. */
static void an_audience_is_not_written_in_the_clear(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record record = audience_key(1, "bartholomew-quill", NULL), got;
    assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK);
    keyring_close(ring);
    assert_false(file_contains(given_path(&dir, "keys/data.mdb"), (const uint8_t *)"bartholomew-quill", 17));
    assert_true(file_contains(given_path(&dir, "keys/data.mdb"), (const uint8_t *)"north", 5));
    ring = open_ring(&dir, wrapping);
    assert_int_equal(keyring_get(ring, &record.id, &got), FELLOE_OK);
    assert_string_equal(got.members.workers[1], "bartholomew-quill");
    keyring_close(ring);
    given_dir_end(&dir);
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
        assert_true(keyring_has(ring, &records[i].id, NULL));
        assert_int_equal(keyring_get(ring, &records[i].id, &got), FELLOE_OK);
        assert_int_equal(got.kind, KEY_PERSON);
        assert_memory_equal(&got.key, &records[i].key, sizeof got.key);
        assert_memory_equal(&got.owner, &records[i].owner, sizeof got.owner);
        assert_string_equal(got.site, "north");
    }
    const struct key_id unknown = {{99}};
    assert_false(keyring_has(ring, &unknown, NULL));
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
    const uint8_t other[KEYRING_KEY_SIZE] = {9, [KEYRING_HALF_SIZE] = 9};
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

/* ---- erasing ---- */

/* What lies in the file for this person's key: nonce and sealed key. */
static void wrapped_bytes(const char *path, const struct key_record *record, uint8_t out[72])
{
    static uint8_t all[4 << 20];
    uint8_t clear[18 + SLUG_MAX] = {(uint8_t)record->kind};
    size_t site = strlen(record->site);
    memcpy(clear + 1, record->owner.b, 16);
    clear[17] = (uint8_t)site;
    memcpy(clear + 18, record->site, site);
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, all, sizeof all);
    close(fd);
    assert_in_range(size, 1, sizeof all);
    uint8_t *at = memmem(all, (size_t)size, clear, 18 + site);
    assert_non_null(at);
    memcpy(out, at + 18 + site, 72);
}

/* No eight bytes of it in a row. */
static bool traces_of(const char *path, const uint8_t wrapped[72])
{
    for (unsigned i = 0; i + 8 <= 72; i += 4)
        if (file_contains(path, wrapped + i, 8))
            return true;
    return false;
}

static void nothing_of_an_erased_key_is_left_in_the_file(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record got;
    uint8_t wrapped[3][72];
    const unsigned erased[3] = {0, 77, 149}; /* among enough to fill some pages */
    struct key_id ids[4];
    for (unsigned i = 0; i < 150; i++) {
        struct key_record record = person_key((uint8_t)(i + 1));
        assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK); /* a commit each: freed pages, too */
    }
    for (unsigned i = 0; i < 3; i++) {
        struct key_record record = person_key((uint8_t)(erased[i] + 1));
        wrapped_bytes(given_path(&dir, "keys/data.mdb"), &record, wrapped[i]);
        assert_true(traces_of(given_path(&dir, "keys/data.mdb"), wrapped[i]));
        ids[i] = record.id;
    }
    ids[3] = (struct key_id){{0xEE}}; /* never was here */
    assert_int_equal(keyring_erase(ring, ids, 4, NULL), FELLOE_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_false(traces_of(given_path(&dir, "keys/data.mdb"), wrapped[i]));
    assert_int_not_equal(access(given_path(&dir, "keys/data.mdb.new"), F_OK), 0);
    assert_int_equal(given_mode(&dir, "keys/data.mdb"), 0600);

    assert_int_equal(keyring_count(ring), 147); /* and it goes on in the same keyring */
    struct key_record other = person_key(200);
    assert_int_equal(keyring_add(ring, &other, 1, NULL), FELLOE_OK);
    keyring_close(ring);
    ring = open_ring(&dir, wrapping);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(keyring_erased(ring, &ids[i], NULL));
        assert_int_equal(keyring_get(ring, &ids[i], &got), FELLOE_NOT_FOUND);
    }
    other = person_key(50);
    assert_false(keyring_erased(ring, &other.id, NULL));
    assert_int_equal(keyring_get(ring, &other.id, &got), FELLOE_OK);
    assert_memory_equal(&got.key, &other.key, sizeof got.key);
    keyring_close(ring);
    given_dir_end(&dir);
}

static void an_erased_key_is_never_added_again(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record records[3] = {person_key(1), person_key(2), site_key(3, "north")}, got;
    assert_int_equal(keyring_add(ring, records, 3, NULL), FELLOE_OK);
    const struct key_id ids[2] = {records[0].id, records[2].id};
    assert_int_equal(keyring_erase(ring, ids, 2, NULL), FELLOE_OK);
    assert_int_equal(keyring_erase(ring, ids, 2, NULL), FELLOE_OK);
    assert_int_equal(keyring_add(ring, records, 3, NULL), FELLOE_OK);
    assert_int_equal(keyring_count(ring), 1);
    assert_int_equal(keyring_site_key(ring, bytes_str("north"), &got), FELLOE_NOT_FOUND);
    struct key_record next = site_key(4, "north");
    assert_int_equal(keyring_add(ring, &next, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_site_key(ring, bytes_str("north"), &got), FELLOE_OK);
    assert_int_equal(got.key.b[0], 4);
    keyring_close(ring);
    given_dir_end(&dir);
}

static void an_erasure_that_could_not_wipe_is_finished_at_the_next_start(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct key_record record = person_key(1), got;
    struct felloe_error error;
    uint8_t wrapped[72];
    assert_int_equal(keyring_add(ring, &record, 1, NULL), FELLOE_OK);
    wrapped_bytes(given_path(&dir, "keys/data.mdb"), &record, wrapped);
    assert_int_equal(mkdir(given_path(&dir, "keys/data.mdb.new"), 0700), 0); /* no copy can be made */
    assert_int_not_equal(keyring_erase(ring, &record.id, 1, &error), FELLOE_OK);
    assert_int_equal(keyring_get(ring, &record.id, &got), FELLOE_NOT_FOUND); /* erased all the same */
    assert_true(keyring_erased(ring, &record.id, NULL));
    assert_false(keyring_failed(ring));
    keyring_close(ring);
    assert_true(traces_of(given_path(&dir, "keys/data.mdb"), wrapped));
    assert_int_equal(rmdir(given_path(&dir, "keys/data.mdb.new")), 0);
    ring = open_ring(&dir, wrapping);
    assert_false(traces_of(given_path(&dir, "keys/data.mdb"), wrapped));
    keyring_close(ring);
    given_dir_end(&dir);
}

/* Readers on other threads never meet a keyring whose file is being written anew. */
static struct keyring *shared_ring;
static atomic_bool stop_reading;
static void *read_on(void *context)
{
    const struct key_record *record = context;
    uintptr_t wrong = 0;
    while (!atomic_load(&stop_reading)) {
        struct key_record got;
        wrong += keyring_get(shared_ring, &record->id, &got) != FELLOE_OK;
        wrong += !keyring_has(shared_ring, &record->id, NULL);
    }
    return (void *)wrong; /* NOLINT */
}

static void erasing_disturbs_no_reader(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    shared_ring = open_ring(&dir, wrapping);
    struct key_record stays = person_key(255);
    pthread_t threads[2];
    assert_int_equal(keyring_add(shared_ring, &stays, 1, NULL), FELLOE_OK);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &stays), 0);
    for (unsigned i = 1; i <= 20; i++) {
        struct key_record record = person_key((uint8_t)i);
        assert_int_equal(keyring_add(shared_ring, &record, 1, NULL), FELLOE_OK);
        assert_int_equal(keyring_erase(shared_ring, &record.id, 1, NULL), FELLOE_OK);
    }
    atomic_store(&stop_reading, true);
    for (unsigned i = 0; i < 2; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    keyring_close(shared_ring);
    given_dir_end(&dir);
}

/* ---- what else lies there ---- */

static void sites_are_those_with_a_key(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    char site[SLUG_MAX + 1];
    assert_false(keyring_site_at(ring, 0, site, NULL));
    const struct key_record records[] = {site_key(1, "north"), site_key(2, "commons"), site_key(3, "north"),
                                         person_key(9), site_key(4, "northern")};
    assert_int_equal(keyring_add(ring, records, 5, NULL), FELLOE_OK);
    const char *const sites[] = {"commons", "north", "northern"};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(keyring_site_at(ring, i, site, NULL));
        assert_string_equal(site, sites[i]);
    }
    assert_false(keyring_site_at(ring, 3, site, NULL));
    keyring_close(ring);
    given_dir_end(&dir);
}

struct visited {
    unsigned count, stop_at;
    uint8_t first[8];
    size_t row_len;
};
static bool visit_device(void *context, const struct device_id *device, struct bytes row)
{
    struct visited *v = context;
    v->first[v->count] = device->b[0];
    v->row_len = row.len;
    return ++v->count != v->stop_at;
}
static bool visit_key(void *context, const struct key_record *record)
{
    struct visited *v = context;
    assert_int_equal(record->key.b[0], 0xA0 + record->id.b[0]);
    v->first[v->count] = record->id.b[0];
    return ++v->count != v->stop_at;
}
static bool visit_id(void *context, const struct key_id *id)
{
    struct visited *v = context;
    v->first[v->count] = id->b[0];
    return ++v->count != v->stop_at;
}

static void devices_are_kept_beside_the_keys(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    struct visited v = {0};
    assert_false(keyring_devices(ring, visit_device, &v, NULL));
    assert_int_equal(keyring_put_device(ring, &(struct device_id){{7}}, bytes_str("seven"), NULL), FELLOE_OK);
    assert_int_equal(keyring_put_device(ring, &(struct device_id){{3}}, bytes_str("three"), NULL), FELLOE_OK);
    assert_int_equal(keyring_put_device(ring, &(struct device_id){{7}}, bytes_str("seven, revoked"), NULL), FELLOE_OK);
    assert_int_equal(keyring_put_device(ring, &(struct device_id){{7}}, bytes_str("seven, revoked"), NULL), FELLOE_OK);
    keyring_close(ring);
    ring = open_ring(&dir, wrapping);
    assert_true(keyring_devices(ring, visit_device, &v, NULL));
    assert_int_equal(v.count, 2);
    assert_int_equal(v.first[0], 3);
    assert_int_equal(v.first[1], 7);
    assert_int_equal(v.row_len, strlen("seven, revoked"));
    v = (struct visited){.stop_at = 1};
    assert_false(keyring_devices(ring, visit_device, &v, NULL));
    keyring_close(ring);
    given_dir_end(&dir);
}

static void all_keys_and_all_erased_ones_can_be_visited(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    const struct key_record records[] = {person_key(1), person_key(2), person_key(3)};
    assert_int_equal(keyring_add(ring, records, 3, NULL), FELLOE_OK);
    assert_int_equal(keyring_erase(ring, &records[1].id, 1, NULL), FELLOE_OK);
    struct visited v = {0};
    assert_true(keyring_visit(ring, visit_key, &v));
    assert_int_equal(v.count, 2);
    v = (struct visited){.stop_at = 1};
    assert_false(keyring_visit(ring, visit_key, &v));
    v = (struct visited){0};
    assert_true(keyring_visit_erased(ring, visit_id, &v));
    assert_int_equal(v.count, 1);
    assert_int_equal(v.first[0], 2);
    keyring_close(ring);
    given_dir_end(&dir);
}

/* A backup of the keys in which one is damaged brings back all the others. */
static void one_that_does_not_open_does_not_hide_those_behind_it(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    const struct key_record records[] = {person_key(1), person_key(2), person_key(3)};
    static uint8_t all[4 << 20];
    uint8_t wrapped[72];
    assert_int_equal(keyring_add(ring, records, 3, NULL), FELLOE_OK);
    keyring_close(ring);
    const char *path = given_path(&dir, "keys/data.mdb");
    wrapped_bytes(path, &records[0], wrapped);
    int fd = open(path, O_RDWR);
    ssize_t size = read(fd, all, sizeof all);
    const uint8_t *at = memmem(all, (size_t)size, wrapped, sizeof wrapped);
    assert_non_null(at);
    wrapped[40] ^= 1;
    assert_int_equal(pwrite(fd, wrapped, sizeof wrapped, at - all), sizeof wrapped);
    close(fd);
    ring = open_ring(&dir, wrapping);
    struct visited v = {0};
    assert_false(keyring_visit(ring, visit_key, &v));
    assert_int_equal(v.count, 2);
    assert_int_equal(v.first[0], 2);
    assert_int_equal(v.first[1], 3);
    keyring_close(ring);
    given_dir_end(&dir);
}

/* A copy is a keyring like the one it was made of, without what was erased. */
static void a_copy_has_the_keys_and_the_erased(void **state)
{
    (void)state;
    struct given_dir dir = given_dir(), other = given_dir();
    struct keyring *ring = open_ring(&dir, wrapping);
    const struct key_record records[] = {person_key(1), person_key(2)};
    struct key_record got;
    assert_int_equal(keyring_add(ring, records, 2, NULL), FELLOE_OK);
    assert_int_equal(keyring_erase(ring, &records[1].id, 1, NULL), FELLOE_OK);
    assert_int_equal(mkdir(given_path(&other, "keys"), 0700), 0);
    int fd = open(given_path(&other, "keys/data.mdb"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(keyring_copy(ring, fd, NULL), FELLOE_OK);
    close(fd);
    keyring_close(ring);
    ring = open_ring(&other, wrapping);
    assert_int_equal(keyring_get(ring, &records[0].id, &got), FELLOE_OK);
    assert_true(keyring_erased(ring, &records[1].id, NULL));
    keyring_close(ring);
    given_dir_end(&other);
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
        cmocka_unit_test(an_audiences_key_is_found_by_whom_it_is_for),
        cmocka_unit_test(an_audience_is_not_written_in_the_clear),
        cmocka_unit_test(no_key_lies_open_in_the_file),
        cmocka_unit_test(another_wrapping_key_opens_nothing),
        cmocka_unit_test(a_flipped_bit_is_noticed),
        cmocka_unit_test(nothing_of_an_erased_key_is_left_in_the_file),
        cmocka_unit_test(an_erased_key_is_never_added_again),
        cmocka_unit_test(an_erasure_that_could_not_wipe_is_finished_at_the_next_start),
        cmocka_unit_test(erasing_disturbs_no_reader),
        cmocka_unit_test(sites_are_those_with_a_key),
        cmocka_unit_test(devices_are_kept_beside_the_keys),
        cmocka_unit_test(all_keys_and_all_erased_ones_can_be_visited),
        cmocka_unit_test(one_that_does_not_open_does_not_hide_those_behind_it),
        cmocka_unit_test(a_copy_has_the_keys_and_the_erased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
