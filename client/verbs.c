/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs, finding one in it, and the help that is made from it. */
#include "client/verbs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "client/output.h"

#define V(name) &verb_##name,
static const struct verb *const verbs[] = {VERBS(V)};
#undef V

size_t verb_count(void)
{
    return sizeof verbs / sizeof *verbs;
}

const struct verb *verb_at(size_t index)
{
    return verbs[index];
}

size_t verb_find(const char *const *words, size_t count, const struct verb **out)
{
    for (size_t i = 0; i < verb_count(); i++) {
        const char *name = verbs[i]->name, *space = strchr(name, ' ');
        size_t len = space ? (size_t)(space - name) : strlen(name);
        if (count < (space ? 2u : 1u) || strlen(words[0]) != len || strncmp(words[0], name, len) != 0)
            continue;
        if (space && strcmp(words[1], space + 1) != 0)
            continue;
        *out = verbs[i];
        return space ? 2 : 1;
    }
    *out = NULL;
    return 0;
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
        const char *name = verbs[i]->name, *tail = strchr(name, ' ');
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

static void print_options(FILE *to, const struct option_def *options, const char *heading)
{
    if (!options || !options->name)
        return;
    fprintf(to, "\n%s\n", heading);
    for (; options->name; options++) {
        char left[48];
        snprintf(left, sizeof left, "--%s%s%s", options->name, options->meta ? " " : "",
                 options->meta ? options->meta : "");
        fprintf(to, "  %-24s %s\n", left, options->help);
    }
}

/* Letters as the screen counts them; all of a verb's are one column wide. */
static int letters(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void help_overview(FILE *to)
{
    const char *group = "";
    fprintf(to, "felloe: the shared record of a community team, on every worker's laptop\n\n"
                "  felloe [--dir DIR] VERB …\n");
    for (size_t i = 0; i < verb_count(); i++) {
        if (strcmp(group, verbs[i]->group) != 0)
            fprintf(to, "\n%s\n", verbs[i]->group);
        group = verbs[i]->group;
        char left[64];
        snprintf(left, sizeof left, "%s %s", verbs[i]->name, verbs[i]->arguments);
        int gap = 34 - letters(left);
        if (gap < 0)
            fprintf(to, "  %s\n  %-34s %s\n", left, "", verbs[i]->help);
        else
            fprintf(to, "  %s%*s %s\n", left, gap, "", verbs[i]->help);
    }
    print_options(to, global_options(), "Options that every verb takes");
    fprintf(to, "\n`felloe help VERB` says more. PERSON is an id, a unique prefix of it, or a name that only one "
                "person has.\n");
}

static void help_verb(const struct verb *verb)
{
    printf("felloe %s%s%s\n\n%c%s\n", verb->name, *verb->arguments ? " " : "", verb->arguments,
           toupper((unsigned char)verb->help[0]), verb->help + 1);
    if (verb->more)
        printf("\n%s\n", verb->more);
    print_options(stdout, verb->options, "Options");
    print_options(stdout, global_options(), "Options that every verb takes");
}

static json_t *options_json(const struct option_def *options)
{
    json_t *list = json_array();
    for (; options && options->name; options++)
        json_array_append_new(list, json_pack("{s:s,s:s?,s:s}", "name", options->name, "value", options->meta, "help",
                                              options->help));
    return list;
}

static json_t *verb_json(const struct verb *verb)
{
    return json_pack("{s:s,s:s,s:s,s:s?,s:o}", "verb", verb->name, "arguments", verb->arguments, "help", verb->help,
                     "more", verb->more, "options", options_json(verb->options));
}

enum felloe_code help_tell(struct cli *cli, const struct verb *verb)
{
    if (cli->json && verb)
        return out_json(verb_json(verb), &cli->error);
    if (cli->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < verb_count(); i++)
            json_array_append_new(list, verb_json(verbs[i]));
        return out_json(json_pack("{s:o,s:o}", "verbs", list, "options", options_json(global_options())), &cli->error);
    }
    if (verb)
        help_verb(verb);
    else
        help_overview(stdout);
    return FELLOE_OK;
}
