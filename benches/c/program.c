/* The program of `bench c`. It is compiled once for each library with `-include CONTENDER.h`. That header defines each
 * step for its library. Each result is a line `name value`. Unless its name says otherwise, a value is the thread's CPU
 * time in nanoseconds.
 *
 *   program timers N    N timers: sets all, cancels all; cancels and sets again one at a time; restarts
 *   program fire N      N timers due within 200 ms: set, and run until all have fired
 *   program sleeps N    the same timers: how often the thread slept, and how late the timers fired
 *   program stale       cancels a timer that has fired, by its stale handle
 *   program watch       a descriptor that is ready: watched, one turn, removed
 *   program loops       makes a loop: the time, and the bytes of memory
 *   program count WHAT N ROUNDS    repeats one of these steps, to count its instructions: nothing, set_cancel, restart,
 *                                  stale
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The program sets PER_TURN timers after each reading of the clock. A server, too, sets some tens of timers in a
 * turn. */
enum { PER_TURN = 64, LOOPS = 64, PASSES = 5 };

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void say(const char *name, double value) { printf("%s %.3f\n", name, value); }

static uint64_t state = 88172645463325252;
static uint64_t dice(uint64_t below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
}

static struct timer *timers;
static uint32_t *order, *delays_us;

/* Makes random delays, from 1 ms to about a minute, and a random order of the timers. */
static void prepare(uint32_t count) {
    timers = calloc(count, sizeof *timers);
    order = calloc(count, sizeof *order);
    delays_us = calloc(count, sizeof *delays_us);
    if (!timers || !order || !delays_us) exit(4);
    for (uint32_t n = 0; n < count; n++) {
        delays_us[n] = 1000 + (uint32_t)dice(60000000);
        uint32_t other = (uint32_t)dice(n + 1);
        order[n] = order[other];
        order[other] = n;
        timer_make(&timers[n]);
    }
}

static void set_all(uint32_t count) {
    for (uint32_t n = 0; n < count; n++) {
        if (n % PER_TURN == 0) loop_update_now();
        timer_set(&timers[n], delays_us[n]);
    }
}
static void cancel_all(uint32_t count) {
    for (uint32_t n = 0; n < count; n++) timer_cancel(&timers[order[n]]);
}
static void restart_all(uint32_t count) {
    for (uint32_t n = 0; n < count; n++) {
        if (n % PER_TURN == 0) loop_update_now();
        timer_restart(&timers[order[n]], 60000000);
    }
}
static void replace_all(uint32_t count) {
    for (uint32_t n = 0; n < count; n++) {
        if (n % PER_TURN == 0) loop_update_now();
        timer_cancel(&timers[order[n]]);
        timer_set(&timers[order[n]], delays_us[n]);
    }
}

static uint32_t rounds_for(uint32_t count) { return count < 400000 ? 400000 / count : 1; }

/* Compares two passes, so that the passes can be sorted for their median. */
static int by_size(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}
static void say_median(const char *name, double passes[PASSES]) {
    qsort(passes, PASSES, sizeof *passes, by_size);
    say(name, passes[PASSES / 2]);
}

static void measure_timers(uint32_t count) {
    double pairs[PASSES], restarts[PASSES], replaced[PASSES];
    uint32_t rounds = rounds_for(count);
    double steps = (double)count * rounds;
    loop_make();
    prepare(count);
    for (int pass = 0; pass < PASSES; pass++) {
        uint64_t start_ns = cpu_ns();
        for (uint32_t n = 0; n < rounds; n++) set_all(count), cancel_all(count);
        pairs[pass] = (double)(cpu_ns() - start_ns) / steps;
        set_all(count);
        start_ns = cpu_ns();
        for (uint32_t n = 0; n < rounds; n++) replace_all(count);
        replaced[pass] = (double)(cpu_ns() - start_ns) / steps;
        start_ns = cpu_ns();
        for (uint32_t n = 0; n < rounds; n++) restart_all(count);
        restarts[pass] = (double)(cpu_ns() - start_ns) / steps;
        cancel_all(count);
    }
    say_median("set_cancel", pairs);
    say_median("replace", replaced);
    say_median("restart", restarts);
}

static void measure_fire(uint32_t count) {
    loop_make();
    prepare(count);
    loop_update_now();
    uint64_t start_ns = cpu_ns();
    for (uint32_t n = 0; n < count; n++) timer_set(&timers[n], delays_us[n] % 200000);
    loop_run();
    say("fire", (double)(cpu_ns() - start_ns) / count);
    if (fired != count) exit(5);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t late_ns_sum, late_ns_max;
static void note_lateness(struct timer *timer) {
    uint64_t now = now_ns(), late_ns = now > timer->due_ns ? now - timer->due_ns : 0;
    late_ns_sum += late_ns;
    if (late_ns > late_ns_max) late_ns_max = late_ns;
}

static long sleeps(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

static void measure_sleeps(uint32_t count) {
    loop_make();
    prepare(count);
    note_fire = note_lateness;
    loop_update_now();
    uint64_t start_ns = now_ns();
    for (uint32_t n = 0; n < count; n++) {
        timers[n].due_ns = start_ns + delays_us[n] % 200000 * 1000;
        timer_set(&timers[n], delays_us[n] % 200000);
    }
    long before = sleeps();
    loop_run();
    say("sleeps", (double)(sleeps() - before));
    say("late_mean", (double)late_ns_sum / count / 1000);
    say("late_most", (double)late_ns_max / 1000);
    if (fired != count) exit(5);
}

static void measure_stale(void) {
    struct timer timer;
    double passes[PASSES];
    enum { STEPS = 1000000 };
    loop_make();
    timer_make(&timer);
    timer_set(&timer, 0);
    loop_run();
    for (int pass = 0; pass < PASSES; pass++) {
        uint64_t start_ns = cpu_ns();
        for (int n = 0; n < STEPS; n++) timer_cancel(&timer);
        passes[pass] = (double)(cpu_ns() - start_ns) / STEPS;
    }
    say_median("stale", passes);
}

static void measure_watch(void) {
    double passes[PASSES];
    enum { STEPS = 20000 };
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) || write(pair[1], "x", 1) != 1) exit(4);
    loop_make();
    for (int pass = 0; pass < PASSES; pass++) {
        uint64_t start_ns = cpu_ns();
        for (int n = 0; n < STEPS; n++) watch_add(pair[0]), loop_step(), watch_remove();
        passes[pass] = (double)(cpu_ns() - start_ns) / STEPS;
    }
    if (seen != (unsigned)PASSES * STEPS) exit(5);
    say_median("watch", passes);
}

static void measure_loops(void) {
    loop_make();
    struct mallinfo2 before = mallinfo2();
    uint64_t start_ns = cpu_ns();
    for (int n = 0; n < LOOPS; n++) loop_make();
    uint64_t took_ns = cpu_ns() - start_ns;
    struct mallinfo2 after = mallinfo2();
    say("make", (double)took_ns / LOOPS);
    say("bytes", (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / LOOPS);
}

static void repeat(const char *what, uint32_t count, int rounds) {
    loop_make();
    prepare(count);
    set_all(count);
    if (strcmp(what, "restart") != 0) cancel_all(count);
    for (int n = 0; n < rounds; n++) {
        if (strcmp(what, "set_cancel") == 0) set_all(count), cancel_all(count);
        else if (strcmp(what, "restart") == 0) restart_all(count);
        else if (strcmp(what, "stale") == 0) cancel_all(count);
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 0;
    if (strcmp(what, "timers") == 0 && count > 0) measure_timers(count);
    else if (strcmp(what, "fire") == 0 && count > 0) measure_fire(count);
    else if (strcmp(what, "sleeps") == 0 && count > 0) measure_sleeps(count);
    else if (strcmp(what, "stale") == 0) measure_stale();
    else if (strcmp(what, "watch") == 0) measure_watch();
    else if (strcmp(what, "loops") == 0) measure_loops();
    else if (strcmp(what, "count") == 0 && argc > 4) repeat(argv[2], (uint32_t)atoi(argv[3]), atoi(argv[4]));
    else {
        fprintf(stderr, "usage: %s timers N | fire N | sleeps N | stale | watch | loops | count WHAT N ROUNDS\n", argv[0]);
        return 2;
    }
    fflush(stdout);
    _exit(0); /* skips the end of the library, which is not measured */
}
