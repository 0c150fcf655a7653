/* SPDX-License-Identifier: Apache-2.0 */
/* Drives a fuzz target without libFuzzer:
 *
 *   fuzz_TARGET [-n COUNT] [-s SEED] [FILE]...
 *   fuzz_TARGET -w FOLDER
 *
 * runs the files given (without any: those in tests/fuzz/corpus/TARGET, each of which once was a finding), then the
 * target's own seeds and each beginning of them, then COUNT (20,000) pseudo-random mutations of those. The same
 * SEED gives the same inputs everywhere, so a failure repeats; the failing input is left in fuzz-failed.bin when
 * FUZZ_KEEP is set. With -w it writes its seeds to the folder, one file each, for libFuzzer to begin with. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <sodium.h>
#include <unistd.h>

#define COUNT 20000
#define SEEDS_MAX 64
#define INPUT_MAX 70000
#define BEGINNINGS 1000 /* of each seed */

static struct buffer seeds[SEEDS_MAX];
static unsigned seed_count;
static uint64_t random_state;
static struct bytes current; /* for the report of a failure */

/* xorshift64*: the same everywhere */
static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1d;
}

static size_t below(size_t limit)
{
    return limit ? (size_t)(next_random() % limit) : 0;
}

static void insert(struct buffer *b, size_t at, const void *data, size_t len)
{
    if (b->len + len > INPUT_MAX || !buffer_reserve(b, len))
        return;
    memmove(b->data + at + len, b->data + at, b->len - at);
    memcpy(b->data + at, data, len);
    b->len += len;
}

static void cut(struct buffer *b, size_t at, size_t len)
{
    memmove(b->data + at, b->data + at + len, b->len - at - len);
    b->len -= len;
}

/* Bytes that mean something in msgpack, and sizes around its borders. */
static uint8_t telling_byte(void)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x9a, 0x9f, 0xa0, 0xa1, 0xbf,
                                      0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcc, 0xcd,
                                      0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
                                      0xe0, 0xff, 0x10, 0x18, 0x20, 0x40};
    return below(4) ? telling[below(sizeof telling)] : (uint8_t)next_random();
}

static void mutate_once(struct buffer *b)
{
    size_t at = below(b->len + 1), rest = b->len - at;
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = telling_byte();
    switch (below(8)) {
    case 0: /* a bit */
        if (rest)
            b->data[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1: /* a byte */
    case 2:
        if (rest)
            b->data[at] = bytes[0];
        break;
    case 3: /* a few bytes, overwritten or put in */
        if (rest >= sizeof bytes)
            memcpy(b->data + at, bytes, 1 + below(sizeof bytes));
        break;
    case 4:
        insert(b, at, bytes, 1 + below(sizeof bytes));
        break;
    case 5: /* a piece is missing */
        cut(b, at, below((rest < 40 ? rest : 40) + 1));
        break;
    case 6: { /* a piece of another seed */
        const struct buffer *other = &seeds[below(seed_count)];
        size_t from = below(other->len + 1);
        insert(b, at, other->data + from, below(other->len - from + 1));
        break;
    }
    default: /* the end is missing, seldom */
        if (below(8) == 0)
            b->len = at;
    }
}

/* In memory of its very size, so that a sanitizer sees every read past it. */
static void run(struct bytes input)
{
    uint8_t *exact = malloc(input.len ? input.len : 1);
    MUST(exact);
    if (input.len)
        memcpy(exact, input.data, input.len);
    current = bytes_of(exact, input.len);
    LLVMFuzzerTestOneInput(exact, input.len);
    current = (struct bytes){0};
    free(exact);
}

static void run_file(const char *path)
{
    static uint8_t content[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    size_t len = fread(content, 1, sizeof content, file);
    fclose(file);
    run(bytes_of(content, len));
}

static unsigned run_corpus(const char *program)
{
    const char *slash = strrchr(program, '/'), *target = slash ? slash + 1 : program;
    char folder[200], path[500];
    unsigned count = 0;
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%.100s", strncmp(target, "fuzz_", 5) == 0 ? target + 5 : target);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%.250s", folder, entry->d_name);
            run_file(path);
            count++;
        }
    if (dir)
        closedir(dir);
    return count;
}

static int write_seeds(const char *folder)
{
    struct buffer seed = {0};
    for (unsigned number = 0; fuzz_seed(number, &seed); number++) {
        char path[1000];
        snprintf(path, sizeof path, "%s/seed-%u", folder, number);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(seed.data, 1, seed.len, file) != seed.len || fclose(file) != 0) {
            perror(path);
            return 1;
        }
        buffer_clear(&seed);
    }
    buffer_release(&seed);
    return 0;
}

/* After a failed MUST: the input as a file, to be given as FILE. */
static void on_abort(int signal_number)
{
    (void)signal_number;
    FILE *file = getenv("FUZZ_KEEP") ? fopen("fuzz-failed.bin", "wb") : NULL;
    if (file) {
        fwrite(current.data, 1, current.len, file);
        fclose(file);
    }
}

int main(int argc, char **argv)
{
    unsigned long count = COUNT, done = 0;
    random_state = 1;
    for (int option; (option = getopt(argc, argv, "n:s:w:")) != -1;) {
        if (option == 'n')
            count = strtoul(optarg, NULL, 10);
        else if (option == 's')
            random_state = 2 * strtoull(optarg, NULL, 10) + 1; /* never 0 */
        else if (option == 'w')
            return write_seeds(optarg);
        else
            return 2;
    }
    if (sodium_init() < 0)
        return 2;
    signal(SIGABRT, on_abort);
    unsigned files = 0;
    for (int i = optind; i < argc; i++, files++)
        run_file(argv[i]);
    if (files == 0)
        files = run_corpus(argv[0]);
    fuzz_accepted = 0;
    while (seed_count < SEEDS_MAX && fuzz_seed(seed_count, &seeds[seed_count]))
        run(buffer_bytes(&seeds[seed_count++]));
    MUST(seed_count > 0 && fuzz_accepted >= seed_count); /* each seed is a valid input */
    for (unsigned i = 0; i < seed_count; i++)
        for (size_t len = 0; len < seeds[i].len && len < BEGINNINGS; len++)
            run(bytes_of(seeds[i].data, len));
    struct buffer b = {0};
    for (; done < count; done++) {
        const struct buffer *seed = &seeds[below(seed_count)];
        buffer_clear(&b);
        buffer_append(&b, seed->data, seed->len);
        for (size_t times = 1 + below(6); times > 0; times--)
            mutate_once(&b);
        run(buffer_bytes(&b));
    }
    printf("%u files, %u seeds, %lu mutations, %lu accepted\n", files, seed_count, done, fuzz_accepted);
    buffer_release(&b);
    for (unsigned i = 0; i < seed_count; i++)
        buffer_release(&seeds[i]);
    return 0;
}
