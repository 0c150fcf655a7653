/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures that cost nothing: in the simulator's programs these two stand before libsodium's. They are a keyed hash
 * instead of Ed25519, which finds every altered or mistaken message just as well (nobody forges on purpose here) and
 * takes a fiftieth of the time. Some seeds use the real ones. */
#include <dlfcn.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim_internal.h"

static bool real;

void sim_sign_really(bool really)
{
    real = really;
}

/* dlsym answers with an object pointer; POSIX says that it holds the function's address. */
static void find(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(function, &found, sizeof found);
}

static void mark(unsigned char out[64], const unsigned char *m, unsigned long long len, const unsigned char key[32])
{
    crypto_generichash(out, 64, m, len, key, 32);
}

int crypto_sign_detached(unsigned char *sig, unsigned long long *sig_len, const unsigned char *m,
                         unsigned long long len, const unsigned char *secret)
{
    int (*function)(unsigned char *, unsigned long long *, const unsigned char *, unsigned long long,
                    const unsigned char *);
    if (real) {
        find("crypto_sign_detached", &function);
        return function(sig, sig_len, m, len, secret);
    }
    mark(sig, m, len, secret + 32); /* the public half */
    if (sig_len)
        *sig_len = 64;
    return 0;
}

int crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m, unsigned long long len,
                                const unsigned char *public)
{
    int (*function)(const unsigned char *, const unsigned char *, unsigned long long, const unsigned char *);
    if (real) {
        find("crypto_sign_verify_detached", &function);
        return function(sig, m, len, public);
    }
    unsigned char expected[64];
    mark(expected, m, len, public);
    return memcmp(sig, expected, sizeof expected) == 0 ? 0 : -1;
}
