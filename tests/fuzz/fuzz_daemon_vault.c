/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the vault's file, and recovery codes as they are typed. A hash at the file's end keeps damage out; the target
 * puts the right one there, so that what is before it is read whatever it is. What is accepted is saved, and read again
 * to the same. */
#include "tests/fuzz/fuzz_dir.h"

#include <sodium.h>

#include "daemon/store/vault.h"
#include "proto/mp.h"

unsigned long fuzz_accepted;

static const char name[] = "vault";

bool fuzz_seed(unsigned number, struct buffer *out)
{
    struct identity *identity = calloc(1, sizeof *identity);
    struct vault *vault = calloc(1, sizeof *vault);
    struct vault_secret secret;
    char text[VAULT_RECOVERY_SIZE];
    MUST(identity != NULL && vault != NULL);
    if (number < 3) {
        identity_generate(identity, ROLE_SPOKE);
        vault_start(vault, &identity->device);
        vault_recovery_make(text, &secret);
        for (unsigned i = 0; i < number + 1; i++) {
            if (i == 1)
                vault_secret_open(&secret);
            else if (i == 2)
                MUST(vault_secret_passphrase(&secret, bytes_str("correct horse"), NULL) == FELLOE_OK);
            MUST(vault_add(vault, &secret, "amy", identity->keyring_key, true, &vault_cost_least, 1, NULL) ==
                 FELLOE_OK);
        }
        vault_seal_boxes(vault, identity);
        MUST(vault_save(vault, fuzz_dir(), NULL) == FELLOE_OK);
        fuzz_read(name, out);
    } else if (number == 3) {
        vault_recovery_make(text, &secret);
        buffer_append(out, text, strlen(text));
    }
    free(identity);
    free(vault);
    return number < 4;
}

static void read_and_save(struct bytes in)
{
    struct vault *vault = calloc(2, sizeof *vault);
    struct vault_secret open;
    uint8_t key[KEYRING_KEY_SIZE];
    MUST(vault != NULL);
    if (vault_read(&vault[0], in)) {
        fuzz_accepted++;
        vault_secret_open(&open);
        MUST(vault[0].count <= VAULT_SLOTS_MAX);
        enum felloe_code code = vault_open(&vault[0], &open, NULL, key, NULL, NULL);
        MUST(code == FELLOE_OK || code == FELLOE_DENIED || code == FELLOE_NOT_FOUND);
        if (fuzz_accepted % 16 == 1) { /* a file each is slow */
            MUST(vault_save(&vault[0], fuzz_dir(), NULL) == FELLOE_OK);
            MUST(vault_load(&vault[1], fuzz_dir(), NULL) == FELLOE_OK);
            MUST(memcmp(&vault[0], &vault[1], sizeof vault[0]) == 0);
        }
    }
    free(vault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_reader r;
    struct vault_secret typed;
    if (vault_secret_recovery(&typed, bytes_of(data, size), NULL) == FELLOE_OK) {
        MUST(typed.kind == VAULT_RECOVERY && typed.len == 16);
        fuzz_accepted++;
    }
    read_and_save(bytes_of(data, size));
    mp_reader_init(&r, bytes_of(data, size));
    if (!mp_next(&r))
        return 0;
    struct bytes array = mp_object(&r);
    struct buffer whole = {0};
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, array.data, array.len, NULL, 0);
    buffer_append(&whole, array.data, array.len);
    mp_put_bin(&whole, hash, sizeof hash);
    if (array.len + 34 != size || memcmp(whole.data, data, size) != 0)
        read_and_save(buffer_bytes(&whole));
    buffer_release(&whole);
    return 0;
}
