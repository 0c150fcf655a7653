/* SPDX-License-Identifier: Apache-2.0 */
/* msgpack, read with bounds and written without surprises.
 *
 * The shape of all Felloe data is a *sequence of msgpack objects* laid back to back: a message's header, an
 * event, the items of a frame, a document's facts. The reader parses one object at a time, by hand where it has the
 * usual forms only and with msgpack-c's own unpacking template where not, into a flat tape of fixed size (no
 * allocation; at most MP_TAPE_MAX values and MP_DEPTH_MAX levels), and the caller then pulls values from the tape.
 * Failure is sticky: check once at the end. Strings and binaries point into the input. */
#ifndef FELLOE_PROTO_MP_H
#define FELLOE_PROTO_MP_H

#include "proto/bytes.h"
#include "proto/limits.h"

enum mp_type { MP_NONE, MP_NIL, MP_BOOL, MP_UINT, MP_INT, MP_STR, MP_BIN, MP_ARRAY, MP_MAP };
/* MP_INT is a negative integer; what is not negative is always MP_UINT. Floats and extensions are refused. */

struct mp_token {
    enum mp_type type;
    uint32_t count; /* items of an array, pairs of a map, bytes of a string or binary */
    union {
        uint64_t u;
        int64_t i;
        const uint8_t *p;
    };
};

/* Put it after the name of a local reader (struct mp_reader r MP_UNSET;): a reader is large, and the build would
 * otherwise zero its tape on every call. mp_reader_init sets what is needed. */
#define MP_UNSET __attribute__((uninitialized))

struct mp_reader {
    struct bytes in;
    size_t object, off; /* the current object's first byte, and the byte after it */
    uint32_t at, count; /* on the tape */
    bool failed;
    struct mp_token tape[MP_TAPE_MAX];
};

void mp_reader_init(struct mp_reader *r, struct bytes in);
/* Parses the next object of the sequence. False at the end of the input, on malformed input (then failed is set),
 * or when the previous object was not read to its end (failed is set). */
bool mp_next(struct mp_reader *r);
/* True when nothing has failed, the current object was read whole and no bytes follow it. */
bool mp_done(const struct mp_reader *r);
/* The current object's own bytes, as they stand in the input. */
struct bytes mp_object(const struct mp_reader *r);
/* What has not been parsed yet; and taking `len` bytes of it, which are one object that was read in another way. Only
 * where the current object was read to its end. */
struct bytes mp_rest(const struct mp_reader *r);
void mp_take(struct mp_reader *r, size_t len);
/* Marks the rest of the current object as read. */
void mp_skip_rest(struct mp_reader *r);

/* Each takes the next value from the tape; on the wrong type or out of bounds: sticky failure and a zero value. */
enum mp_type mp_peek(const struct mp_reader *r); /* MP_NONE at the end of the object or after a failure */
uint32_t mp_array(struct mp_reader *r, uint32_t min, uint32_t max);
uint32_t mp_map(struct mp_reader *r, uint32_t max);
uint64_t mp_uint(struct mp_reader *r, uint64_t max);
int64_t mp_int(struct mp_reader *r, int64_t min, int64_t max);
bool mp_bool(struct mp_reader *r);
struct bytes mp_str(struct mp_reader *r, size_t min, size_t max); /* checked to be UTF-8 without NUL */
struct bytes mp_bin(struct mp_reader *r, size_t min, size_t max);
void mp_fixed(struct mp_reader *r, void *out, size_t size); /* a binary of exactly `size` bytes, copied out */
bool mp_nil(struct mp_reader *r);  /* takes a nil if one is next and says so; otherwise takes nothing */
void mp_skip(struct mp_reader *r); /* one value, with all it contains */
void mp_fail(struct mp_reader *r);

/* Writers append to a buffer in the shortest form (msgpack-c's packer). */
void mp_put_nil(struct buffer *b);
void mp_put_bool(struct buffer *b, bool value);
void mp_put_uint(struct buffer *b, uint64_t value);
void mp_put_int(struct buffer *b, int64_t value);
void mp_put_int_or_nil(struct buffer *b, bool there, int64_t value);
void mp_put_str(struct buffer *b, struct bytes text);
void mp_put_str_or_nil(struct buffer *b, struct bytes text); /* nil when it is empty */
void mp_put_text(struct buffer *b, const char *text);
void mp_put_bin(struct buffer *b, const void *data, size_t len);
void mp_put_bin_header(struct buffer *b, size_t len); /* then the caller puts the bytes */
void mp_put_array(struct buffer *b, uint32_t count);
void mp_put_map(struct buffer *b, uint32_t pairs);
/* One pair of a map: a text; a time, which is nil unless it is above 0. */
void mp_put_pair(struct buffer *b, const char *name, const char *text);
void mp_put_pair_time(struct buffer *b, const char *name, int64_t ms);
/* Copies the reader's next value, with all it contains, to the buffer (in the shortest form). */
void mp_copy(struct mp_reader *r, struct buffer *b);

bool utf8_valid(struct bytes text);

#endif
