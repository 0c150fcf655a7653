/* SPDX-License-Identifier: Apache-2.0 */
/* A backup's file: what it begins and ends with. The daemon writes it, in one go from first to last byte, and reads it;
 * the client checks that it came whole.
 *
 *   "felloe backup 1\n"   16 bytes
 *   length of the map     4 bytes, big-endian
 *   map                   msgpack: what, role, device, name, made, epoch, incarnation; of keys also identity, vault,
 *                         auditors, terms and configuration. A reader passes over names that it does not know
 *   image                 the database file, compacted, up to …
 *   hash                  … the last 32 bytes: BLAKE2b-256 of everything before them */
#ifndef FELLOE_PROTO_BACKUP_H
#define FELLOE_PROTO_BACKUP_H

#include "proto/bytes.h"
#include "proto/id.h"
#include "proto/limits.h"

#define BACKUP_MAGIC "felloe backup 1\n"
#define BACKUP_MAGIC_SIZE 16u
#define BACKUP_START (BACKUP_MAGIC_SIZE + 4u) /* the bytes from which the head's size is known */
#define BACKUP_HASH_SIZE 32u
/* Of the head: an identity, a vault and auditors have at most 16 KiB each, terms 4, a configuration 64. */
#define BACKUP_HEAD_MAX (128u * 1024)
/* One piece of it on the local socket. */
#define BACKUP_PIECE (64u * 1024)

struct backup_head {
    bool keys;                   /* of the keys; otherwise of the log */
    bool hub;                    /* a hub's; otherwise a laptop's */
    struct device_id device;
    char name[LABEL_MAX + 1];    /* what it is called */
    int64_t made_ms;
    uint32_t epoch, incarnation;
    struct bytes identity;       /* the identity file's bytes; point into the input */
    struct bytes vault;          /* the vault's; empty: the backup is from before there was one */
    struct bytes configuration;  /* felloe.conf's */
    struct bytes auditors;       /* of a hub: who reads looks (D/auditors); empty: there are none */
    struct bytes terms;          /* of a laptop: what its hub tells all (D/terms); empty: it has heard none */
};

/* Magic, length and map. */
void backup_put_head(struct buffer *out, const struct backup_head *head);
/* How many bytes magic, length and map have together, by the first BACKUP_START; 0: this is no backup. */
size_t backup_head_size(struct bytes start);
/* Reads a whole head. False: malformed. */
bool backup_read_head(struct bytes in, struct backup_head *out);

#endif
