/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting: what is freed is wiped first. glibc would do it by itself (M_PERTURB), but not for the small pieces that
 * a thread keeps at hand, which are the most; so this program has a free and a realloc of its own before glibc's. */
#include "client/forget.h"

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_USED (256u * 1024)

static char out_buffer[64 * 1024], in_buffer[4096];

void forget_prepare(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    setvbuf(stdout, out_buffer, isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF, sizeof out_buffer);
    setvbuf(stdin, in_buffer, _IOFBF, sizeof in_buffer);
}

/* Its own frame is the stack that is wiped, from its caller's on: a helper would leave the frames between. */
void forget_all(int argc, char **argv)
{
    char stack[STACK_USED];
    for (int i = 0; i < argc; i++)
        sodium_memzero(argv[i], strlen(argv[i]));
    sodium_memzero(out_buffer, sizeof out_buffer);
    sodium_memzero(in_buffer, sizeof in_buffer);
    sodium_memzero(stack, sizeof stack);
}

/* Sanitizers have their own allocator, which does not like another before it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_FREE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OWN_FREE 0
#endif
#endif
#ifndef OWN_FREE
#define OWN_FREE 1
#endif

#if OWN_FREE
void __libc_free(void *piece); // NOLINT: glibc's name

void free(void *piece)
{
    if (piece != NULL)
        explicit_bzero(piece, malloc_usable_size(piece));
    __libc_free(piece);
}

/* glibc's would leave the old place as it was. */
void *realloc(void *piece, size_t size)
{
    size_t old = piece != NULL ? malloc_usable_size(piece) : 0;
    if (size > 0 && size <= old && size > old / 2)
        return piece;
    void *new = size > 0 || piece == NULL ? malloc(size) : NULL;
    if (new == NULL && size > 0)
        return NULL;
    if (new != NULL && piece != NULL)
        memcpy(new, piece, size < old ? size : old);
    free(piece);
    return new;
}
#endif
