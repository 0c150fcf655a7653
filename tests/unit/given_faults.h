/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails: this program's own pwrite, writev and fdatasync, which LMDB's library uses too. For one test file
 * of a program; nothing fails until it is told to. */
#ifndef FELLOE_TESTS_GIVEN_FAULTS_H
#define FELLOE_TESTS_GIVEN_FAULTS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* An errno each, 0 for none: of writes of data, writes of the two meta pages, syncs. And: the nth call of any kind from
 * now on fails (n at 0 or below: none), once or from then on for ever. */
static struct {
    atomic_int data, meta, sync;
    atomic_int nth, with;
    atomic_bool for_ever;
    atomic_int calls;
} fault;

static inline void fault_clear(void)
{
    atomic_store(&fault.data, 0);
    atomic_store(&fault.meta, 0);
    atomic_store(&fault.sync, 0);
    atomic_store(&fault.with, 0);
    atomic_store(&fault.nth, 0);
    atomic_store(&fault.calls, 0);
}

static inline void fault_at(int nth, int with, bool for_ever)
{
    fault_clear();
    atomic_store(&fault.for_ever, for_ever);
    atomic_store(&fault.nth, nth);
    atomic_store(&fault.with, with);
}

/* Sets errno and says so when this call is to fail. */
static inline bool fault_now(const atomic_int *kind)
{
    int call = atomic_fetch_add(&fault.calls, 1) + 1, with = atomic_load(kind), nth = atomic_load(&fault.nth);
    if (with == 0 && nth > 0 && (call == nth || (call > nth && atomic_load(&fault.for_ever))))
        with = atomic_load(&fault.with);
    errno = with;
    return with != 0;
}

extern ssize_t __pwrite64(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    bool is_meta = at < 2 * (off_t)sysconf(_SC_PAGESIZE);
    return fault_now(is_meta ? &fault.meta : &fault.data) ? -1 : __pwrite64(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return pwrite(fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count);
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t sum = 0;
    if (fault_now(&fault.data))
        return -1;
    for (int i = 0; i < count; i++) {
        ssize_t put = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (put < 0)
            return sum > 0 ? sum : put;
        sum += put;
    }
    return sum;
}

int fdatasync(int fd);
int fdatasync(int fd)
{
    return fault_now(&fault.sync) ? -1 : fsync(fd);
}

#endif
