/* SPDX-License-Identifier: Apache-2.0 */
/* What a document's set of events means: which strikes hold, and what stands in each register. */
#include <assert.h>
#include <stdlib.h>

#include "proto/domain/document_data.h"
#include "proto/event/hlc.h"

/* A write on its way into its register. */
struct write_at {
    enum register_id reg;
    struct bytes each;
    struct write write;
};

/* ---- items ---- */

size_t record_count(const struct document *document)
{
    return document->count;
}

const struct item *record_at(const struct document *document, size_t index)
{
    return document->items[index];
}

struct bytes item_value(const struct item *item, const char *field)
{
    for (size_t i = 0; item->type && i < item->type->field_count; i++)
        if (strcmp(item->type->fields[i].name, field) == 0)
            return item->values[i];
    return (struct bytes){0};
}

struct bytes item_text(const struct item *item, const char *field)
{
    return value_text(item_value(item, field));
}

int64_t item_ms(const struct item *item)
{
    return item->has_occurred ? item->occurred : (int64_t)hlc_ms(item->stamp.time);
}

uint64_t item_sort_ms(const struct item *item)
{
    int64_t ms = item_ms(item);
    return ms > 0 ? (uint64_t)ms : 0;
}

/* ---- strikes ---- */

static int strike_order(const void *left, const void *right)
{
    const struct strike *a = left, *b = right;
    int order = memcmp(a->target, b->target, sizeof(struct event_id));
    return order ? order : stamp_compare(&a->by->stamp, &b->by->stamp);
}

/* The first strike of `target`, by the order above; count when there is none. */
static size_t strike_find(const struct meaning *meaning, const uint8_t *target)
{
    size_t low = 0, high = meaning->strike_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(meaning->strikes[middle].target, target, sizeof(struct event_id)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool strikes_it(const struct meaning *meaning, size_t at, const uint8_t *target)
{
    return at < meaning->strike_count && memcmp(meaning->strikes[at].target, target, sizeof(struct event_id)) == 0;
}

static bool collect_strikes(struct meaning *meaning, const struct document *document)
{
    meaning->strike_count = 0;
    for (size_t i = 0; i < document->count; i++) {
        const struct item *item = document->items[i];
        if (!item->type || item->type->id != TYPE_entry_struck)
            continue;
        struct bytes target = item_text(item, "of");
        if (target.len != sizeof(struct event_id))
            continue;
        if (!grow((void **)&meaning->strikes, &meaning->strike_room, meaning->strike_count + 1,
                  sizeof *meaning->strikes))
            return false;
        meaning->strikes[meaning->strike_count++] = (struct strike){.target = target.data, .by = item};
    }
    if (meaning->strike_count > 1)
        qsort(meaning->strikes, meaning->strike_count, sizeof *meaning->strikes, strike_order);
    return true;
}

static int striker_order(const void *left, const void *right)
{
    const struct strike *const *a = left, *const *b = right;
    int order = memcmp(&(*a)->by->name, &(*b)->by->name, sizeof(struct event_id));
    return order ? order : stamp_compare(&(*a)->by->stamp, &(*b)->by->stamp);
}

/* The strike of this name; NULL when that is none. */
static struct strike *strike_that_is(const struct meaning *meaning, const uint8_t *name)
{
    size_t low = 0, high = meaning->strike_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(meaning->by_id[middle]->by->name.b, name, sizeof(struct event_id));
        if (order == 0)
            return meaning->by_id[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* How many strikes there are of each strike; those with none hold, and are put into `decided`. */
static size_t count_strikers(struct meaning *meaning, struct strike **decided)
{
    size_t count = 0;
    for (size_t i = 0; i < meaning->strike_count; i++) {
        struct strike *struck = strike_that_is(meaning, meaning->strikes[i].target);
        if (struck)
            struck->strikers++;
    }
    for (size_t i = 0; i < meaning->strike_count; i++)
        if (meaning->strikes[i].strikers == 0) {
            meaning->strikes[i].state = STRIKE_HOLDS;
            decided[count++] = &meaning->strikes[i];
        }
    return count;
}

/* A strike holds when no strike of it holds. Each is decided once: when the last one that strikes it is, or the first
 * of them that holds. There is no circle, because a strike names its target by a hash; where a false
 * `was` makes one, none in it is ever decided. Afterwards only those that hold are left. */
static bool decide_strikes(struct meaning *meaning)
{
    const size_t all = meaning->strike_count;
    if (all == 0)
        return true; /* there is no array yet that `decided` could be in */
    if (!grow((void **)&meaning->by_id, &meaning->by_id_room, 2 * all, sizeof(struct strike *)))
        return false;
    struct strike **decided = meaning->by_id + all;
    for (size_t i = 0; i < all; i++)
        meaning->by_id[i] = &meaning->strikes[i];
    if (all > 1)
        qsort(meaning->by_id, all, sizeof(struct strike *), striker_order);
    size_t count = count_strikers(meaning, decided);
    for (size_t next = 0; next < count; next++) {
        struct strike *struck = strike_that_is(meaning, decided[next]->target);
        if (!struck || struck->state != STRIKE_OPEN)
            continue;
        struck->strikers--;
        if (decided[next]->state == STRIKE_HOLDS)
            struck->state = STRIKE_VOID;
        else if (struck->strikers == 0)
            struck->state = STRIKE_HOLDS;
        else
            continue;
        decided[count++] = struck;
    }
    size_t kept = 0;
    for (size_t i = 0; i < all; i++)
        if (meaning->strikes[i].state == STRIKE_HOLDS)
            meaning->strikes[kept++] = meaning->strikes[i];
    meaning->strike_count = kept;
    return true;
}

/* What the hub alone can write nobody strikes: who works here, and with what they sign, is the hub's word. */
static void keep_word_of_hub(struct meaning *meaning, const struct document *document)
{
    size_t kept = 0;
    for (size_t i = 0; meaning->strike_count > 0 && i < document->count; i++) {
        const struct item *item = document->items[i];
        if (!item->type || item->type->writer != BY_HUB)
            continue;
        for (size_t at = strike_find(meaning, item->name.b); strikes_it(meaning, at, item->name.b); at++)
            meaning->strikes[at].state = STRIKE_VOID;
    }
    for (size_t i = 0; i < meaning->strike_count; i++)
        if (meaning->strikes[i].state == STRIKE_HOLDS)
            meaning->strikes[kept++] = meaning->strikes[i];
    meaning->strike_count = kept;
}

static const struct item *struck_by(const struct meaning *meaning, const struct event_id *name)
{
    if (meaning->strike_count == 0)
        return NULL;
    size_t at = strike_find(meaning, name->b);
    return strikes_it(meaning, at, name->b) ? meaning->strikes[at].by : NULL;
}

/* ---- writes ---- */

/* One part of a register's key: the value of a field as text (what is binary as hex); an event that may leave the field
 * out speaks of itself then, and so does one of a type that has no such field. False: there is no value. */
static bool key_part(const struct item *item, const char *name, size_t len, struct bytes *value, bool *binary)
{
    const struct field_def *field = NULL;
    *value = (struct bytes){0};
    for (size_t i = 0; i < item->type->field_count && !field; i++)
        if (strncmp(item->type->fields[i].name, name, len) == 0 && item->type->fields[i].name[len] == '\0') {
            field = &item->type->fields[i];
            *value = value_text(item->values[i]);
        }
    *binary = field && (field->kind == KIND_EVENT || field->kind == KIND_PERSON || field->kind == KIND_BYTES);
    if (value->len == 0 && (!field || field->self)) {
        *value = bytes_of(item->name.b, sizeof item->name.b);
        *binary = true;
    }
    return value->len > 0;
}

/* Which one of several registers an event writes: the field (or two) that `each` names. {0}: none; what needs no copy
 * points into the item. False: memory ran out. */
static bool each_key(struct meaning *meaning, const struct item *item, const char *each, struct bytes *key)
{
    const char *space = strchr(each, ' ');
    struct bytes parts[2] = {{0}};
    bool binary[2] = {false, false};
    *key = (struct bytes){0};
    if (!key_part(item, each, space ? (size_t)(space - each) : strlen(each), &parts[0], &binary[0]) ||
        (space && !key_part(item, space + 1, strlen(space + 1), &parts[1], &binary[1])))
        return true;
    if (!space && !binary[0]) {
        *key = parts[0];
        return true;
    }
    char *text = arena_take(&meaning->keys, 2 * (parts[0].len + parts[1].len) + 3);
    size_t used = 0;
    if (!text)
        return false;
    for (size_t i = 0; i < (space ? 2u : 1u); i++) {
        if (i > 0)
            text[used++] = EACH_SEPARATOR;
        if (binary[i])
            hex_encode(parts[i], text + used);
        else
            memcpy(text + used, parts[i].data, parts[i].len);
        used += parts[i].len * (binary[i] ? 2 : 1);
    }
    *key = bytes_of(text, used);
    return true;
}

/* A write of `value` by this item to the register; to which one of several, the caller says. */
static bool add_write_to(struct meaning *meaning, size_t *count, const struct register_def *def, struct bytes each,
                         const struct item *item, struct bytes value, bool witness)
{
    if (value.len == 0 || (def->each && each.len == 0))
        return true;
    if (!grow((void **)&meaning->pending, &meaning->pending_room, *count + 1, sizeof *meaning->pending))
        return false;
    meaning->pending[(*count)++] = (struct write_at){
        def->id, each, {.stamp = &item->stamp, .value = value, .by = item->worker, .witness = witness}};
    return true;
}

static bool add_write(struct meaning *meaning, size_t *count, enum register_id reg, const struct item *item,
                      struct bytes value, bool witness)
{
    const struct register_def *def = register_def_of(reg);
    struct bytes each = {0};
    if (!def || value.len == 0)
        return true;
    return (!def->each || each_key(meaning, item, def->each, &each)) &&
           add_write_to(meaning, count, def, each, item, value, witness);
}

static bool is_one_of(struct bytes code, const char *codes)
{
    while (*codes) {
        size_t len = strcspn(codes, " ");
        if (len == code.len && memcmp(codes, code.data, len) == 0)
            return true;
        codes += len + (codes[len] == ' ');
    }
    return false;
}

static enum mp_type raw_type(struct bytes raw)
{
    uint8_t head = raw.len ? raw.data[0] : 0xc1;
    if ((head & 0xe0) == 0xa0 || (head >= 0xd9 && head <= 0xdb))
        return MP_STR;
    if (head < 0x80 || (head >= 0xcc && head <= 0xcf))
        return MP_UINT;
    if (head >= 0xe0 || (head >= 0xd0 && head <= 0xd3))
        return MP_INT;
    if (head == 0xc2 || head == 0xc3)
        return MP_BOOL;
    return head >= 0xc4 && head <= 0xc6 ? MP_BIN : MP_NONE;
}

/* What was chosen, in the register that the settlement names: of several, in the one whose key is in "which". */
static bool add_settlement(struct meaning *meaning, size_t *count, const struct item *item,
                           const struct effect_def *effect)
{
    const struct register_def *def = register_def_find(item_text(item, effect->of));
    struct bytes value = item_value(item, effect->field);
    if (!def || !field_kind_fits(def->kind, raw_type(value)))
        return true; /* of a register that this version does not have */
    return add_write_to(meaning, count, def, item_text(item, "which"), item, value, false);
}

/* Does the effect take place, by what the event's fields say? */
static bool effect_holds(const struct effect_def *effect, const struct item *item)
{
    static const uint8_t yes = 0xc3;
    if (effect->op == EFFECT_FIELD)
        return bytes_equal(item_value(item, effect->of), bytes_of(&yes, 1));
    if (!effect->field)
        return true;
    struct bytes code = item_text(item, effect->field);
    if (effect->op == EFFECT_UNLESS)
        return item_value(item, effect->field).len == 0;
    if (effect->op == EFFECT_WITNESS)
        return code.len == 0 || is_one_of(code, effect->of);
    return is_one_of(code, effect->of);
}

static bool add_effect(struct meaning *meaning, size_t *count, const struct item *item, size_t which)
{
    const struct effect_def *effect = &item->type->effects[which];
    const struct constant *constant = &meaning->constants[item->type->id][which];
    struct bytes value = bytes_of(constant->data, constant->len);
    if (effect->op == EFFECT_KEEP)
        return true;
    if (effect->op == EFFECT_SETTLE)
        return add_settlement(meaning, count, item, effect);
    if (!effect_holds(effect, item))
        return true;
    if (effect->op == EFFECT_FIELD) {
        value = item_value(item, effect->field);
    } else if (strcmp(effect->value, "@self") == 0) {
        uint8_t *own = arena_take(&meaning->keys, 2 + sizeof item->name.b);
        if (!own)
            return false;
        own[0] = 0xc4; /* bin 8 */
        own[1] = sizeof item->name.b;
        memcpy(own + 2, item->name.b, sizeof item->name.b);
        value = bytes_of(own, 2 + sizeof item->name.b);
    }
    return add_write(meaning, count, effect->reg, item, value, effect->op == EFFECT_WITNESS);
}

static bool collect_writes(struct meaning *meaning, const struct document *document, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < document->count; i++) {
        const struct item *item = document->items[i];
        if (!item->type || struck_by(meaning, &item->name))
            continue;
        for (size_t f = 0; f < item->type->field_count; f++)
            if (item->type->fields[f].reg_id != REG_NONE &&
                !add_write(meaning, count, item->type->fields[f].reg_id, item, item->values[f], false))
                return false;
        for (size_t e = 0; e < item->type->effect_count; e++)
            if (!add_effect(meaning, count, item, e))
                return false;
    }
    return true;
}

static int write_order(const void *left, const void *right)
{
    const struct write_at *a = left, *b = right;
    if (a->reg != b->reg)
        return a->reg < b->reg ? -1 : 1;
    int order = bytes_compare(a->each, b->each);
    return order ? order : stamp_compare(a->write.stamp, b->write.stamp);
}

static bool read_registers(struct meaning *meaning, size_t count)
{
    if (count > 1)
        qsort(meaning->pending, count, sizeof *meaning->pending, write_order);
    if (!grow((void **)&meaning->writes, &meaning->write_room, count, sizeof *meaning->writes))
        return false;
    for (size_t i = 0, end; i < count; i = end) {
        const struct write_at *first = &meaning->pending[i];
        for (end = i; end < count && meaning->pending[end].reg == first->reg &&
                      bytes_equal(meaning->pending[end].each, first->each); end++)
            meaning->writes[end] = meaning->pending[end].write;
        if (!grow((void **)&meaning->readings, &meaning->reading_room, meaning->reading_count + 1,
                  sizeof *meaning->readings))
            return false;
        struct reading *reading = &meaning->readings[meaning->reading_count++];
        register_read(register_def_of(first->reg), meaning->writes + i, end - i, reading);
        reading->each = first->each;
    }
    return true;
}

/* ---- by type ---- */

static bool sort_by_type(struct meaning *meaning, const struct document *document)
{
    size_t *from = meaning->type_from;
    if (!grow((void **)&meaning->of_type, &meaning->of_type_room, document->count, sizeof *meaning->of_type))
        return false;
    memset(meaning->type_from, 0, sizeof meaning->type_from);
    for (size_t i = 0; i < document->count; i++) {
        const struct item *item = document->items[i];
        if (item->type && !struck_by(meaning, &item->name))
            from[item->type->id + 1]++;
    }
    for (size_t t = 0; t < TYPE_COUNT; t++)
        from[t + 1] += from[t];
    const size_t all = from[TYPE_COUNT];
    for (size_t i = document->count; i-- > 0;) { /* each type's end moves down to its beginning */
        const struct item *item = document->items[i];
        if (item->type && !struck_by(meaning, &item->name))
            meaning->of_type[--from[item->type->id + 1]] = item;
    }
    memmove(from, from + 1, TYPE_COUNT * sizeof *from);
    from[TYPE_COUNT] = all;
    return true;
}

/* ---- the meaning as a whole ---- */

bool meaning_init(struct meaning *meaning)
{
    struct buffer raw = {0};
    for (size_t t = 0; t < TYPE_COUNT && !raw.failed; t++) {
        const struct type_def *type = catalogue_at(t);
        for (size_t e = 0; e < type->effect_count && !raw.failed; e++) {
            if (!type->effects[e].value)
                continue;
            struct constant *constant = &meaning->constants[t][e];
            raw.len = 0;
            mp_put_text(&raw, type->effects[e].value);
            assert(e < EFFECTS_MAX && raw.len <= CONSTANT_MAX);
            if (raw.failed)
                break;
            memcpy(constant->data, raw.data, raw.len);
            constant->len = (uint8_t)raw.len;
        }
    }
    bool fine = !raw.failed;
    buffer_release(&raw);
    return fine;
}

void meaning_release(struct meaning *meaning)
{
    free(meaning->strikes);
    free(meaning->by_id);
    free(meaning->pending);
    free(meaning->writes);
    free(meaning->readings);
    free(meaning->of_type);
    arena_release(&meaning->keys);
}

/* NULL when memory ran out. */
static const struct meaning *meaning_of(const struct document *document)
{
    struct meaning *meaning = document->meaning;
    size_t count;
    if (meaning->valid)
        return meaning;
    meaning->reading_count = 0;
    arena_clear(&meaning->keys);
    if (!collect_strikes(meaning, document) || !decide_strikes(meaning))
        return NULL;
    keep_word_of_hub(meaning, document);
    if (!sort_by_type(meaning, document) || !collect_writes(meaning, document, &count) ||
        !read_registers(meaning, count))
        return NULL;
    meaning->valid = true;
    return meaning;
}

const struct item *record_struck_by(const struct document *document, const struct event_id *name)
{
    const struct meaning *meaning = meaning_of(document);
    return meaning ? struck_by(meaning, name) : NULL;
}

struct bytes record_struck_why(const struct item *strike)
{
    struct bytes why = strike ? item_text(strike, "why") : (struct bytes){0};
    return strike && why.len == 0 ? bytes_str("no reason given") : why;
}

bool item_counts(const struct document *document, const struct item *item)
{
    return item->type && !record_struck_by(document, &item->name);
}

struct items record_of(const struct document *document, enum type_id type)
{
    const struct meaning *meaning = meaning_of(document);
    if (!meaning || document->count == 0)
        return (struct items){0};
    const size_t from = meaning->type_from[type];
    return (struct items){meaning->of_type + from, meaning->type_from[type + 1] - from};
}

const struct reading *record_readings(const struct document *document, size_t *count, bool *ok)
{
    const struct meaning *meaning = meaning_of(document);
    *ok = meaning != NULL;
    *count = meaning ? meaning->reading_count : 0;
    return meaning ? meaning->readings : NULL;
}

static int reading_compare(const struct reading *reading, enum register_id id, struct bytes each)
{
    if (reading->def->id != id)
        return reading->def->id < id ? -1 : 1;
    return bytes_compare(reading->each, each);
}

const struct reading *record_reading_of(const struct document *document, enum register_id id, struct bytes each)
{
    size_t high, low = 0;
    bool ok;
    const struct reading *readings = record_readings(document, &high, &ok);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = reading_compare(&readings[middle], id, each);
        if (order == 0)
            return readings[middle].values > 0 ? &readings[middle] : NULL;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct reading *record_reading(const struct document *document, enum register_id id)
{
    return record_reading_of(document, id, (struct bytes){0});
}

struct bytes record_episode(const struct document *document, const struct stamp *opened)
{
    const struct item *item = (const struct item *)(const void *)opened; /* a stamp is an item's first member */
    struct bytes episode = item_text(item, "episode");
    if (episode.len > 0)
        return episode;
    hex_encode(bytes_of(item->name.b, sizeof item->name.b), document->meaning->episode);
    return bytes_str(document->meaning->episode);
}
