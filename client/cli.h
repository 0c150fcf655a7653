/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: a table of verbs, one file a verb (cmd_<verb>.c), and what all of them share. */
#ifndef FELLOE_CLIENT_CLI_H
#define FELLOE_CLIENT_CLI_H

#include <limits.h>
#include <stdio.h>

#include "felloe/client.h"

/* --name VALUE, or --name alone when meta is NULL. */
struct option_def {
    const char *name, *meta, *help;
};
#define OPTIONS_END {NULL, NULL, NULL}

struct cli;
struct derived_options;

struct verb {
    const char *name;      /* "note"; "hub init" */
    const char *group;     /* heading in the list of verbs */
    const char *arguments; /* "PERSON TEXT", for help */
    const char *help;      /* one line */
    const char *more;      /* further lines of `felloe help VERB`; NULL for none */
    const struct option_def *options; /* ends with OPTIONS_END; NULL for none */
    size_t words_min, words_max;
    enum felloe_code (*run)(struct cli *cli);
};

struct option_value {
    const struct option_def *def;
    const char *value;
};

/* One run of the command. */
struct cli {
    const struct verb *verb;
    struct derived_options *derived; /* of a verb that records: its options; see record_verb.h */
    char dir[PATH_MAX];
    bool json;
    struct option_value *options; /* as they were given, in order */
    size_t option_count;
    const char **words;           /* what is not an option */
    size_t word_count;
    FILE *asks, *answers;         /* where people are asked what is missing; NULL: nobody is there */
    struct felloe_client *client;
    struct felloe_error error;    /* what the run failed with; empty when it has told so itself */
};

/* The verbs. */
size_t verb_count(void);
const struct verb *verb_at(size_t index);
/* Takes one or two words: "hub init". Returns how many it took; 0 when there is no such verb. */
size_t verb_find(const char *const *words, size_t count, const struct verb **out);
/* The verb that is spelled most like this, NULL when none is near. */
const char *verb_nearest(const char *word);
/* "say what about the task: task raise, task take or task close", where verbs begin with this word; false otherwise. */
bool verb_family(const char *word, char *out, size_t size);
/* What is typed behind the verb, for help: "PERSON TEXT". */
#define ARGUMENTS_MAX 160
const char *verb_arguments(const struct verb *verb, char room[ARGUMENTS_MAX]);
void help_overview(FILE *to);
/* One verb, or all of them (NULL), for people or as JSON. */
enum felloe_code help_tell(struct cli *cli, const struct verb *verb);
/* The verbs of one group, by the word that `felloe help` gives it; false when there is no such group. */
bool help_group(struct cli *cli, const char *word, enum felloe_code *code);
bool help_has_group(const char *heading);
#define GROUP_HELP "Help"
/* Options that every verb takes. */
const struct option_def *global_options(void);

/* Reads argv into cli: verb, options, words. FELLOE_USAGE with an error in words. */
enum felloe_code cli_parse(struct cli *cli, int argc, char **argv);
void cli_release(struct cli *cli);
/* The last value given for an option, NULL when it was not given. A flag's value is "". */
const char *cli_option(const struct cli *cli, const char *name);
/* All values of an option, NULL-terminated and malloc'd; NULL when it was not given. */
const char **cli_option_all(const struct cli *cli, const char *name);

/* Connects once; cli->client is there afterwards. */
enum felloe_code cli_connect(struct cli *cli);
/* Connects and asks. */
enum felloe_code cli_ask(struct cli *cli, const char *verb, const struct felloe_argument *arguments, size_t count,
                         const struct felloe_progress *progress, struct felloe_answer **out);
/* Sets the error of this run; returns code. */
enum felloe_code cli_fail(struct cli *cli, enum felloe_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
