/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint that is made while commits go on: whenever the power is cut, and whatever fails, what was committed is
 * there. The sync is held up as long as a test wants. */
#include "tests/unit/given_journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- a disk whose syncs wait, and whose writes fail ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held;        /* a sync beside waits */
static unsigned waiting; /* so many do */
static pthread_t test_thread;
static atomic_int sync_fails, mark_fails, nth_fails, with;

int fdatasync(int fd);
int fdatasync(int fd)
{
    const bool beside = !pthread_equal(pthread_self(), test_thread);
    pthread_mutex_lock(&gate);
    waiting += beside;
    pthread_cond_broadcast(&changed);
    while (held && beside)
        pthread_cond_wait(&changed, &gate);
    waiting -= beside;
    pthread_mutex_unlock(&gate);
    errno = beside ? atomic_load(&sync_fails) : 0;
    return errno != 0 ? -1 : fsync(fd);
}

static void hold(bool on)
{
    pthread_mutex_lock(&gate);
    held = on;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&gate);
}

static void until_it_waits(void)
{
    pthread_mutex_lock(&gate);
    while (waiting == 0)
        pthread_cond_wait(&changed, &gate);
    pthread_mutex_unlock(&gate);
}

/* Whoever waits for the thread is there already when it goes on. */
static bool let_go_at_join;
int pthread_join(pthread_t thread, void **out)
{
    if (let_go_at_join)
        hold(false);
    return pthread_timedjoin_np(thread, out, NULL);
}

#define MARK_SIZE 24
extern ssize_t __pwrite64(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    const bool is_mark = size == MARK_SIZE && at % PAGE == 512;
    errno = is_mark ? atomic_load(&mark_fails) : 0;
    if (!is_mark && atomic_load(&nth_fails) > 0 && atomic_fetch_sub(&nth_fails, 1) == 1)
        errno = atomic_load(&with);
    return errno != 0 ? -1 : __pwrite64(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return pwrite(fd, data, size, at);
}

/* ---- a store, and what it should hold ---- */

#define LEN 150000 /* of a value: a half is full of six */

static struct given_dir dir;
static struct store *store;
static unsigned put;
static struct image first, second;   /* the file as it was synced: of the base that counts, and of the next */
static struct image before, journal; /* the journal before it went on, and since */

static void read_again(struct image *image, const char *name)
{
    free(image->data);
    *image = read_image(&dir, name);
}

static enum store_outcome try_put(void)
{
    char key[8];
    struct felloe_error error;
    struct store_txn *txn = begin(store, true);
    snprintf(key, sizeof key, "%06u", put + 1);
    memset(store_reserve(txn, NUMBERS, text(key), LEN), 'n', LEN);
    store_put(txn, WORDS, text("last"), text(key));
    const enum store_outcome outcome = store_commit(txn, &error);
    put += outcome == STORE_DONE;
    return outcome;
}

static void put_some(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(try_put(), STORE_DONE);
}

static bool has_all(struct store *of, unsigned count)
{
    char key[8];
    snprintf(key, sizeof key, "%06u", count);
    return count_numbers(of) == count && has_word(of, "last", key);
}

/* Six more fill a half. */
static void given_full_half(void)
{
    dir = given_dir();
    store = open_journalled(&dir);
    put = 0;
    put_some(1);
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    read_again(&first, "env/data.mdb");
    put_some(6);
    read_again(&second, "env/data.mdb");
    read_again(&before, "env/journal");
    hold(true);
}

/* The other goes on, and the sync has begun. */
static void given_beside(void)
{
    given_full_half();
    put_some(1);
    until_it_waits();
    read_again(&journal, "env/journal");
    assert_int_equal(number_at(journal, newest_head(journal) + 8), number_at(before, newest_head(before) + 8) + 1);
}

static void end(void)
{
    struct image *images[] = {&first, &second, &before, &journal};
    hold(false);
    atomic_store(&sync_fails, 0);
    atomic_store(&mark_fails, 0);
    store_close(store);
    given_dir_end(&dir);
    for (unsigned i = 0; i < 4; i++) {
        free(images[i]->data);
        *images[i] = (struct image){0};
    }
}

/* Of what was written since `synced` any pages, or half of them. */
static struct image any_of(struct image synced, struct image now, uint32_t seed)
{
    struct image out = {malloc(FILE_MAX), now.len};
    memcpy(out.data, now.data, now.len);
    for (size_t at = 0; at < now.len; at += PAGE) {
        seed = seed * 1664525u + 1013904223u;
        const size_t lost = (seed >> 16) % 3 == 0 ? PAGE : (seed >> 16) % 3 == 1 ? PAGE / 2 : 0;
        if (at < synced.len)
            memcpy(out.data + at, synced.data + at, lost);
        else
            memset(out.data + at, 0, lost);
    }
    return out;
}

static enum felloe_code open_after_cut(struct image synced, struct image with_journal, uint32_t seed,
                                       struct store **out)
{
    struct felloe_error error;
    struct image now = read_image(&dir, "env/data.mdb"), data = any_of(synced, now, seed);
    mkdir(given_path(&dir, "cut"), 0700);
    write_image(&dir, "cut/data.mdb", data);
    write_image(&dir, "cut/journal", with_journal);
    free(data.data), free(now.data);
    return try_journalled(out, &dir, "cut", &error);
}

static void assert_after_cuts(struct image synced, struct image with_journal, unsigned redone, unsigned count)
{
    for (uint32_t seed = 1; seed <= 10; seed++) {
        struct store *after;
        assert_int_equal(open_after_cut(synced, with_journal, seed, &after), FELLOE_OK);
        assert_int_equal(store_redone(after), redone);
        assert_true(has_all(after, count));
        store_close(after);
    }
}

static bool is_marked(void)
{
    read_again(&journal, "env/journal");
    const size_t head = newest_head(journal);
    return number_at(journal, head + 512) == number_at(journal, head + 8);
}

/* ---- power cuts ---- */

static void while_it_is_made_both_halves_count(void **state)
{
    (void)state;
    given_beside();
    assert_after_cuts(first, journal, 7, 8);
    put_some(3);
    read_again(&journal, "env/journal");
    assert_false(is_marked());
    assert_after_cuts(first, journal, 10, 11);
    end();
}

static void once_it_is_marked_the_next_base_counts(void **state)
{
    (void)state;
    given_beside();
    hold(false);
    while (!is_marked())
        ;
    assert_after_cuts(second, journal, 1, 8); /* nobody was told yet */
    assert_false(store_is_at_rest(store));
    put_some(4); /* who lets the first base go: its pages are written over */
    read_again(&journal, "env/journal");
    assert_after_cuts(second, journal, 5, 12);
    end();
}

static void a_head_without_records_was_gone_on_from(void **state)
{
    (void)state;
    struct store *after;
    given_beside();
    const size_t head = newest_head(journal);
    assert_after_cuts(first, before, 6, 7); /* it never came */
    memcpy(before.data + head, journal.data + head, 400); /* whole, and nothing behind it */
    assert_after_cuts(first, before, 6, 7);
    before.data[head + 20] ^= 1;
    assert_int_equal(open_after_cut(first, before, 1, &after), FELLOE_DAMAGED);
    end();
}

static void the_last_record_that_is_torn_was_not_said_to_be_saved(void **state)
{
    (void)state;
    given_beside();
    const size_t last = last_record(journal, number_at(journal, newest_head(journal) + 8));
    journal.data[last + JOURNAL_HEAD_SIZE + 3] ^= 1;
    assert_after_cuts(first, journal, 6, 7);
    end();
}

/* What one goes on from was whole. */
static void what_is_missing_of_the_first_half_is_damage(void **state)
{
    (void)state;
    struct store *after;
    given_beside();
    const uint64_t generation = number_at(before, newest_head(before) + 8);
    const size_t last = last_record(before, generation), head = newest_head(before);
    journal.data[last] ^= 1;
    assert_int_equal(open_after_cut(first, journal, 1, &after), FELLOE_DAMAGED);
    journal.data[last] ^= 1;
    journal.data[last + JOURNAL_HEAD_SIZE + 3] ^= 1;
    assert_int_equal(open_after_cut(first, journal, 1, &after), FELLOE_DAMAGED);
    journal.data[last + JOURNAL_HEAD_SIZE + 3] ^= 1;
    journal.data[head + 20] ^= 1;
    assert_int_equal(open_after_cut(first, journal, 1, &after), FELLOE_DAMAGED);
    journal.data[head + 20] ^= 1;
    journal.data[newest_head(journal) + 20] ^= 1; /* its records tell that it was there */
    assert_int_equal(open_after_cut(first, journal, 1, &after), FELLOE_DAMAGED);
    end();
}

/* The power is cut once more while the journal begins anew. */
static void what_was_done_again_is_done_again_once_more(void **state)
{
    (void)state;
    struct store *after;
    given_beside();
    assert_int_equal(open_after_cut(first, journal, 1, &after), FELLOE_OK);
    store_abandon(after);
    struct image anew = read_image(&dir, "cut/journal");
    assert_int_equal(number_at(anew, newest_head(anew) + 8), number_at(journal, newest_head(journal) + 8) + 1);
    memcpy(anew.data + newest_head(anew), journal.data + newest_head(anew), 512); /* its head never came */
    write_image(&dir, "cut/journal", anew);
    after = open_named(&dir, "cut");
    assert_int_equal(store_redone(after), 7);
    assert_true(has_all(after, 8));
    store_close(after);
    free(anew.data);
    end();
}

/* ---- who waits for it ---- */

static void *let_go(void *context)
{
    (void)context;
    hold(false);
    return NULL;
}

static void the_next_one_waits_for_it(void **state)
{
    (void)state;
    pthread_t thread;
    given_beside();
    put_some(5); /* now the other half is full, too */
    assert_false(is_marked());
    const uint64_t generation = number_at(journal, newest_head(journal) + 8);
    assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
    put_some(1);
    pthread_join(thread, NULL);
    read_again(&journal, "env/journal");
    assert_int_equal(number_at(journal, newest_head(journal) + 8), generation + 1);
    put_some(40);
    assert_true(has_all(store, put));
    store_abandon(store);
    store = open_journalled(&dir);
    assert_in_range(store_redone(store), 1, 12);
    assert_true(has_all(store, put));
    end();
}

/* At rest, by a commit that LMDB syncs, or as the file is written anew: then nothing is left to be done again. */
static void whoever_needs_all_synced_waits_for_it(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        pthread_t thread;
        given_beside();
        assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
        if (how == 0)
            assert_int_equal(store_rest(store, NULL), FELLOE_OK);
        else if (how == 1)
            put_word(store, "rim", "felloe"), put_number(store, 0, (size_t)1 << 20);
        else
            assert_int_equal(store_rewrite(store, NULL), FELLOE_OK);
        pthread_join(thread, NULL);
        assert_true(store_is_at_rest(store));
        assert_int_equal(count_numbers(store), put + (how == 1));
        store_abandon(store);
        assert_int_equal(unlink(given_path(&dir, "env/journal")), 0);
        store = open_journalled(&dir);
        assert_int_equal(count_numbers(store), put + (how == 1));
        end();
    }
}

/* ---- what fails ---- */

static void after_it_failed_nothing_more_is_written(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        given_beside();
        atomic_store(how < 2 ? &sync_fails : &mark_fails, how == 1 ? ENOSPC : EIO);
        hold(false);
        assert_int_equal(store_rest(store, NULL), FELLOE_DAMAGED);
        assert_int_equal(try_put(), STORE_UNKNOWN);
        store_close(store);
        store = open_journalled(&dir);
        assert_int_equal(store_redone(store), 7);
        assert_true(has_all(store, put));
        end();
    }
}

static void without_room_for_the_mark_it_does_without_a_journal(void **state)
{
    (void)state;
    given_beside();
    atomic_store(&mark_fails, ENOSPC);
    hold(false);
    put_some(8); /* at the latest the next one that is needed finds out */
    assert_true(store_is_at_rest(store));
    assert_int_not_equal(access(given_path(&dir, "env/journal"), F_OK), 0);
    store_abandon(store);
    store = open_journalled(&dir);
    assert_true(has_all(store, put));
    end();
}

/* The head, the record, LMDB's pages. */
static void whichever_write_fails_as_it_begins(void **state)
{
    (void)state;
    for (unsigned full = 0; full < 2; full++)
        for (int nth = 1; nth <= 5; nth++) {
            given_full_half();
            hold(false);
            atomic_store(&with, full ? ENOSPC : EIO);
            atomic_store(&nth_fails, nth);
            const enum store_outcome outcome = try_put();
            atomic_store(&nth_fails, 0);
            assert_true(outcome != STORE_REFUSED && (full || outcome != STORE_FULL));
            if (outcome == STORE_FULL || outcome == STORE_DONE)
                put_some(2);
            store_abandon(store);
            store = open_journalled(&dir);
            assert_true(has_all(store, put) || (outcome == STORE_UNKNOWN && has_all(store, put + 1)));
            end();
        }
}

/* The half that goes on is full before the sync of the one before has ended, and that fails, with ENOSPC as some file
 * systems do: the next sync would say that all is well. */
static void a_sync_that_failed_while_another_was_wanted_is_not_tried_again(void **state)
{
    (void)state;
    given_beside();
    put_some(5);
    atomic_store(&sync_fails, ENOSPC);
    let_go_at_join = true;
    assert_int_equal(try_put(), STORE_UNKNOWN);
    let_go_at_join = false;
    atomic_store(&sync_fails, 0);
    assert_int_equal(try_put(), STORE_UNKNOWN);
    assert_after_cuts(first, journal, 7, 8);
    read_again(&journal, "env/journal");
    assert_after_cuts(first, journal, 12, 13);
    end();
}

/* ---- bits that turned over ---- */

/* Pages of the base before it were given out again: without it that one would count. */
static void one_bit_of_the_mark_does_not_bring_the_base_before_back(void **state)
{
    (void)state;
    for (size_t at = 0; at < MARK_SIZE; at += 5) {
        given_beside();
        hold(false);
        while (!is_marked())
            ;
        put_some(3);
        read_again(&journal, "env/journal");
        journal.data[newest_head(journal) + 512 + at] ^= 1;
        assert_after_cuts(second, journal, 4, 11);
        end();
    }
}

/* At the first there is but one. */
static void one_bit_of_the_only_head_is_told(void **state)
{
    (void)state;
    struct store *after;
    dir = given_dir();
    store = open_journalled(&dir);
    put = 0;
    read_again(&first, "env/data.mdb");
    put_some(3);
    read_again(&journal, "env/journal");
    journal.data[newest_head(journal) + 20] ^= 1;
    assert_int_equal(open_after_cut(first, journal, 1, &after), FELLOE_DAMAGED);
    end();
}

/* Two heads, and records from 8192 on: none; of the newest head; left of the one before it, and longer than that. */
static void what_the_layout_before_has_is_not_taken_for_nothing(void **state)
{
    (void)state;
    static const uint8_t seventh[16] = {'F', 'E', 'L', 'L', 'O', 'E', 'J', '1', 7},
                         eighth[16] = {'F', 'E', 'L', 'L', 'O', 'E', 'J', '1', 8};
    static const uint8_t record[JOURNAL_HEAD_SIZE] = {100, 0, 0, 0, 0, 0, 0, 0, 7};
    struct store *after;
    for (int how = 0; how < 4; how++) {
        dir = given_dir();
        store = open_journalled(&dir);
        put = 0;
        put_some(1);
        assert_int_equal(store_rest(store, NULL), FELLOE_OK);
        read_again(&journal, "env/journal");
        memset(journal.data, 0, journal.len);
        memcpy(journal.data + PAGE, seventh, sizeof seventh);
        if (how > 0)
            memcpy(journal.data + 8192, record, sizeof record);
        if (how > 1)
            memcpy(journal.data, eighth, sizeof eighth);
        if (how > 2)
            memcpy(journal.data + JOURNAL_RECORDS, record, sizeof record);
        read_again(&first, "env/data.mdb");
        assert_int_equal(open_after_cut(first, journal, 1, &after), how == 1 ? FELLOE_DAMAGED : FELLOE_OK);
        if (how != 1)
            store_close(after);
        end();
    }
}

int main(void)
{
    test_thread = pthread_self();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_it_is_made_both_halves_count),
        cmocka_unit_test(once_it_is_marked_the_next_base_counts),
        cmocka_unit_test(a_head_without_records_was_gone_on_from),
        cmocka_unit_test(the_last_record_that_is_torn_was_not_said_to_be_saved),
        cmocka_unit_test(what_is_missing_of_the_first_half_is_damage),
        cmocka_unit_test(what_was_done_again_is_done_again_once_more),
        cmocka_unit_test(the_next_one_waits_for_it),
        cmocka_unit_test(whoever_needs_all_synced_waits_for_it),
        cmocka_unit_test(after_it_failed_nothing_more_is_written),
        cmocka_unit_test(without_room_for_the_mark_it_does_without_a_journal),
        cmocka_unit_test(whichever_write_fails_as_it_begins),
        cmocka_unit_test(one_bit_of_the_mark_does_not_bring_the_base_before_back),
        cmocka_unit_test(one_bit_of_the_only_head_is_told),
        cmocka_unit_test(what_the_layout_before_has_is_not_taken_for_nothing),
        cmocka_unit_test(a_sync_that_failed_while_another_was_wanted_is_not_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
