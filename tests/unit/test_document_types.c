/* SPDX-License-Identifier: Apache-2.0 */
/* Every type of the catalogue, with every field and every effect, written by laptops that do not know of each other: in
 * every order of a few events and in many orders of some, one document and the same rows, byte for byte. */
#include "tests/unit/given_orders.h"

/* What the histories of this test have used, so that nothing of the catalogue is left out. */
static bool field_used[TYPE_COUNT][32], effect_took_place[TYPE_COUNT][8];

/* Which of the type's effects left a write in their registers? */
static void note_effects(const struct team *team)
{
    struct document *document = fold_all(team);
    size_t count;
    bool ok;
    const struct reading *readings = record_readings(document, &count, &ok);
    assert_true(ok);
    for (size_t i = 0; i < count; i++)
        for (size_t w = 0; w < readings[i].count; w++) {
            const struct item *item = (const struct item *)(const void *)readings[i].writes[w].stamp;
            for (size_t e = 0; e < item->type->effect_count; e++)
                if (item->type->effects[e].reg == readings[i].def->id || item->type->effects[e].op == EFFECT_SETTLE)
                    effect_took_place[item->type->id][e] = true;
        }
    document_free(document);
}

static void note_fields(const struct happened *happened, const struct type_def *type)
{
    static struct mp_reader r;
    mp_reader_init(&r, happened->body.fields);
    assert_true(mp_next(&r));
    for (uint32_t pairs = mp_map(&r, 64); pairs > 0; pairs--) {
        const struct field_def *field = catalogue_field(type, mp_str(&r, 1, 100));
        if (field)
            field_used[type->id][field - type->fields] = true;
        mp_skip(&r);
    }
}

static void write_random(struct team *team, unsigned who, const struct type_def *type, bool all)
{
    struct buffer fields = {0};
    put_random_fields(team, type, all, &fields);
    note_fields(write_raw(team, who, type->name, fields), type);
}

/* What the type speaks of: a task for those that take or close one. */
static void write_openers(struct team *team, const struct type_def *type)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct type_def *meant = field_refers(&type->fields[i]);
        if (meant)
            write_random(team, 1, meant, true);
    }
}

/* Three who do not know of each other, then one who knows of all, then a settlement or a strike of one of them. */
static struct team *small_history(const struct type_def *type, size_t events)
{
    struct team *team = team_new();
    write_openers(team, type);
    sync_all(team, 3);
    for (unsigned who = 1; who <= 3 && team->count + 1 < events; who++)
        write_random(team, who, type, dice(2));
    sync_all(team, 3);
    if (team->count + 1 < events)
        write_random(team, 2, type, dice(2));
    push(team, 2);
    write_random(team, 3, catalogue_at(dice(2) ? TYPE_entry_struck : TYPE_conflict_settled), true);
    push(team, 3);
    return team;
}

static void every_order_of_every_type(void **state)
{
    (void)state;
    for (size_t t = 0; t < catalogue_count(); t++)
        for (unsigned seed = 0; seed < 4; seed++) {
            dice_state = t * 100 + seed;
            struct team *team = small_history(catalogue_at(t), seed % 2 ? 6 : 5);
            if (seed % 2 == 0) {
                permute(team); /* five, one of them twice */
            } else { /* six */
                struct delivery deliveries[6];
                struct buffer expected = expected_of(team);
                struct document *document = document_new();
                for (size_t i = 0; i < team->count; i++)
                    deliveries[i] = (struct delivery){i, AT_ITS_PLACE};
                every_order(document, team, deliveries, 0, team->count, &expected);
                document_free(document);
                buffer_release(&expected);
            }
            note_effects(team);
            team_free(team);
        }
}

static void many_orders_of_every_type(void **state)
{
    (void)state;
    for (size_t t = 0; t < catalogue_count(); t++)
        for (unsigned seed = 0; seed < 10; seed++) {
            dice_state = 5000 + t * 100 + seed;
            struct team *team = small_history(catalogue_at(t), 12);
            for (unsigned more = 0; more < 6; more++) {
                write_random(team, 1 + dice(4), catalogue_at(t), dice(2));
                if (dice(2))
                    push(team, 1 + dice(4));
                if (dice(3) == 0)
                    pull(team, 1 + dice(4));
            }
            note_effects(team);
            shuffle_and_compare(team, 6);
            team_free(team);
        }
}

/* After the tests above: nothing of the catalogue was left out. (What speaks against an end stands only at times: that
 * is shown where its promise is.) */
static void every_field_and_every_effect_was_used(void **state)
{
    (void)state;
    for (size_t t = 0; t < catalogue_count(); t++) {
        const struct type_def *type = catalogue_at(t);
        assert_true(type->field_count <= 32 && type->effect_count <= 8);
        for (size_t f = 0; f < type->field_count; f++)
            if (!field_used[t][f])
                fail_msg("%s: %s was never written", type->name, type->fields[f].name);
        for (size_t e = 0; e < type->effect_count; e++)
            if (type->effects[e].op != EFFECT_WITNESS && type->effects[e].op != EFFECT_KEEP && !effect_took_place[t][e])
                fail_msg("%s: its effect %zu never took place", type->name, e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_every_type),
        cmocka_unit_test(many_orders_of_every_type),
        cmocka_unit_test(every_field_and_every_effect_was_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
