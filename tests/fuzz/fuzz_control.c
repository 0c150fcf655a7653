/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the local socket's frames, as the daemon reads them: frames, each a request and its drafts. What is accepted
 * is written again and read as the same. */
#include "tests/fuzz/fuzz.h"

#include "proto/control.h"

unsigned long fuzz_accepted;

bool fuzz_seed(unsigned number, struct buffer *out)
{
    static const uint8_t fields[] = {0x81, 0xa4, 't', 'e', 'x', 't', 0xa2, 'h', 'i'};
    struct control_draft draft = {.type = bytes_str("note.added"), .person = bytes_str("Robin"),
                                  .fields = bytes_of(fields, sizeof fields)};
    if (number >= 3)
        return false;
    size_t begin = control_frame_begin(out);
    control_put_request(out, CONTROL_RECORD, 1);
    mp_put_text(out, "partly");
    mp_put_bool(out, true);
    control_put_draft(out, &draft);
    draft = (struct control_draft){.type = bytes_str("x"), .site = bytes_str("dale"), .worker = bytes_str("ash"),
                                   .has_occurred = true, .occurred = -5, .source = bytes_str("urn:x"),
                                   .origin = bytes_str("42"), .subject = bytes_str("robin")};
    if (number > 0)
        control_put_draft(out, &draft);
    control_frame_end(out, begin);
    if (number > 1) { /* two frames */
        begin = control_frame_begin(out);
        control_put_request(out, CONTROL_LOG, 2);
        mp_put_text(out, "from");
        mp_put_text(out, "2.15");
        mp_put_text(out, "follow");
        mp_put_bool(out, false);
        control_frame_end(out, begin);
    }
    return true;
}

static void draft_again(const struct control_draft *draft)
{
    static struct mp_reader r;
    struct control_draft second;
    struct buffer b = {0};
    control_put_draft(&b, draft);
    mp_reader_init(&r, buffer_bytes(&b));
    MUST(mp_next(&r) && control_read_draft(&r, &second) && mp_done(&r));
    MUST(bytes_equal(draft->type, second.type) && bytes_equal(draft->site, second.site));
    MUST(bytes_equal(draft->person, second.person) && bytes_equal(draft->worker, second.worker));
    MUST(bytes_equal(draft->source, second.source) && bytes_equal(draft->origin, second.origin));
    MUST(bytes_equal(draft->subject, second.subject) && bytes_equal(draft->fields, second.fields));
    MUST(draft->has_occurred == second.has_occurred && draft->occurred == second.occurred);
    buffer_release(&b);
}

static bool request(struct bytes payload)
{
    static struct mp_reader r;
    enum control_verb verb;
    mp_reader_init(&r, payload);
    if (!mp_next(&r))
        return false;
    mp_array(&r, 2, 2);
    struct bytes name = mp_str(&r, 1, SLUG_MAX);
    uint32_t count = mp_map(&r, SLUG_MAX);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_skip(&r);
    if (r.failed || mp_peek(&r) != MP_NONE || !control_verb_find(name, &verb))
        return false;
    MUST(bytes_is(name, control_verb_name(verb)));
    while (mp_next(&r)) {
        struct control_draft draft;
        if (!control_read_draft(&r, &draft))
            return false;
        draft_again(&draft);
    }
    return mp_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size), payload;
    bool all = size > 0;
    for (;;) {
        size_t frame = control_frame_parse(in, &payload);
        if (frame == 0 || frame == SIZE_MAX)
            break;
        MUST(frame <= in.len && payload.data == in.data + 4 && payload.len == frame - 4);
        all = request(payload) && all;
        in = bytes_of(in.data + frame, in.len - frame);
    }
    fuzz_accepted += all && in.len == 0;
    return 0;
}
