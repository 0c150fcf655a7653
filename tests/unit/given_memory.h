/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out when it is told to: this program's own malloc, calloc, realloc and free, which its libraries use
 * too. For one test file of a program. While `counting`, allocations are numbered from 0, and number `fails_at` is
 * refused (with `for_ever` all after it too); blocks are counted always, so that one that was forgotten shows.
 *
 * Under the address sanitizer it stands before that one's, which so sees every block; under the thread sanitizer, whose
 * threads are not ready when the first block is asked for, nothing fails (ALLOCATIONS_CAN_FAIL). */
#ifndef FELLOE_TESTS_GIVEN_MEMORY_H
#define FELLOE_TESTS_GIVEN_MEMORY_H

#include "tests/unit/given.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GIVEN_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define GIVEN_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(GIVEN_TSAN)
#define ALLOCATIONS_CAN_FAIL 0
#else
#define ALLOCATIONS_CAN_FAIL 1
#endif

static volatile struct { /* the compiler takes it that malloc does not look at it */
    bool counting, for_ever;
    uint64_t asked, fails_at;
    int64_t live; /* blocks held */
} memory;

/* From now on allocations are counted, and this one fails (UINT64_MAX: none). */
static inline void memory_runs_out(uint64_t at, bool for_ever)
{
    memory.asked = 0;
    memory.fails_at = at;
    memory.for_ever = for_ever;
    memory.counting = true;
}

/* There is enough again. Returns how many allocations there were. */
static inline uint64_t memory_is_back(void)
{
    memory.counting = false;
    return memory.asked;
}

#if ALLOCATIONS_CAN_FAIL
static _Thread_local bool memory_spares; /* the sanitizer's own, when a thread begins: it would end the program */
#if defined(__SANITIZE_ADDRESS__) || defined(GIVEN_ASAN)
#define REAL(name) __interceptor_##name
#include <dlfcn.h>
#include <pthread.h>
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
    int (*real)(pthread_t, pthread_attr_t *);
    memory_spares = true;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_getattr_np");
    int code = real(thread, attributes);
    memory_spares = false;
    return code;
}
#else
#define REAL(name) __libc_##name
#endif
extern void *REAL(malloc)(size_t size);
extern void *REAL(calloc)(size_t count, size_t size);
extern void *REAL(realloc)(void *old, size_t size);
extern void REAL(free)(void *old);

static void *memory_counted(void *made)
{
    memory.live += made != NULL;
    return made;
}

static bool memory_fails_now(void)
{
    if (!memory.counting || memory_spares)
        return false;
    uint64_t number = memory.asked++;
    return memory.for_ever ? number >= memory.fails_at : number == memory.fails_at;
}

void *malloc(size_t size)
{
    return memory_fails_now() ? NULL : memory_counted(REAL(malloc)(size));
}

void *calloc(size_t count, size_t size)
{
    return memory_fails_now() ? NULL : memory_counted(REAL(calloc)(count, size));
}

void *realloc(void *old, size_t size)
{
    if (memory_fails_now())
        return NULL;
    void *made = REAL(realloc)(old, size);
    memory.live += made != NULL && old == NULL;
    return made;
}

void *reallocarray(void *old, size_t count, size_t size)
{
    size_t all;
    return __builtin_mul_overflow(count, size, &all) ? NULL : realloc(old, all);
}

/* LMDB's names of tables; the address sanitizer has one of its own, whose blocks nobody would count. */
char *strdup(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

void free(void *old)
{
    memory.live -= old != NULL;
    REAL(free)(old);
}
#endif

/* ---- a call, with memory that runs out at every place in turn ---- */

struct memory_story {
    const char *name;
    void (*given)(void);               /* what the call needs; NULL: nothing */
    bool (*call)(struct buffer *out);  /* appends all that comes of it; false: memory ran out (and it must have) */
    void (*end)(void);
};

/* How it runs out: once; for good; for good, but with room left where the call's result is written. */
enum memory_way { MEMORY_ONCE, MEMORY_FOR_GOOD, MEMORY_BUT_FOR_RESULT, MEMORY_WAYS };

/* One run, with this allocation failing; returns whether the call said so. Counts the allocations. */
static inline bool memory_story_run(const struct memory_story *story, uint64_t at, enum memory_way way,
                                    const struct buffer *expected, struct buffer *got, uint64_t *count)
{
    if (story->given)
        story->given();
    if (way == MEMORY_BUT_FOR_RESULT)
        assert_true(buffer_reserve(got, expected->len + 256));
    memory_runs_out(at, way != MEMORY_ONCE);
    bool ok = story->call(got), said = !ok;
    *count = memory_is_back();
    if (said) {
        buffer_release(got);
        ok = story->call(got);
    }
    if (story->end)
        story->end();
    if (!ok || (got != expected && !bytes_equal(buffer_bytes(got), buffer_bytes(expected))))
        fail_msg("%s: after allocation %llu failed (way %d): %s", story->name, (unsigned long long)at, way,
                 ok ? "something else came of it" : "it fails with enough memory, too");
    return said;
}

/* At each of its allocations in turn: the call says so or gives the same as ever, what it was given serves for another
 * that gives the same, and nothing is left behind. */
static inline void memory_runs_out_anywhere(const struct memory_story *story)
{
    struct buffer expected = {0}, got = {0};
    uint64_t count, asked, said = 0;
    memory_story_run(story, UINT64_MAX, MEMORY_ONCE, &expected, &expected, &count);
    int64_t before = memory.live;
    for (enum memory_way way = MEMORY_ONCE; way < MEMORY_WAYS; way++)
        for (uint64_t at = 0; at < count; at++) {
            said += memory_story_run(story, at, way, &expected, &got, &asked);
            buffer_release(&got);
            if (memory.live != before)
                fail_msg("%s: allocation %llu failed (way %d), and %lld blocks are left behind", story->name,
                         (unsigned long long)at, way, (long long)(memory.live - before));
        }
    buffer_release(&expected);
    if (count == 0 || said == 0)
        fail_msg("%s: nothing could fail", story->name);
    print_message("    %-24s %llu allocations, %llu failures said\n", story->name, (unsigned long long)count,
                  (unsigned long long)said);
}

#endif
