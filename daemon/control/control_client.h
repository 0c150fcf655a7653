/* SPDX-License-Identifier: Apache-2.0 */
/* The server of the local socket (control_server.c) and its clients (control_client.c), between those two files. */
#ifndef FELLOE_DAEMON_CONTROL_CLIENT_H
#define FELLOE_DAEMON_CONTROL_CLIENT_H

#include "daemon/control/control_audit.h"
#include "daemon/control/control_inside.h"
#include "daemon/loop.h"
#include "daemon/report.h"

struct control_client {
    uv_pipe_t pipe;
    int64_t uid;                     /* the system's user; -1: not known */
    struct control_server *server;
    struct control_client *next;
    struct buffer in;
    struct control_request *request; /* the one being answered; more may have begun (its `later`, and so on) */
    size_t unsent;                   /* bytes of answers that it has not taken yet */
    bool reading, closing, taking;
    bool ended;                      /* it has said that it sends no more */
    struct control_recent recent;    /* whose record it was shown just now */
    bool imports;
};

struct control_server {
    struct daemon *daemon;
    uv_pipe_t listener;
    struct control_client *clients;
    struct loop_timer *sweep, *patience;
    struct control_group *group;
    struct report_often turned_away;
    unsigned client_count, handles;
    bool paused;
    struct control_request *requests;  /* all that were begun and have not ended */
    struct control_request *waiting;   /* for the projector */
    struct control_request *importing; /* the first has its turn */
    struct control_spares spares;
    char path[4096];
};

/* What it has asked to be done is done all the same; it is freed when libuv has let go of it. */
void control_client_close(struct control_client *client);
/* Begins what it has asked for and may begin now, and reads on or no more, as there is room. May close it. */
void control_client_take(struct control_client *client);

/* So often those who are not read on are looked at: they may have left. */
#define CONTROL_SWEEP_MS 2000
/* It has ended. */
void control_server_forget(struct control_server *server, const struct control_request *request);

#endif
