/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs, and finding one in it. */
#include "client/verbs.h"

#include <stdio.h>
#include <string.h>

#include "client/record_verb.h"
#include "client/view_verbs.h"

#define V(name) &verb_##name,
static const struct verb *const verbs[] = {VERBS(V)};
#undef V
#define OWN_COUNT (sizeof verbs / sizeof *verbs)

size_t verb_count(void)
{
    return OWN_COUNT + record_verb_count + view_verb_count;
}

const struct verb *verb_at(size_t index)
{
    if (index < record_verb_count)
        return &record_verbs[index].verb;
    index -= record_verb_count;
    return index < view_verb_count ? &view_verbs[index] : verbs[index - view_verb_count];
}

/* Where the first word of two ends; the whole of one. */
static size_t first_word(const char *name)
{
    return strcspn(name, " ");
}

static bool is_first_word(const char *name, const char *word)
{
    return strlen(word) == first_word(name) && strncmp(word, name, first_word(name)) == 0;
}

/* Other words for a verb, one or two. */
static const struct { const char *first, *second, *name; } others[] = {
    {"my-day", NULL, "today"},         {"contact", NULL, "meet"},         {"conversation", NULL, "talk"},
    {"tasks", NULL, "task list"},      {"appointment", NULL, "arrange"},  {"my-tasks", NULL, "today"},
    {"key-worker", NULL, "keyworker"}, {"person", NULL, "show"},          {"resource", "list", "resources"},
    {"worry", "list", "worries"},      {"goal", "list", "goals"},         {"session", "list", "places"},
    {"crisis", "list", "safety"},
};

static size_t find_other(const char *const *words, size_t count, const struct verb **out)
{
    for (size_t o = 0; o < sizeof others / sizeof *others; o++) {
        bool two = others[o].second != NULL;
        if (strcmp(others[o].first, words[0]) != 0 ||
            (two && (count < 2 || strcmp(others[o].second, words[1]) != 0)))
            continue;
        for (size_t i = 0; i < verb_count(); i++)
            if (strcmp(verb_at(i)->name, others[o].name) == 0) {
                *out = verb_at(i);
                return two ? 2 : 1;
            }
    }
    return 0;
}

/* "task raise" goes before "task". */
size_t verb_find(const char *const *words, size_t count, const struct verb **out)
{
    size_t taken = 0;
    *out = NULL;
    for (size_t i = 0; i < verb_count() && count > 0; i++) {
        const char *name = verb_at(i)->name, *rest = name + first_word(name);
        if (!is_first_word(name, words[0]) || (*rest && (count < 2 || strcmp(words[1], rest + 1) != 0)))
            continue;
        if (*out && !*rest)
            continue;
        *out = verb_at(i);
        taken = *rest ? 2 : 1;
    }
    return taken > 0 || count == 0 ? taken : find_other(words, count, out);
}

bool verb_family(const char *word, char *out, size_t size)
{
    size_t members = 0, told = 0, used = 0;
    for (size_t i = 0; i < verb_count(); i++)
        members += is_first_word(verb_at(i)->name, word) && strchr(verb_at(i)->name, ' ');
    if (members == 0)
        return false;
    used = (size_t)snprintf(out, size, "say what about \"%s\": ", word);
    for (size_t i = 0; i < verb_count() && used < size; i++)
        if (is_first_word(verb_at(i)->name, word) && strchr(verb_at(i)->name, ' '))
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     told++ == 0 ? "" : told == members ? " or " : ", ", verb_at(i)->name);
    return true;
}

/* Edit distance with neighbours swapped counting once, of words up to 31 letters. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][32];
    size_t len = strlen(b);
    if (strlen(a) > 31 || len > 31)
        return 99;
    for (unsigned j = 0; j <= len; j++)
        rows[0][j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= len; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[strlen(a) % 3][len];
}

const char *verb_nearest(const char *word)
{
    const char *nearest = NULL;
    unsigned best = 3; /* more than two slips apart is another word */
    for (size_t i = 0; i < verb_count(); i++) {
        const char *name = verb_at(i)->name, *tail = strchr(name, ' ');
        unsigned d = distance(word, name);
        if (tail && strcmp(word, tail + 1) == 0) /* "invite" for "hub invite" */
            d = 0;
        if (strlen(word) >= 3 && strncmp(name, word, strlen(word)) == 0)
            d = 1;
        if (d < best) {
            best = d;
            nearest = name;
        }
    }
    return nearest;
}
