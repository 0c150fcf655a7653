/* SPDX-License-Identifier: Apache-2.0 */
/* Backups over the local socket: whole, private, of one moment; and whoever does not take one on holds nobody up. */
#include "tests/unit/given_daemon.h"
#include "tests/unit/given_vault.h"

#include <fcntl.h>
#include <signal.h>

#include "daemon/control/control_backup.h"
#include "daemon/setup/backup_file.h"

static struct given_daemon *hub_of(unsigned notes)
{
    struct given_log *log = given_log(ROLE_HUB, NULL);
    snprintf(log->identity.label, sizeof log->identity.label, "wheel");
    log->identity.joined = true;
    assert_int_equal(given_identity_save(&log->identity, log->dir.path), FELLOE_OK);
    int fd = open(given_path(&log->dir, "felloe.conf"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "role = hub\n", 11), 11);
    close(fd);
    for (unsigned i = 0; i < notes; i += 500)
        record_notes(log, 500);
    return given_daemon(ROLE_HUB, log);
}

static void hub_end(struct given_daemon *d)
{
    struct given_log *log = d->log;
    given_daemon_end(d);
    given_log_end(log);
}

/* The pieces of an answer, written to a file. */
static void write_file(const struct reply *reply, const char *path)
{
    struct mp_reader *r = malloc(sizeof *r);
    assert_non_null(r);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    mp_reader_init(r, buffer_bytes(&reply->items));
    while (mp_next(r)) {
        struct bytes piece = mp_bin(r, 1, BACKUP_PIECE);
        assert_int_equal(write(fd, piece.data, piece.len), piece.len);
    }
    assert_true(mp_done(r));
    close(fd);
    free(r);
}

static void expect_end(struct reply reply)
{
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    reply_release(&reply);
}

static void a_backup_is_the_log_as_it_was(void **state)
{
    (void)state;
    struct given_daemon *d = hub_of(2000);
    struct given_client client = given_client(d);
    struct reply reply = client_ask(&client, CONTROL_BACKUP, NULL);
    struct backup_file file;
    struct felloe_error error = {0};
    char path[160];
    assert_int_equal(reply.code, FELLOE_OK);
    snprintf(path, sizeof path, "%s", given_path(&d->log->dir, "backup"));
    write_file(&reply, path);
    if (backup_file_open(&file, path, false, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    assert_true(file.head.hub);
    assert_string_equal(file.head.name, "wheel");
    assert_int_equal(file.head.epoch, 1);
    assert_true(device_id_equal(&file.head.device, &d->log->identity.device));
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "bytes"),
                     file.image_at + file.image_size + BACKUP_HASH_SIZE);

    struct given_dir other = given_dir(); /* the same log, elsewhere */
    assert_int_equal(mkdir(given_path(&other, "log"), 0700), 0);
    assert_int_equal(backup_file_image(&file, given_path(&other, "log/data.mdb"), NULL), FELLOE_OK);
    struct event_log *log;
    struct queue queue;
    queue_init(&queue, NULL, NULL);
    const struct event_log_config config = {.dir = other.path, .identity = &d->log->identity,
                                            .keyring = d->log->keyring, .completions = &queue};
    assert_int_equal(event_log_open(&log, &config, &error), FELLOE_OK);
    struct log_reader *reader = log_reader_begin(log, NULL);
    struct log_head heads[SEEN_MAX];
    assert_int_equal(log_heads(reader, bytes_str(SITE), heads), 1);
    assert_int_equal(heads[0].at.n, 2000);
    log_reader_end(reader);
    event_log_close(log);
    queue_destroy(&queue);
    backup_file_close(&file);
    given_dir_end(&other);
    reply_release(&reply);
    client_end(&client);
    hub_end(d);
}

static void one_of_the_keys_says_who_it_is(void **state)
{
    (void)state;
    struct given_daemon *d = hub_of(0);
    struct given_client client = given_client(d);
    struct reply reply = client_ask(&client, CONTROL_BACKUP, (const char *[]){"keys", "!", NULL});
    struct backup_file file;
    struct identity identity;
    struct vault vault;
    struct vault_secret open;
    uint8_t key[KEYRING_KEY_SIZE];
    assert_int_equal(reply.code, FELLOE_OK);
    write_file(&reply, given_path(&d->log->dir, "backup"));
    char path[160];
    snprintf(path, sizeof path, "%s", given_path(&d->log->dir, "backup"));
    assert_int_equal(backup_file_open(&file, path, true, NULL), FELLOE_OK);
    assert_true(identity_read(&identity, file.head.identity) && vault_read(&vault, file.head.vault));
    vault_secret_open(&open);
    assert_int_equal(vault_open(&vault, &open, NULL, key, NULL, NULL), FELLOE_OK);
    assert_int_equal(vault_unlock(&vault, key, &identity, NULL), FELLOE_OK);
    assert_memory_equal(&identity.keyring_key, &d->log->identity.keyring_key, sizeof identity.keyring_key);
    assert_true(bytes_is(file.head.configuration, "role = hub\n"));
    backup_file_close(&file);
    reply_release(&reply);
    client_end(&client);
    hub_end(d);
}

/* No key, wrapped or not, and nothing of the identity is in a backup of the log. */
static void one_of_the_log_is_of_no_use_without_the_keys(void **state)
{
    (void)state;
    struct given_daemon *d = hub_of(500);
    struct given_client client = given_client(d);
    struct reply reply = client_ask(&client, CONTROL_BACKUP, NULL);
    const struct identity *me = &d->log->identity;
    assert_int_equal(reply.code, FELLOE_OK);
    const struct bytes secrets[] = {
        bytes_of(me->keyring_key, 32), bytes_of(me->sign_secret.b, 32), bytes_of(me->box_secret.b, 32),
        bytes_of(me->curve_secret, 32), bytes_of(d->log->site_key.key.b, 32), bytes_str("a note among many")};
    for (unsigned i = 0; i < sizeof secrets / sizeof *secrets; i++)
        assert_null(memmem(reply.items.data, reply.items.len, secrets[i].data, secrets[i].len));
    reply_release(&reply);
    client_end(&client);
    hub_end(d);
}

static bool answers(const struct given_daemon *d)
{
    struct given_client client = given_client(d);
    struct reply reply = client_ask(&client, CONTROL_BACKUP, NULL);
    bool fine = reply.code == FELLOE_OK;
    if (!fine)
        assert_int_equal(reply.code, FELLOE_IN_USE);
    reply_release(&reply);
    client_end(&client);
    return fine;
}

static void one_at_a_time_and_whoever_leaves_is_forgotten(void **state)
{
    (void)state;
    struct given_daemon *d = hub_of(12000); /* more than the socket holds */
    struct given_client first = given_client(d);
    size_t size;
    client_ask_only(&first, CONTROL_BACKUP, NULL);
    client_frame(&first, &size); /* it has begun */
    assert_false(answers(d));
    client_end(&first);
    while (!answers(d)) /* as soon as it is noticed */
        ;
    hub_end(d);
}

static void who_does_not_read_is_given_up(void **state)
{
    (void)state;
    struct given_daemon *d = hub_of(12000);
    struct given_client idle = given_client(d);
    control_backup_patience_ms = 100;
    client_ask_only(&idle, CONTROL_BACKUP, NULL);
    while (!answers(d)) /* although it is still connected */
        ;
    struct reply reply = client_reply(&idle); /* and is told, should it ever read */
    assert_int_equal(reply.code, FELLOE_INTERRUPTED);
    assert_non_null(strstr(reply.text, "given up"));
    reply_release(&reply);
    control_backup_patience_ms = 60000;
    expect_end(client_ask(&idle, CONTROL_BACKUP, NULL));
    client_end(&idle);
    hub_end(d);
}

static void a_daemon_ends_in_the_midst_of_one(void **state)
{
    (void)state;
    struct given_daemon *d = hub_of(12000);
    struct given_client client = given_client(d);
    size_t size;
    client_ask_only(&client, CONTROL_BACKUP, NULL);
    client_frame(&client, &size);
    hub_end(d);
    client_end(&client);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    signal(SIGPIPE, SIG_IGN); /* as felloed does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_the_log_as_it_was),
        cmocka_unit_test(one_of_the_keys_says_who_it_is),
        cmocka_unit_test(one_of_the_log_is_of_no_use_without_the_keys),
        cmocka_unit_test(one_at_a_time_and_whoever_leaves_is_forgotten),
        cmocka_unit_test(who_does_not_read_is_given_up),
        cmocka_unit_test(a_daemon_ends_in_the_midst_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
