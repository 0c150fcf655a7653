/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes key records: what unwraps is wrapped again to the same bytes, or to shorter ones that unwrap to the same. */
#include "tests/fuzz/fuzz.h"

#include "proto/event/key_record.h"

unsigned long fuzz_accepted;

static const struct box_shared shared = {{1, 2, 3}};

bool fuzz_seed(unsigned number, struct buffer *out)
{
    static const enum key_kind kinds[] = {KEY_PERSON, KEY_SITE, KEY_PERSON_AUDIENCE, KEY_SITE_AUDIENCE};
    static const uint8_t nonce[BOX_NONCE_SIZE] = {4, 5, 6};
    if (number >= 6) /* the last two: an audience as large as one can be */
        return false;
    struct key_record record = {.id = {{7}}, .kind = kinds[number < 4 ? number : number - 2], .site = "dale-east",
                                .key = {{8}}};
    record.owner.b[3] = number % 2 == 0;
    for (unsigned i = 0; number >= 2 && i < (number < 4 ? AUDIENCE_MIN : AUDIENCE_MAX); i++) {
        char worker[] = "ash-a";
        worker[4] = (char)(worker[4] + (char)i);
        MUST(audience_add(&record.members, bytes_str(worker)));
    }
    key_record_wrap(&record, &shared, nonce, out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_reader check, r, again;
    struct key_record record, second;
    mp_reader_init(&r, bytes_of(data, size));
    if (!mp_next(&r))
        return 0;
    check = r;
    bool formed = key_record_check(&check), unwrapped = key_record_unwrap(&r, &shared, &record);
    MUST(formed || !unwrapped);
    if (!unwrapped)
        return 0;
    struct buffer b = {0};
    const uint8_t *nonce = data + r.off - WRAPPED_KEY_SIZE;
    key_record_wrap(&record, &shared, nonce, &b);
    MUST(!b.failed && b.len <= r.off);
    mp_reader_init(&again, buffer_bytes(&b));
    MUST(mp_next(&again) && key_record_unwrap(&again, &shared, &second) && mp_done(&again));
    MUST(memcmp(&record.id, &second.id, sizeof record.id) == 0 && record.kind == second.kind);
    MUST(person_id_equal(&record.owner, &second.owner) && strcmp(record.site, second.site) == 0);
    MUST(audience_equal(&record.members, &second.members) && key_record_members_fit(&record));
    MUST(memcmp(&record.key, &second.key, sizeof record.key) == 0);
    buffer_release(&b);
    fuzz_accepted++;
    return 0;
}
