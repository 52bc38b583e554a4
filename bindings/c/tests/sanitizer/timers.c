/* This program is compiled with the thread sanitizer; the library is not. The program and the callbacks of mockit.h
 * share memory, but not at the same time. There is no race, so the sanitizer must not report one. */
#include <mockit.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMERS = 100 };

struct shared {
    int given, calls;
};

static int ended, calls_of_owned;

/* The calls of one timer come from several threads, one after another. */
static void on_interval(void *timer) {
    struct shared *shared = ((struct mockit *)timer)->ctx;
    if (shared->given == 7) shared->calls++;
}
/* The counter is relaxed, so it does not order the threads for the sanitizer. */
static void on_owned(void *timer) {
    on_interval(timer);
    __atomic_add_fetch(&calls_of_owned, 1, __ATOMIC_RELAXED);
}
static void on_time(void *timer) {
    struct shared *shared = ((struct mockit *)timer)->ctx;
    shared->calls++;
}
/* Runs on the thread of the last callback, or of Mockit_destroy. */
static int end(void *timer) {
    struct shared *shared = ((struct mockit *)timer)->ctx;
    int calls = shared->calls;
    free(shared);
    free(timer);
    if (calls > 0) __atomic_add_fetch(&ended, 1, __ATOMIC_RELAXED);
    return 0;
}
static void arm(struct mockit *timer, struct shared *shared) {
    *shared = (struct shared){ 7, 0 }; /* read by the callback */
    if (Mockit_arm(timer)) abort();
}
static struct mockit *armed(void (*cb)(void *), uint32_t ms, bool cyclic) {
    struct shared *shared = malloc(sizeof *shared);
    struct mockit *timer = Mockit_dynamic_init(cb, ms, cyclic, shared, end);
    arm(timer, shared);
    return timer;
}

int main(void) {
    static struct mockit *intervals[TIMERS], owned[TIMERS];
    static struct shared of_owned[TIMERS];
    int calls = 0;
    for (int n = 0; n < TIMERS; n++) {
        intervals[n] = armed(on_interval, 1 + n % 3, true);
        armed(on_time, 1 + n % 10, false);
        Mockit_static_init(&owned[n], on_owned, 1 + n % 3, true, &of_owned[n], NULL);
        arm(&owned[n], &of_owned[n]);
    }
    while (__atomic_load_n(&calls_of_owned, __ATOMIC_RELAXED) < 10 * TIMERS) Mockit_bsleep(1, true, NULL);
    for (int n = 0; n < TIMERS; n++) {
        Mockit_destroy(intervals[n]);
        Mockit_destroy(&owned[n]);
        calls += of_owned[n].calls; /* a call that was running has returned */
    }
    while (__atomic_load_n(&ended, __ATOMIC_RELAXED) < TIMERS) Mockit_bsleep(1, true, NULL);
    printf("called %d times\n", calls);
    return calls == 0;
}
