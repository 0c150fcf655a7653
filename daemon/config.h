/* SPDX-License-Identifier: Apache-2.0 */
/* D/felloe.conf: read with inih, written by init and join with a comment on each setting. */
#ifndef FELLOE_DAEMON_CONFIG_H
#define FELLOE_DAEMON_CONFIG_H

#include "daemon/store/identity.h"

/* A user of this system who may speak to the daemon, and in whose names; or one who administers the hub. */
#define CONFIG_USER_SIZE    48
#define CONFIG_USERS_MAX    64
#define CONFIG_WORKERS_MAX  8
#define CONFIG_ADMINS_MAX   16
struct config_user {
    char name[CONFIG_USER_SIZE]; /* or number */
    int64_t uid;                 /* -1: there was no such user when the file was read */
    char workers[CONFIG_WORKERS_MAX][SLUG_MAX + 1];
    uint32_t worker_count;
};

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };

struct config {
    enum role role;
    char listen[256];        /* hub: tcp://address:port */
    char advertise[256];     /* hub: the address that tickets carry; empty: listen */
    char sites[SITES_MAX][SLUG_MAX + 1]; /* hub: its sites, 'commons' always among them */
    uint32_t site_count;
    char hub[256];           /* spoke: the hub's address, from the ticket unless changed here */
    char proxy[256];         /* spoke: SOCKS proxy host:port, empty for none */
    char socket[256];        /* empty: D/felloe.sock */
    char socket_group[CONFIG_USER_SIZE]; /* who may open the socket, too; empty: its owner alone */
    enum log_level level;
    char unlock[181];        /* what opens the record (daemon/store/vault.h): a way; empty: as the vault says */
    struct config_user users[CONFIG_USERS_MAX]; /* beside the directory's owner and root */
    uint32_t user_count;
    struct config_user administrators[CONFIG_ADMINS_MAX]; /* hub; none: the owner and root */
    uint32_t administrator_count;
    uint32_t lock_after_s;   /* spoke with a passphrase: locked after so long without a request; 0: never */
    uint32_t pull_wait_s;    /* spoke: how long the hub may hold back an answer when there is no news */
    uint32_t ticket_hours;   /* hub: how long a ticket is good for */
    uint32_t retention_years;/* hub: how long a record is to be kept after the farewell, for hub retention to tell */
    uint32_t lease_hours;    /* hub: how long a laptop shows the record without it; 0: for ever */
};

/* The defaults of a role. */
void config_start(struct config *config, enum role role);
/* Adds a site unless it is there. FELLOE_INVALID when its name is no slug or there are too many. */
enum felloe_code config_add_site(struct config *config, const char *site, struct felloe_error *error);
/* Who asks for it (by name), as an administrator of the hub that is being made. */
void config_add_self(struct config *config);
/* What config_load would find wrong, of settings that did not come from a file. */
enum felloe_code config_check(const struct config *config, struct felloe_error *error);
/* Every problem is reported with its line; unknown settings are problems too. */
enum felloe_code config_load(struct config *config, const char *dir, struct felloe_error *error);
enum felloe_code config_write(const struct config *config, const char *dir, struct felloe_error *error);
/* Another value for one setting of the file; all its other lines stay as they are. */
enum felloe_code config_set(const char *dir, const char *section, const char *name, const char *value,
                            struct felloe_error *error);
/* The socket's path. */
void config_socket_path(const struct config *config, const char *dir, char *out, size_t size);

#endif
