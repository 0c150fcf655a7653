/* SPDX-License-Identifier: Apache-2.0 */
/* felloe: finds the verb, runs it, and says what went wrong. The exit code is the error's code. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/forget.h"
#include "client/output.h"
#include "client/verbs.h"
#include "felloe/version.h"

/* "Jo could be several people: Jo (…); Jo (…). Give the id." On a terminal each of them stands on a line. */
static void tell_several(const char *message)
{
    const char *at = strstr(message, ": "), *end = NULL;
    for (const char *stop = at; stop && (stop = strstr(stop, "). ")); stop++)
        end = stop + 2;
    if (!at || !end) {
        out_text(stderr, message);
        return;
    }
    char item[300];
    snprintf(item, sizeof item, "%.*s", (int)(at + 1 - message), message);
    out_text(stderr, item);
    fputc('\n', stderr);
    for (at += 2; at < end;) {
        const char *next = strstr(at, "; ");
        size_t len = next && next < end ? (size_t)(next - at) : (size_t)(end - 1 - at);
        snprintf(item, sizeof item, "%.*s", (int)len, at);
        fputs("  ", stderr);
        out_text(stderr, item);
        fputc('\n', stderr);
        at = next && next < end ? next + 2 : end;
    }
    out_text(stderr, *end == ' ' ? end + 1 : end);
}

static void tell(const struct cli *cli, enum felloe_code code)
{
    if (!*cli->error.message)
        return;
    if (!cli->json) {
        fputs("felloe: ", stderr);
        if (code == FELLOE_AMBIGUOUS && isatty(STDERR_FILENO) == 1)
            tell_several(cli->error.message);
        else
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
    forget_prepare();
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
    explicit_bzero(&cli, sizeof cli);
    forget_all(argc, argv);
    return (int)code;
}
