/* cogloop.h and mockit.h: callbacks that do not return. The process ends with a message that names the kind
 * of callback. */
#include "check.h"

#if HAS_FORK
#include <signal.h>
#include <sys/resource.h>

static void exit_the_thread(cog_timer of, const cog_expiry *expiry, void *ctx) {
    (void)of, (void)expiry, (void)ctx;
    pthread_exit(NULL);
}
static void exit_in_a_post(void *ctx) { (void)ctx, pthread_exit(NULL); }
static void in_a_timer(void) {
    cog_loop loop;
    CHECK(cog_loop_new(NULL, &loop) == COG_OK && cog_timer_after(loop, 0, exit_the_thread, NULL, NULL) == COG_OK);
    cog_loop_run(loop);
}
static void in_a_post(void) {
    cog_loop loop;
    CHECK(cog_loop_new(NULL, &loop) == COG_OK && cog_loop_post(loop, exit_in_a_post, NULL, NULL) == COG_OK);
    cog_loop_run(loop);
}

static void leave(void *timer) { (void)timer, pthread_exit(NULL); }
static int leave_at_the_end(void *timer) { leave(timer); return 0; }
static void do_nothing(void *timer) { (void)timer; }
static void cancel_oneself(void *timer) {
    (void)timer;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_cancel(pthread_self());
    pthread_testcancel();
}
#ifdef __cplusplus
static void throw_one(void *timer) { (void)timer; throw 1; }
#endif
static void arm_one(void (*cb)(void *), int (*destructor)(void *)) {
    CHECK(Mockit_arm(Mockit_dynamic_init(cb, 1, false, NULL, destructor)) == 0);
    Mockit_bsleep(600000, true, NULL);
}
static void in_a_callback_of_mockit(void) { arm_one(leave, NULL); }
static void in_a_destructor_of_mockit(void) { arm_one(do_nothing, leave_at_the_end); }
static void in_a_destructor_that_the_program_calls(void) {
    Mockit_destroy(Mockit_dynamic_init(do_nothing, 1, true, NULL, leave_at_the_end));
}
static void in_a_callback_of_mockit_that_is_cancelled(void) { arm_one(cancel_oneself, NULL); }
#ifdef __cplusplus
static void in_a_callback_of_mockit_that_throws(void) { arm_one(throw_one, NULL); }
#endif

/* Runs `leaves` in a child process. The child must write a message that contains `what`, and then abort. */
static void expect_words(void (*leaves)(void), const char *what) {
    int words[2], status = 0;
    char text[512];
    size_t length = 0;
    ssize_t got;
    CHECK(pipe(words) == 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit no_core = { 0, 0 };
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(words[1], 2);
        leaves();
        _exit(0);
    }
    close(words[1]);
    while (length < sizeof text - 1 && (got = read(words[0], text + length, sizeof text - 1 - length)) > 0) length += (size_t)got;
    text[length] = 0;
    close(words[0]);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(strstr(text, what) != NULL && strstr(text, "has not returned: it called pthread_exit") != NULL);
    if (failed_here) printf("  %s: it said: %s\n", what, text);
}

static void a_callback_that_does_not_return_ends_the_process_with_a_message(void) {
    expect_words(in_a_timer, "cogloop: the callback of a timer has");
    expect_words(in_a_post, "cogloop: the function of a post");
}
static void a_callback_of_mockit_that_does_not_return_ends_the_process_with_a_message(void) {
    expect_words(in_a_callback_of_mockit, "cogloop: the callback of a timer of mockit.h");
    expect_words(in_a_callback_of_mockit_that_is_cancelled, "cogloop: the callback of a timer of mockit.h");
    expect_words(in_a_destructor_of_mockit, "cogloop: the destructor of a timer of mockit.h");
    expect_words(in_a_destructor_that_the_program_calls, "cogloop: the destructor of a timer of mockit.h");
#ifdef __cplusplus
    expect_words(in_a_callback_of_mockit_that_throws, "cogloop: the callback of a timer of mockit.h");
#endif
}

static int calls;
static pthread_t thread_of_a_callback;
static void tell_the_thread(void *timer) {
    (void)timer;
    if (counted(&calls) == 0) thread_of_a_callback = pthread_self();
    count(&calls);
    pthread_testcancel();
}
static void the_librarys_threads_are_not_cancelled(void) {
    struct mockit *timer = Mockit_dynamic_init(tell_the_thread, 1, true, NULL, NULL);
    CHECK(Mockit_arm(timer) == 0);
    wait_for(&calls, 1);
    CHECK(pthread_cancel(thread_of_a_callback) == 0);
    wait_for(&calls, counted(&calls) + 5);
    CHECK(Mockit_destroy(timer) == 0);
}

int main(void) {
    RUN(a_callback_that_does_not_return_ends_the_process_with_a_message);
    if (lacks_timer_descriptors("unwinding")) return summary();
    RUN(a_callback_of_mockit_that_does_not_return_ends_the_process_with_a_message);
    RUN(the_librarys_threads_are_not_cancelled);
    return summary();
}
#else
int main(void) {
    SKIP(a_callback_that_does_not_return_ends_the_process_with_a_message, "forks and signals");
    SKIP(a_callback_of_mockit_that_does_not_return_ends_the_process_with_a_message, "forks and signals");
    SKIP(the_librarys_threads_are_not_cancelled, "cancellation of threads");
    return summary();
}
#endif
