/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a person's record: who they are, what is to be known before all else. */
#ifndef FELLOE_CLIENT_SHOW_H
#define FELLOE_CLIENT_SHOW_H

#include "client/cli.h"

/* From the summary of the view "person", and from the views that have rows about the person. */
void show_record(struct cli *cli, const struct felloe_answer *story);

#endif
