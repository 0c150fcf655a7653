/* SPDX-License-Identifier: Apache-2.0 */
/* record: an entry of any type, straight from the catalogue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ask.h"
#include "client/record.h"
#include "client/record_verb.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"person", "PERSON", "whom it is about"},
    {"anyway", NULL, "also what makes no sense as far as is known here"},
    OPTION_OCCURRED,
    OPTIONS_END,
};

/* FIELD=VALUE */
static enum felloe_code add_word(struct recording *recording, struct cli *cli, const char *word)
{
    const char *equals = strchr(word, '=');
    if (!equals || equals == word)
        return cli_fail(cli, FELLOE_USAGE, "\"%s\" is not FIELD=VALUE: `felloe types %s` lists the fields", word,
                        recording->draft.type);
    char *name = strndup(word, (size_t)(equals - word));
    if (!name)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    enum felloe_code code = recording_add(recording, cli, name, equals + 1);
    free(name);
    return code;
}

/* On a terminal a type without any field is asked for, field by field. */
static enum felloe_code ask_all(struct recording *recording, struct cli *cli)
{
    const struct type_def *type = recording->type;
    char *all = NULL;
    size_t len;
    FILE *to = type ? open_memstream(&all, &len) : NULL;
    if (!to)
        return FELLOE_OK;
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].kind != KIND_EVENT || type->fields[i].required)
            fprintf(to, "%s ", type->fields[i].name);
    fclose(to);
    const struct record_verb row = {.type = type->name, .takes = type->about == ABOUT_PERSON ? "PERSON" : "",
                                    .asks = all};
    enum felloe_code code = record_verb_complete(cli, &row, recording);
    free(all);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    struct recording recording;
    enum felloe_code code = recording_init(&recording, cli, cli->words[0], cli_option(cli, "person"));
    for (size_t i = 1; i < cli->word_count && code == FELLOE_OK; i++)
        code = add_word(&recording, cli, cli->words[i]);
    if (code == FELLOE_OK && cli->word_count == 1 && ask_possible(cli))
        code = ask_all(&recording, cli);
    if (code == FELLOE_OK)
        code = recording_resolve(&recording, cli, false);
    if (code == FELLOE_OK)
        code = recording_save(&recording, cli);
    recording_release(&recording);
    return code;
}

const struct verb verb_record = {
    "record", GROUP_RECORD, "TYPE FIELD=VALUE…", "an entry of any type",
    "`felloe types` lists the types, `felloe types TYPE` a type's fields. Repeat a field for a list.\n"
    "  felloe record contact.recorded --person Jo minutes=30 text=\"talked about the tenancy\"",
    options, 1, 200, run};
