/* SPDX-License-Identifier: Apache-2.0 */
/* What sealing costs can only be said against a felloed that does not: linked with this in the cipher's place (ld's
 * --wrap), for `make bench-sealing` alone. It says so whenever it starts. Ids, chains and signatures are as ever. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/event/seal.h"

#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES

int __wrap_crypto_aead_xchacha20poly1305_ietf_encrypt(unsigned char *c, unsigned long long *clen,
                                                      const unsigned char *m, unsigned long long mlen,
                                                      const unsigned char *ad,
                                                      unsigned long long adlen, const unsigned char *nsec,
                                                      const unsigned char *npub, const unsigned char *k);
int __wrap_crypto_aead_xchacha20poly1305_ietf_decrypt(unsigned char *m, unsigned long long *mlen, unsigned char *nsec,
                                                      const unsigned char *c, unsigned long long clen,
                                                      const unsigned char *ad, unsigned long long adlen,
                                                      const unsigned char *npub, const unsigned char *k);

void __wrap_seal_text(uint8_t *room, size_t len, const struct seal_subkey *subkey,
                      const uint8_t nonce[EVENT_NONCE_SIZE], struct seal_tag_key *tag_key);
void __wrap_seal_tag(const struct seal_tag_key *tag_key, struct bytes associated, struct bytes sealed,
                     uint8_t tag[SEAL_TAG_SIZE]);
bool __wrap_seal_open(uint8_t *room, const struct data_key *key, const uint8_t nonce[EVENT_NONCE_SIZE],
                      struct bytes associated, struct bytes sealed);

__attribute__((constructor)) static void say_so(void)
{
    fputs("felloed: THIS BUILD SEALS NOTHING. It is for measuring only: everything it stores can be read.\n", stderr);
}

int __wrap_crypto_aead_xchacha20poly1305_ietf_encrypt(unsigned char *c, unsigned long long *clen,
                                                      const unsigned char *m, unsigned long long mlen,
                                                      const unsigned char *ad,
                                                      unsigned long long adlen, const unsigned char *nsec,
                                                      const unsigned char *npub, const unsigned char *k)
{
    (void)ad, (void)adlen, (void)nsec, (void)npub, (void)k;
    memmove(c, m, mlen);
    memset(c + mlen, 0, TAG);
    if (clen != NULL)
        *clen = mlen + TAG;
    return 0;
}

int __wrap_crypto_aead_xchacha20poly1305_ietf_decrypt(unsigned char *m, unsigned long long *mlen, unsigned char *nsec,
                                                      const unsigned char *c, unsigned long long clen,
                                                      const unsigned char *ad, unsigned long long adlen,
                                                      const unsigned char *npub, const unsigned char *k)
{
    (void)nsec, (void)ad, (void)adlen, (void)npub, (void)k;
    if (clen < TAG || !sodium_is_zero(c + clen - TAG, TAG))
        return -1;
    memmove(m, c, clen - TAG);
    if (mlen != NULL)
        *mlen = clen - TAG;
    return 0;
}

/* An event is sealed in two halves (proto/event/seal.h). */
void __wrap_seal_text(uint8_t *room, size_t len, const struct seal_subkey *subkey,
                      const uint8_t nonce[EVENT_NONCE_SIZE], struct seal_tag_key *tag_key)
{
    (void)room, (void)len, (void)subkey, (void)nonce;
    memset(tag_key, 0, sizeof *tag_key);
}

void __wrap_seal_tag(const struct seal_tag_key *tag_key, struct bytes associated, struct bytes sealed,
                     uint8_t tag[SEAL_TAG_SIZE])
{
    (void)tag_key, (void)associated, (void)sealed;
    memset(tag, 0, SEAL_TAG_SIZE);
}

bool __wrap_seal_open(uint8_t *room, const struct data_key *key, const uint8_t nonce[EVENT_NONCE_SIZE],
                      struct bytes associated, struct bytes sealed)
{
    (void)key, (void)nonce, (void)associated;
    if (sealed.len < SEAL_TAG_SIZE || !sodium_is_zero(sealed.data + sealed.len - SEAL_TAG_SIZE, SEAL_TAG_SIZE))
        return false;
    memcpy(room, sealed.data, sealed.len - SEAL_TAG_SIZE);
    return true;
}
