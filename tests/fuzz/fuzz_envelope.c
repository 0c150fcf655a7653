/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of entry.copied, whatever they are: what is taken for sound is written and read again to the same. */
#include "tests/fuzz/fuzz.h"

#include "proto/domain/envelope.h"

unsigned long fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_body body = {.type = bytes_str(ENVELOPE_TYPE), .has_subject = true, .subject = {{1}},
                              .worker = bytes_str("hub"), .fields = bytes_of(data, size)};
    struct envelope read, again;
    struct buffer fields = {0}, saw = {0}, memory = {0};
    struct marks marks;
    if (!envelope_read(&body, &read))
        return 0;
    MUST(envelope_marks(read.saw, &memory, &marks));
    MUST(marks.count == read.saw.len / 16 && marks.count <= ENVELOPE_SAW_MAX);
    for (uint32_t i = 0; i < marks.count; i++) {
        MUST(marks.at[i].site & MARK_APART);
        envelope_put_mark(&saw, &marks.at[i]);
    }
    read.saw = buffer_bytes(&saw);
    envelope_put(&read, &fields);
    body.fields = buffer_bytes(&fields);
    MUST(envelope_read(&body, &again));
    MUST(bytes_equal(read.event, again.event) && bytes_equal(read.from, again.from));
    MUST(bytes_equal(read.saw, again.saw) && position_compare(read.at, again.at) == 0);
    MUST(read.part == again.part && read.parts == again.parts);
    buffer_release(&fields);
    buffer_release(&saw);
    buffer_release(&memory);
    fuzz_accepted++;
    return 0;
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    struct buffer saw = {0};
    struct envelope envelope = {.event = bytes_str("an event's bytes"), .from = bytes_str("dale-east"),
                                .at = {1, 2}, .part = 1, .parts = 1 + number};
    if (number > 1)
        return false;
    for (unsigned i = 0; i < 3 * number; i++)
        envelope_put_mark(&saw, &(struct site_mark){2 * i, 1, 7 + i});
    envelope.saw = buffer_bytes(&saw);
    envelope_put(&envelope, out);
    buffer_release(&saw);
    return true;
}
