/* Helpers of the tests. */
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "system.h"
#include <cogloop.h>
#include <mockit.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* These casts make the tests valid C++, too. */
#define TIMER(pointer) ((struct mockit *)(pointer))
#define CTX(type, timer) ((type *)TIMER(timer)->ctx)
#define NEW(type, name) type name; memset(&name, 0, sizeof name)

static int passed, failed;

#define CHECK(what)                                                                  \
    do {                                                                             \
        if (!(what)) {                                                               \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #what);                         \
            failed_here = 1;                                                         \
        }                                                                            \
    } while (0)

static int UNUSED(failed_here);

#define RUN(story)                                                                   \
    do {                                                                             \
        failed_here = 0;                                                             \
        story();                                                                     \
        printf("%s %s\n", failed_here ? "FAILED" : "ok    ", #story);                 \
        if (failed_here) failed++; else passed++;                                     \
    } while (0)

/* Reports a test that is left out because this system lacks a feature. `cargo xtask test` counts the printed line. */
#define SKIP(story, why) printf("skipped: %s: %s\n", #story, why)

static inline int summary(void) {
    printf("%d passed, %d failed\n", passed, failed);
    fflush(stdout);
    return failed != 0;
}

/* Counters that threads share. C99 has no atomics. */
static inline void count(int *counter) { __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST); }
static inline int counted(int *counter) { return __atomic_load_n(counter, __ATOMIC_SEQ_CST); }
static inline void wait_for(int *counter, int least) {
    while (counted(counter) < least) Mockit_bsleep(1, true, NULL);
}

enum { MS = 1000000 };

/* A loop with a virtual clock. Its waits take no real time. */
static inline cog_loop virtual_loop(void) {
    cog_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.clock = COG_CLOCK_VIRTUAL;
    cog_loop loop = { 0 };
    if (cog_loop_new(&options, &loop) != COG_OK) {
        printf("no loop: %s\n", cog_last_message());
        abort();
    }
    return loop;
}

static inline uint64_t now_of(cog_loop loop) {
    uint64_t now_ns = 0;
    cog_loop_now(loop, &now_ns);
    return now_ns;
}
#endif
