/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ sockets in a libuv loop, and whole messages in and out of them. Shared by the net_*.c files alone.
 *
 * ZMQ_FD is edge-triggered and only a wake-up, so its poll callback only notes that it stirred. Before the loop
 * sleeps (prepare) the ZMQ_EVENTS of each source that stirred or was used are read, and an idle handle keeps the
 * loop from sleeping where something is pending; after the poll (check) at most NET_TURN messages per source are
 * handled, so that no peer starves timers or the local socket. */
#ifndef FELLOE_DAEMON_NET_SOCKET_H
#define FELLOE_DAEMON_NET_SOCKET_H

#include <sys/types.h>
#include <uv.h>

#include "felloe/error.h"
#include "proto/event/batch.h"

#define NET_TURN       32
#define NET_FRAMES_MAX 9

struct net_pump;   /* one set of prepare, check and idle handles */
struct net_source; /* one socket in it */

struct net_pump *net_pump_new(uv_loop_t *loop);
void net_pump_free(struct net_pump *pump); /* after its sources; NULL is fine */

/* `receive` handles one message of the socket and is false when there was none; `flush` (may be NULL) sends what had
 * to wait. Neither may free the pump. NULL when that failed. */
struct net_source *net_source_new(struct net_pump *pump, void *socket, bool (*receive)(void *context),
                                  void (*flush)(void *context), void *context);
/* Something was sent or received by its socket elsewhere than in `receive` and `flush`: that may take the wake-up of
 * its descriptor away. NULL is fine. */
void net_source_stir(struct net_source *source);
/* Asked before each time that the loop sleeps, so cheaply: is there something for `flush`, though nothing stirred? */
void net_source_ask(struct net_source *source, bool (*wants)(void *context));
/* Before zmq_close: the other order watches a stranger's file descriptor. NULL is fine. */
void net_source_free(struct net_source *source);

/* One frame of a message. `raw` is a zmq_msg_t, so that this header needs no zmq.h. */
struct net_frame {
    struct bytes bytes;
    _Alignas(void *) unsigned char raw[64];
};
struct net_frames {
    size_t count; /* that came; at most NET_FRAMES_MAX of them are kept */
    size_t kept;
    size_t wire; /* bytes that it took of a CURVE connection; a ROUTER's first frame, its name, took none */
    struct net_frame at[NET_FRAMES_MAX];
};
/* Takes one whole message; false when there is none. */
bool net_receive(void *socket, struct net_frames *frames);
void net_frames_release(struct net_frames *frames);
/* Who sent it, by ZAP: its User-Id, "" when none. Only a payload frame tells (4.3.4 forgets it on the identity). */
const char *net_frame_user(struct net_frame *frame);
/* The descriptor of the connection that it came by, -1 when that is not known. Of a payload frame. */
int net_frame_socket(struct net_frame *frame);
/* Moves the frame's bytes out without a copy. False when memory ran out. */
bool net_frame_lend(struct net_frame *frame, struct lent *out);

/* A message that waits to be sent. */
struct net_outgoing {
    struct net_outgoing *next;
    struct buffer header;
    struct lent body;
};
/* Takes over both, also when memory ran out (NULL). */
struct net_outgoing *net_outgoing_new(struct buffer *header, struct lent *body);
size_t net_outgoing_size(const struct net_outgoing *message);
void net_outgoing_free(struct net_outgoing *message);

enum net_sent { NET_SENT, NET_FULL, NET_GONE };
/* Sends [routing][header][body] (no routing frame when it is empty). On NET_SENT the body is ZeroMQ's, without a copy,
 * and the message is freed; else nothing has happened. */
enum net_sent net_send(void *socket, struct bytes routing, struct net_outgoing *message);

/* A connection, by its descriptor, as long as the descriptor has this inode: ZeroMQ closes it when it likes. */
struct net_line {
    int fd; /* -1: none */
    ino_t inode;
};
struct net_line net_line_of(int fd);
void net_line_cut(struct net_line line); /* ZeroMQ then lets go of what waits for it */
/* When the last byte came, a heartbeat's too, which ZeroMQ does not tell of. False: it is gone. */
bool net_line_heard(struct net_line line, uint64_t now_ms, uint64_t *heard_ms);

bool net_set(void *socket, int option, int value);
/* What both ends have in common: limits, time-outs. */
bool net_set_common(void *socket);
/* The loop's socket-independent description of the last ZeroMQ error. */
const char *net_error(void);

#endif
