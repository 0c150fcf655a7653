/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: everything pushed is taken once, each pusher's items in their order, and closing wakes the taker. */
#include "tests/unit/given.h"

#include "daemon/queue.h"

struct item {
    struct queue_item link;
    unsigned pusher, number;
};

static struct item *item_of(struct queue_item *link)
{
    return (struct item *)(void *)link; /* the first member */
}

static void items_come_in_the_order_they_were_pushed(void **state)
{
    (void)state;
    struct queue queue;
    struct item items[5];
    queue_init(&queue, NULL, NULL);
    assert_null(queue_take_all(&queue));
    for (unsigned i = 0; i < 5; i++) {
        items[i].number = i;
        queue_push(&queue, &items[i].link);
    }
    unsigned next = 0;
    for (struct queue_item *at = queue_take_all(&queue); at != NULL; at = at->next)
        assert_int_equal(item_of(at)->number, next++);
    assert_int_equal(next, 5);
    assert_null(queue_take_all(&queue));
    queue_push(&queue, &items[0].link);
    assert_ptr_equal(queue_wait_all(&queue), &items[0].link);
    queue_destroy(&queue);
}

static void a_list_is_taken_whole(void **state)
{
    (void)state;
    struct queue queue;
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    queue_init(&queue, NULL, NULL);
    queue_push(&queue, &items[0].link);
    items[1].link.next = &items[2].link;
    items[2].link.next = NULL;
    queue_push_all(&queue, &items[1].link);
    queue_push(&queue, &items[3].link);
    unsigned next = 0;
    for (struct queue_item *at = queue_wait_all(&queue); at != NULL; at = at->next)
        assert_int_equal(item_of(at)->number, next++);
    assert_int_equal(next, 4);
    queue_destroy(&queue);
}

static void count_wake(void *context)
{
    ++*(unsigned *)context;
}

static void each_push_wakes_the_loop(void **state)
{
    (void)state;
    unsigned woken = 0;
    struct queue queue;
    struct item items[2];
    queue_init(&queue, count_wake, &woken);
    queue_push(&queue, &items[0].link);
    queue_push(&queue, &items[1].link);
    assert_int_equal(woken, 2);
    queue_destroy(&queue);
}

static void what_was_pushed_before_closing_is_still_taken(void **state)
{
    (void)state;
    struct queue queue;
    struct item item;
    queue_init(&queue, NULL, NULL);
    queue_push(&queue, &item.link);
    queue_close(&queue);
    assert_ptr_equal(queue_wait_all(&queue), &item.link);
    assert_null(queue_wait_all(&queue));
    queue_destroy(&queue);
}

#define PUSHERS 4
#define EACH    20000
struct pusher {
    pthread_t thread;
    struct queue *queue;
    struct item *items;
};

static void *push_all(void *context)
{
    struct pusher *pusher = context;
    for (unsigned i = 0; i < EACH; i++)
        queue_push(pusher->queue, &pusher->items[i].link);
    return NULL;
}

static void *close_when_pushed(void *context)
{
    struct pusher *pushers = context;
    for (unsigned i = 0; i < PUSHERS; i++)
        pthread_join(pushers[i].thread, NULL);
    queue_close(pushers[0].queue);
    return NULL;
}

static void nothing_is_lost_between_many_threads(void **state)
{
    (void)state;
    struct queue queue;
    struct pusher pushers[PUSHERS];
    unsigned next[PUSHERS] = {0};
    queue_init(&queue, NULL, NULL);
    for (unsigned p = 0; p < PUSHERS; p++) {
        pushers[p] = (struct pusher){.queue = &queue, .items = calloc(EACH, sizeof(struct item))};
        assert_non_null(pushers[p].items);
        for (unsigned i = 0; i < EACH; i++)
            pushers[p].items[i] = (struct item){.pusher = p, .number = i};
        assert_int_equal(pthread_create(&pushers[p].thread, NULL, push_all, &pushers[p]), 0);
    }
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_when_pushed, pushers), 0);
    struct queue_item *items;
    while ((items = queue_wait_all(&queue)) != NULL)
        for (; items != NULL; items = items->next)
            assert_int_equal(item_of(items)->number, next[item_of(items)->pusher]++);
    pthread_join(closer, NULL);
    for (unsigned p = 0; p < PUSHERS; p++) {
        assert_int_equal(next[p], EACH);
        free(pushers[p].items);
    }
    queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_in_the_order_they_were_pushed),
        cmocka_unit_test(a_list_is_taken_whole),
        cmocka_unit_test(each_push_wakes_the_loop),
        cmocka_unit_test(what_was_pushed_before_closing_is_still_taken),
        cmocka_unit_test(nothing_is_lost_between_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
