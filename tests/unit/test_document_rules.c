/* SPDX-License-Identifier: Apache-2.0 */
/* What each merge rule promises, shown of every register of the catalogue, by every way in which it can be written: two
 * who do not know of each other, one who knows of both, one after the other. The table is walked; a new register or a
 * new way to write one is tested without a line here. */
#include "tests/unit/given_orders.h"

#define WAYS_MAX 24

/* One way to write a register: a field, what an event does by itself, or a settlement. */
struct way {
    const struct type_def *type;
    const struct field_def *field;   /* that is written; NULL otherwise */
    const struct effect_def *effect; /* NULL: the field, or a settlement */
    const char *only;                /* the one code it writes; NULL: any */
    bool own_name;                   /* it writes its own name */
};

/* Which one of several: by which fields it is named and as what. */
struct key {
    char names[2][32];
    struct buffer raw[2];  /* msgpack */
    struct buffer text;    /* as a settlement names it */
    const struct type_def *opener;
};

/* ---- values ---- */

static const char *sample(const struct register_def *reg, unsigned which)
{
    static const char *const texts[] = {"one", "two"}, *const days[] = {"1990-01-01", "1990-10-01"};
    static const char *const nhs[] = {"9434765919", "9876543210"}, *const workers[] = {"w5", "w6"};
    static const char *const sites[] = {"dales", "salford"}, *const numbers[] = {"1", "2"};
    static const char *const hours[] = {"mon-fri 09:00-17:00", "daily 10:00-12:00"};
    static const char *const names[] = {"11111111111111111111111111111111", "22222222222222222222222222222222"};
    switch (reg->kind) {
    case KIND_DATE: return days[which];
    case KIND_NHS: return nhs[which];
    case KIND_WORKER: return workers[which];
    case KIND_SITE: return sites[which];
    case KIND_SCHEDULE: return hours[which];
    case KIND_NUMBER: return numbers[which];
    case KIND_EVENT: return names[which];
    default: return texts[which];
    }
}

static void put_sample(struct buffer *out, enum field_kind kind, const char *value)
{
    if (kind == KIND_NUMBER || kind == KIND_DURATION || kind == KIND_TIME)
        mp_put_int(out, value[0] - '0');
    else if (kind == KIND_EVENT)
        mp_put_bin(out, strlen(value) == 32 ? value : "00000000000000000000000000000000", 32);
    else if (kind == KIND_PERSON)
        mp_put_bin(out, SAM.b, sizeof SAM.b);
    else if (kind == KIND_YESNO)
        mp_put_bool(out, true);
    else
        mp_put_text(out, value);
}

/* ---- ways ---- */

static bool names_itself(const struct type_def *type, const char *name)
{
    const struct field_def *field = catalogue_field(type, bytes_str(name));
    return !field;
}

static size_t ways_of(const struct register_def *reg, const struct key *key, struct way *out)
{
    size_t count = 0;
    for (size_t t = 0; t < catalogue_count(); t++) {
        const struct type_def *type = catalogue_at(t);
        if (type->id == TYPE_conflict_settled || (reg->each && names_itself(type, key->names[0])))
            continue; /* what opens one: it can write no other */
        for (size_t f = 0; f < type->field_count; f++)
            if (type->fields[f].reg_id == reg->id)
                out[count++] = (struct way){.type = type, .field = &type->fields[f]};
        for (size_t e = 0; e < type->effect_count; e++) {
            const struct effect_def *effect = &type->effects[e];
            bool writes = effect->op == EFFECT_WRITE || effect->op == EFFECT_UNLESS || effect->op == EFFECT_WHEN ||
                          effect->op == EFFECT_FIELD;
            if (effect->reg != reg->id || !writes)
                continue;
            bool own = effect->value && strcmp(effect->value, "@self") == 0;
            out[count++] = (struct way){type, NULL, effect, own ? NULL : effect->value, own};
        }
        assert_true(count + 2 < WAYS_MAX);
    }
    out[count++] = (struct way){.type = catalogue_at(TYPE_conflict_settled)};
    return count;
}

static bool can_write(const struct way *way, const char *value)
{
    if (way->field && way->field->codes)
        return code_rank(way->field->codes, bytes_str(value)) < way->field->codes->count;
    return !way->only || strcmp(way->only, value) == 0;
}

/* ---- which one of several ---- */

static const struct field_def *field_called(const char *name, const struct register_def *reg)
{
    for (size_t t = 0; t < catalogue_count(); t++) {
        const struct type_def *type = catalogue_at(t);
        const struct field_def *field = catalogue_field(type, bytes_str(name));
        if (!field || type->id == TYPE_conflict_settled)
            continue;
        for (size_t f = 0; f < type->field_count; f++)
            if (type->fields[f].reg_id == reg->id)
                return field;
        for (size_t e = 0; e < type->effect_count; e++)
            if (type->effects[e].reg == reg->id)
                return field;
    }
    return NULL; /* a settlement alone writes it */
}

/* What opens such a thread: a task's raising; else an entry of the type that is meant. */
static const struct type_def *opener_of(const struct register_def *reg, const struct field_def *named)
{
    for (size_t t = 0; t < catalogue_count(); t++)
        for (size_t e = 0; e < catalogue_at(t)->effect_count; e++)
            if (catalogue_at(t)->effects[e].reg == reg->id && names_itself(catalogue_at(t), named->name))
                return catalogue_at(t);
    return field_refers(named);
}

static struct happened *write_opener(struct team *team, unsigned who, const struct type_def *type)
{
    struct buffer fields = {0}, body = {0};
    uint32_t count = 0;
    for (size_t f = 0; f < type->field_count; f++) {
        const struct field_def *field = &type->fields[f];
        if (!field->required)
            continue;
        mp_put_text(&body, field->name);
        put_sample(&body, field->kind, field->codes ? field->codes->codes[0].code : "1");
        count++;
    }
    mp_put_map(&fields, count);
    buffer_append(&fields, body.data, body.len);
    buffer_release(&body);
    return write_raw(team, who, type->name, fields);
}

static void make_key(struct team *team, const struct register_def *reg, struct key *key)
{
    *key = (struct key){0};
    if (!reg->each)
        return;
    size_t first = strcspn(reg->each, " ");
    assert_true(bytes_to_text(bytes_of(reg->each, first), key->names[0], sizeof key->names[0]));
    if (reg->each[first])
        assert_true(bytes_to_text(bytes_str(reg->each + first + 1), key->names[1], sizeof key->names[1]));
    for (size_t i = 0; i < 2 && key->names[i][0]; i++) {
        const struct field_def *field = field_called(key->names[i], reg);
        if (i > 0)
            buffer_append_byte(&key->text, EACH_SEPARATOR);
        if (field && field->kind == KIND_EVENT) {
            char hex[65];
            struct happened *opener = write_opener(team, 3, opener_of(reg, field));
            id_hex(opener, hex);
            mp_put_bin(&key->raw[i], opener->event.id.b, 32);
            buffer_append(&key->text, hex, 64);
        } else if (field && field->kind == KIND_PERSON) {
            char hex[33];
            hex_encode(bytes_of(SAM.b, sizeof SAM.b), hex);
            mp_put_bin(&key->raw[i], SAM.b, sizeof SAM.b);
            buffer_append(&key->text, hex, 32);
        } else {
            const char *text = field && field->codes ? field->codes->codes[0].code : "w7";
            mp_put_text(&key->raw[i], text);
            buffer_append(&key->text, text, strlen(text));
        }
    }
    sync_all(team, 3);
}

static void key_release(struct key *key)
{
    buffer_release(&key->raw[0]);
    buffer_release(&key->raw[1]);
    buffer_release(&key->text);
}

/* ---- writing ---- */

static void put_field_text(struct buffer *out, uint32_t *count, const char *name, const char *text)
{
    mp_put_text(out, name);
    mp_put_text(out, text);
    ++*count;
}

static struct happened *settle(struct team *team, unsigned who, const struct register_def *reg, const struct key *key,
                               const char *value)
{
    struct buffer fields = {0};
    mp_put_map(&fields, reg->each ? 3 : 2);
    mp_put_text(&fields, "what");
    mp_put_text(&fields, reg->name);
    if (reg->each) {
        mp_put_text(&fields, "which");
        mp_put_str(&fields, buffer_bytes(&key->text));
    }
    mp_put_text(&fields, "chosen");
    put_sample(&fields, reg->kind, value);
    return write_raw(team, who, "conflict.settled", fields);
}

/* The way's event, which writes `value` to the register under the key; what it does not need is left out. */
static struct happened *write_way(struct team *team, unsigned who, const struct way *way,
                                  const struct register_def *reg, const struct key *key, const char *value)
{
    struct buffer fields = {0}, body = {0};
    uint32_t count = 0;
    if (way->type->id == TYPE_conflict_settled)
        return settle(team, who, reg, key, value);
    for (size_t f = 0; f < way->type->field_count; f++) {
        const struct field_def *field = &way->type->fields[f];
        const struct effect_def *effect = way->effect;
        size_t part = 0;
        while (part < 2 && strcmp(key->names[part], field->name) != 0)
            part++;
        if (part < 2 && key->names[part][0]) {
            mp_put_text(&body, field->name);
            buffer_append(&body, key->raw[part].data, key->raw[part].len);
            count++;
        } else if (field == way->field || (effect && effect->op == EFFECT_FIELD &&
                                           strcmp(effect->field, field->name) == 0)) {
            mp_put_text(&body, field->name);
            put_sample(&body, field->kind, value);
            count++;
        } else if (effect && effect->op == EFFECT_WHEN && strcmp(effect->field, field->name) == 0) {
            char code[32];
            assert_true(bytes_to_text(bytes_of(effect->of, strcspn(effect->of, " ")), code, sizeof code));
            put_field_text(&body, &count, field->name, code);
        } else if (field->required || (effect && effect->op == EFFECT_FIELD && strcmp(effect->of, field->name) == 0)) {
            mp_put_text(&body, field->name);
            put_sample(&body, field->kind, field->codes ? field->codes->codes[0].code : "1");
            count++;
        }
    }
    mp_put_map(&fields, count);
    buffer_append(&fields, body.data, body.len);
    buffer_release(&body);
    return write_raw(team, who, way->type->name, fields);
}

/* ---- the promises ---- */

struct pair {
    const struct register_def *reg;
    const struct way *a, *b;
    const char *first, *second; /* what they write */
};

static size_t rank_of(const struct register_def *reg, struct bytes raw)
{
    return code_rank(reg->codes, value_text(raw));
}

static const struct reading *reading_in(const struct document *document, const struct register_def *reg,
                                        const struct key *key)
{
    const struct reading *reading = record_reading_of(document, reg->id, buffer_bytes(&key->text));
    if (!reading)
        fail_msg("%s: nothing stands", reg->name);
    return reading;
}

/* Two who did not know of each other. */
static void assert_concurrent(const struct team *team, const struct pair *pair, const struct key *key)
{
    struct document *document = fold_all(team);
    const struct register_def *reg = pair->reg;
    const struct reading *reading = reading_in(document, reg, key);
    const bool listed = reg->settle != SETTLE_NEVER;
    if (reading->values != 2)
        fail_msg("%s by %s and %s: %zu values", reg->name, pair->a->type->name, pair->b->type->name, reading->values);
    switch (reg->merge) {
    case MERGE_SETTLE:
        assert_int_equal(reading_shown(reading), 2);
        assert_int_equal(reading->to_settle, listed);
        break;
    case MERGE_LATEST:
        assert_int_equal(reading_shown(reading), 1);
        assert_true(stamp_compare(reading->writes[0].stamp, reading->writes[1].stamp) > 0);
        assert_false(reading->to_settle);
        break;
    case MERGE_PROTECTIVE:
        assert_int_equal(reading_shown(reading), 1);
        assert_true(rank_of(reg, reading->writes[0].value) < rank_of(reg, reading->writes[1].value));
        assert_int_equal(reading->to_settle, listed);
        break;
    case MERGE_UNION:
        assert_int_equal(reading_shown(reading), 1);
        assert_int_equal(rank_of(reg, reading->writes[0].value), 0); /* taken away by one, given again by another */
        assert_false(reading->to_settle);
        break;
    case MERGE_KEEP: fail(); break;
    }
    document_free(document);
}

static void assert_one(const struct team *team, const struct pair *pair, const struct key *key, const struct way *by,
                       const char *value)
{
    struct document *document = fold_all(team);
    const struct reading *reading = reading_in(document, pair->reg, key);
    struct buffer raw = {0};
    put_sample(&raw, pair->reg->kind, value);
    if (reading->values != 1 || (!by->own_name && !bytes_equal(reading->writes[0].value, buffer_bytes(&raw))))
        fail_msg("%s by %s and %s: not just what was written by one who knew", pair->reg->name, pair->a->type->name,
                 pair->b->type->name);
    assert_false(reading->to_settle);
    buffer_release(&raw);
    document_free(document);
}

static void show_promise(const struct pair *pair)
{
    struct team *team = team_new();
    struct key key;
    make_key(team, pair->reg, &key);
    write_way(team, 1, pair->a, pair->reg, &key, pair->first);
    write_way(team, 2, pair->b, pair->reg, &key, pair->second);
    sync_all(team, 3);
    assert_concurrent(team, pair, &key);
    write_way(team, 3, pair->b, pair->reg, &key, pair->second); /* who knows of both */
    assert_one(team, pair, &key, pair->b, pair->second);
    push(team, 3);
    assert_one(team, pair, &key, pair->b, pair->second);
    permute(team);
    pull(team, 1);
    write_way(team, 1, pair->a, pair->reg, &key, pair->first); /* and one after the other, without any conflict */
    assert_one(team, pair, &key, pair->a, pair->first);
    key_release(&key);
    team_free(team);
}

/* All pairs of values that these two ways can write. */
static unsigned show_promises(const struct register_def *reg, const struct way *a, const struct way *b)
{
    unsigned shown = 0;
    const size_t values = reg->codes ? reg->codes->count : 2;
    for (size_t i = 0; i < values; i++)
        for (size_t j = 0; j < values; j++) {
            const struct pair pair = {reg, a, b, reg->codes ? reg->codes->codes[i].code : sample(reg, (unsigned)i),
                                      reg->codes ? reg->codes->codes[j].code : sample(reg, (unsigned)j)};
            if (i == j || !can_write(a, pair.first) || !can_write(b, pair.second))
                continue;
            show_promise(&pair);
            shown++;
        }
    return shown;
}

static void what_each_register_promises(void **state)
{
    (void)state;
    for (enum register_id id = REG_NONE + 1; id < REG_COUNT; id++) {
        const struct register_def *reg = register_def_of(id);
        struct way ways[WAYS_MAX];
        struct team *team = team_new();
        struct key key;
        unsigned shown = 0;
        make_key(team, reg, &key);
        size_t count = ways_of(reg, &key, ways);
        for (size_t a = 0; a < count; a++)
            for (size_t b = 0; b < count; b++)
                shown += show_promises(reg, &ways[a], &ways[b]);
        if (shown < 2)
            fail_msg("%s: no two values to be written", reg->name);
        key_release(&key);
        team_free(team);
    }
}

/* Threads: what is written of the one does not touch the other. */
static void threads_do_not_touch_each_other(void **state)
{
    (void)state;
    unsigned threads = 0;
    for (enum register_id id = REG_NONE + 1; id < REG_COUNT; id++) {
        const struct register_def *reg = register_def_of(id);
        struct way ways[WAYS_MAX];
        struct key first, second;
        struct team *team = team_new();
        make_key(team, reg, &first);
        make_key(team, reg, &second);
        if (reg->each && !bytes_equal(buffer_bytes(&first.text), buffer_bytes(&second.text))) {
            struct way *way = &ways[ways_of(reg, &first, ways) - 1]; /* a settlement, which can write all */
            const char *one = reg->codes ? reg->codes->codes[0].code : sample(reg, 0);
            const char *other = reg->codes ? reg->codes->codes[1].code : sample(reg, 1);
            const struct pair pair = {reg, way, way, one, other};
            write_way(team, 1, way, reg, &first, one);
            write_way(team, 2, way, reg, &second, other);
            sync_all(team, 2);
            assert_one(team, &pair, &first, way, one);
            assert_one(team, &pair, &second, way, other);
            threads++;
        }
        key_release(&first);
        key_release(&second);
        team_free(team);
    }
    assert_true(threads >= 15); /* tasks, goals, concerns, outings, worries, sessions, resources, … */
}

/* What speaks against an end that did not know of it keeps support open; an end that knew of it stands, and so does
 * one that the other knew of. */
static void what_speaks_against_an_end(void **state)
{
    (void)state;
    unsigned witnesses = 0;
    for (size_t t = 0; t < catalogue_count(); t++)
        for (size_t e = 0; e < catalogue_at(t)->effect_count; e++) {
            const struct type_def *type = catalogue_at(t);
            if (type->effects[e].op != EFFECT_WITNESS)
                continue;
            for (unsigned who_knew = 0; who_knew < 3; who_knew++) {
                struct team *team = team_new();
                write_(team, 1, "support.started");
                sync_all(team, 3);
                if (who_knew == 1) {
                    write_opener(team, 2, type);
                    sync_all(team, 3);
                }
                write_(team, 1, "support.ended");
                if (who_knew == 2)
                    sync_all(team, 3);
                if (who_knew != 1)
                    write_opener(team, 2, type);
                sync_all(team, 3);
                struct document *document = fold_all(team);
                const struct reading *support = record_reading(document, REG_support);
                assert_int_equal(support->to_settle, who_knew == 0);
                assert_true(bytes_is(value_text(support->writes[0].value), who_knew == 0 ? "active" : "ended"));
                document_free(document);
                permute(team);
                team_free(team);
            }
            witnesses++;
        }
    assert_int_equal(witnesses, 5); /* contacts, goals scored, concerns, crises and responses to them */
}

/* Who did not come has not been seen. */
static void only_who_came_speaks_against_an_end(void **state)
{
    (void)state;
    for (size_t c = 0; c < codes_attendance.count; c++) {
        struct team *team = team_new();
        write_(team, 1, "support.started");
        sync_all(team, 2);
        write_(team, 1, "support.ended");
        write_(team, 2, "contact.recorded", "attendance", codes_attendance.codes[c].code);
        sync_all(team, 2);
        struct document *document = fold_all(team);
        assert_int_equal(record_reading(document, REG_support)->to_settle,
                         strchr("56", codes_attendance.codes[c].code[0]) != NULL);
        document_free(document);
        team_free(team);
    }
}

/* Two entries that are kept both are there both, whatever they say. */
static void what_is_kept_is_an_entry_of_its_own(void **state)
{
    (void)state;
    for (size_t t = 0; t < catalogue_count(); t++) {
        struct team *team = team_new();
        write_opener(team, 1, catalogue_at(t));
        write_opener(team, 2, catalogue_at(t));
        write_opener(team, 2, catalogue_at(t));
        sync_all(team, 2);
        struct document *document = fold_all(team);
        assert_true(record_count(document) == 3 || record_count(document) == 0); /* notes: the log alone has them */
        document_free(document);
        team_free(team);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_each_register_promises),
        cmocka_unit_test(threads_do_not_touch_each_other),
        cmocka_unit_test(what_speaks_against_an_end),
        cmocka_unit_test(only_who_came_speaks_against_an_end),
        cmocka_unit_test(what_is_kept_is_an_entry_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
