/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the hub's auditors share. */
#ifndef FELLOE_CLIENT_AUDITORS_H
#define FELLOE_CLIENT_AUDITORS_H

#include "client/secret.h"

/* The auditors' passphrase, where looks are opened by one: asked for. Otherwise `out` stays empty. */
enum felloe_code auditors_ask(struct cli *cli, struct secret *out);

#endif
