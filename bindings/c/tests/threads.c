/* What the library's threads leave to the program: its signals, and forks at any time. */
#include "check.h"
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

/* Each thread is made here, while somebody may have asked to fork meanwhile. */
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
/* Comes first: nothing is armed yet. */
static void a_child_forked_while_the_first_timer_is_armed_arms_its_own(void) {
    struct mockit *timer = Mockit_dynamic_init(tick, 1, true, NULL, NULL);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, arm_the_first, timer) == 0);
    count(&waits);
    wait_for(&is_making, 1);
    pid_t child = fork();
    if (child == 0) {
        waits = 0;
        /* The end of one that waits for ever. */
        alarm(60);
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

int main(void) {
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&make, &found, sizeof found);
    RUN(a_child_forked_while_the_first_timer_is_armed_arms_its_own);
    return summary();
}
