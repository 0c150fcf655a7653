/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit of the protocol in one place, each with the reason for its value. */
#ifndef FELLOE_PROTO_LIMITS_H
#define FELLOE_PROTO_LIMITS_H

#define PROTOCOL_VERSION 1

/* An event is something a person wrote: 64 KiB is some 20 pages. Attachments travel elsewhere. */
#define EVENT_SIZE_MAX 65536

/* Names of sites and ids of workers are slugs ([a-z0-9-], starting with a letter or digit). */
#define SLUG_MAX 32
/* Labels for people: names of workers, hubs, devices. Bytes of UTF-8. */
#define LABEL_MAX 120

/* Epochs that one `seen` can name: an epoch begins only when a hub is restored. */
#define SEEN_MAX 16

/* A frame's body aims at this many bytes: large enough to amortise CURVE, small enough to take turns. */
#define BODY_TARGET (256u * 1024)
/* The most a body can be: the target, one last event over it, and the keys that go along. */
#define BODY_MAX (768u * 1024)
#define HEADER_MAX (64u * 1024)
/* What ZeroMQ is told to accept in one frame (ZMQ_MAXMSGSIZE). */
#define FRAME_MAX (1024u * 1024)
/* The smallest batch a thin link is driven down to. */
#define BODY_FLOOR 4096u

/* Entries of one batch: bounds the memory that a frame of tiny events can ask for. */
#define BATCH_ENTRIES_MAX 4096u
/* Sites one device may be in; bounds HELLO. */
#define SITES_MAX 32u
/* Key ids that one KEYS request may name. */
#define KEYS_MAX 512u

/* The signed log hash is kept at each multiple of this, so any position's hash is near one that is stored. */
#define CHECKPOINT_EVERY 64u

/* Longest time (ms) that a hub holds a PULL back when there is no news: an idle laptop costs next to nothing, and
 * should an answer be lost, it is so late that it is asked for again. */
#define PULL_WAIT_MAX_MS 1800000u

/* msgpack: deepest nesting and most values in one object (an event's fields, a message's header). */
#define MP_DEPTH_MAX 16
#define MP_TAPE_MAX 1024

/* One frame between client and daemon. A batch of 1,000 drafts fits. */
#define CONTROL_FRAME_MAX (4u * 1024 * 1024)

#endif
