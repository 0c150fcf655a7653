/* SPDX-License-Identifier: Apache-2.0 */
/* Someone who records notes about one person as a program does that uses the client library; and many of them. */
#ifndef FELLOE_TESTS_BENCH_RECORDER_H
#define FELLOE_TESTS_BENCH_RECORDER_H

#include <stddef.h>
#include <stdint.h>

#include "felloe/client.h"

/* The drafts point into it: it stays where it is. */
struct recorder {
    struct felloe_client *client;
    struct felloe_field field;
    struct felloe_draft *drafts;
    struct felloe_saved *saved;
    size_t batch;
    char person[33];
};

/* Connects, introduces the person, and records the first note (which waits for the views). Dies with a sentence where
 * the daemon refuses, as the others do. `words` are borrowed: a note's text. */
void recorder_open(struct recorder *r, const char *dir, const char *words, size_t batch);
void recorder_send(struct recorder *r);
/* Waits for the answer to what was sent first. */
void recorder_take(struct recorder *r);
/* Records until then, and waits for what is under way: three batches, as in an import; of single notes one. How many
 * notes were saved. */
uint64_t recorder_run(void *recorder, uint64_t until_ns);
void recorder_close(struct recorder *r);

/* So many at once, each of whom waits for the answer before recording again: as many connections, looked after by one
 * thread, so that the machine's cores are the daemon's and not for changing between threads. */
struct crowd {
    struct recorder *recorders;
    size_t count;
    int poll;
};
void crowd_open(struct crowd *crowd, const char *dir, const char *words, size_t count);
uint64_t crowd_run(void *crowd, uint64_t until_ns);
void crowd_close(struct crowd *crowd);

#endif
