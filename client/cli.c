/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb needs of its run: the connection, a question, an error. */
#include "client/cli.h"

#include <stdarg.h>
#include <stdio.h>

enum felloe_code cli_connect(struct cli *cli)
{
    return cli->client ? FELLOE_OK : felloe_connect(cli->dir, &cli->client, &cli->error);
}

enum felloe_code cli_ask(struct cli *cli, const char *verb, const struct felloe_argument *arguments, size_t count,
                         const struct felloe_progress *progress, struct felloe_answer **out)
{
    enum felloe_code code = cli_connect(cli);
    return code == FELLOE_OK ? felloe_ask(cli->client, verb, arguments, count, progress, out, &cli->error) : code;
}

enum felloe_code cli_fail(struct cli *cli, enum felloe_code code, const char *format, ...)
{
    va_list list;
    char text[sizeof cli->error.message];
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return felloe_fail(&cli->error, code, "%s", text);
}
