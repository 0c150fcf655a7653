/* SPDX-License-Identifier: Apache-2.0 */
/* Workers as people name them. */
#ifndef FELLOE_CLIENT_WORKERS_H
#define FELLOE_CLIENT_WORKERS_H

#include "client/cli.h"

#define WORKER_ID_MAX 64

/* The id of the worker that was meant: an id, a name, the beginning of one; "@me": whoever records. What nobody knows
 * of stays as it is: the worker may join later. FELLOE_AMBIGUOUS lists who it could be. */
enum felloe_code worker_find(struct cli *cli, const char *text, char out[WORKER_ID_MAX]);

#endif
