/* SPDX-License-Identifier: Apache-2.0 */
/* Who works in a site, and whose which device is. */
#include "tests/unit/given_history.h"

static const char FIRST[] = "00112233445566778899aabbccddeeff", SECOND[] = "ff112233445566778899aabbccddeeff";
static const char KEY[] = "abababababababababababababababababababababababababababababababab";

static void workers_are_listed_with_their_devices(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "worker.joined", "worker", "bo", "name", "Bo Hart", "role", "nurse", "agency", "NHS trust",
           "device", SECOND, "key", KEY);
    write_(team, 1, "worker.joined", "worker", "amy", "name", "Amy", "device", FIRST);
    write_(team, 1, "worker.joined", "worker", "amy", "name", "Amy Stone", "role", "peer worker", "device", SECOND);
    write_(team, 1, "worker.joined", "worker", "amy", "device", FIRST); /* told again */
    struct document *document = fold_all(team);
    char *text = rows_text(document, VIEW_WORKERS, &PERSON_ID_NONE);
    assert_string_equal(text, "amy | Amy Stone | peer worker | - | [00112233445566778899aabbccddeeff, "
                              "ff112233445566778899aabbccddeeff]\n"
                              "bo | Bo Hart | nurse | NHS trust | [ff112233445566778899aabbccddeeff]\n");
    free(text);
    document_free(document);
    team_free(team);
}

struct told {
    unsigned count;
    bool first_has_key;
};

static void hear(void *context, const struct device_id *device, const uint8_t *key, struct bytes worker)
{
    struct told *told = context;
    if (told->count++ > 0)
        return;
    assert_int_equal(device->b[0], 0xff);
    told->first_has_key = key && key[31] == 0xab;
    assert_true(bytes_is(worker, "bo"));
}

static void a_device_leads_to_its_worker_and_key(void **state)
{
    (void)state;
    struct told told = {0};
    struct team *team = team_new();
    write_(team, 1, "worker.joined", "worker", "bo", "device", SECOND, "key", KEY);
    write_(team, 1, "worker.joined", "worker", "amy", "device", FIRST);
    struct document *document = fold_all(team);
    document_devices(document, hear, &told);
    assert_int_equal(told.count, 2);
    assert_true(told.first_has_key);
    document_free(document);
    team_free(team);
}

/* Any laptop can write what looks like the hub's word, and strike the hub's. */
static void only_the_hub_says_who_joined(void **state)
{
    (void)state;
    struct told told = {0};
    struct team *team = team_new();
    char hubs[65];
    write_(team, 1, "worker.joined", "worker", "bo", "name", "Bo Hart", "device", SECOND, "key", KEY);
    hex_encode(bytes_of(team->events[0].event.id.b, 32), hubs);
    write_(team, 2, "worker.joined", "worker", "eve", "name", "Eve", "device", SECOND)->event.by_hub = false;
    write_(team, 2, "worker.joined", "worker", "bo", "name", "Eve", "device", FIRST)->event.by_hub = false;
    write_(team, 2, "entry.struck", "of", hubs, "why", "not so")->body.has_subject = false; /* about the site */
    write_(team, 2, "entry.struck", "of", hubs, "why", "not so")->body.subject = PERSON_ID_NONE;
    struct document *document = fold_all(team);
    char *text = rows_text(document, VIEW_WORKERS, &PERSON_ID_NONE);
    assert_string_equal(text, "bo | Bo Hart | - | - | [ff112233445566778899aabbccddeeff]\n");
    document_devices(document, hear, &told);
    assert_int_equal(told.count, 1);
    assert_int_equal(record_count(document), 5); /* kept and counted, as what is not recognised */
    for (size_t i = 1; i < 3; i++)
        assert_true(record_at(document, i)->unrecognised && !record_at(document, i)->type);
    assert_null(record_struck_by(document, &team->events[0].event.id));
    free(text);
    document_free(document);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_listed_with_their_devices),
        cmocka_unit_test(a_device_leads_to_its_worker_and_key),
        cmocka_unit_test(only_the_hub_says_who_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
