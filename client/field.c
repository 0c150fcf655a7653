/* SPDX-License-Identifier: Apache-2.0 */
/* One field as people type it, brought into the form that the catalogue wants. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/record.h"
#include "client/when.h"

/* "at home" is meant by "home" too. */
static const char *without_preposition(const char *label)
{
    static const char *const words[] = {"at ", "by ", "in ", "in the ", "the ", "a "};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(label, words[i], strlen(words[i])) == 0)
            return label + strlen(words[i]);
    return label;
}

/* How well the text fits the code: 0 not at all; a whole code or label, its beginning, the beginning of a word in it,
 * anything in it. */
static int fits(const struct code *code, const char *text)
{
    const char *label = code->label, *at;
    bool zero = code->code[0] == '0' && code->code[1] && strcasecmp(code->code + 1, text) == 0;
    if (strcasecmp(code->code, text) == 0 || zero)
        return 6;
    if (strcasecmp(label, text) == 0)
        return 5;
    if (strcasecmp(without_preposition(label), text) == 0)
        return 4;
    if (strncasecmp(label, text, strlen(text)) == 0)
        return 3;
    for (at = label; (at = strcasestr(at, text)); at++)
        if (at > label && strchr(" (,-", at[-1]))
            return 2;
    return strcasestr(label, text) ? 1 : 0;
}

const char *code_meant(const struct code_list *list, const char *typed, char *several, size_t size)
{
    const char *found = NULL;
    int best = 0, count = 0;
    size_t used = 0;
    *several = '\0';
    for (size_t i = 0; i < list->count && *typed; i++) {
        int fit = fits(&list->codes[i], typed);
        if (fit > best)
            count = 0;
        if (fit == 0 || fit < best)
            continue;
        best = fit;
        count++;
        found = list->codes[i].code;
    }
    if (count == 1)
        return found;
    for (size_t i = 0; i < list->count && count > 1 && used + 1 < size; i++)
        if (fits(&list->codes[i], typed) == best) {
            int more = snprintf(several + used, size - used, "%s%s", used ? "; " : "", list->codes[i].label);
            used += more > 0 ? (size_t)more : 0;
        }
    return NULL;
}

static enum felloe_code normal_code(const struct field_def *field, const char *typed, const char **out,
                                    struct felloe_error *error)
{
    char several[300];
    *out = code_meant(field->codes, typed, several, sizeof several);
    if (*out)
        return FELLOE_OK;
    if (*several)
        return felloe_fail(error, FELLOE_INVALID, "%s: \"%s\" could be %s. Say more of it.", field->label, typed,
                           several);
    *out = typed; /* the daemon lists what there is */
    return FELLOE_OK;
}

/* What is due or planned lies ahead, what was is behind. */
static enum when_lies lies_of(const struct field_def *field)
{
    static const char *const back[] = {"date_of_birth", "date", "occurred"};
    for (size_t i = 0; i < sizeof back / sizeof *back; i++)
        if (strcmp(field->name, back[i]) == 0)
            return WHEN_BACK;
    return WHEN_AHEAD;
}

#define WAYS "2026-12-01, 1 dec, 1/12, friday, tomorrow or \"in 3 days\""

static enum felloe_code normal_when(const struct field_def *field, const char *typed, int64_t now, char room[WHEN_MAX],
                                    struct felloe_error *error)
{
    struct when when;
    bool understood = when_parse(typed, lies_of(field), now, &when);
    if (field->kind == KIND_DATE) {
        if (!understood)
            return felloe_fail(error, FELLOE_INVALID, "%s must be a day that exists, not \"%.60s\": write " WAYS ".",
                               field->label, typed);
        if (when.has_time)
            return felloe_fail(error, FELLOE_INVALID, "%s is a day, without a time of day: \"%.60s\" has one.",
                               field->label, typed);
        snprintf(room, WHEN_MAX, "%s", when.day);
        return FELLOE_OK;
    }
    char *end;
    if (!understood && strlen(typed) > 8 && strtoll(typed, &end, 10) > 0 && *end == '\0') { /* as programs do: ms */
        snprintf(room, WHEN_MAX, "%s", typed);
        return FELLOE_OK;
    }
    if (!understood)
        return felloe_fail(error, FELLOE_INVALID, "%s must be a time, not \"%.60s\": write 14:30, \"friday 2.30pm\", "
                           "\"2026-12-01 14:30\" or \"in 2 hours\".", field->label, typed);
    when_iso(when.ms, room);
    return FELLOE_OK;
}

enum felloe_code field_normal(const struct field_def *field, const char *typed, int64_t now, char **out,
                              struct felloe_error *error)
{
    char room[WHEN_MAX];
    const char *normal = typed;
    enum felloe_code code = FELLOE_OK;
    *out = NULL;
    if (field && *typed && field->codes)
        code = normal_code(field, typed, &normal, error);
    else if (field && *typed && (field->kind == KIND_TIME || field->kind == KIND_DATE)) {
        code = normal_when(field, typed, now, room, error);
        normal = room;
    }
    if (code != FELLOE_OK)
        return code;
    *out = strdup(normal);
    return *out ? FELLOE_OK : felloe_fail(error, FELLOE_FAILED, "out of memory");
}
