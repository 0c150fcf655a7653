/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting. glibc overwrites what is freed when it is asked to (M_PERTURB), but for the small pieces that a thread
 * keeps at hand: those are taken out once more at the end, and wiped. */
#include "client/forget.h"

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* What glibc keeps at hand: 7 pieces of each size up to 1032 bytes. */
#define AT_HAND       7
#define AT_HAND_LEAST 24u
#define AT_HAND_MOST  1032u
#define AT_HAND_STEP  16u

#define STACK_USED (256u * 1024)

static char out_buffer[64 * 1024], in_buffer[4096];

void forget_prepare(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    mallopt(M_PERTURB, 0x5a);
    setvbuf(stdout, out_buffer, isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF, sizeof out_buffer);
    setvbuf(stdin, in_buffer, _IOFBF, sizeof in_buffer);
}

static void forget_at_hand(void)
{
    for (size_t size = AT_HAND_LEAST; size <= AT_HAND_MOST; size += AT_HAND_STEP)
        for (int i = 0; i < AT_HAND; i++) {
            void *piece = malloc(size); /* never given back: the process ends */
            if (piece)
                sodium_memzero(piece, malloc_usable_size(piece));
        }
}

void forget_all(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        sodium_memzero(argv[i], strlen(argv[i]));
    sodium_memzero(out_buffer, sizeof out_buffer);
    sodium_memzero(in_buffer, sizeof in_buffer);
    forget_at_hand();
    sodium_stackzero(STACK_USED);
}
