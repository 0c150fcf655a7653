/* SPDX-License-Identifier: Apache-2.0 */
/* The words for felloed that say what opens the record; see unlock.h. */
#include "client/unlock.h"

#include <stdio.h>
#include <string.h>

static void add(struct unlock_words *out, const char *word, const char *value)
{
    out->words[out->count++] = word;
    out->words[out->count++] = value;
}

static enum felloe_code add_passphrase(struct cli *cli, bool new, struct unlock_words *out)
{
    struct secret secret = {0};
    enum felloe_code code = new ? secret_ask_new(cli, "A passphrase for this laptop's record", &secret)
                                : secret_ask(cli, "The passphrase", &secret);
    int end = code == FELLOE_OK ? secret_pipe(&secret) : -1;
    secret_release(&secret);
    if (code == FELLOE_OK && end < 0)
        code = cli_fail(cli, FELLOE_FAILED, "the passphrase cannot be handed to felloed");
    if (code != FELLOE_OK)
        return code;
    snprintf(out->number, sizeof out->number, "%d", end);
    add(out, "--passphrase-fd", out->number);
    return FELLOE_OK;
}

enum felloe_code unlock_new(struct cli *cli, bool passphrases, struct unlock_words *out)
{
    const char *way = cli_option(cli, "unlock");
    *out = (struct unlock_words){0};
    if (!way && passphrases && secret_possible(cli))
        way = "passphrase";
    if (!way)
        return FELLOE_OK;
    add(out, "--unlock", way);
    return passphrases && strcmp(way, "passphrase") == 0 ? add_passphrase(cli, true, out) : FELLOE_OK;
}

/* felloed reads its configuration; here it is only about whether to ask. */
static bool takes_passphrase(const struct cli *cli)
{
    char path[PATH_MAX + 16], line[256];
    bool takes = false;
    snprintf(path, sizeof path, "%s/felloe.conf", cli->dir);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (!takes && fgets(line, sizeof line, file))
        takes = strcmp(line, "unlock = passphrase\n") == 0;
    fclose(file);
    return takes;
}

enum felloe_code unlock_there(struct cli *cli, struct unlock_words *out)
{
    const char *way = cli_option(cli, "unlock");
    *out = (struct unlock_words){0};
    if (way)
        add(out, "--unlock", way);
    bool asked = cli_option(cli, "passphrase") || cli_option(cli, "passphrase-fd");
    if (asked || (!way && takes_passphrase(cli) && secret_possible(cli)))
        return add_passphrase(cli, false, out);
    return FELLOE_OK;
}
