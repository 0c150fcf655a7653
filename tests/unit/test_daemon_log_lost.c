/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives a hub's log: its devices, and who of them was revoked; and which keys the hub asks laptops for. */
#include "tests/unit/given_keys_unread.h"
#include "tests/unit/given_restored.h"

static struct device_record a_device(uint8_t number)
{
    struct device_record device = {.device = {{number, 1}}, .sign = {{number, 2}}, .box = {{number, 3}},
                                   .curve = {number, 4}, .joined_ms = 1000 + number, .site_count = 1};
    snprintf(device.worker, sizeof device.worker, "worker-%u", number);
    snprintf(device.sites[0], sizeof device.sites[0], SITE);
    return device;
}

static enum felloe_code put_device(struct given_log *hub, const struct device_record *device)
{
    struct device_record copy = *device;
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &copy};
    return run(hub, &job);
}

static bool count_one(void *context, const struct device_record *device)
{
    (void)device;
    ++*(unsigned *)context;
    return true;
}

static unsigned device_count(struct given_log *hub)
{
    unsigned count = 0;
    struct log_reader *reader = reader_of(hub);
    assert_true(log_devices(reader, count_one, &count));
    log_reader_end(reader);
    return count;
}

static bool revoked(struct given_log *hub, const struct device_record *device)
{
    struct device_record found;
    struct log_reader *reader = reader_of(hub);
    assert_true(log_device(reader, &device->device, &found));
    log_reader_end(reader);
    assert_string_equal(found.worker, device->worker);
    assert_memory_equal(found.curve, device->curve, sizeof found.curve);
    return found.revoked_ms != 0;
}

static void a_hub_without_its_log_begins_again_with_its_devices(void **state)
{
    (void)state;
    struct pair p = pair_with(70);
    struct device_record first = a_device(1), second = a_device(2);
    assert_int_equal(put_device(p.hub, &first), FELLOE_OK);
    assert_int_equal(put_device(p.hub, &second), FELLOE_OK);
    second.revoked_ms = 5000;
    assert_int_equal(put_device(p.hub, &second), FELLOE_OK);
    push_all(&p);
    record_notes(p.hub, 3);
    catch_up(p.hub, p.spoke);
    lose_log(p.hub);
    uint32_t epoch = event_log_epoch(p.hub->log);
    assert_true(epoch > 1);
    assert_int_equal(event_log_incarnation(p.hub->log), epoch);
    assert_int_equal(device_count(p.hub), 2);
    assert_false(revoked(p.hub, &first));
    assert_true(revoked(p.hub, &second));
    char site[SLUG_MAX + 1];
    struct log_reader *reader = reader_of(p.hub);
    assert_true(log_site_at(reader, 0, site));
    assert_string_equal(site, SITE);
    log_reader_end(reader);
    reopen(p.hub);
    assert_int_equal(event_log_epoch(p.hub->log), epoch);

    assert_int_equal(offer_all(p.spoke, p.hub), 73);
    record_notes(p.hub, 1);
    catch_up(p.hub, p.spoke);
    assert_same_rows(p.hub, p.spoke);
    assert_int_equal(head_in(p.spoke, epoch).at.n, 1);
    pair_end(&p);
}

/* Opened with each reading of the keyring failing in turn, as it lies there after `prepare`. */
static void open_with_keys_unread(struct given_log *g, void (*prepare)(struct given_log *g),
                                  void (*check)(struct given_log *g))
{
    const struct event_log_config config = {.dir = g->dir.path, .identity = &g->identity,
                                            .completions = &g->completions, .reserve_bytes = 1 << 20};
    unsigned readings = 0, refused = 0;
    for (unsigned at = 0; at <= readings; at++) {
        struct felloe_error error = {0};
        given_log_close(g);
        prepare(g);
        assert_int_equal(keyring_open(&g->keyring, g->dir.path, g->identity.keyring_key, NULL), FELLOE_OK);
        struct event_log_config with = config;
        with.keyring = g->keyring;
        keys_fail_at(at);
        const enum felloe_code code = event_log_open(&g->log, &with, &error);
        const unsigned read = keys_are_read();
        readings = read > readings ? read : readings;
        refused += code != FELLOE_OK;
        if (code == FELLOE_OK)
            check(g);
        else if (code != FELLOE_STORAGE || strstr(error.message, "keys") == NULL)
            fail_msg("%s", error.message);
        else
            given_log_reopen(g); /* the next one is well */
        assert_true(at < 200);
    }
    assert_true(refused > 0);
}

static void remove_log(struct given_log *g)
{
    remove(given_path(&g->dir, "log/data.mdb"));
    remove(given_path(&g->dir, "log/lock.mdb"));
    remove(given_path(&g->dir, "log/reserve"));
}

static void check_begun_again(struct given_log *g)
{
    char site[SLUG_MAX + 1];
    assert_true(event_log_epoch(g->log) > 1);
    assert_int_equal(device_count(g), 2);
    struct log_reader *reader = reader_of(g);
    assert_true(log_site_at(reader, 0, site));
    log_reader_end(reader);
}

/* It would give positions a second time, and know nobody. */
static void a_hub_whose_keys_cannot_be_read_is_not_taken_for_a_new_one(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct device_record first = a_device(1), second = a_device(2);
    assert_int_equal(put_device(hub, &first), FELLOE_OK);
    assert_int_equal(put_device(hub, &second), FELLOE_OK);
    open_with_keys_unread(hub, remove_log, check_begun_again);
    given_log_end(hub);
}

static void take_older(struct given_log *g)
{
    char from[160];
    snprintf(from, sizeof from, "%s", given_path(&g->dir, "older.mdb"));
    copy_file(from, given_path(&g->dir, "log/data.mdb"));
}

static void check_still_revoked(struct given_log *g)
{
    const struct device_record goes = a_device(2);
    assert_true(revoked(g, &goes));
}

static void an_older_log_lets_nobody_in_whose_revocation_cannot_be_read(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct device_record goes = a_device(2);
    assert_int_equal(put_device(hub, &goes), FELLOE_OK);
    keep_copy(hub);
    goes.revoked_ms = 7000;
    assert_int_equal(put_device(hub, &goes), FELLOE_OK);
    open_with_keys_unread(hub, take_older, check_still_revoked);
    given_log_end(hub);
}

static void a_new_hub_begins_with_the_first_epoch(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    assert_int_equal(event_log_epoch(hub->log), 1);
    assert_int_equal(event_log_incarnation(hub->log), 1);
    assert_int_equal(event_log_going_on(hub->log), 0);
    given_log_end(hub);
}

/* Somebody put an older copy of the log's folder in its place, by hand. */
static void an_older_log_lets_nobody_in_again_and_turns_nobody_away(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct device_record stays = a_device(1), goes = a_device(2), comes = a_device(3);
    assert_int_equal(put_device(hub, &stays), FELLOE_OK);
    assert_int_equal(put_device(hub, &goes), FELLOE_OK);
    keep_copy(hub);
    goes.revoked_ms = 7000;
    assert_int_equal(put_device(hub, &goes), FELLOE_OK);
    assert_int_equal(put_device(hub, &comes), FELLOE_OK);
    put_back(hub);
    assert_int_equal(device_count(hub), 3);
    assert_false(revoked(hub, &stays));
    assert_true(revoked(hub, &goes));
    assert_false(revoked(hub, &comes));
    given_log_end(hub);
}

struct looking {
    const struct device_record *wanted;
    bool found;
};

static bool look(void *context, const struct device_id *device, struct bytes row)
{
    struct looking *l = context;
    const char *worker = l->wanted->worker;
    l->found |= device_id_equal(device, &l->wanted->device) &&
                memmem(row.data, row.len, worker, strlen(worker)) != NULL;
    return true;
}

static bool in_keyring(struct given_log *hub, const struct device_record *device)
{
    struct looking l = {.wanted = device};
    keyring_devices(hub->keyring, look, &l, NULL);
    return l.found;
}

/* The keyring was put back from an older backup than the log, or is of before there was a mirror. */
static void what_the_log_has_and_the_keyring_has_not_is_written_there_at_the_start(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct device_record device = a_device(1);
    assert_int_equal(put_device(hub, &device), FELLOE_OK);
    given_log_close(hub);
    assert_int_equal(nftw(given_path(&hub->dir, "keys"), given_dir_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
    given_log_reopen(hub);
    assert_true(in_keyring(hub, &device));
    given_log_end(hub);
}

static uint64_t problems_of(struct given_log *hub)
{
    struct verify_result result;
    const struct verify_options options = {.log = hub->log, .keyring = hub->keyring, .identity = &hub->identity};
    assert_int_equal(verify_log(&options, &result, NULL), FELLOE_OK);
    return result.problems;
}

/* What a bit turned over has made of a name leads to nobody, and no log is to begin with it. */
static void a_device_that_is_damaged_in_the_keyring_is_not_in_a_new_log(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct device_record whole = a_device(1), other = a_device(2);
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &whole};
    run_well(hub, &job);
    assert_int_equal(keyring_put_device(hub->keyring, &other.device, bytes_str("no row"), NULL), FELLOE_OK);
    lose_log(hub);
    assert_int_equal(device_count(hub), 1);
    assert_false(revoked(hub, &whole));
    assert_int_equal(problems_of(hub), 0);
    given_log_end(hub);

    hub = given_log(ROLE_HUB, NULL);
    assert_int_equal(keyring_put_device(hub->keyring, &other.device, bytes_str("no row"), NULL), FELLOE_OK);
    lose_log(hub);
    assert_true(event_log_epoch(hub->log) > 1); /* that there was a log is known even so */
    assert_int_equal(device_count(hub), 0);
    assert_int_equal(problems_of(hub), 0);
    given_log_end(hub);
}

/* Whoever is refused must not be in the keyring either: it would come back with the next loss. */
static void a_join_that_is_refused_leaves_nothing_in_the_keyring(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct device_record device = a_device(1), other = a_device(2);
    struct ticket_record ticket = {.curve = {9}, .made_ms = 1, .expires_ms = 2, .used_ms = 3, .used_by = device.device};
    struct log_job job = {.kind = LOG_ADMIT, .device = &device, .ticket = &ticket};
    run_well(hub, &job);
    ticket.used_by = other.device;
    job = (struct log_job){.kind = LOG_ADMIT, .device = &other, .ticket = &ticket};
    assert_int_equal(run(hub, &job), FELLOE_REFUSED);
    assert_false(in_keyring(hub, &other));
    assert_true(in_keyring(hub, &device));
    lose_log(hub);
    assert_int_equal(device_count(hub), 1);
    given_log_end(hub);
}

/* ---- keys that the hub lacks ---- */

static bool names(const struct key_id *ids, size_t count, const struct key_id *id)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&ids[i], id, sizeof *id) == 0)
            return true;
    return false;
}

static void the_keys_that_the_hub_lacks_are_named_in_turn_and_erased_ones_never(void **state)
{
    (void)state;
    enum { PEOPLE = 60 };
    struct pair p = pair_with(1);
    struct key_record people[PEOPLE];
    for (unsigned i = 0; i < PEOPLE; i++) {
        people[i] = new_person(SITE);
        struct log_draft draft = person_note(&people[i], "hello");
        struct log_job job = record_job(SITE, &draft, 1);
        job.new_keys = &people[i];
        job.new_key_count = 1;
        run_well(p.spoke, &job);
    }
    assert_int_equal(keyring_erase(p.hub->keyring, &people[7].id, 1, NULL), FELLOE_OK);
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_push(p.spoke, p.hub, 1, BODY_TARGET, keys, &key_count);
    assert_int_equal(batch->count, PEOPLE + 1);
    struct log_job job = {.kind = LOG_KEEP_PUSH, .batch = batch}; /* the keys got lost */
    run_well(p.hub, &job);
    batch_free(batch);
    assert_int_equal(job.missing_count, PEOPLE - 1);
    assert_false(names(job.missing, job.missing_count, &people[7].id));

    struct key_id found[PEOPLE];
    struct log_reader *reader = reader_of(p.hub);
    assert_int_equal(log_missing_keys(reader, bytes_str(SITE), 0, found, PEOPLE), PEOPLE - 1);
    assert_false(names(found, PEOPLE - 1, &people[7].id));
    assert_false(names(found, PEOPLE - 1, &p.hub->site_key.id));
    bool seen[PEOPLE] = {false};
    for (uint32_t turn = 0; turn < 256; turn++) { /* a few at a time: all of them come around */
        size_t count = log_missing_keys(reader, bytes_str(SITE), turn, found, 4);
        assert_int_equal(count, 4);
        for (unsigned i = 0; i < PEOPLE; i++)
            seen[i] |= names(found, count, &people[i].id);
    }
    for (unsigned i = 0; i < PEOPLE; i++)
        assert_int_equal(seen[i], i != 7);
    assert_int_equal(log_missing_keys(reader, bytes_str("nowhere"), 0, found, 4), 0);
    log_reader_end(reader);
    job = (struct log_job){.kind = LOG_KEEP_KEYS, .new_keys = people, .new_key_count = PEOPLE};
    run_well(p.hub, &job);
    reader = reader_of(p.hub);
    assert_int_equal(log_missing_keys(reader, bytes_str(SITE), 3, found, PEOPLE), 0);
    log_reader_end(reader);
    assert_false(keyring_has(p.hub->keyring, &people[7].id, NULL));
    pair_end(&p);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_without_its_log_begins_again_with_its_devices),
        cmocka_unit_test(a_hub_whose_keys_cannot_be_read_is_not_taken_for_a_new_one),
        cmocka_unit_test(an_older_log_lets_nobody_in_whose_revocation_cannot_be_read),
        cmocka_unit_test(a_new_hub_begins_with_the_first_epoch),
        cmocka_unit_test(an_older_log_lets_nobody_in_again_and_turns_nobody_away),
        cmocka_unit_test(what_the_log_has_and_the_keyring_has_not_is_written_there_at_the_start),
        cmocka_unit_test(a_join_that_is_refused_leaves_nothing_in_the_keyring),
        cmocka_unit_test(a_device_that_is_damaged_in_the_keyring_is_not_in_a_new_log),
        cmocka_unit_test(the_keys_that_the_hub_lacks_are_named_in_turn_and_erased_ones_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
