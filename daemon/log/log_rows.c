/* SPDX-License-Identifier: Apache-2.0 */
/* How the log's keys and rows are laid out; the tables are listed in log_internal.h. */
#include "daemon/log/log_internal.h"

size_t head_row_write(const struct head_row *row, uint8_t out[HEAD_ROW_MAX])
{
    be_put_u64(out, row->head.at.n);
    memcpy(out + 8, row->head.hash.b, 32);
    be_put_u32(out + 40, row->since);
    if (!row->has_signature)
        return 44;
    memcpy(out + 44, row->signature.b, 64);
    return 108;
}

bool head_row_read(struct bytes in, uint32_t epoch, struct head_row *out)
{
    *out = (struct head_row){.head.at.epoch = epoch};
    if (in.len != 44 && in.len != 108)
        return false;
    out->head.at.n = be_u64(in.data);
    memcpy(out->head.hash.b, in.data + 8, 32);
    out->since = be_u32(in.data + 40);
    out->has_signature = in.len == 108;
    if (out->has_signature)
        memcpy(out->signature.b, in.data + 44, 64);
    return true;
}

void anchor_row_write(const struct anchor_row *row, uint8_t out[ANCHOR_ROW])
{
    memcpy(out, row->hash.b, 32);
    memcpy(out + 32, row->signature.b, 64);
}

bool anchor_row_read(struct bytes in, struct anchor_row *out)
{
    *out = (struct anchor_row){0};
    if (in.len != ANCHOR_ROW)
        return false;
    memcpy(out->hash.b, in.data, 32);
    memcpy(out->signature.b, in.data + 32, 64);
    return true;
}

size_t after_row_write(const struct branches *after, uint8_t out[AFTER_ROW_MAX])
{
    for (uint32_t i = 0; i < after->count; i++) {
        be_put_u32(out + 12 * i, after->at[i].incarnation);
        be_put_u64(out + 12 * i + 4, after->at[i].seq);
    }
    return 12 * after->count;
}

bool after_row_read(struct bytes in, struct branches *out)
{
    *out = (struct branches){0};
    if (in.len == 0 || in.len > AFTER_ROW_MAX || in.len % 12 != 0)
        return false;
    for (uint32_t i = 0; i < in.len / 12; i++) {
        const uint8_t *at = in.data + 12 * i;
        const struct branch branch = {be_u32(at), be_u64(at + 4)};
        if (branch.seq == 0 || branch.incarnation <= (i > 0 ? out->at[i - 1].incarnation : 0))
            return false;
        out->at[out->count++] = branch;
    }
    return true;
}

bool meta_row_read(struct bytes in, uint32_t *out)
{
    if (in.len != META_ROW || be_u32(in.data) != ~be_u32(in.data + 4))
        return false;
    *out = be_u32(in.data);
    return true;
}

bool log_meta_u32(struct store_txn *txn, const char *name, uint32_t *out)
{
    struct bytes row;
    return store_get(txn, T_META, bytes_str(name), &row) && meta_row_read(row, out);
}

void log_put_meta_u32(struct store_txn *txn, const char *name, uint32_t value)
{
    uint8_t row[META_ROW];
    be_put_u32(row, value);
    be_put_u32(row + 4, ~value);
    store_put(txn, T_META, bytes_str(name), bytes_of(row, sizeof row));
}

size_t stream_row_write(const struct stream_head *head, uint8_t out[STREAM_ROW_MAX])
{
    be_put_u64(out, head->seq);
    memcpy(out + 8, head->id.b, 32);
    out[40] = head->seen.count;
    uint8_t *at = out + 41;
    for (unsigned i = 0; i < head->seen.count; i++, at += 12) {
        be_put_u32(at, head->seen.at[i].epoch);
        be_put_u64(at + 4, head->seen.at[i].n);
    }
    return (size_t)(at - out);
}

bool stream_row_read(struct bytes in, struct stream_head *out)
{
    *out = (struct stream_head){0};
    if (in.len < 41 || in.data[40] > SEEN_MAX || in.len != 41u + in.data[40] * 12u)
        return false;
    out->seq = be_u64(in.data);
    memcpy(out->id.b, in.data + 8, 32);
    out->seen.count = in.data[40];
    for (unsigned i = 0; i < out->seen.count; i++) {
        const uint8_t *at = in.data + 41 + 12 * i;
        out->seen.at[i] = (struct position){be_u32(at), be_u64(at + 4)};
    }
    return true;
}

void receipt_row_write(const struct receipt_row *row, uint8_t out[RECEIPT_ROW])
{
    be_put_u64(out, row->seq);
    memcpy(out + 8, row->id.b, 32);
    memcpy(out + 40, row->signature.b, 64);
}

bool receipt_row_read(struct bytes in, struct receipt_row *out)
{
    *out = (struct receipt_row){0};
    if (in.len != RECEIPT_ROW)
        return false;
    out->seq = be_u64(in.data);
    memcpy(out->id.b, in.data + 8, 32);
    memcpy(out->signature.b, in.data + 40, 64);
    return true;
}

bool log_row_read(struct bytes in, struct log_row *out)
{
    *out = (struct log_row){0};
    if (in.len < 1)
        return false;
    out->flags = in.data[0];
    in = bytes_of(in.data + 1, in.len - 1);
    if (out->flags & ENTRY_SIGNED) {
        if (in.len < sizeof *out->signature)
            return false;
        out->signature = (const struct signature *)in.data;
        in = bytes_of(in.data + sizeof *out->signature, in.len - sizeof *out->signature);
    }
    if (out->flags & ENTRY_OWN) {
        if (in.len != 12)
            return false;
        out->incarnation = be_u32(in.data);
        out->seq = be_u64(in.data + 4);
        return true;
    }
    out->event = in;
    return in.len > 0;
}

void key_site_epoch(struct store_key *key, uint32_t site, uint32_t epoch)
{
    key_start(key);
    key_put_u16(key, (uint16_t)site);
    key_put_u32(key, epoch);
}

void key_site_incarnation(struct store_key *key, uint32_t site, uint32_t incarnation)
{
    key_site_epoch(key, site, incarnation);
}

void key_checkpoint(struct store_key *key, uint32_t site, struct position at)
{
    key_site_epoch(key, site, at.epoch);
    key_put_u64(key, at.n);
}

void key_place(struct store_key *key, struct position at)
{
    key_start(key);
    key_put_u32(key, at.epoch);
    key_put_u64(key, at.n);
}

void key_own(struct store_key *key, uint32_t incarnation, uint64_t seq)
{
    key_place(key, (struct position){incarnation, seq});
}

void key_own_place(struct store_key *key, uint32_t site, uint32_t incarnation, uint64_t seq)
{
    key_checkpoint(key, site, (struct position){incarnation, seq});
}

void key_stream(struct store_key *key, uint32_t site, const struct device_id *device, uint32_t incarnation)
{
    key_start(key);
    key_put_u16(key, (uint16_t)site);
    key_put(key, device->b, sizeof device->b);
    key_put_u32(key, incarnation);
}

void key_use(struct store_key *key, uint32_t site, const struct key_id *id)
{
    key_start(key);
    key_put_u16(key, (uint16_t)site);
    key_put(key, id->b, sizeof id->b);
}
