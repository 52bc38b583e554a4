/* cogloop.h: descriptors, signals, children, and a loop inside another loop, on each backend. */
#include "check.h"
#if HAS_SIGNALS
#include <signal.h>
#endif
#if HAS_POLLABLE
#include <poll.h>
#endif

static const char *backend;

static cog_loop new_loop(void) {
    cog_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.backend = backend;
    cog_loop loop = { 0 };
    CHECK(cog_loop_new(&options, &loop) == COG_OK);
    return loop;
}

struct seen {
    cog_loop loop;
    cog_watch watch;
    int fd, calls, what;
    int reads_one, stops;
};

static void on_ready(cog_watch watch, int what, void *ctx) {
    struct seen *seen = (struct seen *)ctx;
    seen->calls++;
    seen->what = what;
    seen->watch = watch;
    char byte;
    if (seen->reads_one) CHECK(get_bytes(seen->fd, &byte, 1) == 1);
    if (seen->stops) cog_loop_stop(seen->loop);
}

static void put_byte(int fd) { CHECK(put_bytes(fd, "x", 1) == 1); }

static struct seen seen_of(cog_loop loop, int fd) {
    NEW(struct seen, seen);
    seen.loop = loop;
    seen.fd = fd;
    return seen;
}

/* Runs turns until there have been this many calls. A turn may find nothing. */
static bool calls_become(cog_loop loop, const int *calls, int number) {
    while (*calls < number && cog_loop_run_once(loop, COG_NEVER, NULL) == COG_OK) {}
    return *calls == number;
}
/* Runs a few turns, in which no callback may be called. */
static bool is_silent(cog_loop loop, const int *calls) {
    int before = *calls;
    for (int n = 0; n < 3; n++) cog_loop_step(loop);
    return *calls == before;
}

static void readiness_is_reported_as_long_as_it_lasts(void) {
    cog_loop loop = new_loop();
    int pair[2];
    make_pair(pair);
    struct seen seen = seen_of(loop, pair[0]);
    cog_watch watch;
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_ready, &seen, &watch) == COG_OK);
    CHECK(is_silent(loop, &seen.calls));
    put_byte(pair[1]);
    for (int n = 1; n <= 3; n++) CHECK(calls_become(loop, &seen.calls, n) && seen.what == COG_READ);
    CHECK(seen.watch.token == watch.token && seen.watch.loop_id == watch.loop_id);
    CHECK(cog_watch_set(watch, COG_READ | COG_WRITE) == COG_OK && calls_become(loop, &seen.calls, 4));
    CHECK(seen.what == (COG_READ | COG_WRITE));
    CHECK(cog_watch_set(watch, 0) == COG_OK && is_silent(loop, &seen.calls));
    CHECK(cog_watch_remove(watch) == COG_OK && cog_watch_remove(watch) == COG_ERROR_STALE);
    CHECK(cog_watch_set(watch, COG_READ) == COG_ERROR_STALE);
    CHECK(cog_loop_run(loop) == COG_OK);
    cog_loop_free(loop);
    close_pair(pair);
}

#if HAS_FORK
/* A duplicate keeps the file of the closed descriptor open. So epoll still reports the file, and refuses each change
 * for the closed number. */
static void a_direction_that_was_dropped_at_a_closed_number_is_not_reported(void) {
    cog_loop loop = new_loop();
    for (int left = 0; left <= COG_WRITE; left += COG_WRITE) {
        int pair[2];
        make_pair(pair);
        struct seen seen = seen_of(loop, pair[0]);
        cog_watch watch;
        CHECK(cog_watch_descriptor(loop, pair[0], COG_READ | COG_WRITE, COG_LEVEL, on_ready, &seen, &watch) == COG_OK);
        /* The backend epoll checks a registration at its first and second report, and not at its third. */
        CHECK(calls_become(loop, &seen.calls, 2) && seen.what == COG_WRITE);
        int lives_on = dup(pair[0]);
        close_one(pair[0]);
        CHECK(cog_watch_set(watch, left) == COG_OK);
        put_byte(pair[1]);
        for (int n = 0; n < 3; n++) {
            seen.what = 0;
            CHECK(cog_loop_step(loop) == COG_OK && (seen.what & ~left) == 0);
        }
        cog_watch_remove(watch);
        close_one(lives_on), close_one(pair[1]);
    }
    cog_loop_free(loop);
}
#endif

static void an_edge_is_reported_again_after_a_drain_and_a_one_shot_after_a_set(void) {
    cog_loop loop = new_loop();
    int pair[2];
    make_pair(pair);
    struct seen seen = seen_of(loop, pair[0]);
    cog_watch watch;
    put_byte(pair[1]);
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_EDGE, on_ready, &seen, &watch) == COG_OK);
    CHECK(calls_become(loop, &seen.calls, 1) && is_silent(loop, &seen.calls));
    CHECK(cog_watch_drained(watch, COG_READ) == COG_OK && calls_become(loop, &seen.calls, 2));

    cog_watch again;
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_ONE_SHOT, on_ready, &seen, &again) == COG_OK);
    CHECK(cog_watch_set(watch, COG_READ) == COG_ERROR_STALE); /* another watch has its descriptor */
    CHECK(calls_become(loop, &seen.calls, 3) && is_silent(loop, &seen.calls));
    CHECK(cog_watch_set(again, COG_READ) == COG_OK && calls_become(loop, &seen.calls, 4));
    cog_loop_free(loop);
    close_pair(pair);
}

static void the_end_of_a_stream_is_readiness_and_a_closed_number_an_error(void) {
    cog_loop loop = new_loop();
    int pair[2];
    make_pair(pair);
    struct seen seen = seen_of(loop, pair[0]);
    seen.stops = 1;
    cog_watch watch;
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_ready, &seen, &watch) == COG_OK);
    close_one(pair[1]);
    CHECK(cog_loop_run(loop) == COG_OK && seen.calls == 1 && seen.what == COG_READ);
    cog_watch_remove(watch);
    close_one(pair[0]);
    watch.token = 7;
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_ready, &seen, &watch) == number_of_closed());
    CHECK(watch.token == 7 && strstr(cog_last_message(), "fd: "));
    cog_loop_free(loop);
}

static void urgent_data_is_an_event_of_its_own(void) {
    cog_loop loop = new_loop();
    int pair[2], what = 0;
    char byte = 0;
    make_tcp_pair(pair);
    struct seen seen = seen_of(loop, pair[0]);
    cog_watch watch;
    CHECK(cog_watch_descriptor(loop, pair[0], COG_PRIORITY, COG_LEVEL, on_ready, &seen, &watch) == COG_OK);
    CHECK(put_urgent(pair[1], '!') == 1);
    for (int n = 1; n <= 2; n++) CHECK(calls_become(loop, &seen.calls, n) && seen.what == COG_PRIORITY);
    CHECK(cog_watch_conditions(watch, &what) == COG_OK && what == (COG_PRIORITY | COG_WRITE));
    CHECK(cog_watch_set(watch, COG_READ) == COG_OK && is_silent(loop, &seen.calls)); /* reading would block */
    CHECK(cog_watch_set(watch, COG_READ | COG_PRIORITY) == COG_OK && calls_become(loop, &seen.calls, 3));
    CHECK(seen.what == COG_PRIORITY && get_urgent(pair[0], &byte) == 1 && byte == '!');
    CHECK(is_silent(loop, &seen.calls));
    put_byte(pair[1]);
    CHECK(calls_become(loop, &seen.calls, 4) && seen.what == COG_READ);
    CHECK(cog_watch_set(watch, COG_PRIORITY) == COG_OK && is_silent(loop, &seen.calls));
    CHECK(cog_watch_set(watch, 8) == COG_ERROR_ARGUMENT && strstr(cog_last_message(), "COG_PRIORITY"));
    cog_loop_free(loop);
    close_pair(pair);
}

static cog_watch both[2];
static void remove_both(cog_watch watch, int what, void *ctx) {
    (void)watch, (void)what;
    ++*(int *)ctx;
    for (int n = 0; n < 2; n++) CHECK(cog_watch_remove(both[n]) == COG_OK);
}
static void a_watch_that_is_ready_in_the_same_turn_can_still_be_removed(void) {
    cog_loop loop = new_loop();
    int pair[2], calls = 0;
    make_pair(pair);
    for (int n = 0; n < 2; n++) {
        put_byte(pair[1 - n]);
        CHECK(cog_watch_descriptor(loop, pair[n], COG_READ, COG_LEVEL, remove_both, &calls, &both[n]) == COG_OK);
    }
    CHECK(cog_loop_run(loop) == COG_OK && calls == 1);
    cog_loop_free(loop);
    close_pair(pair);
}

#if HAS_SIGNALS
static void a_signal_is_a_callback(void) {
    cog_loop loop = new_loop();
    struct seen seen = seen_of(loop, 0);
    seen.stops = 1;
    cog_watch watch;
    CHECK(cog_watch_signal(loop, SIGUSR1, on_ready, &seen, &watch) == COG_OK);
    CHECK(cog_watch_set(watch, COG_READ) == COG_ERROR_ARGUMENT);
    for (int n = 1; n <= 3; n++) {
        raise(SIGUSR1);
        CHECK(cog_loop_run(loop) == COG_OK && seen.calls == n && seen.what == SIGUSR1);
    }
    CHECK(cog_watch_remove(watch) == COG_OK);
    CHECK(cog_watch_signal(loop, SIGKILL, on_ready, &seen, NULL) == COG_ERROR_ARGUMENT);
    CHECK(cog_watch_signal(loop, SIGSEGV, on_ready, &seen, NULL) == COG_ERROR_ARGUMENT);
    CHECK(strstr(cog_last_message(), "number: "));
    cog_loop_free(loop);
}

static void a_childs_end_is_a_callback_with_its_status(void) {
    cog_loop loop = new_loop();
    struct seen seen = seen_of(loop, 0);
    pid_t child = fork();
    if (child == 0) _exit(42);
    cog_watch watch;
    int code = cog_watch_child(loop, child, on_ready, &seen, &watch);
    if (code == ENOSYS) { /* before Linux 5.3, and under valgrind: the child is not watched, so the test collects it */
        printf("skipped: %s: pidfd: %s\n", __func__, strerror(code));
        CHECK(waitpid(child, NULL, 0) == child && cog_loop_run(loop) == COG_OK && seen.calls == 0);
        cog_loop_free(loop);
        return;
    }
    CHECK(code == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && seen.calls == 1);
    CHECK(WIFEXITED(seen.what) && WEXITSTATUS(seen.what) == 42);
    CHECK(cog_watch_remove(watch) == COG_ERROR_STALE);
    CHECK(waitpid(child, NULL, WNOHANG) == -1 && errno == ECHILD);

    child = fork();
    if (child == 0) pause();
    CHECK(cog_watch_child(loop, child, on_ready, &seen, &watch) == COG_OK);
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child); /* other code collects the child first */
    CHECK(cog_loop_run(loop) == COG_OK && seen.calls == 2 && seen.what == -1);
    CHECK(cog_watch_child(loop, child, on_ready, &seen, &watch) == ESRCH);
    CHECK(cog_watch_child(loop, -1, on_ready, &seen, &watch) == COG_ERROR_ARGUMENT);
    cog_loop_free(loop);
}

#else
static void signals_children_and_pollable_are_unsupported_on_windows(void) {
    cog_loop loop = new_loop();
    cog_watch watch = { 7, 7 };
    int fd = 7;
    CHECK(cog_watch_signal(loop, 2, on_ready, NULL, &watch) == COG_ERROR_UNSUPPORTED && strstr(cog_last_message(), "number: "));
    CHECK(cog_watch_child(loop, 4, on_ready, NULL, &watch) == COG_ERROR_UNSUPPORTED && strstr(cog_last_message(), "pid: "));
    CHECK(cog_watch_child(loop, -1, on_ready, NULL, &watch) == COG_ERROR_ARGUMENT);
    CHECK(cog_loop_pollable(loop, &fd) == COG_ERROR_UNSUPPORTED && fd == 7 && watch.token == 7);
    CHECK(cog_loop_run(loop) == COG_OK && cog_loop_free(loop) == COG_OK);
}
#endif

#if HAS_POLLABLE
static void a_loop_can_run_inside_another_loop(void) {
    cog_loop loop = new_loop();
    int pair[2], fd = -1;
    make_pair(pair);
    struct seen seen = seen_of(loop, pair[0]);
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_ready, &seen, NULL) == COG_OK);
    int code = cog_loop_pollable(loop, &fd);
    if (backend && strcmp(backend, "select") == 0) {
        CHECK(code == COG_ERROR_UNSUPPORTED && fd == -1);
    } else {
        uint64_t timeout_ns = 0;
        CHECK(code == COG_OK && fd >= 0);
        CHECK(cog_loop_next_timeout(loop, &timeout_ns) == COG_OK && timeout_ns == COG_NEVER);
        put_byte(pair[1]);
        struct pollfd outer = { fd, POLLIN, 0 };
        CHECK(poll(&outer, 1, -1) == 1);
        CHECK(calls_become(loop, &seen.calls, 1));
    }
    cog_loop_free(loop);
    close_pair(pair);
}

#endif

static void the_backend_is_named_with_the_reason(void) {
    cog_loop loop = new_loop();
    const char *name = NULL, *reason = NULL;
    CHECK(cog_loop_backend(loop, &name, &reason) == COG_OK);
    CHECK(name && reason && strcmp(name, backend) == 0);
    CHECK(cog_loop_backend(loop, NULL, NULL) == COG_OK);
    cog_loop_free(loop);
}

static void a_watchs_callback_can_be_read_and_changed(void) {
    cog_loop loop = new_loop();
    int pair[2];
    make_pair(pair);
    struct seen first = seen_of(loop, pair[0]), second = seen_of(loop, pair[0]);
    cog_watch watch;
    cog_watch_fn fn = NULL;
    void *ctx = NULL;
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_ready, &first, &watch) == COG_OK);
    CHECK(cog_watch_callback(watch, &fn, &ctx) == COG_OK && fn == on_ready && ctx == &first);
    CHECK(cog_watch_set_callback(watch, NULL, NULL) == COG_ERROR_ARGUMENT);
    CHECK(cog_watch_set_callback(watch, on_ready, &second) == COG_OK);
    put_byte(pair[1]);
    CHECK(calls_become(loop, &second.calls, 1) && first.calls == 0);
    CHECK(cog_watch_remove(watch) == COG_OK && cog_watch_callback(watch, &fn, &ctx) == COG_ERROR_STALE && ctx == &first);
    CHECK(cog_loop_free(loop) == COG_OK);
    close_pair(pair);
}

#if HAS_FORK
static void a_process_that_is_not_a_child_is_refused(void) {
    cog_loop loop = new_loop();
    cog_watch watch = { 7, 7 };
    const int others[] = { 1, getpid(), getppid() };
    for (int n = 0; n < 3; n++) CHECK(cog_watch_child(loop, others[n], on_ready, NULL, &watch) == ECHILD && watch.token == 7);
    CHECK(cog_watch_child(loop, 0x3fffffff, on_ready, NULL, &watch) == ESRCH);
    CHECK(cog_watch_child(loop, 0, on_ready, NULL, &watch) == COG_ERROR_ARGUMENT);
    CHECK(cog_watch_child(loop, -1, on_ready, NULL, &watch) == COG_ERROR_ARGUMENT && watch.token == 7);
    CHECK(cog_loop_run(loop) == COG_OK && cog_loop_free(loop) == COG_OK);
}

static int open_descriptors(void) {
    int open = 0;
    for (int fd = 0; fd < 1024; fd++) open += fcntl(fd, F_GETFD) != -1;
    return open;
}
static void the_descriptors_of_a_loop_are_closed_with_it(void) {
    int before = open_descriptors();
    for (int round = 0; round < 20; round++) {
        cog_loop loop = new_loop();
        for (int n = 0; n < 5; n++) CHECK(cog_watch_signal(loop, SIGUSR2, on_ready, NULL, NULL) == COG_OK);
        CHECK(cog_loop_free(loop) == COG_OK);
    }
    CHECK(open_descriptors() == before);
}

#endif

/* `cargo xtask test` counts the printed line of each backend that this system refuses. */
static int is_permitted(void) {
    cog_loop loop = new_loop();
    const char *name = "", *reason = "";
    CHECK(cog_loop_backend(loop, &name, &reason) == COG_OK);
    int is_it = strcmp(name, backend) == 0;
    if (!is_it) printf("skipped: loop_watches: %s: %s\n", backend, reason);
    CHECK(cog_loop_free(loop) == COG_OK);
    return is_it;
}

/* `loop_watches BACKEND…` tests only the named backends. */
int main(int argc, char **argv) {
    for (int n = 0; n < (argc > 1 ? argc - 1 : LAST_BACKEND); n++) {
        backend = argc > 1 ? argv[n + 1] : BACKENDS[n];
        if (!is_permitted()) continue;
        printf("on %s\n", backend);
        RUN(readiness_is_reported_as_long_as_it_lasts);
#if HAS_FORK
        RUN(a_direction_that_was_dropped_at_a_closed_number_is_not_reported);
#endif
        RUN(an_edge_is_reported_again_after_a_drain_and_a_one_shot_after_a_set);
        RUN(the_end_of_a_stream_is_readiness_and_a_closed_number_an_error);
        RUN(urgent_data_is_an_event_of_its_own);
        RUN(a_watch_that_is_ready_in_the_same_turn_can_still_be_removed);
        RUN(a_watchs_callback_can_be_read_and_changed);
        RUN(the_backend_is_named_with_the_reason);
#if HAS_FORK
        RUN(a_signal_is_a_callback);
        RUN(a_childs_end_is_a_callback_with_its_status);
        RUN(a_process_that_is_not_a_child_is_refused);
        RUN(a_loop_can_run_inside_another_loop);
        RUN(the_descriptors_of_a_loop_are_closed_with_it);
#else
        SKIP(a_signal_is_a_callback, "signals");
        SKIP(a_childs_end_is_a_callback_with_its_status, "children as descriptors");
        SKIP(a_process_that_is_not_a_child_is_refused, "children as descriptors");
        SKIP(a_loop_can_run_inside_another_loop, "pollable loops");
        SKIP(the_descriptors_of_a_loop_are_closed_with_it, "signals");
        RUN(signals_children_and_pollable_are_unsupported_on_windows);
#endif
    }
    return summary();
}
