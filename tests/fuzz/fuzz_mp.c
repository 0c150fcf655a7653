/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the msgpack reader: what it accepts, msgpack-c's own unpacker reads as the same values, and a copy of it in
 * shortest form reads as itself. */
#include "tests/fuzz/fuzz.h"

#include <msgpack.h>

#include "proto/mp.h"

unsigned long fuzz_accepted;

bool fuzz_seed(unsigned number, struct buffer *out)
{
    switch (number) {
    case 0:
        mp_put_map(out, 3);
        mp_put_text(out, "caf\xc3\xa9");
        mp_put_int(out, -70000);
        mp_put_text(out, "list");
        mp_put_array(out, 4);
        mp_put_nil(out);
        mp_put_bool(out, true);
        mp_put_uint(out, UINT64_MAX);
        mp_put_bin(out, "\x00\xff", 2);
        mp_put_text(out, "");
        mp_put_map(out, 0);
        return true;
    case 1: /* a sequence, in longer forms than need be */
        buffer_append(out, "\xdc\x00\x02\xd3\xff\xff\xff\xff\xff\xff\xff\xfe\xdb\x00\x00\x00\x01x", 18);
        buffer_append(out, "\xdf\x00\x00\x00\x01\xc6\x00\x00\x00\x01y\xd1\x00\x05", 14);
        return true;
    case 2: /* as deep as it goes */
        for (int i = 0; i < MP_DEPTH_MAX; i++)
            mp_put_array(out, 1);
        mp_put_nil(out);
        return true;
    default:
        return false;
    }
}

static struct mp_reader reader, again;

/* Takes one value of the reader and compares it with what msgpack-c made of the same bytes. */
static void compare(struct mp_reader *r, const msgpack_object *o)
{
    switch (mp_peek(r)) {
    case MP_NIL: MUST(o->type == MSGPACK_OBJECT_NIL && mp_nil(r)); return;
    case MP_BOOL: MUST(o->type == MSGPACK_OBJECT_BOOLEAN && o->via.boolean == mp_bool(r)); return;
    case MP_UINT: MUST(o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 == mp_uint(r, UINT64_MAX)); return;
    case MP_INT:
        MUST(o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && o->via.i64 == mp_int(r, INT64_MIN, -1));
        return;
    case MP_STR: {
        struct bytes theirs = bytes_of(o->via.str.ptr, o->via.str.size);
        struct mp_token token = r->tape[r->at]; /* as it stands: mp_str would also want UTF-8 */
        MUST(o->type == MSGPACK_OBJECT_STR && bytes_equal(bytes_of(token.p, token.count), theirs));
        mp_skip(r);
        return;
    }
    case MP_BIN: {
        struct bytes theirs = bytes_of(o->via.bin.ptr, o->via.bin.size);
        MUST(o->type == MSGPACK_OBJECT_BIN && bytes_equal(mp_bin(r, 0, UINT32_MAX), theirs));
        return;
    }
    case MP_ARRAY:
        MUST(o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == mp_array(r, 0, UINT32_MAX));
        for (uint32_t i = 0; i < o->via.array.size; i++)
            compare(r, &o->via.array.ptr[i]);
        return;
    case MP_MAP:
        MUST(o->type == MSGPACK_OBJECT_MAP && o->via.map.size == mp_map(r, UINT32_MAX));
        for (uint32_t i = 0; i < o->via.map.size; i++) {
            compare(r, &o->via.map.ptr[i].key);
            compare(r, &o->via.map.ptr[i].val);
        }
        return;
    case MP_NONE: MUST(mp_peek(r) != MP_NONE);
    }
}

static bool same_tape(const struct mp_reader *a, const struct mp_reader *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct mp_token *x = &a->tape[i], *y = &b->tape[i];
        bool range = x->type == MP_STR || x->type == MP_BIN;
        if (x->type != y->type || x->count != y->count)
            return false;
        if (range ? !bytes_equal(bytes_of(x->p, x->count), bytes_of(y->p, y->count)) :
                    x->type != MP_ARRAY && x->type != MP_MAP && x->u != y->u)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool any = false;
    mp_reader_init(&reader, bytes_of(data, size));
    while (mp_next(&reader)) {
        struct bytes object = mp_object(&reader);
        MUST(reader.count <= MP_TAPE_MAX && object.len > 0 && object.data + object.len <= data + size);
        msgpack_unpacked theirs;
        size_t off = 0;
        msgpack_unpacked_init(&theirs);
        MUST(msgpack_unpack_next(&theirs, (const char *)object.data, object.len, &off) == MSGPACK_UNPACK_SUCCESS);
        MUST(off == object.len);
        compare(&reader, &theirs.data);
        msgpack_unpacked_destroy(&theirs);
        MUST(!reader.failed && reader.at == reader.count);

        struct buffer copy = {0};
        reader.at = 0;
        mp_copy(&reader, &copy);
        MUST(!reader.failed && reader.at == reader.count && copy.len <= object.len);
        mp_reader_init(&again, buffer_bytes(&copy));
        MUST(mp_next(&again) && same_tape(&reader, &again));
        buffer_release(&copy);
        any = true;
    }
    MUST(reader.failed == !mp_done(&reader));
    fuzz_accepted += any && !reader.failed;
    return 0;
}
