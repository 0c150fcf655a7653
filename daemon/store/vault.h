/* SPDX-License-Identifier: Apache-2.0 */
/* What opens the record, and who may open it: D/vault, mode 0600, written whole.
 *
 *   vault  = array of 4: version, device (bin 16), slots (array, at most VAULT_SLOTS_MAX), boxes (array of 2: nonce
 *            (bin 24), sealed (bin)); then a bin 32, the BLAKE2b-256 of the array's bytes
 *   slot   = array of 8: kind, worker (str), made (ms), salt (bin 16), opslimit, memlimit, nonce (bin 24), sealed (bin
 *            80: the keyring key's 64 bytes, the second half zeros for whoever is not the device's own worker)
 *
 * A slot is sealed with XChaCha20-Poly1305 under the slot key; associated data: "felloe vault slot 1" NUL, kind (1
 * byte), device, worker. The slot key is
 *
 *   of a passphrase      Argon2id 1.3 of it, with the slot's salt and limits
 *   of a recovery code   BLAKE2b-256 keyed "felloe vault recovery 1" of salt and its 16 bytes (which are random)
 *   of a key file        BLAKE2b-256 keyed "felloe vault key 1" of salt and the BLAKE2b-256 of its content
 *   of an open slot      BLAKE2b-256 keyed "felloe vault open 1" of salt: whoever has the file opens it
 *
 * `boxes` holds the device's X25519 secrets (now, before, next; 32 bytes each, zeros: none) under a key derived from
 * the keyring key's first half; associated data: "felloe vault boxes 1" NUL, device.
 *
 * Nothing here is of a thread; vault_open is slow by intent (Argon2id) and belongs on a pool's thread. */
#ifndef FELLOE_DAEMON_VAULT_H
#define FELLOE_DAEMON_VAULT_H

#include "daemon/store/identity.h"

#define VAULT_SLOTS_MAX      32   /* a shared laptop has some five workers */
#define VAULT_PASSPHRASE_MIN 8    /* characters */
#define VAULT_PASSPHRASE_MAX 1024 /* bytes */
#define VAULT_KEY_FILE_MIN   32
#define VAULT_SALT_SIZE      16
#define VAULT_SEALED_SIZE    (KEYRING_KEY_SIZE + 16)
#define VAULT_RECOVERY_SIZE  34 /* the code as text, with its NUL: five groups of five, and one of three */

enum vault_kind {
    VAULT_OPEN = 1,
    VAULT_PASSPHRASE = 2,
    VAULT_RECOVERY = 3,
    VAULT_KEY = 4 /* a key file, or a systemd credential */
};

/* How hard a passphrase is to guess. A slot keeps the limits that it was made with. */
struct vault_cost {
    uint64_t opslimit, memlimit;
};
extern const struct vault_cost vault_cost_moderate; /* Argon2id MODERATE: 256 MiB, some 0.7 s */
extern const struct vault_cost vault_cost_least;    /* for tests alone */

struct vault_slot {
    enum vault_kind kind;
    char worker[SLUG_MAX + 1];
    int64_t made_ms;
    uint8_t salt[VAULT_SALT_SIZE];
    struct vault_cost cost; /* of a passphrase */
    uint8_t nonce[24];
    uint8_t sealed[VAULT_SEALED_SIZE];
};

struct vault {
    struct device_id device;
    uint32_t count;
    struct vault_slot slots[VAULT_SLOTS_MAX];
    uint8_t boxes_nonce[24];
    uint8_t boxes[3 * BOX_KEY_SIZE + 16];
};

/* What a slot is opened with. Whoever holds one wipes it (vault_secret_clear). */
struct vault_secret {
    enum vault_kind kind;
    size_t len;
    uint8_t b[VAULT_PASSPHRASE_MAX];
};
void vault_secret_clear(struct vault_secret *secret);
void vault_secret_open(struct vault_secret *out);
/* FELLOE_INVALID, in words: shorter than VAULT_PASSPHRASE_MIN characters, too long, no UTF-8. */
enum felloe_code vault_secret_passphrase(struct vault_secret *out, struct bytes text, struct felloe_error *error);
/* As a person types it: small letters, blanks, o for 0, i and l for 1. FELLOE_INVALID: a letter is wrong (the check
 * says so before anything is tried). */
enum felloe_code vault_secret_recovery(struct vault_secret *out, struct bytes text, struct felloe_error *error);
/* What felloed reads from --passphrase-fd: up to the end or the first newline. */
enum felloe_code vault_secret_read(struct vault_secret *out, int descriptor, struct felloe_error *error);
/* A fresh recovery code, as text and as what opens. */
void vault_recovery_make(char text[VAULT_RECOVERY_SIZE], struct vault_secret *out);

/* ---- slots ---- */

/* Without slots; its boxes are sealed by vault_seal_boxes. */
void vault_start(struct vault *vault, const struct device_id *device);
/* Puts a slot; one of the same kind and worker is replaced. `restricted`: it gets the second half too (the device's own
 * worker); otherwise zeros. FELLOE_FAILED: no memory for Argon2id, or no room. Slow with a passphrase. */
enum felloe_code vault_add(struct vault *vault, const struct vault_secret *secret, const char *worker,
                           const uint8_t key[KEYRING_KEY_SIZE], bool restricted, const struct vault_cost *cost,
                           int64_t now_ms, struct felloe_error *error);
/* Opens one of the slots of the secret's kind; `worker` NULL: whosever it is, tried one after the other. `opened`:
 * which it was (its index). FELLOE_DENIED: none opens (the message says so plainly); FELLOE_NOT_FOUND: there is no such
 * slot; FELLOE_FAILED: no memory. */
enum felloe_code vault_open(const struct vault *vault, const struct vault_secret *secret, const char *worker,
                            uint8_t key[KEYRING_KEY_SIZE], uint32_t *opened, struct felloe_error *error);
/* NULL: none. `worker` NULL: the first of that kind. */
const struct vault_slot *vault_find(const struct vault *vault, enum vault_kind kind, const char *worker);
bool vault_remove(struct vault *vault, enum vault_kind kind, const char *worker); /* false: there was none */

/* Seals the identity's box secrets (now, before, next) under its keyring key. */
void vault_seal_boxes(struct vault *vault, const struct identity *identity);
/* The identity gets `key` and the box secrets, and is not locked any more. FELLOE_DAMAGED: they do not open, or are not
 * those of the identity's public key. */
enum felloe_code vault_unlock(const struct vault *vault, const uint8_t key[KEYRING_KEY_SIZE], struct identity *identity,
                              struct felloe_error *error);

/* ---- the file ---- */

bool vault_read(struct vault *vault, struct bytes file);
void vault_put(const struct vault *vault, struct buffer *out); /* the same bytes, appended */
/* FELLOE_NOT_FOUND when there is none. */
enum felloe_code vault_load(struct vault *vault, const char *dir, struct felloe_error *error);
enum felloe_code vault_save(const struct vault *vault, const char *dir, struct felloe_error *error);

/* ---- tries: D/vault-tries ---- */

/* How long from now until another try is taken: none after the first three, then 2, 4, 8 … s, at most 5 min. A clock
 * that went back does not shorten it. */
uint64_t vault_wait_ms(const char *dir, int64_t now_ms);
/* A try begins: counted, durably, before it is known whether it is right. FELLOE_DENIED, in words with the seconds:
 * it is too early for another, and nothing was counted. */
enum felloe_code vault_try(const char *dir, int64_t now_ms, struct felloe_error *error);
/* It was right: the count goes. */
void vault_tried_right(const char *dir);

/* ---- a directory's way: [felloe] unlock = passphrase | file:PATH | credential:NAME | none ---- */

enum vault_way { VAULT_WAY_UNKNOWN, VAULT_WAY_NONE, VAULT_WAY_PASSPHRASE, VAULT_WAY_FILE, VAULT_WAY_CREDENTIAL };

#define VAULT_WAY_MAX 180 /* bytes: a line of felloe.conf */
/* VAULT_WAY_UNKNOWN: no way at all. */
enum vault_way vault_way_of(const char *text);
/* FELLOE_USAGE in words: the four, or why a hub takes no passphrase. */
enum felloe_code vault_way_check(const char *text, enum role role, struct felloe_error *error);
/* What opens, of a way that needs nobody: none, file, credential. FELLOE_NOT_FOUND, FELLOE_DENIED, FELLOE_INVALID (it
 * is too short). Of a passphrase: FELLOE_INVALID. */
enum felloe_code vault_way_secret(const char *text, struct vault_secret *out, struct felloe_error *error);

/* How a directory's identity gets its secrets. */
struct vault_opening {
    const char *dir;
    const char *way;                   /* of felloe.conf; empty: none where the vault has an open slot */
    const struct vault_secret *secret; /* NULL: none was given */
    const char *worker;                /* whose slot; NULL: whosever it is */
    int64_t now_ms;
};
/* Loads D/identity and D/vault, and opens the one with the other. An old directory (an identity with its secrets, no
 * vault) is converted on the way: way none, the vault first. A way of passphrase without a secret: FELLOE_OK, and the
 * identity is locked. A secret that was given is tried in any case, and the try counted. `who`, at least SLUG_MAX + 1
 * bytes or NULL: whose slot it was (the device's own worker for open and key slots). */
enum felloe_code vault_open_directory(const struct vault_opening *opening, struct identity *identity, char *who,
                                      struct felloe_error *error);
/* A new directory: a vault for a fresh identity, with one slot, saved; the identity is saved after it. */
enum felloe_code vault_make_directory(const char *dir, const struct identity *identity,
                                      const struct vault_secret *secret, const struct vault_cost *cost, int64_t now_ms,
                                      struct felloe_error *error);

#endif
