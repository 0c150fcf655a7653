/* SPDX-License-Identifier: Apache-2.0 */
/* felloe: finds the verb, runs it, and says what went wrong. The exit code is the error's code. */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "client/output.h"
#include "client/verbs.h"
#include "felloe/version.h"

static void tell(const struct cli *cli, enum felloe_code code)
{
    if (!*cli->error.message)
        return;
    if (!cli->json) {
        fputs("felloe: ", stderr);
        out_text(stderr, cli->error.message);
        fputc('\n', stderr);
        return;
    }
    json_t *error = json_pack("{s:{s:i,s:s,s:s}}", "error", "code", (int)code, "name", felloe_code_name(code),
                              "message", cli->error.message);
    out_json_line(stderr, error, JSON_COMPACT);
    json_decref(error);
}

static enum felloe_code run(struct cli *cli)
{
    if (cli_option(cli, "version")) {
        if (cli->json)
            return out_json(json_pack("{s:s}", "version", FELLOE_VERSION), &cli->error);
        puts("felloe " FELLOE_VERSION);
        return FELLOE_OK;
    }
    if (cli_option(cli, "help"))
        return help_tell(cli, cli->verb);
    if (!cli->verb && cli->json)
        return cli_fail(cli, FELLOE_USAGE, "say what to do: `felloe help` lists the verbs");
    if (!cli->verb) {
        help_overview(stderr);
        return FELLOE_USAGE;
    }
    return cli->verb->run(cli);
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    out_init();
    if (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1) {
        cli.asks = stderr;
        cli.answers = stdin;
    }
    enum felloe_code code = cli_parse(&cli, argc, argv);
    if (code == FELLOE_OK)
        code = run(&cli);
    if (fflush(stdout) != 0 && code == FELLOE_OK)
        code = cli_fail(&cli, FELLOE_FAILED, "what was to be shown could not be written whole (is the disk full?)");
    if (code != FELLOE_OK)
        tell(&cli, code);
    cli_release(&cli);
    return (int)code;
}
