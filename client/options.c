/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the command line: options may stand anywhere, `--` ends them, a verb's own come with the global ones. */
#include "client/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/record_verb.h"

static const struct option_def globals[] = {
    {"dir", "DIR", "the directory of the hub or laptop (else FELLOE_DIR, else ~/.local/share/felloe)"},
    {"json", NULL, "answer with JSON, for programs"},
    {"site", "SITE", "only this site; or the site to record in"},
    {"worker", "ID", "record as this worker; of a view: only this worker's rows"},
    {"help", NULL, "what a verb does, and its options"},
    {"version", NULL, "the release"},
    OPTIONS_END,
};

const struct option_def *global_options(void)
{
    return globals;
}

/* Finds "name" or "name=value" in a table. */
static const struct option_def *find(const struct option_def *table, const char *text)
{
    size_t len = strcspn(text, "=");
    for (; table && table->name; table++)
        if (strlen(table->name) == len && strncmp(table->name, text, len) == 0)
            return table;
    return NULL;
}

/* The verb is known only once its words are: skip options with their values until there. */
static size_t find_verb(struct cli *cli, int argc, char **argv, int at[2])
{
    const char *words[2] = {NULL, NULL};
    size_t count = 0;
    for (int i = 1; i < argc && count < 2; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            const struct option_def *def = find(globals, argv[i] + 2);
            if (def && def->meta && !strchr(argv[i], '='))
                i++;
        } else if (argv[i][0] != '-' || count == 0) {
            at[count] = i;
            words[count++] = argv[i];
        }
    }
    return verb_find(words, count, &cli->verb);
}

static enum felloe_code unknown_verb(struct cli *cli, const char *word)
{
    const char *near = verb_nearest(word);
    char family[300];
    if (verb_family(word, family, sizeof family))
        return cli_fail(cli, FELLOE_USAGE, "%s", family);
    if (near)
        return cli_fail(cli, FELLOE_USAGE, "there is no verb \"%s\": did you mean \"%s\"? `felloe help` lists them all",
                        word, near);
    return cli_fail(cli, FELLOE_USAGE, "there is no verb \"%s\": `felloe help` lists them all", word);
}

/* One option at argv[*i]; moves *i past its value. */
static enum felloe_code take_option(struct cli *cli, int argc, char **argv, int *i)
{
    const char *text = argv[*i] + 2, *equals = strchr(text, '=');
    const struct option_def *def = cli->derived ? find(cli->derived->defs, text) : NULL;
    if (!def && cli->verb)
        def = find(cli->verb->options, text);
    if (!def)
        def = find(globals, text);
    if (!def)
        return cli_fail(cli, FELLOE_USAGE, "there is no option --%.*s here: `felloe help%s%s` lists them%s",
                        (int)strcspn(text, "="), text, cli->verb ? " " : "", cli->verb ? cli->verb->name : "",
                        strchr(text, ' ') ? "; put -- before a text that begins with --" : "");
    struct option_value *value = &cli->options[cli->option_count++];
    value->def = def;
    value->value = equals ? equals + 1 : "";
    const struct option_meaning *meaning = option_meaning(cli->derived, def);
    bool says_which = meaning && meaning->field && meaning->field->kind == KIND_YESNO; /* --agreed=no */
    if (!def->meta && equals && !says_which)
        return cli_fail(cli, FELLOE_USAGE, "--%s takes no value", def->name);
    if (def->meta && !equals) {
        if (*i + 1 >= argc)
            return cli_fail(cli, FELLOE_USAGE, "--%s needs a value: --%s %s", def->name, def->name, def->meta);
        value->value = argv[++*i];
    }
    if (def->meta && !*value->value && find(globals, def->name) == def) /* a variable that was empty, most likely */
        return cli_fail(cli, FELLOE_USAGE, "--%s is empty: give it a %s, or leave it out", def->name, def->meta);
    return FELLOE_OK;
}

static enum felloe_code check_words(struct cli *cli)
{
    if (cli->word_count >= cli->verb->words_min && cli->word_count <= cli->verb->words_max)
        return FELLOE_OK;
    return cli_fail(cli, FELLOE_USAGE, "%s: say `felloe %s%s%s`", cli->word_count < cli->verb->words_min
                        ? "something is missing" : "that is one word too many (quote a text that has spaces)",
                    cli->verb->name, *cli->verb->arguments ? " " : "", cli->verb->arguments);
}

/* A verb that records has its type's fields for options. */
static bool take_derived(struct cli *cli)
{
    const struct record_verb *row = record_verb_of(cli->verb);
    if (!row)
        return true;
    cli->derived = calloc(1, sizeof *cli->derived);
    return cli->derived && derive_options(row, cli->derived);
}

enum felloe_code cli_parse(struct cli *cli, int argc, char **argv)
{
    int at[2] = {0, 0};
    size_t taken = find_verb(cli, argc, argv, at);
    cli->options = calloc((size_t)argc + 1, sizeof *cli->options);
    cli->words = calloc((size_t)argc + 1, sizeof *cli->words);
    if (!cli->options || !cli->words || !take_derived(cli))
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    bool ended = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) /* also what is wrong before it is told as JSON */
        cli->json |= strcmp(argv[i], "--json") == 0;
    for (int i = 1; i < argc; i++) {
        enum felloe_code code = FELLOE_OK;
        if (taken > 0 && (i == at[0] || (taken == 2 && i == at[1])))
            continue;
        if (!ended && strcmp(argv[i], "--") == 0)
            ended = true;
        else if (!ended && strncmp(argv[i], "--", 2) == 0)
            code = take_option(cli, argc, argv, &i);
        else if (!ended && strcmp(argv[i], "-h") == 0)
            cli->options[cli->option_count++] = (struct option_value){find(globals, "help"), ""};
        else
            cli->words[cli->word_count++] = argv[i];
        if (code != FELLOE_OK)
            return code;
    }
    cli->json = cli_option(cli, "json") != NULL;
    if (cli_option(cli, "help") || cli_option(cli, "version"))
        return FELLOE_OK;
    if (!cli->verb)
        return cli->word_count ? unknown_verb(cli, cli->words[0]) : FELLOE_OK;
    enum felloe_code code = check_words(cli);
    return code == FELLOE_OK ? felloe_directory(cli_option(cli, "dir"), cli->dir, sizeof cli->dir, &cli->error) : code;
}

void cli_release(struct cli *cli)
{
    felloe_close(cli->client);
    if (cli->derived)
        derived_release(cli->derived);
    free(cli->derived);
    free(cli->options);
    free(cli->words);
}

const char *cli_option(const struct cli *cli, const char *name)
{
    for (size_t i = cli->option_count; i > 0; i--)
        if (strcmp(cli->options[i - 1].def->name, name) == 0)
            return cli->options[i - 1].value;
    return NULL;
}

const char **cli_option_all(const struct cli *cli, const char *name)
{
    const char **all = calloc(cli->option_count + 1, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; all && i < cli->option_count; i++)
        if (strcmp(cli->options[i].def->name, name) == 0)
            all[count++] = cli->options[i].value;
    if (count > 0)
        return all;
    free(all);
    return NULL;
}
