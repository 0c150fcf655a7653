/* SPDX-License-Identifier: Apache-2.0 */
/* The measuring program: each subcommand does one thing, measures it, and prints one line a figure:
 *
 *   FIGURE VALUE UNIT
 *
 * tests/bench/run calls it, the product's and its limit's turn about, and makes ratios of what it prints. */
#ifndef FELLOE_TESTS_BENCH_H
#define FELLOE_TESTS_BENCH_H

#include <stdint.h>
#include <stddef.h>

/* A clock that only goes forward, ns. */
uint64_t bench_now(void);
/* How long this thread has had the processor, ns: what else runs on the machine disturbs that less. */
uint64_t bench_processor(void);
/* One figure, on stdout. */
void bench_tell(const char *figure, double value, const char *unit);
/* median, p99 and most of `count` times in ns (sorted in place), in ms: FIGURE-p50, FIGURE-p99, FIGURE-max. */
void bench_tell_times(const char *figure, uint64_t *times, size_t count);
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A number of the command line; dies with a sentence when it is none. */
uint64_t bench_number(const char *text);

struct felloe_client;
/* A connection to the daemon of that directory. */
struct felloe_client *bench_connect(const char *dir);
/* As many bytes of words; the caller frees them. And how many a note has unless it is said. */
#define NOTE_BYTES 200u
char *bench_words(size_t bytes);

/* The subcommands; each gets its own arguments, argv[0] its name. */
void bench_commit(int argc, char **argv); /* raw LMDB: DIR BYTES BATCH SECONDS */
void bench_road(int argc, char **argv);   /* the bare road: DIR EVENTS BYTES */
void bench_reached(int argc, char **argv); /* how fast a log grows to so many: DIR shared|received EVENTS SECONDS */
void bench_parse(int argc, char **argv);  /* jansson alone: FILE */
void bench_scan(int argc, char **argv);   /* a directory's log read, opened, decoded: DIR */
void bench_fold(int argc, char **argv);   /* its views made again, without a daemon around: DIR TIMES */
void bench_costs(int argc, char **argv);  /* what must not grow with a log: IMAGE [SMALL-IMAGE] */
void bench_handshake(int argc, char **argv); /* from a start to the hub's word: FELLOED DIR TIMES */
void bench_stages(int argc, char **argv); /* ns of each thing that is done with an event: IMAGE DIR EVENTS */
void bench_record(int argc, char **argv); /* recording through the client library: DIR CLIENTS BATCH SECONDS [BYTES] */
void bench_clients(int argc, char **argv); /* single notes by many connections at once: DIR CLIENTS SECONDS [BYTES] */
void bench_fill(int argc, char **argv);   /* so many notes, 1,000 a batch, of many people: DIR EVENTS BYTES */
void bench_turns(int argc, char **argv);  /* recording in turns with its limit: DIR RAW-DIR one|clients|bulk SECONDS */
void bench_live(int argc, char **argv);   /* recorded here, seen there: DIR OTHER-DIR RAW-DIR TIMES */
void bench_ask(int argc, char **argv);    /* a view over the socket: DIR RAW-DIR TIMES VIEW [PERSON] */
void bench_fanin(int argc, char **argv);  /* many laptops that share at once: TICKETS EVENTS [SECONDS] */
void bench_bytes(int argc, char **argv);   /* how large its events are, and their bodies: DIR */
void bench_wakeups(int argc, char **argv); /* of processes: SECONDS PID... */

#endif
