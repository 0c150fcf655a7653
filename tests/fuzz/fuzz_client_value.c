/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the daemon's answers as the client library reads them: a tree of values, every one of which can be looked at.
 */
#include "tests/fuzz/fuzz.h"

#include "client/lib/value.h"
#include "proto/mp.h"

unsigned long fuzz_accepted;

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number >= 2)
        return false;
    mp_put_map(out, 3);
    mp_put_text(out, "rows");
    mp_put_array(out, 4);
    mp_put_nil(out);
    mp_put_bool(out, number == 0);
    mp_put_int(out, -5);
    mp_put_bin(out, "\1\2", 2);
    mp_put_text(out, "site");
    mp_put_text(out, "dale-east");
    mp_put_text(out, "n");
    mp_put_uint(out, number == 0 ? 7 : INT64_MAX);
    return true;
}

static size_t look(const struct felloe_value *value, unsigned depth)
{
    size_t sum = 1, len = 0;
    MUST(depth <= VALUE_DEPTH_MAX + 1);
    MUST(felloe_value_text(value) != NULL);
    sum += strlen(felloe_value_text(value));
    const uint8_t *bytes = felloe_value_bytes(value, &len);
    for (size_t i = 0; i < len; i++)
        sum += bytes[i];
    for (size_t i = 0; i < felloe_value_count(value); i++) {
        if (felloe_value_kind(value) == FELLOE_MAP)
            MUST(felloe_value_key(value, i) != NULL);
        sum += look(felloe_value_at(value, i), depth + 1);
    }
    (void)felloe_value_get(value, "rows");
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct felloe_value value;
    struct bytes in = bytes_of(data, size);
    while (in.len > 0) {
        size_t before = in.len;
        if (value_read(&arena, &in, &value) != VALUE_OK)
            break;
        MUST(in.len < before);
        (void)look(&value, 0);
        fuzz_accepted++;
    }
    arena_release(&arena);
    return 0;
}
