/* cogloop.h: a loop moves to another thread, or goes on in a forked child. */
#include "check.h"

#if HAS_FORK && HAS_SIGNALS
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static int calls, reads, signals, ends;
static void on_timer(cog_timer timer, const cog_expiry *expiry, void *ctx) { (void)timer, (void)expiry, (void)ctx, calls++; }
static void on_ready(cog_watch watch, int ready, void *ctx) {
    char byte;
    (void)ready;
    if (read(*(int *)ctx, &byte, 1) == 1) reads++;
    CHECK(cog_watch_remove(watch) == COG_OK);
}
static void on_signal(cog_watch watch, int number, void *ctx) { (void)watch, (void)number, (void)ctx, signals++; }
static void on_post(void *ctx) { ++*(int *)ctx; }
static void on_end(void *ctx) { (void)ctx, ends++; }

static cog_loop loop;
static cog_timer timer;
static cog_watch watch;
static int ends_of_pipe[2], posted;

static void fill(void) {
    calls = reads = signals = ends = posted = 0;
    CHECK(pipe(ends_of_pipe) == 0);
    CHECK(cog_watch_descriptor(loop, ends_of_pipe[0], COG_READ, COG_LEVEL, on_ready, &ends_of_pipe[0], &watch) == COG_OK);
    CHECK(cog_watch_on_end(watch, on_end) == COG_OK);
    /* Each test later gives the timer a short delay. Until then the delay of an hour keeps the timer from firing, even
     * on a slow machine. */
    CHECK(cog_timer_after(loop, (uint64_t)3600000 * MS, on_timer, NULL, &timer) == COG_OK && cog_timer_on_end(timer, on_end) == COG_OK);
}
static void close_pipe(void) { close(ends_of_pipe[0]), close(ends_of_pipe[1]); }
static int write_one(void) { return write(ends_of_pipe[1], "x", 1) == 1; }

/* ---- Threads ---- */

static void *run_it(void *ctx) {
    int makes_loops = *(int *)ctx;
    cog_loop own[3];
    for (int n = 0; n < makes_loops; n++) CHECK(cog_loop_new(NULL, &own[n]) == COG_OK);
    CHECK(cog_timer_cancel(timer) == COG_ERROR_THREAD && cog_loop_run(loop) == COG_ERROR_THREAD);
    CHECK(cog_loop_free(loop) == COG_ERROR_THREAD);
    CHECK(cog_loop_adopt(loop) == COG_OK && cog_loop_adopt(loop) == COG_ERROR_THREAD);
    CHECK(cog_timer_reschedule(timer, 2 * MS) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && calls == 1 && reads == 1 && posted == 1 && ends == 2);
    for (int n = 0; n < makes_loops; n++) CHECK(cog_loop_free(own[n]) == COG_OK);
    const char *name = NULL;
    CHECK(cog_loop_backend(loop, &name, NULL) == COG_OK && name[0]);
    CHECK(cog_loop_release(loop) == COG_OK);
    return NULL;
}
static void another_thread_goes_on_with_a_loop(void) {
    /* If the other thread makes no loops, the loop's place in that thread's table is free. If it makes 3 loops, the
     * place is taken. */
    for (int makes_loops = 0; makes_loops <= 3; makes_loops += 3) {
        pthread_t thread;
        CHECK(cog_loop_new(NULL, &loop) == COG_OK);
        fill();
        CHECK(cog_loop_adopt(loop) == COG_ERROR_THREAD);
        CHECK(cog_loop_release(loop) == COG_OK && cog_loop_release(loop) == COG_ERROR_THREAD);
        CHECK(strstr(cog_last_message(), "to none") != NULL);
        CHECK(cog_timer_cancel(timer) == COG_ERROR_THREAD && cog_loop_free(loop) == COG_ERROR_THREAD);
        CHECK(cog_loop_post(loop, on_post, NULL, &posted) == COG_OK && cog_loop_wake(loop) == COG_OK && write_one());
        pthread_create(&thread, NULL, run_it, &makes_loops);
        pthread_join(thread, NULL);
        CHECK(cog_loop_adopt(loop) == COG_OK && cog_loop_free(loop) == COG_OK); /* back again */
        CHECK(cog_loop_adopt(loop) == COG_ERROR_STALE);
        close_pipe();
    }
}

static void release_in_it(cog_timer of, const cog_expiry *expiry, void *ctx) {
    (void)of, (void)expiry, (void)ctx, calls++;
    CHECK(cog_loop_release(loop) == COG_ERROR_RUNNING);
}
static void a_loop_that_runs_is_not_released(void) {
    loop = virtual_loop();
    calls = 0;
    CHECK(cog_timer_after(loop, MS, release_in_it, NULL, NULL) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && calls == 1 && cog_loop_free(loop) == COG_OK);
}

/* ---- Forks ---- */

/* Runs a test, `story`, in a child process. Returns whether all its checks held. */
static int in_a_child(void (*story)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        failed_here = 0;
        story();
        fflush(stdout);
        _exit(failed_here);
    }
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void go_on(void) {
    cog_stats stats;
    stats.size = sizeof stats;
    CHECK(cog_timer_cancel(timer) == COG_ERROR_THREAD && strstr(cog_last_message(), "parent") != NULL);
    CHECK(cog_loop_after_fork(loop) == COG_OK && cog_loop_after_fork(loop) == COG_OK);
    CHECK(ends == 1 && cog_loop_stats(loop, &stats) == COG_OK && stats.watches == 1 && stats.timers == 1);
    CHECK(cog_loop_post(loop, on_post, NULL, &posted) == COG_OK && write_one());
    CHECK(cog_timer_reschedule(timer, MS) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && calls == 1 && reads == 1 && posted == 1 && ends == 3);
    CHECK(cog_loop_free(loop) == COG_OK && cog_loop_run(loop) == COG_ERROR_STALE);
}
static void make_another_first(void) {
    cog_loop other;
    CHECK(cog_loop_new(NULL, &other) == COG_OK);
    CHECK(cog_loop_after_fork(loop) == COG_ERROR_LIMIT && strstr(cog_last_message(), "before making another loop") != NULL);
    CHECK(cog_loop_free(other) == COG_OK);
}
static void a_forked_child_goes_on_with_its_copy_of_a_loop(void) {
    cog_watch usr1;
    CHECK(cog_loop_new(NULL, &loop) == COG_OK);
    fill();
    CHECK(cog_watch_signal(loop, SIGUSR1, on_signal, NULL, &usr1) == COG_OK && cog_watch_on_end(usr1, on_end) == COG_OK);
    CHECK(cog_loop_run_once(loop, 0, NULL) == COG_OK);
    CHECK(in_a_child(go_on) && in_a_child(make_another_first));
    /* The parent's loop still has all its timers and watches. The pipe is empty: the child has read its byte. */
    CHECK(calls + reads + ends == 0 && cog_timer_reschedule(timer, MS) == COG_OK);
    CHECK(raise(SIGUSR1) == 0 && write_one());
    while (signals + calls + reads < 3) CHECK(cog_loop_run_once(loop, COG_NEVER, NULL) == COG_OK);
    CHECK(cog_watch_remove(usr1) == COG_OK && cog_loop_run(loop) == COG_OK && ends == 3);
    CHECK(cog_loop_free(loop) == COG_OK);
    close_pipe();
}

/* A callback forks. The child takes over its copy of the loop in that callback, and both processes run on. */
static void fork_in_it(cog_timer of, const cog_expiry *expiry, void *ctx) {
    (void)of, (void)expiry;
    pid_t *child = (pid_t *)ctx;
    *child = fork();
    if (*child == 0) CHECK(cog_loop_after_fork(loop) == COG_OK);
}
static void a_callback_may_fork_and_both_go_on(void) {
    pid_t child = -1;
    int status = -1;
    fflush(stdout);
    CHECK(cog_loop_new(NULL, &loop) == COG_OK);
    calls = 0;
    CHECK(cog_timer_after(loop, 0, fork_in_it, &child, NULL) == COG_OK);
    CHECK(cog_timer_after(loop, 2 * MS, on_timer, NULL, NULL) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && calls == 1);
    if (child == 0) fflush(stdout), _exit(failed_here);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(cog_loop_free(loop) == COG_OK);
}

static int is_running, has_returned;
static void tell(void *ctx) { count((int *)ctx); }
static void *run_until_stopped(void *ctx) {
    CHECK(cog_loop_new(NULL, &loop) == COG_OK && cog_loop_keep_alive(loop, true) == COG_OK);
    CHECK(cog_loop_post(loop, tell, NULL, &is_running) == COG_OK);
    cog_loop_run(loop);
    count(&has_returned);
    cog_loop_free(loop);
    pthread_testcancel();
    return ctx;
}
static void stop_it(void *ctx) {
    (void)ctx;
    pthread_testcancel(); /* inside a run it does nothing */
    CHECK(cog_loop_stop(loop) == COG_OK);
}
static void a_thread_is_not_cancelled_while_it_runs_a_loop(void) {
    pthread_t thread;
    void *result = NULL;
    CHECK(pthread_create(&thread, NULL, run_until_stopped, NULL) == 0);
    wait_for(&is_running, 1);
    CHECK(pthread_cancel(thread) == 0);
    CHECK(cog_loop_post(loop, stop_it, NULL, NULL) == COG_OK);
    CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED && counted(&has_returned) == 1);
}

int main(void) {
    RUN(another_thread_goes_on_with_a_loop);
    RUN(a_loop_that_runs_is_not_released);
    RUN(a_forked_child_goes_on_with_its_copy_of_a_loop);
    RUN(a_callback_may_fork_and_both_go_on);
    RUN(a_thread_is_not_cancelled_while_it_runs_a_loop);
    return summary();
}
#else
int main(void) {
    SKIP(another_thread_goes_on_with_a_loop, "forks and signals");
    SKIP(a_loop_that_runs_is_not_released, "forks and signals");
    SKIP(a_forked_child_goes_on_with_its_copy_of_a_loop, "forks and signals");
    SKIP(a_callback_may_fork_and_both_go_on, "forks and signals");
    SKIP(a_thread_is_not_cancelled_while_it_runs_a_loop, "forks and signals");
    return summary();
}
#endif
