/* A peer: the part of mockit.h that the benchmark uses, on POSIX timers. Their notifications are threads that libc
 * starts, one for each expiry. */
#define _GNU_SOURCE
#include <mockit.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct timer {
    struct mockit mockit;
    timer_t id;
};

static void expire(union sigval value) {
    struct mockit *timer = value.sival_ptr;
    timer->cb(timer);
}

struct mockit *Mockit_dynamic_init(void (*cb)(void *), uint32_t ms, bool cyclic, void *ctx, int (*destructor)(void *)) {
    struct timer *timer = calloc(1, sizeof *timer);
    if (!timer) return NULL;
    timer->mockit.cb = cb;
    timer->mockit.timeout__ = ms;
    timer->mockit.is_cyclic__ = cyclic;
    timer->mockit.ctx = ctx;
    timer->mockit.destructor = destructor;
    return &timer->mockit;
}

int Mockit_arm(struct mockit *mockit) {
    struct timer *timer = (struct timer *)mockit;
    struct sigevent event = { .sigev_notify = SIGEV_THREAD };
    event.sigev_value.sival_ptr = timer;
    event.sigev_notify_function = expire;
    if (timer_create(CLOCK_BOOTTIME, &event, &timer->id)) return errno;
    struct timespec time = { mockit->timeout__ / 1000, (long)(mockit->timeout__ % 1000) * 1000000 };
    struct itimerspec plan = { .it_value = time };
    if (mockit->is_cyclic__) plan.it_interval = time;
    return timer_settime(timer->id, 0, &plan, NULL) ? errno : 0;
}

int Mockit_destroy(struct mockit *mockit) {
    int error = timer_delete(((struct timer *)mockit)->id) ? errno : 0;
    free(mockit);
    return error;
}
