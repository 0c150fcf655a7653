/* SPDX-License-Identifier: Apache-2.0 */
/* record: an event of any type, straight from the catalogue. */
#include <stdlib.h>
#include <string.h>

#include "client/record.h"
#include "client/verbs.h"
#include "proto/domain/catalogue.h"

static const struct option_def options[] = {
    {"person", "PERSON", "whom it is about"},
    OPTION_OCCURRED,
    OPTIONS_END,
};

/* FIELD=VALUE; the name is cut off in a copy that `names` keeps. */
static enum felloe_code add_word(struct recording *recording, struct cli *cli, const char *word, char **name)
{
    const char *equals = strchr(word, '=');
    if (!equals || equals == word)
        return cli_fail(cli, FELLOE_USAGE, "\"%s\" is not FIELD=VALUE: `felloe types %s` lists the fields", word,
                        recording->draft.type);
    *name = strndup(word, (size_t)(equals - word));
    if (!*name)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    return recording_add(recording, cli, *name, equals + 1);
}

static enum felloe_code run(struct cli *cli)
{
    struct recording recording;
    char **names = calloc(cli->word_count, sizeof *names);
    if (!names)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    enum felloe_code code = recording_init(&recording, cli, cli->words[0], cli_option(cli, "person"));
    for (size_t i = 1; i < cli->word_count && code == FELLOE_OK; i++)
        code = add_word(&recording, cli, cli->words[i], &names[i]);
    if (code == FELLOE_OK)
        code = recording_save(&recording, cli);
    recording_release(&recording);
    for (size_t i = 0; i < cli->word_count; i++)
        free(names[i]);
    free(names);
    return code;
}

const struct verb verb_record = {
    "record", GROUP_RECORD, "TYPE FIELD=VALUE…", "an event of any type",
    "`felloe types` lists the types, `felloe types TYPE` a type's fields. Repeat a field for a list.\n"
    "  felloe record contact.recorded --person Jo minutes=30 text=\"talked about the tenancy\"",
    options, 1, 200, run};
