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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_listed_with_their_devices),
        cmocka_unit_test(a_device_leads_to_its_worker_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
