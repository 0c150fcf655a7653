/* SPDX-License-Identifier: Apache-2.0 */
/* Inside libfelloe: the handle, and frames on its socket. */
#ifndef FELLOE_CLIENT_LIB_CLIENT_H
#define FELLOE_CLIENT_LIB_CLIENT_H

#include <limits.h>

#include "client/lib/value.h"
#include "proto/control.h"

struct felloe_client {
    int fd;                  /* -1 after the connection was lost or closed */
    char dir[PATH_MAX];      /* for messages */
    struct buffer out;       /* the request being made */
    struct buffer in;        /* received; consumed up to in_at */
    size_t in_at;
    struct arena scratch;    /* values that live until the next frame or item */
    size_t appends;          /* batches sent and not yet waited for */
};

/* Sends client->out and empties it. */
enum felloe_code client_send(struct felloe_client *client, struct felloe_error *error);
/* Waits for one whole frame; payload is valid until the next call. */
enum felloe_code client_receive(struct felloe_client *client, struct bytes *payload, struct felloe_error *error);
void client_drop(struct felloe_client *client);

enum frame_kind { FRAME_DATA, FRAME_PROGRESS, FRAME_END };

/* One frame with its head read: for DATA the items follow in `rest`; head[1…] are the other kinds' values, in the
 * client's scratch arena. An ERROR frame comes back as its code. */
struct frame {
    enum frame_kind kind;
    struct felloe_value head;
    struct bytes rest, payload;
};
enum felloe_code client_frame(struct felloe_client *client, struct frame *out, struct felloe_error *error);

/* FELLOE_INVALID when a text (NULL is fine) is not UTF-8: said here, because the daemon would take it for a broken
 * frame. */
enum felloe_code client_check_text(const char *what, const char *text, struct felloe_error *error);

/* What a value_verdict means to the caller; closes the connection, for its frames can no longer be told apart. */
enum felloe_code client_malformed(struct felloe_client *client, enum value_verdict verdict, struct felloe_error *error);

#endif
