/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the fields of the events of the site audit. The first byte says which: 0 audit.key, 1 record.opened, 2
 * audit.again. What is accepted is written again and read as the same. */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>

#include "proto/event/look.h"
#include "proto/mp.h"

unsigned long fuzz_accepted;

static const struct box_secret auditors_secret = {{8}}, once = {{9}};
static const uint8_t nonce[BOX_NONCE_SIZE] = {3};

static void put_key(struct buffer *out)
{
    struct look_key key = {.id = {{5}}, .key = {{6}}};
    struct box_public auditors;
    crypto_scalarmult_base(auditors.b, auditors_secret.b);
    look_key_put(out, &key, &auditors, &once, nonce);
}

static void put_look(struct buffer *out, unsigned number)
{
    static const struct person_id people[3] = {{{1}}, {{2}}, {{3}}};
    const struct look look = {.how = bytes_str("view"),
                              .what = bytes_str(number % 2 != 0 ? "front-door" : ""),
                              .user = bytes_str(number % 2 != 0 ? "amy" : ""),
                              .uid = 1000,
                              .people = people,
                              .count = number % 4};
    look_put(out, &look);
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    struct buffer look = {0};
    if (number >= 9)
        return false;
    buffer_append_byte(out, (uint8_t)(number % 3));
    put_look(&look, number);
    if (number % 3 == 0)
        put_key(out);
    else if (number % 3 == 1)
        buffer_append(out, look.data, look.len);
    else
        look_again_put(out, buffer_bytes(&look));
    buffer_release(&look);
    return true;
}

/* Whoever has no secret reads the same, and nothing is opened. */
static void read_key(struct bytes fields)
{
    struct look_key key, again;
    struct box_public auditors, others;
    bool opened, blind;
    if (!look_key_read(fields, &auditors_secret, &key, &auditors, &opened))
        return;
    fuzz_accepted++;
    MUST(look_key_read(fields, NULL, &again, &others, &blind));
    MUST(!blind && memcmp(&key.id, &again.id, sizeof key.id) == 0 &&
                memcmp(&auditors, &others, sizeof auditors) == 0);
}

static void read_look(struct bytes fields)
{
    struct person_id people[LOOK_PEOPLE_MAX], second[LOOK_PEOPLE_MAX];
    struct look look, same;
    struct buffer again = {0};
    if (!look_read(fields, &look, people))
        return;
    fuzz_accepted++;
    look_put(&again, &look);
    MUST(look_read(buffer_bytes(&again), &same, second));
    MUST(bytes_equal(look.how, same.how) && bytes_equal(look.what, same.what) &&
                bytes_equal(look.user, same.user) && look.uid == same.uid && look.count == same.count &&
                memcmp(people, second, look.count * sizeof *people) == 0);
    buffer_release(&again);
}

static void read_again(struct bytes fields)
{
    struct bytes event, same;
    struct buffer again = {0};
    if (!look_again_read(fields, &event))
        return;
    fuzz_accepted++;
    look_again_put(&again, event);
    MUST(look_again_read(buffer_bytes(&again), &same) && bytes_equal(event, same));
    buffer_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const reads[])(struct bytes fields) = {read_key, read_look, read_again};
    if (size > 0)
        reads[data[0] % 3](bytes_of(data + 1, size - 1));
    return 0;
}
