/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for what is missing, where somebody sits at a terminal. */
#ifndef FELLOE_CLIENT_ASK_H
#define FELLOE_CLIENT_ASK_H

#include "client/cli.h"
#include "client/threads.h"
#include "proto/domain/catalogue.h"

/* On a terminal, and not for programs. */
bool ask_possible(const struct cli *cli);
/* One line, without its end, a new string; `otherwise` (or NULL) is in brackets, and what an empty line stands for.
 * FELLOE_USAGE: they gave up (ctrl-D), and nothing is recorded. */
enum felloe_code ask_line(struct cli *cli, const char *question, const char *otherwise, char **out);
/* A value for the field, asked for until it is one. Codes are listed. An empty answer is `otherwise`, else (where it is
 * not required) NULL. */
enum felloe_code ask_field(struct cli *cli, const struct field_def *field, bool required, const char *otherwise,
                           char **out);
/* One of those that are open, by its number or its words; its id, or NULL where it is not required and left out. */
enum felloe_code ask_thread(struct cli *cli, const struct field_def *field, bool required,
                            const struct thread_list *list, char **out);

#endif
