/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers as text and back, positions, and how far somebody has seen a log. */
#include "proto/id.h"

#include <inttypes.h>
#include <stdio.h>

bool person_id_is_none(const struct person_id *id)
{
    return person_id_equal(id, &PERSON_ID_NONE);
}

int position_compare(struct position a, struct position b)
{
    if (a.epoch != b.epoch)
        return a.epoch < b.epoch ? -1 : 1;
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return 0;
}

uint64_t seen_in(const struct seen *seen, uint32_t epoch)
{
    for (unsigned i = 0; i < seen->count; i++)
        if (seen->at[i].epoch == epoch)
            return seen->at[i].n;
    return 0;
}

bool seen_covers(const struct seen *seen, struct position p)
{
    return p.epoch != 0 && seen_in(seen, p.epoch) >= p.n;
}

bool seen_includes(const struct seen *newer, const struct seen *older)
{
    for (unsigned i = 0; i < older->count; i++)
        if (!seen_covers(newer, older->at[i]))
            return false;
    return true;
}

bool seen_advance(struct seen *seen, struct position p)
{
    if (p.epoch == 0 || p.n == 0)
        return true; /* names no event: nothing to move up to */
    unsigned i = 0;
    while (i < seen->count && seen->at[i].epoch < p.epoch)
        i++;
    if (i < seen->count && seen->at[i].epoch == p.epoch) {
        if (seen->at[i].n < p.n)
            seen->at[i].n = p.n;
        return true;
    }
    if (seen->count >= SEEN_MAX)
        return false;
    memmove(&seen->at[i + 1], &seen->at[i], (seen->count - i) * sizeof seen->at[0]);
    seen->at[i] = p;
    seen->count++;
    return true;
}

void hex_encode(struct bytes in, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        *out++ = digits[in.data[i] >> 4];
        *out++ = digits[in.data[i] & 15];
    }
    *out = '\0';
}

/* One more than the digit's value: 0 stands for what is none. */
static const uint8_t hex_digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool hex_decode(struct bytes hex, uint8_t *out, size_t size)
{
    if (hex.len % 2 != 0 || hex.len / 2 != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        const unsigned high = hex_digits[hex.data[2 * i]], low = hex_digits[hex.data[2 * i + 1]];
        if (high == 0 || low == 0)
            return false;
        out[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return true;
}

void position_format(struct position p, char *out)
{
    snprintf(out, 33, "%" PRIu32 ".%" PRIu64, p.epoch, p.n);
}

/* Plain decimal digits, at least one, not above `max`. */
static bool decimal(struct bytes text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        unsigned digit = text.data[i] - '0';
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool position_parse(struct bytes text, struct position *out)
{
    const uint8_t *dot = text.len ? memchr(text.data, '.', text.len) : NULL;
    uint64_t epoch = 1, n;
    struct bytes rest = text;
    if (dot) {
        size_t before = (size_t)(dot - text.data);
        if (!decimal(bytes_of(text.data, before), UINT32_MAX, &epoch) || epoch == 0)
            return false;
        rest = bytes_of(dot + 1, text.len - before - 1);
    }
    if (!decimal(rest, UINT64_MAX, &n))
        return false;
    *out = (struct position){(uint32_t)epoch, n};
    return true;
}

bool slug_valid(struct bytes text)
{
    if (text.len == 0 || text.len > SLUG_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0)))
            return false;
    }
    return true;
}
