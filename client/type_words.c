/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue in words. */
#include "client/type_words.h"

#include <inttypes.h>
#include <string.h>

void field_words(FILE *to, const struct field_def *field)
{
    const struct type_def *refers = field_refers(field);
    bool text = field->kind == KIND_TEXT || field->kind == KIND_PLACE || field->kind == KIND_SCHEDULE;
    if (refers)
        fprintf(to, "an entry: %s", refers->label);
    else
        fputs(field_kind_words(field->kind), to);
    if ((field->kind == KIND_NUMBER || field->kind == KIND_DURATION) && field->max < INT64_MAX)
        fprintf(to, "; %" PRId64 " to %" PRId64, field->min, field->max);
    else if (text && field->max > 0)
        fprintf(to, ", up to %" PRId64 " bytes", field->max);
    if (field->list && field->items > 0)
        fprintf(to, ", %" PRIu32 " of them", field->items);
    else if (field->list)
        fputs(", several", to);
    if (field->self)
        fputs("; left out, the entry stands for itself", to);
}

const char *type_about_words(const struct type_def *type)
{
    static const char *const abouts[] = {"About a person.", "About the team's site, and no person.",
                                         "About a person, or about the site."};
    static const char *const by_hub[] = {"About a person. Only the hub writes it.",
                                         "About the team's site. Only the hub writes it.", "Only the hub writes it."};
    if (type->writer == BY_ITSELF)
        return "Written by itself, along with another entry.";
    return type->writer == BY_HUB ? by_hub[type->about] : abouts[type->about];
}

const char *type_audience_words(const struct type_def *type)
{
    switch (type->audience) {
    case AUDIENCE_NONE: break;
    case AUDIENCE_MAY: return "Where `audience` is given, only those workers and the author may read it.";
    case AUDIENCE_ALWAYS:
        return "Only the workers in `audience` and the author may read it, and others do not learn that there is one.";
    case AUDIENCE_KNOWN:
        return "Only the workers in `audience` and the author may read it; others are told that there is one.";
    }
    return NULL;
}

static const char *value_words(const struct effect_def *effect)
{
    const struct register_def *def = register_def_of(effect->reg);
    const char *label = def && def->codes && effect->value ? code_label(def->codes, bytes_str(effect->value)) : NULL;
    if (effect->value && strcmp(effect->value, "@self") == 0)
        return "this entry";
    return label ? label : effect->value ? effect->value : "";
}

/* "attendance is met or came late, and we met": the codes of a field of some type that has it. */
static void condition(FILE *to, const struct effect_def *effect, const char *before)
{
    if (!effect->field || !effect->of)
        return;
    fprintf(to, "%s`%s` is ", before, effect->field);
    for (const char *at = effect->of, *between = ""; *at; between = " or ") {
        size_t len = strcspn(at, " ");
        fprintf(to, "%s%.*s", between, (int)len, at);
        at += len + (at[len] == ' ');
    }
}

bool effect_words(FILE *to, const struct effect_def *effect)
{
    const struct register_def *def = register_def_of(effect->reg);
    const char *label = def ? def->label : "", *each = def && def->each ? " (one each)" : "";
    switch (effect->op) {
    case EFFECT_WRITE: fprintf(to, "Sets “%s”%s to: %s.", label, each, value_words(effect)); return true;
    case EFFECT_UNLESS:
        fprintf(to, "Sets “%s”%s to: %s, unless `%s` is given.", label, each, value_words(effect), effect->field);
        return true;
    case EFFECT_WHEN:
        fprintf(to, "Sets “%s”%s to: %s", label, each, value_words(effect));
        condition(to, effect, ", where ");
        fputc('.', to);
        return true;
    case EFFECT_FIELD:
        fprintf(to, "Sets “%s”%s to what `%s` says, where `%s` is yes.", label, each, effect->field, effect->of);
        return true;
    case EFFECT_WITNESS:
        fprintf(to, "Speaks for “%s”: %s, against another that was written without knowing of it", label,
                value_words(effect));
        condition(to, effect, ", where nothing is said or ");
        fputc('.', to);
        return true;
    case EFFECT_SETTLE:
        fprintf(to, "Settles what `%s` (and `which`) names: `%s` holds from now on.", effect->of, effect->field);
        return true;
    case EFFECT_KEEP: break;
    }
    return false;
}
