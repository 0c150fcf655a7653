/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes catalogue_check. The first byte chooses the type, the rest is the map of its fields as somebody gives them.
 * What is accepted is in normal form: checked again, it stays as it is. Whether it makes sense can be asked of it. */
#include "tests/fuzz/fuzz.h"

#include "proto/domain/sense.h"

unsigned long fuzz_accepted;

/* A value that fits the field, as text wherever text will do. */
static void put_value(const struct field_def *field, struct buffer *out)
{
    char hex[2 * 32 + 1] = "";
    struct field_def settled = *field;
    const struct register_def *what;
    switch (field->kind) {
    case KIND_TEXT:
    case KIND_PLACE: mp_put_text(out, "words"); break;
    case KIND_SITE: mp_put_text(out, "dale-east"); break;
    case KIND_SCHEDULE: mp_put_text(out, "mon-fri 09:00-17:00; closed 2026-12-25"); break;
    case KIND_BYTES: mp_put_bin(out, "\x93", 1); break;
    case KIND_CODE: mp_put_text(out, field->codes->codes[field->codes->count - 1].code); break;
    case KIND_NUMBER:
    case KIND_DURATION: mp_put_int(out, field->min); break;
    case KIND_DATE: mp_put_text(out, "2026-02-28"); break;
    case KIND_TIME: mp_put_int(out, 1767225600000); break;
    case KIND_YESNO: mp_put_bool(out, true); break;
    case KIND_WORKER: mp_put_text(out, "ash-grey"); break;
    case KIND_PERSON: mp_put_text(out, "404142434445464748494a4b4c4d4e4f"); break;
    case KIND_EVENT: mp_put_text(out, "69621650bed9f4e0deb774783358e64f3a147da4c63e1938e4dcda7bc8a85ef0"); break;
    case KIND_NHS: mp_put_text(out, "9434765919"); break;
    case KIND_HEX:
        memset(hex, 'a', 2 * (size_t)field->min);
        mp_put_text(out, hex);
        break;
    case KIND_VALUE: /* of the register that the field "what" was given above */
        what = register_def_find(bytes_str(codes_what.codes[codes_what.count - 1].code));
        MUST(what);
        settled.kind = what->kind;
        settled.codes = what->codes;
        put_value(&settled, out);
        break;
    }
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number >= catalogue_count() || number >= 64)
        return false;
    const struct type_def *type = catalogue_at(number);
    buffer_append_byte(out, (uint8_t)number);
    mp_put_map(out, (uint32_t)type->field_count);
    for (size_t i = 0; i < type->field_count; i++) {
        mp_put_text(out, type->fields[i].name);
        uint32_t items = type->fields[i].items > 0 ? type->fields[i].items : 1;
        if (type->fields[i].list)
            mp_put_array(out, items);
        while (items-- > 0)
            put_value(&type->fields[i], out);
    }
    return true;
}

static enum felloe_code check(const struct type_def *type, struct bytes in, struct buffer *out,
                              struct felloe_error *error)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, in);
    return mp_next(&r) ? catalogue_check(type, &r, NULL, out, error) :
                         felloe_fail(error, FELLOE_INVALID, "These are no fields.");
}

/* What makes no sense is said in whole characters; nothing that is well formed is too much for it. */
static void make_sense(const struct type_def *type, struct bytes fields)
{
    struct felloe_error error = {0}, warning;
    const struct sense_case c = {.type = type, .fields = fields, .site = bytes_str("dale"), .worker = bytes_str("ash"),
                                 .now = 1795262400000};
    enum felloe_code code = sense_check(&c, &error, &warning);
    MUST(code == FELLOE_OK || code == FELLOE_INVALID);
    MUST(code == error.code && utf8_valid(bytes_str(error.message)) && utf8_valid(bytes_str(warning.message)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer once = {0}, twice = {0};
    struct felloe_error error = {0};
    if (size == 0)
        return 0;
    const struct type_def *type = catalogue_at(data[0] % catalogue_count());
    enum felloe_code code = check(type, bytes_of(data + 1, size - 1), &once, &error);
    if (code == FELLOE_OK) {
        MUST(check(type, buffer_bytes(&once), &twice, &error) == FELLOE_OK);
        MUST(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
        make_sense(type, buffer_bytes(&once));
        fuzz_accepted++;
    } else {
        MUST(error.code == code && error.message[0] && utf8_valid(bytes_str(error.message)));
    }
    buffer_release(&once);
    buffer_release(&twice);
    return 0;
}
