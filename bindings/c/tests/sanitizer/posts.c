/* This program is compiled with the thread sanitizer; the library is not. The threads share memory through posts,
 * wakes, and a loop that moves to another thread. There is no race, so the sanitizer must not report one. */
#include <cogloop.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { POSTS = 1000 };

static cog_loop loop;
static int served, handed_over, woken, answer;

static void take(void *ctx) {
    int *number = ctx;
    served += *number == 7;
    free(number);
    if (served == POSTS) cog_loop_stop(loop);
}
static void *post_all(void *ctx) {
    for (int n = 0; n < POSTS; n++) {
        int *number = malloc(sizeof *number);
        *number = 7; /* read on the loop's thread */
        if (cog_loop_post(loop, take, free, number)) abort();
    }
    return ctx;
}
static void *wake_it(void *ctx) {
    woken = 1; /* read after the turn that the wake ends */
    if (cog_loop_wake(loop)) abort();
    return ctx;
}
static void at_last(void *ctx) { (void)ctx, answer = handed_over; }
static int is_adopted;
static void *adopt_it(void *ctx) {
    cog_loop given = { __atomic_load_n(&loop.id, __ATOMIC_RELAXED) };
    while (cog_loop_adopt(given)) sched_yield();
    if (handed_over != 7 || cog_loop_post(given, at_last, NULL, NULL) || cog_loop_run(given)) abort();
    if (cog_loop_free(given)) abort();
    __atomic_store_n(&is_adopted, 1, __ATOMIC_SEQ_CST);
    return ctx;
}

int main(void) {
    pthread_t thread;
    if (cog_loop_new(NULL, &loop) || cog_loop_keep_alive(loop, true)) return 2;
    pthread_create(&thread, NULL, post_all, NULL);
    if (cog_loop_run(loop) || served != POSTS) return 3;
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, wake_it, NULL);
    if (cog_loop_run_once(loop, COG_NEVER, NULL) || woken != 1) return 4;
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, adopt_it, NULL);
    if (cog_loop_keep_alive(loop, false)) return 5;
    handed_over = 7; /* read by the thread that adopts */
    if (cog_loop_release(loop)) return 6;
    pthread_join(thread, NULL);
    printf("served %d, answer %d\n", served, answer);
    return answer != 7;
}
