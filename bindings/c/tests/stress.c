/* Eight threads arm, disarm and destroy timers, while callbacks destroy their own and other timers. `stress OPERATIONS`
 * makes this many operations in all. */
#include "check.h"

enum { THREADS = 8, TIMERS = 64 };

/* A timer that one thread owns until the timer is destroyed. Its callback destroys this timer, or another one, at
 * times. */
struct mine {
    struct mockit *timer;
    struct mine *other;
    int doomed, ended;
};

static int calls, ends, made;
static int operations = 80000;

/* Sets `doomed`. Returns true to only one thread, and this thread destroys the timer. */
static int doom(struct mine *mine) { return __atomic_exchange_n(&mine->doomed, 1, __ATOMIC_SEQ_CST) == 0; }

static void work(void *timer) {
    struct mine *mine = CTX(struct mine, timer);
    int n = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (n % 7 == 0 && doom(mine)) Mockit_destroy(TIMER(timer));
    else if (n % 11 == 0 && mine->other && doom(mine->other)) Mockit_destroy(mine->other->timer);
}

static int end(void *timer) {
    struct mine *mine = CTX(struct mine, timer);
    free(timer);
    count(&ends);
    __atomic_store_n(&mine->ended, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void *one_thread(void *argument) {
    uint32_t random = (uint32_t)(size_t)argument * 2654435761u + 1;
    struct mine *all = (struct mine *)calloc(TIMERS, sizeof *all);
    for (int n = 0; n < TIMERS; n++) all[n].doomed = 1;
    for (int n = 0; n < operations / THREADS || counted(&calls) < 50; n++) {
        if (n >= operations / THREADS) Mockit_bsleep(1, true, NULL);
        random = random * 1664525u + 1013904223u;
        struct mine *mine = &all[(random >> 8) % TIMERS];
        if (!mine->timer || counted(&mine->ended)) {
            /* No other thread uses the timer: it is marked as doomed, or has not been shared yet. */
            mine->ended = 0;
            mine->other = n % 3 ? &all[(random >> 20) % TIMERS] : NULL;
            mine->timer = Mockit_dynamic_init(work, random >> 20 & 3, true, mine, end);
            count(&made);
            Mockit_arm(mine->timer);
            __atomic_store_n(&mine->doomed, 0, __ATOMIC_SEQ_CST);
        } else if (counted(&mine->doomed)) {
            /* Another thread destroys the timer. */
        } else if ((random >> 16) % 4 == 0 && doom(mine)) {
            Mockit_destroy(mine->timer);
        }
    }
    for (int n = 0; n < TIMERS; n++) {
        struct mine *mine = &all[n];
        if (mine->timer && doom(mine)) Mockit_destroy(mine->timer);
        if (mine->timer) wait_for(&mine->ended, 1);
    }
    free(all);
    return NULL;
}

/* A disarmed one-off timer ends at its deadline, so these timers outlive their threads. */
static struct mockit statics[THREADS][TIMERS];
static struct mine nobody = { NULL, NULL, 1, 0 };

static void *arming(void *argument) {
    uint32_t random = (uint32_t)(size_t)argument * 40503u + 7;
    struct mockit *timers = statics[(size_t)argument];
    for (int n = 0; n < TIMERS; n++) Mockit_static_init(&timers[n], work, n % 5, n % 3 != 0, &nobody, NULL);
    for (int n = 0; n < operations / THREADS; n++) {
        random = random * 1664525u + 1013904223u;
        struct mockit *timer = &timers[(random >> 8) % TIMERS];
        if ((random >> 16) % 2) Mockit_arm(timer);
        else Mockit_disarm(timer);
    }
    for (int n = 0; n < TIMERS; n++) Mockit_destroy(&timers[n]);
    return NULL;
}

static void every_timer_ends_once(void) {
    pthread_t threads[THREADS];
    for (size_t n = 0; n < THREADS; n++) pthread_create(&threads[n], NULL, n % 2 ? arming : one_thread, (void *)n);
    for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
    CHECK(counted(&made) == counted(&ends));
    CHECK(counted(&calls) > 0);
}

int main(int argc, char **argv) {
    if (lacks_timer_descriptors("stress")) return 0;
    if (argc > 1) operations = atoi(argv[1]);
    RUN(every_timer_ends_once);
    printf("%d operations, %d timers made and ended, %d calls\n", operations, counted(&made), counted(&calls));
    return summary();
}
