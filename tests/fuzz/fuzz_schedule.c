/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes opening hours: eight bytes of a moment, then the hours in words. What can be read is open or closed at that
 * moment, stays so until it says, and is the other then. */
#include "tests/fuzz/fuzz.h"

#include "proto/domain/schedule.h"
#include "proto/endian.h"
#include "proto/mp.h"

unsigned long fuzz_accepted;

#define BEGIN_MS ((int64_t)1577836800000) /* 2020-01-01 */
#define YEARS_MS ((int64_t)10 * 366 * 86400000)

static const char *const seeds[] = {
    "mon-fri 09:00-17:00",
    "mon-fri 09:00-12:30, 13:30-17:00; sat 10:00-12:00; closed 2026-12-25/2026-12-26; 2026-12-31 09:00-12:00",
    "daily 22:00-02:00",
    "24h",
    "sun 00:30-01:30; wed closed",
    "monday, thursday 9:00-24:00; fri-mon 24h",
};

bool fuzz_seed(unsigned number, struct buffer *out)
{
    static const uint64_t moments[] = {0, 0x25d4aa0b00u, 0x9e3779b97f4a7c15u};
    uint8_t moment[8];
    if (number >= 3 * sizeof seeds / sizeof seeds[0])
        return false;
    put_be64(moment, moments[number % 3]);
    buffer_append(out, moment, sizeof moment);
    buffer_append(out, seeds[number / 3], strlen(seeds[number / 3]));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct schedule schedule;
    struct felloe_error error = {0};
    int64_t until, later;
    if (size < 8)
        return 0;
    int64_t ms = BEGIN_MS + (int64_t)(get_be64(data) % (uint64_t)YEARS_MS);
    if (!schedule_parse(bytes_of(data + 8, size - 8), &schedule, &error)) {
        MUST(error.code == FELLOE_INVALID && (!utf8_valid(bytes_of(data + 8, size - 8)) ||
                                              utf8_valid(bytes_str(error.message))));
        return 0;
    }
    bool open = schedule_open(&schedule, ms, &until);
    MUST(until > ms);
    if (until < INT64_MAX) {
        MUST(schedule_open(&schedule, until, NULL) != open);
        MUST(schedule_open(&schedule, until - 1, &later) == open && later == until);
        MUST(schedule_open(&schedule, ms + (until - ms) / 2, NULL) == open);
    } else {
        MUST(schedule_open(&schedule, ms + (int64_t)6 * 86400000, NULL) == open);
    }
    fuzz_accepted++;
    return 0;
}
