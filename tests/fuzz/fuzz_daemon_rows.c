/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the log's rows. The first byte says which; what is read is written again to the very same bytes. */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>

#include "daemon/log/log_internal.h"

unsigned long fuzz_accepted;

enum { HEAD, STREAM, RECEIPT, ANCHOR, AFTER, ENTRY, DEVICE, KINDS };

static void seed_entry(unsigned variant, struct buffer *out)
{
    static const uint8_t signature[64] = {9};
    static const uint8_t own[12] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5};
    unsigned flags =
        (variant & 1 ? ENTRY_OWN : 0) | (variant & 2 ? ENTRY_SIGNED : 0) | (variant & 4 ? ENTRY_FIRST_KEY : 0);
    buffer_append_byte(out, (uint8_t)flags);
    if (flags & ENTRY_SIGNED)
        buffer_append(out, signature, sizeof signature);
    if (flags & ENTRY_OWN)
        buffer_append(out, own, sizeof own);
    else
        buffer_append(out, "an event's bytes", 16);
}

/* Without its check, which no mutation would hold. */
static void seed_device(struct buffer *out)
{
    static const uint8_t key[32] = {3};
    buffer_append(out, key, 16);
    mp_put_array(out, 14);
    mp_put_uint(out, 2);
    for (int i = 0; i < 3; i++)
        mp_put_bin(out, key, sizeof key);
    for (int i = 0; i < 5; i++)
        mp_put_text(out, "ash-grey");
    mp_put_array(out, 2);
    mp_put_text(out, "commons");
    mp_put_text(out, "dale-east");
    mp_put_int(out, 1767225600000);
    mp_put_int(out, 0);
    mp_put_text(out, "");
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    uint8_t row[1024];
    const struct head_row head = {.head = {.at = {1, 77}, .hash = {{1}}}, .since = 99, .has_signature = number == 1};
    const struct stream_head stream = {.seq = 4, .id = {{2}}, .seen = {.count = 2, .at = {{1, 5}, {3, 8}}}};
    const struct receipt_row receipt = {.seq = 4, .id = {{2}}, .signature = {{3}}};
    const struct anchor_row anchor = {.hash = {{4}}, .signature = {{5}}};
    const struct branches after = {.count = 2, .at = {{1, 5}, {4, 9}}};
    static const uint8_t kinds[] = {HEAD, HEAD, STREAM, RECEIPT, ANCHOR, AFTER, DEVICE};
    if (number >= sizeof kinds + 8)
        return false;
    buffer_append_byte(out, number < sizeof kinds ? kinds[number] : (uint8_t)ENTRY);
    if (number >= sizeof kinds)
        seed_entry(number - (unsigned)sizeof kinds, out);
    else if (kinds[number] == HEAD)
        buffer_append(out, row, head_row_write(&head, row));
    else if (kinds[number] == STREAM)
        buffer_append(out, row, stream_row_write(&stream, row));
    else if (kinds[number] == AFTER)
        buffer_append(out, row, after_row_write(&after, row));
    else if (kinds[number] == DEVICE)
        seed_device(out);
    else if (kinds[number] == RECEIPT)
        receipt_row_write(&receipt, row), buffer_append(out, row, RECEIPT_ROW);
    else
        anchor_row_write(&anchor, row), buffer_append(out, row, ANCHOR_ROW);
    return true;
}

static void check_entry(struct bytes in)
{
    struct log_row row;
    if (!log_row_read(in, &row))
        return;
    fuzz_accepted++;
    MUST((row.signature != NULL) == ((row.flags & ENTRY_SIGNED) != 0));
    if (row.flags & ENTRY_OWN)
        MUST(in.len == 1 + (row.signature != NULL ? 64u : 0u) + 12);
    else
        MUST(row.event.data + row.event.len == in.data + in.len);
}

static void check_device(struct bytes in)
{
    static struct mp_reader r;
    static struct device_record device;
    uint8_t check[ROW_CHECK];
    struct buffer row = {0};
    if (in.len < 16)
        return;
    const struct bytes key = bytes_of(in.data, 16);
    log_row_check(key, bytes_of(in.data + 16, in.len - 16), check);
    buffer_append(&row, in.data + 16, in.len - 16);
    mp_put_bin(&row, check, sizeof check);
    const bool good = log_read_device(&r, (struct store_item){key, buffer_bytes(&row)}, &device);
    MUST(!log_read_device(&r, (struct store_item){key, bytes_of(in.data + 16, in.len - 16)}, &device));
    const bool again = log_read_device(&r, (struct store_item){key, buffer_bytes(&row)}, &device);
    MUST(good == again);
    buffer_release(&row);
    if (!good)
        return;
    fuzz_accepted++;
    MUST(device.site_count <= SITES_MAX && memchr(device.label, 0, sizeof device.label) != NULL &&
         memchr(device.why, 0, sizeof device.why) != NULL);
    for (uint32_t i = 0; i < device.site_count; i++)
        MUST(memchr(device.sites[i], 0, sizeof device.sites[i]) != NULL);
}

static void check_same(struct bytes in, const uint8_t *row, size_t len)
{
    MUST(bytes_equal(in, bytes_of(row, len)));
    fuzz_accepted++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[1024];
    struct head_row head;
    struct stream_head stream;
    struct receipt_row receipt;
    struct anchor_row anchor;
    struct branches after;
    struct bytes in = bytes_of(data + 1, size > 0 ? size - 1 : 0);
    switch (size > 0 ? data[0] : KINDS) {
    case HEAD:
        if (head_row_read(in, 1, &head))
            check_same(in, out, head_row_write(&head, out));
        break;
    case STREAM:
        if (stream_row_read(in, &stream))
            check_same(in, out, stream_row_write(&stream, out));
        break;
    case RECEIPT:
        if (receipt_row_read(in, &receipt))
            receipt_row_write(&receipt, out), check_same(in, out, RECEIPT_ROW);
        break;
    case ANCHOR:
        if (anchor_row_read(in, &anchor))
            anchor_row_write(&anchor, out), check_same(in, out, ANCHOR_ROW);
        break;
    case AFTER:
        if (after_row_read(in, &after))
            check_same(in, out, after_row_write(&after, out));
        break;
    case ENTRY:
        check_entry(in);
        break;
    case DEVICE:
        check_device(in);
        break;
    default:
        break;
    }
    return 0;
}
