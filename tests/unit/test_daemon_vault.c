/* SPDX-License-Identifier: Apache-2.0 */
/* The vault: who has what opens a slot gets in, nobody else does, and guessing gets slower each time. */
#include "tests/unit/given_dir.h"
#include "tests/unit/given_vault.h"

#include <fcntl.h>
#include <sodium.h>

#include "daemon/store/file.h"
#include "proto/mp.h"

#define NOW 1767312000000

struct given_vault {
    struct given_dir dir;
    struct identity identity;
    struct vault vault;
};

static struct vault_secret passphrase(const char *text)
{
    struct vault_secret secret;
    struct felloe_error error = {0};
    if (vault_secret_passphrase(&secret, bytes_str(text), &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return secret;
}

static void add(struct given_vault *g, const struct vault_secret *secret, const char *worker, bool restricted)
{
    assert_int_equal(vault_add(&g->vault, secret, worker, g->identity.keyring_key, restricted, &vault_cost_least, NOW,
                               NULL),
                     FELLOE_OK);
}

/* Amy's laptop, with her passphrase. */
static struct given_vault given_vault(void)
{
    struct given_vault g = {.dir = given_dir()};
    struct vault_secret amys = passphrase("correct horse battery");
    identity_generate(&g.identity, ROLE_SPOKE);
    snprintf(g.identity.worker, sizeof g.identity.worker, "amy");
    g.identity.joined = true;
    vault_start(&g.vault, &g.identity.device);
    add(&g, &amys, "amy", true);
    vault_seal_boxes(&g.vault, &g.identity);
    return g;
}

static enum felloe_code open_with(const struct given_vault *g, const struct vault_secret *secret, const char *worker,
                                  uint8_t key[KEYRING_KEY_SIZE])
{
    return vault_open(&g->vault, secret, worker, key, NULL, NULL);
}

static void save(const struct given_vault *g)
{
    assert_int_equal(vault_save(&g->vault, g->dir.path, NULL), FELLOE_OK);
    assert_int_equal(identity_save(&g->identity, g->dir.path, NULL), FELLOE_OK);
}

/* ---- slots ---- */

static void the_passphrase_opens_it_and_no_other_does(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret right = passphrase("correct horse battery"), wrong = passphrase("correct horse batter!");
    struct identity locked = g.identity;
    struct felloe_error error = {0};
    uint8_t key[KEYRING_KEY_SIZE];
    uint32_t which = 9;
    locked.locked = true;
    sodium_memzero(&locked.box_secret, sizeof locked.box_secret);
    sodium_memzero(locked.keyring_key, sizeof locked.keyring_key);
    assert_int_equal(vault_open(&g.vault, &wrong, NULL, key, &which, &error), FELLOE_DENIED);
    assert_non_null(strstr(error.message, "not the passphrase"));
    assert_true(sodium_is_zero(key, sizeof key));
    assert_int_equal(vault_open(&g.vault, &right, NULL, key, &which, &error), FELLOE_OK);
    assert_int_equal(which, 0);
    assert_int_equal(vault_unlock(&g.vault, key, &locked, &error), FELLOE_OK);
    assert_memory_equal(&locked, &g.identity, sizeof locked);
    given_dir_end(&g.dir);
}

static void a_second_worker_gets_in_without_the_restricted_half(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret bens = passphrase("another horse"), amys = passphrase("correct horse battery");
    uint8_t key[KEYRING_KEY_SIZE];
    add(&g, &bens, "ben", false);
    assert_int_equal(open_with(&g, &bens, "ben", key), FELLOE_OK);
    assert_memory_equal(key, g.identity.keyring_key, KEYRING_HALF_SIZE);
    assert_true(sodium_is_zero(key + KEYRING_HALF_SIZE, KEYRING_HALF_SIZE));
    struct identity bens_session = g.identity;
    assert_int_equal(vault_unlock(&g.vault, key, &bens_session, NULL), FELLOE_OK);
    assert_memory_equal(&bens_session.box_secret, &g.identity.box_secret, sizeof bens_session.box_secret);
    /* Each by their own; whoever names nobody is found by the passphrase. */
    assert_int_equal(open_with(&g, &bens, "amy", key), FELLOE_DENIED);
    assert_int_equal(open_with(&g, &bens, "cat", key), FELLOE_NOT_FOUND);
    assert_int_equal(open_with(&g, &bens, NULL, key), FELLOE_OK);
    assert_int_equal(open_with(&g, &amys, NULL, key), FELLOE_OK);
    assert_memory_equal(key, g.identity.keyring_key, KEYRING_KEY_SIZE);
    given_dir_end(&g.dir);
}

static void a_new_passphrase_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret old = passphrase("correct horse battery"), new = passphrase("staple the battery");
    uint8_t key[KEYRING_KEY_SIZE];
    add(&g, &new, "amy", true);
    assert_int_equal(g.vault.count, 1);
    assert_int_equal(open_with(&g, &old, NULL, key), FELLOE_DENIED);
    assert_int_equal(open_with(&g, &new, NULL, key), FELLOE_OK);
    assert_true(vault_remove(&g.vault, VAULT_PASSPHRASE, "amy"));
    assert_false(vault_remove(&g.vault, VAULT_PASSPHRASE, "amy"));
    assert_int_equal(open_with(&g, &new, NULL, key), FELLOE_NOT_FOUND);
    given_dir_end(&g.dir);
}

/* A slot cannot be given to somebody else, or brought to another laptop, or be taken for one of another kind. */
static void a_slot_is_good_for_its_worker_kind_and_device_alone(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret amys = passphrase("correct horse battery"), open;
    uint8_t key[KEYRING_KEY_SIZE];
    const struct vault right = g.vault;
    snprintf(g.vault.slots[0].worker, sizeof g.vault.slots[0].worker, "ben");
    assert_int_equal(open_with(&g, &amys, NULL, key), FELLOE_DENIED);
    g.vault = right;
    g.vault.device.b[0] ^= 1;
    assert_int_equal(open_with(&g, &amys, NULL, key), FELLOE_DENIED);
    assert_int_equal(vault_unlock(&g.vault, g.identity.keyring_key, &g.identity, NULL), FELLOE_DAMAGED);
    g.vault = right;
    g.vault.slots[0].kind = VAULT_OPEN;
    vault_secret_open(&open);
    assert_int_equal(open_with(&g, &open, NULL, key), FELLOE_DENIED);
    given_dir_end(&g.dir);
}

static void there_is_no_room_for_any_number_of_ways_in(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret recovery;
    char text[VAULT_RECOVERY_SIZE], worker[SLUG_MAX + 1];
    vault_recovery_make(text, &recovery);
    for (unsigned i = 1; i < VAULT_SLOTS_MAX; i++) {
        snprintf(worker, sizeof worker, "w%u", i);
        add(&g, &recovery, worker, false);
    }
    assert_int_equal(vault_add(&g.vault, &recovery, "late", g.identity.keyring_key, false, NULL, NOW, NULL),
                     FELLOE_FAILED);
    add(&g, &recovery, "w1", true); /* in the place of one that is there */
    save(&g);
    assert_int_equal(vault_load(&g.vault, g.dir.path, NULL), FELLOE_OK);
    assert_int_equal(g.vault.count, VAULT_SLOTS_MAX);
    given_dir_end(&g.dir);
}

/* ---- what is typed ---- */

static void a_recovery_code_may_be_typed_as_people_type(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret made, typed;
    char text[VAULT_RECOVERY_SIZE], as[64];
    uint8_t key[KEYRING_KEY_SIZE];
    vault_recovery_make(text, &made);
    add(&g, &made, "amy", true);
    assert_int_equal(strlen(text), VAULT_RECOVERY_SIZE - 1);
    size_t at = 0;
    for (const char *c = text; *c != '\0'; c++) {
        char letter = *c == '-' ? ' ' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        as[at++] = letter == '0' ? 'o' : letter == '1' ? 'l' : letter;
    }
    as[at] = '\0';
    assert_int_equal(vault_secret_recovery(&typed, bytes_str(as), NULL), FELLOE_OK);
    assert_memory_equal(typed.b, made.b, 16);
    assert_int_equal(open_with(&g, &typed, NULL, key), FELLOE_OK);
    assert_memory_equal(key, g.identity.keyring_key, sizeof key);
    given_dir_end(&g.dir);
}

static void a_slip_in_a_recovery_code_is_found_before_it_is_tried(void **state)
{
    (void)state;
    struct vault_secret made, typed;
    struct felloe_error error;
    char text[VAULT_RECOVERY_SIZE], wrong[VAULT_RECOVERY_SIZE];
    unsigned found = 0, slips = 0;
    vault_recovery_make(text, &made);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '-')
            continue;
        memcpy(wrong, text, sizeof wrong);
        wrong[i] = text[i] == 'A' ? 'B' : 'A';
        slips++;
        found += vault_secret_recovery(&typed, bytes_str(wrong), &error) == FELLOE_INVALID;
    }
    assert_in_range(found, slips - 1, slips); /* each slip is missed once in 4,096 */
    assert_int_equal(vault_secret_recovery(&typed, bytes_str("ABCDE-FGHJK"), &error), FELLOE_INVALID);
    assert_non_null(strstr(error.message, "has 10"));
    assert_int_equal(vault_secret_recovery(&typed, bytes_str(""), &error), FELLOE_INVALID);
    snprintf(wrong, sizeof wrong, "%s", text);
    wrong[3] = 'U'; /* no such letter */
    assert_int_equal(vault_secret_recovery(&typed, bytes_str(wrong), &error), FELLOE_INVALID);
}

static void a_passphrase_has_eight_characters_whatever_their_bytes(void **state)
{
    (void)state;
    struct vault_secret secret;
    char long_one[VAULT_PASSPHRASE_MAX + 2];
    memset(long_one, 'x', sizeof long_one);
    assert_int_equal(vault_secret_passphrase(&secret, bytes_str("1234567"), NULL), FELLOE_INVALID);
    assert_int_equal(vault_secret_passphrase(&secret, bytes_str("äöüéèàç"), NULL), FELLOE_INVALID);
    assert_int_equal(vault_secret_passphrase(&secret, bytes_str("äöüéèàçâ"), NULL), FELLOE_OK);
    assert_int_equal(vault_secret_passphrase(&secret, bytes_str("bad utf\xff" "8!"), NULL), FELLOE_INVALID);
    assert_int_equal(vault_secret_passphrase(&secret, bytes_of("nul\0nul\0nul", 11), NULL), FELLOE_INVALID);
    assert_int_equal(vault_secret_passphrase(&secret, bytes_of(long_one, VAULT_PASSPHRASE_MAX), NULL), FELLOE_OK);
    assert_int_equal(vault_secret_passphrase(&secret, bytes_of(long_one, VAULT_PASSPHRASE_MAX + 1), NULL),
                     FELLOE_INVALID);
}

static void a_passphrase_is_read_from_a_pipe_up_to_its_lines_end(void **state)
{
    (void)state;
    static const char *const lines[] = {"correct horse battery\nnothing", "correct horse battery"};
    for (size_t i = 0; i < 2; i++) {
        struct vault_secret secret;
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], lines[i], strlen(lines[i])), strlen(lines[i]));
        close(ends[1]);
        assert_int_equal(vault_secret_read(&secret, ends[0], NULL), FELLOE_OK);
        assert_true(bytes_is(bytes_of(secret.b, secret.len), "correct horse battery"));
        close(ends[0]);
        assert_int_equal(vault_secret_read(&secret, ends[0], NULL), FELLOE_USAGE); /* closed */
    }
}

/* ---- ways ---- */

static void write_key_file(struct given_vault *g, const char *name, char fill, size_t size)
{
    char content[100];
    memset(content, fill, sizeof content);
    assert_int_equal(file_write(g->dir.path, name, bytes_of(content, size), NULL), FELLOE_OK);
}

static void a_key_file_opens_it_and_another_does_not(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret secret;
    struct felloe_error error;
    char way[200];
    uint8_t key[KEYRING_KEY_SIZE];
    snprintf(way, sizeof way, "file:%s", given_path(&g.dir, "stick"));
    assert_int_equal(vault_way_secret(way, &secret, &error), FELLOE_NOT_FOUND);
    write_key_file(&g, "stick", 'k', 31);
    assert_int_equal(vault_way_secret(way, &secret, &error), FELLOE_INVALID);
    assert_non_null(strstr(error.message, "/dev/urandom"));
    write_key_file(&g, "stick", 'k', 32);
    assert_int_equal(vault_way_secret(way, &secret, &error), FELLOE_OK);
    add(&g, &secret, "amy", true);
    assert_int_equal(open_with(&g, &secret, NULL, key), FELLOE_OK);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", g.dir.path, 1), 0); /* the same file, as systemd gives it */
    assert_int_equal(vault_way_secret("credential:stick", &secret, &error), FELLOE_OK);
    assert_int_equal(open_with(&g, &secret, NULL, key), FELLOE_OK);
    write_key_file(&g, "stick", 'k', 33);
    assert_int_equal(vault_way_secret(way, &secret, &error), FELLOE_OK);
    assert_int_equal(vault_open(&g.vault, &secret, NULL, key, NULL, &error), FELLOE_DENIED);
    assert_non_null(strstr(error.message, "another one's"));
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(vault_way_secret("credential:stick", &secret, &error), FELLOE_NOT_FOUND);
    given_dir_end(&g.dir);
}

static void ways_are_four_and_a_hub_has_three(void **state)
{
    (void)state;
    struct felloe_error error;
    static const char *const none[] = {"", "file:", "file:key", "credential:", "credential:../key", "Passphrase",
                                       "open"};
    assert_int_equal(vault_way_of("none"), VAULT_WAY_NONE);
    assert_int_equal(vault_way_of("passphrase"), VAULT_WAY_PASSPHRASE);
    assert_int_equal(vault_way_of("file:/media/stick/key"), VAULT_WAY_FILE);
    assert_int_equal(vault_way_of("credential:felloe-key"), VAULT_WAY_CREDENTIAL);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(vault_way_check(none[i], ROLE_SPOKE, &error), FELLOE_USAGE);
        assert_non_null(strstr(error.message, "credential:NAME"));
    }
    assert_int_equal(vault_way_check("passphrase", ROLE_SPOKE, &error), FELLOE_OK);
    assert_int_equal(vault_way_check("passphrase", ROLE_HUB, &error), FELLOE_USAGE);
    assert_non_null(strstr(error.message, "by itself"));
}

/* ---- a directory ---- */

static enum felloe_code open_dir(const struct given_vault *g, const char *way, const struct vault_secret *secret,
                                 int64_t now, struct identity *identity)
{
    const struct vault_opening opening = {.dir = g->dir.path, .way = way, .secret = secret, .now_ms = now};
    return vault_open_directory(&opening, identity, NULL, NULL);
}

static void a_directory_with_a_passphrase_stays_locked_without_it(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret right = passphrase("correct horse battery");
    struct identity identity;
    save(&g);
    static const char *const ways[] = {"passphrase", ""};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(open_dir(&g, ways[i], NULL, NOW, &identity), FELLOE_OK);
        assert_true(identity.locked);
        assert_true(sodium_is_zero((const uint8_t *)&identity.box_secret, sizeof identity.box_secret));
        assert_true(sodium_is_zero(identity.keyring_key, sizeof identity.keyring_key));
        assert_memory_equal(&identity.sign_secret, &g.identity.sign_secret, sizeof identity.sign_secret);
    }
    assert_int_equal(open_dir(&g, "passphrase", &right, NOW, &identity), FELLOE_OK);
    assert_memory_equal(&identity, &g.identity, sizeof identity);
    given_dir_end(&g.dir);
}

static bool is_in(const struct given_dir *dir, const char *name, const void *what, size_t len)
{
    struct buffer file = {0};
    assert_int_equal(file_read(dir->path, name, 1 << 20, &file, NULL), FELLOE_OK);
    bool found = memmem(file.data, file.len, what, len) != NULL;
    buffer_release(&file);
    return found;
}

static void no_secret_that_opens_the_record_is_in_the_files(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    save(&g);
    static const char *const files[] = {"identity", "vault"};
    assert_true(is_in(&g.dir, "identity", g.identity.sign_secret.b, 32)); /* a locked laptop shares */
    for (size_t i = 0; i < 2; i++) {
        assert_false(is_in(&g.dir, files[i], g.identity.box_secret.b, 32));
        assert_false(is_in(&g.dir, files[i], g.identity.keyring_key, 16));
        assert_false(is_in(&g.dir, files[i], g.identity.keyring_key + KEYRING_HALF_SIZE, 16));
        assert_int_equal(given_mode(&g.dir, files[i]), 0600);
    }
    given_dir_end(&g.dir);
}

/* ---- directories of before ---- */

/* As identity_save wrote it when there was no vault. */
static void write_old_identity(const struct given_vault *g)
{
    struct buffer file = {0}, old = {0};
    struct mp_reader *r = malloc(sizeof *r);
    uint8_t hash[32];
    save(g);
    assert_int_equal(file_read(g->dir.path, "identity", 1 << 16, &file, NULL), FELLOE_OK);
    assert_int_equal(unlink(given_path(&g->dir, "vault")), 0);
    mp_reader_init(r, buffer_bytes(&file));
    assert_true(mp_next(r));
    mp_array(r, 2, 2);
    mp_put_array(&old, 2);
    mp_put_uint(&old, mp_uint(r, 1));
    uint32_t pairs = mp_map(r, 64);
    mp_put_map(&old, pairs + 2);
    for (uint32_t i = 0; i < 2 * pairs; i++)
        mp_copy(r, &old);
    mp_put_text(&old, "box-secret");
    mp_put_bin(&old, g->identity.box_secret.b, 32);
    mp_put_text(&old, "keyring-key");
    mp_put_bin(&old, g->identity.keyring_key, KEYRING_HALF_SIZE);
    crypto_generichash(hash, sizeof hash, old.data, old.len, NULL, 0);
    mp_put_bin(&old, hash, sizeof hash);
    assert_int_equal(file_write(g->dir.path, "identity", buffer_bytes(&old), NULL), FELLOE_OK);
    buffer_release(&file);
    buffer_release(&old);
    free(r);
}

static void an_old_directory_gets_an_open_vault(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct identity first, again;
    write_old_identity(&g);
    assert_int_equal(open_dir(&g, "", NULL, NOW, &first), FELLOE_OK);
    assert_false(first.locked);
    assert_memory_equal(first.keyring_key, g.identity.keyring_key, KEYRING_HALF_SIZE);
    assert_false(sodium_is_zero(first.keyring_key + KEYRING_HALF_SIZE, KEYRING_HALF_SIZE));
    assert_memory_equal(&first.box_secret, &g.identity.box_secret, sizeof first.box_secret);
    assert_false(is_in(&g.dir, "identity", g.identity.box_secret.b, 32));
    assert_int_equal(open_dir(&g, "", NULL, NOW, &again), FELLOE_OK);
    assert_memory_equal(&again, &first, sizeof again); /* its second half, too */
    given_dir_end(&g.dir);
}

/* Power went between the two files; or an old identity was put back where a vault with a passphrase was. */
static void a_vault_that_is_there_already_is_kept(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret amys = passphrase("correct horse battery");
    struct identity identity;
    write_old_identity(&g);
    assert_int_equal(vault_save(&g.vault, g.dir.path, NULL), FELLOE_OK);
    assert_int_equal(open_dir(&g, "passphrase", NULL, NOW, &identity), FELLOE_OK);
    assert_true(identity.locked);
    assert_int_equal(open_dir(&g, "passphrase", &amys, NOW, &identity), FELLOE_OK);
    assert_memory_equal(identity.keyring_key, g.identity.keyring_key, KEYRING_KEY_SIZE);
    given_dir_end(&g.dir);
}

static void another_devices_vault_is_not_taken_for_its_own(void **state)
{
    (void)state;
    struct given_vault g = given_vault(), other = given_vault();
    struct vault_secret amys = passphrase("correct horse battery");
    struct identity identity;
    save(&g);
    assert_int_equal(vault_save(&other.vault, g.dir.path, NULL), FELLOE_OK);
    assert_int_equal(open_dir(&g, "passphrase", &amys, NOW, &identity), FELLOE_DAMAGED);
    assert_true(identity.locked);
    assert_int_equal(unlink(given_path(&g.dir, "vault")), 0);
    assert_int_equal(open_dir(&g, "passphrase", &amys, NOW, &identity), FELLOE_DAMAGED);
    given_dir_end(&g.dir);
    given_dir_end(&other.dir);
}

static void one_with_any_bit_turned_over_is_refused(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct buffer file = {0};
    struct vault read;
    save(&g);
    assert_int_equal(file_read(g.dir.path, "vault", 1 << 16, &file, NULL), FELLOE_OK);
    assert_true(vault_read(&read, buffer_bytes(&file)));
    for (size_t i = 0; i < file.len; i++) {
        file.data[i] ^= (uint8_t)(1u << i % 8);
        assert_false(vault_read(&read, buffer_bytes(&file)));
        file.data[i] ^= (uint8_t)(1u << i % 8);
        assert_false(vault_read(&read, bytes_of(file.data, i)));
    }
    buffer_release(&file);
    given_dir_end(&g.dir);
}

/* ---- keys that change ---- */

/* The vault is saved before the identity, or after it: whichever came to the disk, the pair in use is one. */
static void power_may_go_between_the_two_files_of_a_new_pair(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct identity was = g.identity, new = g.identity, opened;
    new.box_before = was.box_secret;
    crypto_box_keypair(new.box_public.b, new.box_secret.b);
    vault_seal_boxes(&g.vault, &new);
    opened = was;
    assert_int_equal(vault_unlock(&g.vault, was.keyring_key, &opened, NULL), FELLOE_OK); /* the vault is ahead */
    assert_memory_equal(&opened.box_secret, &was.box_secret, sizeof opened.box_secret);
    assert_memory_equal(&opened.box_next, &new.box_secret, sizeof opened.box_next);
    vault_seal_boxes(&g.vault, &opened);
    opened = was;
    opened.box_public = new.box_public; /* the identity is */
    assert_int_equal(vault_unlock(&g.vault, was.keyring_key, &opened, NULL), FELLOE_OK);
    assert_memory_equal(&opened.box_secret, &new.box_secret, sizeof opened.box_secret);
    assert_memory_equal(&opened.box_before, &was.box_secret, sizeof opened.box_before);
    opened.box_public.b[0] ^= 1;
    assert_int_equal(vault_unlock(&g.vault, was.keyring_key, &opened, NULL), FELLOE_DAMAGED);
    given_dir_end(&g.dir);
}

/* ---- guessing ---- */

static void each_wrong_try_after_the_third_waits_twice_as_long(void **state)
{
    (void)state;
    struct given_vault g = given_vault();
    struct vault_secret wrong = passphrase("a wrong guess"), right = passphrase("correct horse battery");
    struct identity identity;
    struct felloe_error error;
    int64_t now = NOW;
    save(&g);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(open_dir(&g, "", &wrong, now++, &identity), FELLOE_DENIED);
    uint64_t wait = 2000;
    for (unsigned i = 0; i < 12; i++) {
        const uint64_t said = vault_wait_ms(g.dir.path, now);
        assert_in_range(said, wait - 1, wait);
        assert_int_equal(vault_try(g.dir.path, now, &error), FELLOE_DENIED);
        char seconds[32];
        snprintf(seconds, sizeof seconds, "in %llu s", (unsigned long long)(said + 999) / 1000);
        assert_non_null(strstr(error.message, seconds));
        assert_int_equal(open_dir(&g, "", &right, now + (int64_t)said - 1, &identity), FELLOE_DENIED);
        now += (int64_t)said;
        assert_int_equal(open_dir(&g, "", &wrong, now, &identity), FELLOE_DENIED);
        wait = wait * 2 < 300000 ? wait * 2 : 300000;
    }
    now += 300000;
    assert_int_equal(open_dir(&g, "", &right, now, &identity), FELLOE_OK);
    assert_int_equal(vault_wait_ms(g.dir.path, now), 0);
    assert_int_not_equal(access(given_path(&g.dir, "vault-tries"), F_OK), 0);
    given_dir_end(&g.dir);
}

/* A try is on the disk before it is known whether it was right. */
static void a_clock_set_back_or_a_daemon_killed_saves_no_wait(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(vault_try(dir.path, NOW + i * 10000, NULL), FELLOE_OK); /* and then it was killed */
    assert_int_equal(vault_wait_ms(dir.path, NOW + 40000), 8000);
    assert_int_equal(vault_wait_ms(dir.path, NOW + 45000), 3000);
    assert_int_equal(vault_wait_ms(dir.path, NOW - 86400000), 8000); /* from that clock on */
    assert_int_equal(vault_wait_ms(dir.path, NOW - 86400000 + 5000), 3000);
    assert_int_equal(vault_try(dir.path, NOW - 86400000 + 5000, NULL), FELLOE_DENIED);
    int fd = open(given_path(&dir, "vault-tries"), O_WRONLY | O_TRUNC); /* whoever damages it is not helped */
    close(fd);
    assert_int_equal(vault_wait_ms(dir.path, NOW), 300000);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_passphrase_opens_it_and_no_other_does),
        cmocka_unit_test(a_second_worker_gets_in_without_the_restricted_half),
        cmocka_unit_test(a_new_passphrase_takes_the_place_of_the_old_one),
        cmocka_unit_test(a_slot_is_good_for_its_worker_kind_and_device_alone),
        cmocka_unit_test(there_is_no_room_for_any_number_of_ways_in),
        cmocka_unit_test(a_recovery_code_may_be_typed_as_people_type),
        cmocka_unit_test(a_slip_in_a_recovery_code_is_found_before_it_is_tried),
        cmocka_unit_test(a_passphrase_has_eight_characters_whatever_their_bytes),
        cmocka_unit_test(a_passphrase_is_read_from_a_pipe_up_to_its_lines_end),
        cmocka_unit_test(a_key_file_opens_it_and_another_does_not),
        cmocka_unit_test(ways_are_four_and_a_hub_has_three),
        cmocka_unit_test(a_directory_with_a_passphrase_stays_locked_without_it),
        cmocka_unit_test(no_secret_that_opens_the_record_is_in_the_files),
        cmocka_unit_test(an_old_directory_gets_an_open_vault),
        cmocka_unit_test(a_vault_that_is_there_already_is_kept),
        cmocka_unit_test(another_devices_vault_is_not_taken_for_its_own),
        cmocka_unit_test(one_with_any_bit_turned_over_is_refused),
        cmocka_unit_test(power_may_go_between_the_two_files_of_a_new_pair),
        cmocka_unit_test(each_wrong_try_after_the_third_waits_twice_as_long),
        cmocka_unit_test(a_clock_set_back_or_a_daemon_killed_saves_no_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
