/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the marks of who has looked at the news: what is accepted is written, and read again to the same. */
#include "tests/fuzz/fuzz.h"

#include "daemon/views/looked.h"

unsigned long fuzz_accepted;

bool fuzz_seed(unsigned number, struct buffer *out)
{
    static const char *const seeds[] = {
        "felloe looked\nat 1767312000000\nsite salford 1 17 1.340 2.12\nsite commons 1 0\n",
        "felloe looked\nat 0\n",
        ("felloe looked\nat 9223372036854775807\nsite a 4294967295 18446744073709551615 1.1 2.1 3.1 4.1 5.1 6.1 7.1 "
         "8.1 9.1 10.1 11.1 12.1 13.1 14.1 15.1 16.18446744073709551615\n")};
    if (number >= sizeof seeds / sizeof *seeds)
        return false;
    buffer_append(out, seeds[number], strlen(seeds[number]));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct looked looked, again;
    struct buffer text = {0};
    if (!looked_decode(bytes_of(data, size), &looked)) {
        MUST(looked.count == 0 && looked.at_ms == 0);
        return 0;
    }
    looked_encode(&looked, &text);
    MUST(!text.failed && looked_decode(buffer_bytes(&text), &again));
    MUST(looked.at_ms == again.at_ms && looked.count == again.count);
    for (size_t i = 0; i < looked.count; i++) {
        const struct looked_site *a = &looked.sites[i], *b = &again.sites[i];
        MUST(strcmp(a->site, b->site) == 0 && a->incarnation == b->incarnation);
        MUST(a->cursor.own_seq == b->cursor.own_seq && seen_includes(&a->cursor.seen, &b->cursor.seen) &&
             seen_includes(&b->cursor.seen, &a->cursor.seen));
    }
    buffer_release(&text);
    fuzz_accepted++;
    return 0;
}
