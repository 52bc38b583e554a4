/* A peer: the part of mockit.h that the benchmark uses, with a thread for each timer. The thread sleeps, calls the
 * callback, and sleeps again. Ending a timer waits for its thread to wake up. */
#define _GNU_SOURCE
#include <mockit.h>

#include <stdlib.h>

static void *live(void *argument) {
    struct mockit *timer = argument;
    struct timespec time = { timer->timeout__ / 1000, (long)(timer->timeout__ % 1000) * 1000000 };
    do {
        clock_nanosleep(CLOCK_BOOTTIME, 0, &time, NULL);
        timer->cb(timer);
    } while (timer->is_cyclic__);
    return NULL;
}

struct mockit *Mockit_dynamic_init(void (*cb)(void *), uint32_t ms, bool cyclic, void *ctx, int (*destructor)(void *)) {
    struct mockit *timer = calloc(1, sizeof *timer);
    if (!timer) return NULL;
    timer->cb = cb;
    timer->timeout__ = ms;
    timer->is_cyclic__ = cyclic;
    timer->ctx = ctx;
    timer->destructor = destructor;
    return timer;
}

int Mockit_arm(struct mockit *timer) { return pthread_create(&timer->thread_id__, NULL, live, timer); }

int Mockit_destroy(struct mockit *timer) {
    timer->is_cyclic__ = false;
    int error = pthread_join(timer->thread_id__, NULL);
    free(timer);
    return error;
}
