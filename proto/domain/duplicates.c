/* SPDX-License-Identifier: Apache-2.0 */
/* Finding records that may be about one person. People are sorted by what two of them can have in common, and only
 * those who have are compared. */
#include "proto/domain/duplicates.h"

#include <stdlib.h>

#include "proto/domain/text_fold.h"

/* ---- names ---- */

#define WORDS_MAX 8
#define WORD_MAX 64

struct words {
    struct bytes at[WORDS_MAX];
    size_t count;
};

static void split(struct bytes folded, struct words *words)
{
    words->count = 0;
    for (size_t i = 0, from = 0; i <= folded.len; i++)
        if (i == folded.len || folded.data[i] == ' ' || folded.data[i] == '-') {
            if (i > from && words->count < WORDS_MAX)
                words->at[words->count++] = bytes_of(folded.data + from, i - from);
            from = i + 1;
        }
}

/* How many letters have to be put in, left out or changed, up to `most`; above it most + 1. */
static size_t distance(struct bytes a, struct bytes b, size_t most)
{
    size_t rows[2][WORD_MAX + 1];
    if (a.len > WORD_MAX || b.len > WORD_MAX || (a.len > b.len ? a.len - b.len : b.len - a.len) > most)
        return most + 1;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        const size_t *above = rows[(i - 1) % 2];
        size_t *row = rows[i % 2];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return rows[a.len % 2][b.len];
}

static bool words_alike(struct bytes a, struct bytes b)
{
    const size_t shorter = a.len < b.len ? a.len : b.len;
    if (bytes_equal(a, b))
        return true;
    if (shorter >= 2 && memcmp(a.data, b.data, shorter) == 0)
        return true;
    if (shorter < 4)
        return false;
    const size_t most = shorter < 8 ? 1 : 2;
    return distance(a, b, most) <= most;
}

static bool folded_similar(struct bytes a, struct bytes b)
{
    struct words one, other;
    split(a, &one);
    split(b, &other);
    const struct words *few = one.count <= other.count ? &one : &other, *many = few == &one ? &other : &one;
    for (size_t i = 0; i < few->count; i++) {
        size_t j = 0;
        while (j < many->count && !words_alike(few->at[i], many->at[j]))
            j++;
        if (j == many->count)
            return false;
    }
    return few->count > 0;
}

bool names_similar(struct bytes a, struct bytes b)
{
    struct buffer one = {0}, other = {0};
    text_fold(a, &one);
    text_fold(b, &other);
    bool similar = !one.failed && !other.failed && folded_similar(buffer_bytes(&one), buffer_bytes(&other));
    buffer_release(&one);
    buffer_release(&other);
    return similar;
}

/* ---- what people can have in common ---- */

enum common { SAME_NHS_NUMBER, SAME_BIRTH, SAME_CONTACT, COMMON_COUNT };
static const char *const why_of[] = {
    [SAME_NHS_NUMBER] = "same NHS number",
    [SAME_BIRTH] = "same date of birth and similar name",
    [SAME_CONTACT] = "same way to get in touch and similar name",
};

struct trait {
    enum common kind;
    size_t begin, len; /* in text */
    size_t who;        /* in people */
};
struct candidate {
    size_t first, second;
    enum common kind;
};
struct known_name {
    size_t begin, len; /* folded, in text */
    size_t who;
};

struct finding {
    const struct duplicate_person *people;
    size_t count;
    size_t *group;        /* of those who are linked, the one that stands for all */
    size_t *same;         /* the first in `people` who is this person */
    struct buffer text;
    struct trait *traits;
    size_t trait_count, trait_room;
    struct known_name *names;
    size_t name_count, name_room;
    struct candidate *found;
    size_t found_count, found_room;
    size_t *name_from;    /* where in names each person's begin; count + 1 of them */
    struct person_identity identity;
    struct mp_reader reader;
};

static bool make_room(void **array, size_t *room, size_t needed, size_t size)
{
    if (needed <= *room)
        return true;
    size_t more = *room ? *room * 2 : 64;
    void *bigger = reallocarray(*array, more, size);
    if (!bigger)
        return false;
    *array = bigger;
    *room = more;
    return true;
}

/* A number as its digits, in one way of writing it ("+44 161…" is "0161…"); anything else folded, without spaces. */
static void put_contact(struct bytes text, struct buffer *out)
{
    const size_t before = out->len;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            buffer_append_byte(out, text.data[i]);
    size_t digits = out->len - before;
    bool mail = text.len > 0 && memchr(text.data, '@', text.len) != NULL;
    if (digits >= 7 && !mail) {
        if (digits == 12 && memcmp(out->data + before, "44", 2) == 0) {
            out->data[before] = '0';
            memmove(out->data + before + 1, out->data + before + 2, digits - 2);
            out->len--;
        }
        return;
    }
    out->len = before;
    text_fold(text, out);
    size_t kept = before;
    for (size_t i = before; i < out->len; i++)
        if (out->data[i] != ' ')
            out->data[kept++] = out->data[i];
    out->len = kept;
}

static bool add_traits(struct finding *f, enum common kind, const struct identity_values *values, size_t who)
{
    for (uint32_t i = 0; i < values->count; i++) {
        const size_t begin = f->text.len;
        if (kind == SAME_CONTACT)
            put_contact(values->at[i], &f->text);
        else
            buffer_append(&f->text, values->at[i].data, values->at[i].len);
        if (f->text.failed ||
            !make_room((void **)&f->traits, &f->trait_room, f->trait_count + 1, sizeof *f->traits))
            return false;
        if (f->text.len > begin)
            f->traits[f->trait_count++] = (struct trait){kind, begin, f->text.len - begin, who};
    }
    return true;
}

static bool add_names(struct finding *f, size_t who)
{
    for (uint32_t i = 0; i < f->identity.names.count; i++) {
        const size_t begin = f->text.len;
        text_fold(f->identity.names.at[i], &f->text);
        if (f->text.failed || !make_room((void **)&f->names, &f->name_room, f->name_count + 1, sizeof *f->names))
            return false;
        f->names[f->name_count++] = (struct known_name){begin, f->text.len - begin, who};
    }
    return true;
}

/* ---- who is who, and who is linked with whom ---- */

static int by_person(const void *left, const void *right, void *context)
{
    const struct duplicate_person *people = context;
    const size_t *a = left, *b = right;
    int order = memcmp(people[*a].id.b, people[*b].id.b, sizeof people->id.b);
    return order ? order : *a < *b ? -1 : *a > *b;
}

/* The place of a person in `order`, or count. */
static size_t find_person(const struct finding *f, const size_t *order, const struct person_id *id)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(f->people[order[middle]].id.b, id->b, sizeof id->b) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < f->count && person_id_equal(&f->people[order[low]].id, id) ? order[low] : f->count;
}

static size_t group_of(struct finding *f, size_t who)
{
    while (f->group[who] != who)
        who = f->group[who] = f->group[f->group[who]];
    return who;
}

static bool read_people(struct finding *f, const size_t *order)
{
    for (size_t i = 0; i < f->count; i++)
        f->group[i] = f->same[i] = i;
    for (size_t i = 1; i < f->count; i++)
        if (person_id_equal(&f->people[order[i]].id, &f->people[order[i - 1]].id))
            f->same[order[i]] = f->group[order[i]] = f->same[order[i - 1]];
    for (size_t i = 0; i < f->count; i++) {
        const size_t who = f->same[i];
        f->name_from[i] = f->name_count;
        if (!person_identity_read(f->people[i].identity, &f->reader, &f->identity) || f->identity.moved)
            continue;
        if (!add_names(f, i) || !add_traits(f, SAME_NHS_NUMBER, &f->identity.nhs_numbers, i) ||
            !add_traits(f, SAME_BIRTH, &f->identity.births, i) ||
            !add_traits(f, SAME_CONTACT, &f->identity.contacts, i))
            return false;
        for (uint32_t l = 0; l < f->identity.link_count; l++) {
            size_t other = find_person(f, order, &f->identity.links[l].other);
            if (f->identity.links[l].linked && other < f->count)
                f->group[group_of(f, f->same[other])] = group_of(f, who);
        }
    }
    f->name_from[f->count] = f->name_count;
    return true;
}

/* ---- pairs ---- */

static bool any_similar(const struct finding *f, size_t a, size_t b)
{
    for (size_t i = f->name_from[a]; i < f->name_from[a + 1]; i++)
        for (size_t j = f->name_from[b]; j < f->name_from[b + 1]; j++)
            if (folded_similar(bytes_of(f->text.data + f->names[i].begin, f->names[i].len),
                               bytes_of(f->text.data + f->names[j].begin, f->names[j].len)))
                return true;
    return false;
}

/* Did somebody say of one of them that the other is the same, or is not? */
static bool is_told(struct finding *f, size_t a, const struct person_id *other)
{
    if (person_identity_read(f->people[a].identity, &f->reader, &f->identity))
        for (uint32_t l = 0; l < f->identity.link_count; l++)
            if (person_id_equal(&f->identity.links[l].other, other))
                return true;
    return false;
}

static bool add_pair(struct finding *f, size_t a, size_t b, enum common kind)
{
    if (f->same[a] == f->same[b] || group_of(f, f->same[a]) == group_of(f, f->same[b]))
        return true;
    if (kind != SAME_NHS_NUMBER && !any_similar(f, a, b))
        return true;
    if (is_told(f, a, &f->people[b].id) || is_told(f, b, &f->people[a].id))
        return true;
    if (!make_room((void **)&f->found, &f->found_room, f->found_count + 1, sizeof *f->found))
        return false;
    bool swap = memcmp(f->people[a].id.b, f->people[b].id.b, sizeof f->people[a].id.b) > 0;
    f->found[f->found_count++] = (struct candidate){f->same[swap ? b : a], f->same[swap ? a : b], kind};
    return true;
}

static int by_trait(const void *left, const void *right, void *context)
{
    const struct buffer *text = context;
    const struct trait *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    size_t shorter = a->len < b->len ? a->len : b->len;
    int order = memcmp(text->data + a->begin, text->data + b->begin, shorter);
    if (order == 0)
        order = (a->len > b->len) - (a->len < b->len);
    return order ? order : a->who < b->who ? -1 : a->who > b->who;
}

static bool is_common(const struct finding *f, size_t a, size_t b)
{
    return f->traits[a].kind == f->traits[b].kind && f->traits[a].len == f->traits[b].len &&
           memcmp(f->text.data + f->traits[a].begin, f->text.data + f->traits[b].begin, f->traits[a].len) == 0;
}

static bool find_pairs(struct finding *f)
{
    if (f->trait_count > 1)
        qsort_r(f->traits, f->trait_count, sizeof *f->traits, by_trait, &f->text);
    for (size_t i = 0; i < f->trait_count; i++)
        for (size_t j = i + 1; j < f->trait_count && is_common(f, i, j); j++)
            if (!add_pair(f, f->traits[i].who, f->traits[j].who, f->traits[i].kind))
                return false;
    return true;
}

static int by_pair(const void *left, const void *right, void *context)
{
    const struct duplicate_person *people = context;
    const struct candidate *a = left, *b = right;
    int order = memcmp(people[a->first].id.b, people[b->first].id.b, sizeof people->id.b);
    if (order == 0)
        order = memcmp(people[a->second].id.b, people[b->second].id.b, sizeof people->id.b);
    return order ? order : (int)a->kind - (int)b->kind;
}

bool duplicates_find(const struct duplicate_person *people, size_t count, duplicate_visit visit, void *context)
{
    struct finding *f = calloc(1, sizeof *f);
    size_t *order = calloc(count + 1, sizeof *order);
    bool ok = f && order;
    if (ok) {
        f->people = people;
        f->count = count;
        f->group = calloc(count + 1, sizeof *f->group);
        f->same = calloc(count + 1, sizeof *f->same);
        f->name_from = calloc(count + 2, sizeof *f->name_from);
        ok = f->group && f->same && f->name_from;
    }
    for (size_t i = 0; ok && i < count; i++)
        order[i] = i;
    if (ok && count > 1)
        qsort_r(order, count, sizeof *order, by_person, (void *)(uintptr_t)people);
    ok = ok && read_people(f, order) && find_pairs(f);
    if (ok && f->found_count > 1)
        qsort_r(f->found, f->found_count, sizeof *f->found, by_pair, (void *)(uintptr_t)people);
    for (size_t i = 0; ok && i < f->found_count; i++)
        if (i == 0 || f->found[i].first != f->found[i - 1].first || f->found[i].second != f->found[i - 1].second)
            visit(context, f->found[i].first, f->found[i].second, why_of[f->found[i].kind]);
    if (f) {
        free(f->group);
        free(f->same);
        free(f->name_from);
        free(f->traits);
        free(f->names);
        free(f->found);
        buffer_release(&f->text);
    }
    free(f);
    free(order);
    return ok;
}
