/* Tests that the library's threads take no signals of the program. Also tests a fork while the library makes its first
 * thread. */
#include "check.h"

#if HAS_FORK && HAS_SIGNALS
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int calls;
static void tick(void *timer) {
    (void)timer;
    count(&calls);
}

/* Replaces pthread_create. So a test can fork while the library makes a thread. */
static int (*make)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static int waits, is_making, has_forked;

#ifdef __cplusplus
extern "C"
#endif
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    if (counted(&waits)) {
        count(&is_making);
        wait_for(&has_forked, 1);
    }
    return make(thread, attributes, start, argument);
}

static void *arm_the_first(void *timer) {
    CHECK(Mockit_arm(TIMER(timer)) == 0);
    return NULL;
}
/* This test runs first, while no timer is armed. */
static void a_child_that_is_forked_during_the_first_arming_can_arm_a_timer(void) {
    struct mockit *timer = Mockit_dynamic_init(tick, 1, true, NULL, NULL);
    pthread_t thread;
    count(&waits);
    CHECK(make(&thread, NULL, arm_the_first, timer) == 0);
    wait_for(&is_making, 1);
    pid_t child = fork();
    if (child == 0) {
        waits = 0;
        /* This ends a child that hangs. */
        alarm(600);
        if (Mockit_arm(Mockit_dynamic_init(tick, 1, false, NULL, NULL)) != 0) _exit(1);
        wait_for(&calls, 1);
        _exit(0);
    }
    __atomic_store_n(&waits, 0, __ATOMIC_SEQ_CST);
    count(&has_forked);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    wait_for(&calls, 1);
    CHECK(Mockit_destroy(timer) == 0);
}

static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
static int is_fault(int number) {
    int is = 0;
    for (size_t n = 0; n < sizeof faults / sizeof *faults; n++) is |= number == faults[n];
    return is;
}
/* Whether this line of a thread's status shows that the thread blocks all signals, except those of faults and those
 * that cannot be blocked. */
static int blocks_all(const char *line) {
    unsigned long long blocked = 0;
    if (sscanf(line, "SigBlk: %llx", &blocked) != 1) return 0;
    for (int number = 1; number < SIGRTMAX; number++) {
        int is_own = number == SIGKILL || number == SIGSTOP || (number > 31 && number < SIGRTMIN);
        if (!is_own && !is_fault(number) && !(blocked >> (number - 1) & 1)) return 0;
    }
    return 1;
}
static int deaf;
static void tick_and_listen(void *timer) {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < 32; number++) {
        if (is_fault(number) && sigismember(&blocked, number)) count(&deaf);
    }
    tick(timer);
}
/* Counts the threads of the library. *open becomes the number of library threads that leave some of these signals
 * unblocked. */
static int library_threads(int *open) {
    int all = 0;
    *open = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        char path[300], line[256];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "r");
        int is_ours = 0;
        while (status && fgets(line, sizeof line, status)) {
            if (strncmp(line, "Name:\tcogloop ", 14) == 0) is_ours = 1;
            if (is_ours && strncmp(line, "SigBlk:", 7) == 0) all++, *open += !blocks_all(line);
        }
        if (status) fclose(status);
    }
    if (tasks) closedir(tasks);
    return all;
}
static void signals_are_left_to_the_threads_of_the_program(void) {
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct mockit *timer = Mockit_dynamic_init(tick_and_listen, 1, true, NULL, NULL);
    CHECK(Mockit_arm(TIMER(timer)) == 0);
    wait_for(&calls, counted(&calls) + 2);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < SIGRTMAX; number++) {
        CHECK(sigismember(&before, number) == sigismember(&after, number));
    }
    int open = 0;
    CHECK(library_threads(&open) >= 2);
    CHECK(open == 0);
    CHECK(Mockit_destroy(timer) == 0);
    CHECK(counted(&deaf) == 0);
}

int main(void) {
    if (lacks_timer_descriptors("threads")) return 0;
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&make, &found, sizeof found);
    RUN(a_child_that_is_forked_during_the_first_arming_can_arm_a_timer);
    RUN(signals_are_left_to_the_threads_of_the_program);
    return summary();
}
#else
int main(void) {
    SKIP(a_child_that_is_forked_during_the_first_arming_can_arm_a_timer, "fork");
    SKIP(signals_are_left_to_the_threads_of_the_program, "signals");
    return summary();
}
#endif
