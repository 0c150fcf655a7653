/* SPDX-License-Identifier: Apache-2.0 */
/* Folding text for comparison: one pass, a table for most letters, rules for the rest. */
#include "proto/domain/text_fold.h"

#include "proto/domain/text_fold_data.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HIGHEST 0x10ffffu
#define NOT_UTF8 0x110000u /* and above: a byte that begins no character */

struct range {
    uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count && ranges[i].first <= c; i++)
        if (c <= ranges[i].last)
            return true;
    return false;
}

/* ---- characters ---- */

static size_t sequence_length(uint8_t lead)
{
    return lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3
         : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

size_t text_character(struct bytes text, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = sequence_length(text.data[0]);
    *out = NOT_UTF8 + text.data[0];
    if (len == 1)
        *out = text.data[0];
    if (len < 2 || len > text.len)
        return 1;
    uint32_t c = text.data[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((text.data[i] & 0xc0) != 0x80)
            return 1;
        c = c << 6 | (text.data[i] & 0x3f);
    }
    if (c < least[len] || c > HIGHEST || (c >= 0xd800 && c < 0xe000))
        return 1;
    *out = c;
    return len;
}

static size_t put_character(uint8_t *to, uint32_t c)
{
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (c >= NOT_UTF8) {
        to[0] = (uint8_t)(c - NOT_UTF8);
        return 1;
    }
    if (len == 1) {
        to[0] = (uint8_t)c;
        return 1;
    }
    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        to[i] = (uint8_t)(0x80 | (c & 0x3f));
    to[0] = (uint8_t)((0xf00u >> len) | c);
    return len;
}

bool text_is_mark(uint32_t c)
{
    static const struct range marks[] = {
        {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c2}, {0x05c4, 0x05c5},
        {0x05c7, 0x05c7}, {0x0610, 0x061a}, {0x0640, 0x0640}, {0x064b, 0x065f}, {0x0670, 0x0670}, {0x06d6, 0x06dc},
        {0x06df, 0x06e4}, {0x06e7, 0x06e8}, {0x06ea, 0x06ed}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200d, 0x200d},
        {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff}, {0xe0020, 0xe007f},
        {0xe0100, 0xe01ef}};
    return c >= 0x0300 && in_ranges(c, marks, COUNT(marks));
}

/* A mark that makes another letter of it, not one that only says how to show it. */
static bool is_accent(uint32_t c)
{
    return c < 0x2000 && c != 0x0640;
}

/* Soft hyphens, and what turns the direction of text or joins or parts words without being seen. */
static bool is_unseen(uint32_t c)
{
    static const struct range unseen[] = {{0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x061c, 0x061c}, {0x200b, 0x200f},
                                          {0x202a, 0x202e}, {0x2060, 0x2069}, {0xfeff, 0xfeff}};
    return c >= 0x00ad && in_ranges(c, unseen, COUNT(unseen));
}

static bool is_space(uint32_t c)
{
    return c <= ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool text_is_word(uint32_t c)
{
    static const struct range others[] = {
        {0x00d7, 0x00d7}, {0x00f7, 0x00f7}, {0x055a, 0x055f}, {0x05be, 0x05be}, {0x060c, 0x060d}, {0x061b, 0x061b},
        {0x061f, 0x061f}, {0x06d4, 0x06d4}, {0x2000, 0x206f}, {0x2190, 0x2bff}, {0x3000, 0x3003}, {0x3008, 0x3020},
        {0xfe0f, 0xfe0f}, {0x1f000, 0x1faff}};
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return c >= 0xc0 && c <= HIGHEST && !in_ranges(c, others, COUNT(others));
}

/* ---- folding ---- */

/* What one character stands for: a letter or two, with accents where they are kept. */
struct letters {
    uint32_t at[4];
    size_t count;
};

static struct letters letter(uint32_t c)
{
    return (struct letters){{c}, 1};
}

/* One letter that people write as two where they have no key for it. */
static struct letters written_out(uint32_t c)
{
    static const struct {
        uint16_t from;
        char to[3];
    } others[] = {{0x00df, "ss"}, {0x00e6, "ae"}, {0x00f0, "d"}, {0x00f8, "o"}, {0x00fe, "th"}, {0x0111, "d"},
                  {0x0127, "h"}, {0x0131, "i"}, {0x0133, "ij"}, {0x0140, "l"}, {0x0142, "l"}, {0x0149, "n"},
                  {0x014b, "n"}, {0x0153, "oe"}, {0x0167, "t"}, {0x017f, "s"}, {0x0180, "b"}, {0x0192, "f"},
                  {0x0199, "k"}, {0x019a, "l"}, {0x01b4, "y"}, {0x01b6, "z"}, {0x01c6, "dz"}, {0x01c9, "lj"},
                  {0x01cc, "nj"}, {0x01e5, "g"}, {0x01f3, "dz"}, {0x0247, "e"}, {0x0249, "j"}, {0x024d, "r"},
                  {0x024f, "y"}, {0x0253, "b"}, {0x0257, "d"}, {0x0268, "i"}, {0x0289, "u"}};
    for (size_t i = 0; i < COUNT(others) && others[i].from <= c; i++)
        if (others[i].from == c)
            return (struct letters){{(uint8_t)others[i].to[0], (uint8_t)others[i].to[1]}, strlen(others[i].to)};
    return letter(c);
}

/* By the tables. */
static struct letters tabled(uint32_t base, const uint16_t *accents, bool keep_accents)
{
    struct letters letters = letter(base);
    if (!keep_accents)
        return base == 0 ? (struct letters){.count = 0} : written_out(base);
    for (size_t i = 0; i < 3 && accents[i] != 0; i++)
        letters.at[letters.count++] = accents[i];
    return letters;
}

/* A syllable of Hangul and the letters that it is made of are the same text. */
static struct letters hangul(uint32_t c)
{
    uint32_t at = c - 0xac00, tail = at % 28;
    return (struct letters){{0x1100 + at / (21 * 28), 0x1161 + at / 28 % 21, 0x11a7 + tail}, tail > 0 ? 3 : 2};
}

/* Letters of the Arabic block that carry a mark within: alef, waw and yeh are also written without their hamza. */
static struct letters arabic(uint32_t c, bool keep_accents)
{
    static const uint16_t apart[][3] = {{0x0622, 0x0627, 0x0653}, {0x0623, 0x0627, 0x0654}, {0x0624, 0x0648, 0x0654},
                                        {0x0625, 0x0627, 0x0655}, {0x0626, 0x064a, 0x0654}, {0x06c0, 0x06d5, 0x0654},
                                        {0x06c2, 0x06c1, 0x0654}, {0x06d3, 0x06d2, 0x0654}};
    for (size_t i = 0; i < COUNT(apart); i++)
        if (apart[i][0] == c)
            return (struct letters){{apart[i][1], apart[i][2]}, keep_accents ? 2 : 1};
    return letter(c);
}

static uint32_t punctuation(uint32_t c)
{
    if ((c >= 0x2018 && c <= 0x201b) || c == 0x2032)
        return '\'';
    if ((c >= 0x201c && c <= 0x201f) || c == 0x2033)
        return '"';
    return c >= 0x2010 && c <= 0x2015 ? '-' : c;
}

static struct letters fold_letter(uint32_t c, bool keep_accents)
{
    if (c == 0xab || c == 0xbb)
        return letter('"');
    if (c == 0x02bc)
        return letter('\'');
    if (c >= 0xc0 && c < 0xc0 + COUNT(fold_low) && !text_is_mark(c))
        return tabled(fold_low[c - 0xc0], fold_accents[fold_low_accents[c - 0xc0]], keep_accents);
    if (c >= 0x1e00 && c < 0x1e00 + COUNT(fold_high))
        return tabled(fold_high[c - 0x1e00], fold_accents[fold_high_accents[c - 0x1e00]], keep_accents);
    if (c >= 0x531 && c <= 0x556)
        return letter(c + 0x30);
    if (c >= 0x600 && c < 0x700)
        return arabic(c, keep_accents);
    if (c >= 0x2010 && c <= 0x2033)
        return letter(punctuation(c));
    if (c >= 0xac00 && c <= 0xd7a3)
        return hangul(c);
    if (c >= 0xff01 && c <= 0xff5e) /* letters in the width of a Chinese one */
        return letter(c >= 0xff21 && c <= 0xff3a ? c - 0xff21 + 'a' : c - 0xff01 + '!');
    return letter(c);
}

/* Where a run of folding is: the bytes written so far, and a space that is due before the next letter. */
struct folding {
    uint8_t *to;
    size_t len;
    bool space;
    size_t space_at;
    bool keep_accents;
    uint32_t *offsets;
};

static void put(struct folding *f, uint32_t c, size_t from)
{
    size_t before = f->len;
    f->len += put_character(f->to + f->len, c);
    for (size_t i = before; f->offsets && i < f->len; i++)
        f->offsets[i] = (uint32_t)from;
}

static void fold_one(struct folding *f, uint32_t c, size_t from)
{
    if (is_space(c)) {
        if (f->len > 0 && !f->space)
            f->space_at = from;
        f->space = f->len > 0;
        return;
    }
    if (is_unseen(c) || (text_is_mark(c) && !(f->keep_accents && is_accent(c))))
        return;
    struct letters letters = fold_letter(c, f->keep_accents);
    if (letters.count > 0 && f->space) {
        put(f, ' ', f->space_at);
        f->space = false;
    }
    for (size_t i = 0; i < letters.count; i++)
        put(f, letters.at[i], from);
}

static void fold(struct bytes text, struct buffer *out, bool keep_accents, uint32_t *offsets)
{
    if (text.len == 0 || !buffer_reserve(out, text.len * TEXT_FOLD_GROWTH)) {
        if (offsets)
            offsets[0] = (uint32_t)text.len;
        return;
    }
    struct folding f = {.to = out->data + out->len, .keep_accents = keep_accents, .offsets = offsets};
    for (size_t at = 0; at < text.len;) {
        uint8_t byte = text.data[at];
        if (byte > ' ' && byte < 0x7f) { /* most of what is written here */
            if (f.space)
                put(&f, ' ', f.space_at);
            f.space = false;
            if (offsets)
                offsets[f.len] = (uint32_t)at;
            f.to[f.len++] = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
            at++;
            continue;
        }
        uint32_t c;
        size_t len = text_character(bytes_of(text.data + at, text.len - at), &c);
        fold_one(&f, c, at);
        at += len;
    }
    if (offsets)
        offsets[f.len] = (uint32_t)text.len;
    out->len += f.len;
}

void text_fold(struct bytes text, struct buffer *out)
{
    fold(text, out, false, NULL);
}

void text_fold_case(struct bytes text, struct buffer *out)
{
    fold(text, out, true, NULL);
}

void text_fold_mapped(struct bytes text, struct buffer *out, uint32_t *offsets)
{
    fold(text, out, false, offsets);
}

bool text_fold_equal(struct bytes a, struct bytes b)
{
    struct buffer x = {0}, y = {0};
    text_fold(a, &x);
    text_fold(b, &y);
    bool equal = !x.failed && !y.failed && bytes_equal(buffer_bytes(&x), buffer_bytes(&y));
    buffer_release(&x);
    buffer_release(&y);
    return equal;
}
