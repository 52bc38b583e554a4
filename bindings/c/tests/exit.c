/* A process may end in any way while thousands of timers are armed and callbacks run. Each case runs in its own
 * process. With the argument ROUNDS, this program runs each way of ending ROUNDS times. It starts itself with the
 * arguments `0 WAY` for each of these processes. */
#include "check.h"

enum { TIMERS = 10000, WAYS = 5 };

static int calls;
static void tick(void *timer) {
    (void)timer;
    count(&calls);
}
static void sleep_on(void *timer) {
    (void)timer;
    Mockit_bsleep(600000, true, NULL);
}
static void exit_here(void *timer) {
    (void)timer;
    exit(0);
}

static void *exit_in_a_thread(void *argument) {
    wait_for(&calls, 1000);
    exit(0);
    return argument;
}
/* An exit handler that was registered before the library's. `exit` calls handlers in reverse order, so the library's
 * has ended already. Callbacks that had begun may still add to `calls`, one for each thread of the library. There are
 * far fewer such threads than ALREADY_RUNNING. */
enum { ALREADY_RUNNING = 64 };
static void no_callback_starts_any_more(void) {
    int before = counted(&calls);
    Mockit_bsleep(20, true, NULL);
    if (counted(&calls) <= before + ALREADY_RUNNING) return;
    printf("callbacks start after the exit has begun\n");
    fflush(stdout);
    _exit(3);
}

static int end(int way) {
    atexit(no_callback_starts_any_more);
    for (int n = 0; n < TIMERS; n++) Mockit_arm(Mockit_dynamic_init(tick, n % 50 + 1, n % 2, NULL, NULL));
    Mockit_arm(Mockit_dynamic_init(sleep_on, 1, false, NULL, NULL));
    if (way == 0) wait_for(&calls, 1000);
    if (way == 1) exit(0);
    if (way == 2) Mockit_arm(Mockit_dynamic_init(exit_here, 3, false, NULL, NULL));
    if (way == 2) Mockit_bsleep(600000, true, NULL);
    if (way == 3) _exit(0);
    if (way == 4) {
        pthread_t thread;
        pthread_create(&thread, NULL, exit_in_a_thread, NULL);
        pthread_join(thread, NULL);
    }
    return 0;
}

static const char *program;
static int rounds = 5;

static void every_end_is_clean(void) {
    for (int n = 0; n < rounds * WAYS; n++) {
        char way[2] = { (char)('0' + n % WAYS), 0 };
        CHECK(run_and_wait(program, "0", way) == 0);
    }
}

#if HAS_FORK
/* Threads do not survive a fork: the child has none of the parent's timers. The child's first timer starts a new
 * service. */
static void a_forked_child_starts_its_own_service(void) {
    struct mockit *timer = Mockit_dynamic_init(tick, 1, true, NULL, NULL);
    Mockit_arm(timer);
    wait_for(&calls, 1);
    pid_t child = fork();
    if (child == 0) {
        int before = counted(&calls);
        Mockit_bsleep(20, true, NULL);
        if (counted(&calls) != before) _exit(1);
        Mockit_arm(Mockit_dynamic_init(tick, 1, false, NULL, NULL));
        wait_for(&calls, before + 1);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    wait_for(&calls, counted(&calls) + 1);
    CHECK(Mockit_destroy(timer) == 0);
}

#endif

int main(int argc, char **argv) {
    program = argv[0];
    if (argc > 2) return end(argv[2][0] - '0');
    if (argc > 1) rounds = atoi(argv[1]);
    RUN(every_end_is_clean);
#if HAS_FORK
    RUN(a_forked_child_starts_its_own_service);
#else
    SKIP(a_forked_child_starts_its_own_service, "fork");
#endif
    return summary();
}
