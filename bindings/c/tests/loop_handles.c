/* cogloop.h: for wrong handles, arguments and calls the library returns an error and changes nothing. */
#include "check.h"
#include <limits.h>
#include <stdint.h>

static void on_timer(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry;
    ++*(int *)ctx;
}
static void on_watch(cog_watch watch, int what, void *ctx) {
    (void)watch, (void)what;
    ++*(int *)ctx;
}
static void on_post(void *ctx) { ++*(int *)ctx; }

static int calls;

/* Passes this loop to functions that take a loop. All must return `code`. */
static int with_loop(cog_loop loop, int code) {
    bool is_alive = true;
    uint64_t ns = 7;
    int fd = 7;
    const char *name = NULL;
    cog_timer timer = { 7, 7 };
    cog_watch watch = { 7, 7 };
    cog_hook hook = { 7, 7 };
    int64_t wall_ns = 7;
    cog_stats stats;
    stats.size = sizeof stats;
    CHECK(cog_loop_run(loop) == code);
    CHECK(cog_loop_run_once(loop, 0, &is_alive) == code && is_alive);
    CHECK(cog_loop_step(loop) == code);
    CHECK(cog_loop_stop(loop) == code);
    CHECK(cog_loop_keep_alive(loop, true) == code);
    CHECK(cog_loop_now(loop, &ns) == code && ns == 7);
    CHECK(cog_loop_now_cached(loop, &ns) == code && ns == 7);
    CHECK(cog_loop_update_now(loop) == code);
    CHECK(cog_loop_advance(loop, 1) == code);
    CHECK(cog_loop_pollable(loop, &fd) == code && fd == 7);
    CHECK(cog_loop_next_timeout(loop, &ns) == code && ns == 7);
    CHECK(cog_loop_backend(loop, &name, &name) == code && name == NULL);
    CHECK(cog_loop_stats(loop, &stats) == code);
    CHECK(cog_timer_after(loop, 1, on_timer, &calls, &timer) == code);
    CHECK(cog_timer_at(loop, 1, on_timer, &calls, &timer) == code);
    CHECK(cog_timer_every(loop, 1, COG_MISSED_SKIP, on_timer, &calls, &timer) == code);
    CHECK(cog_timer_new(loop, on_timer, &calls, &timer) == code);
    CHECK(cog_watch_descriptor(loop, 0, COG_READ, COG_LEVEL, on_watch, &calls, &watch) == code);
    CHECK(cog_watch_signal(loop, 10, on_watch, &calls, &watch) == code);
    CHECK(cog_watch_child(loop, 1, on_watch, &calls, &watch) == code);
    CHECK(cog_loop_walk(loop, NULL, NULL, NULL) == code);
    CHECK(cog_loop_wall_time(loop, 0, &wall_ns) == code && wall_ns == 7);
    CHECK(cog_hook_add(loop, COG_HOOK_CHECK, on_post, &calls, &hook) == code);
    hook.loop_id = loop.id;
    CHECK(cog_hook_remove(hook) == code && hook.number == 7);
    CHECK(timer.key == 7 && watch.token == 7 && cog_last_message()[0]);
    return code;
}
static void with_timer(cog_timer timer, int code) {
    uint64_t ns = 7;
    CHECK(cog_timer_callback(timer, NULL, NULL) == code);
    CHECK(cog_timer_set_callback(timer, on_timer, &calls) == code);
    CHECK(cog_timer_on_end(timer, on_post) == code);
    CHECK(cog_timer_deadline(timer, &ns) == code && ns == 7);
    CHECK(cog_timer_reschedule(timer, 1) == code);
    CHECK(cog_timer_stop(timer) == code);
    CHECK(cog_timer_pause(timer) == code);
    CHECK(cog_timer_resume(timer) == code);
    CHECK(cog_timer_remaining(timer, &ns) == code && ns == 7);
    CHECK(cog_timer_ref(timer) == code);
    CHECK(cog_timer_unref(timer) == code);
    CHECK(cog_timer_cancel(timer) == code);
}
static void with_watch(cog_watch watch, int code) {
    CHECK(cog_watch_callback(watch, NULL, NULL) == code);
    CHECK(cog_watch_set_callback(watch, on_watch, &calls) == code);
    int conditions = 7;
    CHECK(cog_watch_on_end(watch, on_post) == code);
    CHECK(cog_watch_conditions(watch, &conditions) == code && conditions == 7);
    CHECK(cog_watch_set(watch, COG_READ) == code);
    CHECK(cog_watch_drained(watch, COG_READ) == code);
    CHECK(cog_watch_ref(watch) == code);
    CHECK(cog_watch_unref(watch) == code);
    CHECK(cog_watch_remove(watch) == code);
}

static void zero_and_random_handles_are_stale(void) {
    cog_loop loop = virtual_loop();
    static const uint64_t garbage[] = { 0, 1, 0xffffffff, (uint64_t)1 << 32, (uint64_t)3 << 32 | 5, UINT64_MAX };
    for (int n = 0; n < 6; n++) {
        cog_loop no_loop = { garbage[n] == loop.id ? 0 : garbage[n] };
        with_loop(no_loop, COG_ERROR_STALE);
        CHECK(cog_loop_free(no_loop) == COG_ERROR_STALE);
        CHECK(cog_loop_post(no_loop, on_post, on_post, &calls) == COG_ERROR_STALE);
        CHECK(cog_loop_wake(no_loop) == COG_ERROR_STALE);
        cog_timer timers[2] = { { no_loop.id, 1 }, { loop.id, garbage[n] } };
        cog_watch watches[2] = { { no_loop.id, 1 }, { loop.id, garbage[n] } };
        for (int i = 0; i < 2; i++) with_timer(timers[i], COG_ERROR_STALE), with_watch(watches[i], COG_ERROR_STALE);
    }
    CHECK(calls == 0);
    cog_loop_free(loop);
}

static void the_handles_of_a_freed_loop_are_stale_and_never_name_the_next_one(void) {
    cog_loop loop = virtual_loop();
    cog_timer timer;
    cog_watch watch;
    int pair[2];
    make_pair(pair);
    cog_timer_after(loop, 1, on_timer, &calls, &timer);
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_watch, &calls, &watch) == COG_OK);
    CHECK(cog_loop_free(loop) == COG_OK && cog_loop_free(loop) == COG_ERROR_STALE);
    cog_loop next = virtual_loop();
    cog_timer another;
    cog_timer_after(next, 1, on_timer, &calls, &another);
    with_loop(loop, COG_ERROR_STALE);
    with_timer(timer, COG_ERROR_STALE);
    with_watch(watch, COG_ERROR_STALE);
    CHECK(another.key == timer.key); /* the same number, but another loop */
    CHECK(cog_timer_cancel(another) == COG_OK);
    cog_loop_free(next);
    close_pair(pair);
}

static void the_next_timer_in_a_place_is_another_timer(void) {
    cog_loop loop = virtual_loop();
    cog_timer first, second;
    cog_timer_after(loop, 1, on_timer, &calls, &first);
    CHECK(cog_timer_cancel(first) == COG_OK);
    cog_timer_after(loop, 1, on_timer, &calls, &second);
    with_timer(first, COG_ERROR_STALE);
    CHECK(cog_timer_cancel(second) == COG_OK);
    cog_loop_free(loop);
}

/* Each loop has a place in a table of its thread. After the loop is freed, the next loop gets the place. */
static void loops_of_a_thread_come_and_go_in_any_order(void) {
    enum { LOOPS = 201 }; /* odd, and more than the places of the table's first part */
    cog_loop loops[LOOPS], old[LOOPS];
    for (int n = 0; n < LOOPS; n++) loops[n] = virtual_loop();
    memcpy(old, loops, sizeof old);
    for (int n = 0; n < LOOPS; n += 2) CHECK(cog_loop_free(loops[n]) == COG_OK);
    for (int n = LOOPS - 1; n >= 0; n -= 2) loops[n] = virtual_loop();
    for (int n = 0; n < LOOPS; n++) {
        CHECK(cog_loop_stop(old[n]) == (n % 2 ? COG_OK : COG_ERROR_STALE));
        for (int other = 0; other < n; other++) CHECK(loops[n].id != loops[other].id);
    }
    for (int n = 0; n < LOOPS; n++) CHECK(cog_loop_free(loops[n]) == COG_OK && cog_loop_free(loops[n]) == COG_ERROR_STALE);
    cog_loop refused = { 7 };
    cog_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.backend = "none of that name";
    /* A loop that could not be made frees its place. */
    for (int n = 0; n < 3; n++) CHECK(cog_loop_new(&options, &refused) == COG_ERROR_BACKEND && refused.id == 7);
    cog_loop next = virtual_loop();
    CHECK((next.id & 0xffff) < LOOPS && cog_loop_free(next) == COG_OK);
}

/* The library makes the message only when cog_last_message is called. Calls that succeeded since the failure must not
 * change it. */
static void the_last_message_describes_the_last_failed_call(void) {
    char expected[256];
    int closed = number_of_closed();
    snprintf(expected, sizeof expected, "fd: %s (os error %d)", text_of(closed), closed);
    cog_loop loop = virtual_loop();
    cog_timer timer = { loop.id, 0 };
    CHECK(cog_timer_cancel(timer) == COG_ERROR_STALE);
    CHECK(cog_timer_after(loop, 1, on_timer, &calls, &timer) == COG_OK && cog_timer_cancel(timer) == COG_OK);
    const char *words = cog_last_message();
    CHECK(strcmp(words, "timer: stale handle: what it named has ended, or it never named anything") == 0);
    CHECK(cog_strerror(EBADF)[0] && strcmp(words, cog_last_message()) == 0);
    CHECK(cog_watch_descriptor(loop, 0, 8, COG_LEVEL, on_watch, &calls, NULL) == COG_ERROR_ARGUMENT);
    CHECK(strcmp(cog_last_message(), "directions: 8 has bits other than COG_READ, COG_WRITE and COG_PRIORITY") == 0);
    CHECK(cog_watch_descriptor(loop, 1 << 20, COG_READ, COG_LEVEL, on_watch, &calls, NULL) == closed);
    CHECK(strcmp(cog_last_message(), expected) == 0);
    CHECK(cog_loop_free(loop) == COG_OK && cog_loop_free(loop) == COG_ERROR_STALE);
    CHECK(strcmp(cog_last_message(), "loop: stale handle: what it named has ended, or it never named anything") == 0);
}

static void wrong_arguments_are_named(void) {
    cog_loop loop = virtual_loop();
    cog_timer timer = { 7, 7 };
    const char *const words[] = { "fn: ", "period_ns: ", "missed: ", "fd: ", "directions: ", "mode: " };
    for (int n = 0; n < 6; n++) {
        int code = n == 0   ? cog_timer_after(loop, 1, NULL, NULL, &timer)
                   : n == 1 ? cog_timer_every(loop, 0, COG_MISSED_SKIP, on_timer, &calls, &timer)
                   : n == 2 ? cog_timer_every(loop, 1, 3, on_timer, &calls, &timer)
                   : n == 3 ? cog_watch_descriptor(loop, -1, COG_READ, COG_LEVEL, on_watch, &calls, NULL)
                   : n == 4 ? cog_watch_descriptor(loop, 0, 8, COG_LEVEL, on_watch, &calls, NULL)
                            : cog_watch_descriptor(loop, 0, COG_READ, -1, on_watch, &calls, NULL);
        CHECK(code == COG_ERROR_ARGUMENT && strstr(cog_last_message(), words[n]) == cog_last_message());
    }
    CHECK(timer.key == 7);
    CHECK(cog_loop_stats(loop, NULL) == COG_ERROR_ARGUMENT && cog_loop_new(NULL, NULL) == COG_ERROR_ARGUMENT);
    CHECK(cog_watch_descriptor(loop, 0, COG_READ, COG_LEVEL, NULL, NULL, NULL) == COG_ERROR_ARGUMENT);
    CHECK(cog_loop_post(loop, NULL, NULL, NULL) == COG_ERROR_ARGUMENT);
    /* An output may be NULL. */
    CHECK(cog_loop_now(loop, NULL) == COG_OK && cog_loop_next_timeout(loop, NULL) == COG_OK);
    CHECK(cog_timer_after(loop, 1, on_timer, &calls, NULL) == COG_OK);
    cog_loop_free(loop);
}

static void options_out_of_range_are_refused(void) {
    cog_loop loop = { 7 };
    struct {
        cog_options options;
        uint64_t beyond;
    } later;
    memset(&later, 0, sizeof later);
    cog_options *options = &later.options;
    CHECK(cog_loop_new(options, &loop) == COG_ERROR_ARGUMENT && strstr(cog_last_message(), "size"));
    options->size = sizeof(cog_options);
    options->clock = 9;
    CHECK(cog_loop_new(options, &loop) == COG_ERROR_ARGUMENT && strstr(cog_last_message(), "clock"));
    options->clock = COG_CLOCK_VIRTUAL;
    options->delays = 2;
    CHECK(cog_loop_new(options, &loop) == COG_ERROR_ARGUMENT && strstr(cog_last_message(), "delays"));
    options->delays = COG_DELAYS_FROM_NOW;
    options->reserved = 1;
    CHECK(cog_loop_new(options, &loop) == COG_ERROR_ARGUMENT && strstr(cog_last_message(), "does not know"));
    options->reserved = 0;
    options->backend = "kqueueue";
    CHECK(cog_loop_new(options, &loop) == COG_ERROR_BACKEND && strstr(cog_last_message(), BACKENDS[0]));
    options->backend = NULL;
    /* As in a program with a newer header than this library: the new fields must be zero. */
    options->size = sizeof later;
    later.beyond = 1;
    CHECK(cog_loop_new(options, &loop) == COG_ERROR_ARGUMENT && loop.id == 7);
    later.beyond = 0;
    options->timers_max = 2;
    options->watches_max = 1;
    options->served_in_turn_max = 1;
    options->resolution_ns = 10 * MS;
    CHECK(cog_loop_new(options, &loop) == COG_OK && loop.id != 7);
    cog_timer timer;
    CHECK(cog_timer_after(loop, 3 * MS, on_timer, &calls, &timer) == COG_OK);
    uint64_t left = 0;
    CHECK(cog_timer_remaining(timer, &left) == COG_OK && left == 10 * MS);
    CHECK(cog_timer_after(loop, 1, on_timer, &calls, NULL) == COG_OK);
    CHECK(cog_timer_after(loop, 1, on_timer, &calls, NULL) == COG_ERROR_LIMIT);
    cog_timer_cancel(timer);
    CHECK(cog_timer_after(loop, 1, on_timer, &calls, NULL) == COG_OK);
    int pair[2];
    make_pair(pair);
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_watch, &calls, NULL) == COG_OK);
    CHECK(cog_watch_descriptor(loop, pair[1], COG_READ, COG_LEVEL, on_watch, &calls, NULL) == COG_ERROR_LIMIT);
    calls = 0;
    cog_loop_advance(loop, 10 * MS);
    CHECK(cog_loop_step(loop) == COG_OK && calls == 1 && cog_loop_step(loop) == COG_OK && calls == 2);
    cog_loop_free(loop);
    close_pair(pair);

    /* As in a program with an older header: the missing fields count as zero. */
    options->size = offsetof(cog_options, timers_max);
    options->resolution_ns = 0;
    CHECK(cog_loop_new(options, &loop) == COG_OK);
    for (int n = 0; n < 3; n++) CHECK(cog_timer_after(loop, 1, on_timer, &calls, NULL) == COG_OK);
    struct {
        cog_stats stats;
        uint64_t beyond;
    } stats;
    memset(&stats, 0xa5, sizeof stats);
    stats.stats.size = sizeof stats;
    CHECK(cog_loop_stats(loop, &stats.stats) == COG_OK && stats.beyond == 0 && stats.stats.timers == 3);
    stats.stats.size = offsetof(cog_stats, watches);
    stats.stats.watches = 7;
    CHECK(cog_loop_stats(loop, &stats.stats) == COG_OK && stats.stats.watches == 7);
    stats.stats.size = 1;
    CHECK(cog_loop_stats(loop, &stats.stats) == COG_ERROR_ARGUMENT);
    cog_loop_free(loop);
}

static cog_loop inner;
static int codes[4];
static void run_again(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry, (void)ctx;
    codes[0] = cog_loop_run(inner);
    codes[1] = cog_loop_step(inner);
    cog_loop another = virtual_loop(); /* another loop may run in a callback */
    cog_timer_after(another, 1, on_timer, &calls, NULL);
    codes[2] = cog_loop_run(another);
    codes[3] = cog_loop_free(another);
}
static void a_loop_does_not_run_inside_itself(void) {
    inner = virtual_loop();
    calls = 0;
    cog_timer_after(inner, 1, run_again, NULL, NULL);
    CHECK(cog_loop_run(inner) == COG_OK);
    CHECK(codes[0] == COG_ERROR_RUNNING && codes[1] == COG_ERROR_RUNNING);
    CHECK(codes[2] == COG_OK && codes[3] == COG_OK && calls == 1);
    CHECK(cog_loop_run(inner) == COG_OK);
    cog_loop_free(inner);
}

static void free_it(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry;
    calls++;
    CHECK(cog_loop_free(inner) == COG_OK && cog_loop_free(inner) == COG_ERROR_STALE);
    CHECK(cog_loop_run(inner) == COG_ERROR_STALE);
    CHECK(cog_timer_after(inner, 1, on_timer, ctx, NULL) == COG_ERROR_STALE);
    CHECK(cog_loop_post(inner, on_post, NULL, ctx) == COG_ERROR_STALE);
}
static void no_callback_runs_after_one_has_freed_its_loop(void) {
    for (int once = 0; once < 2; once++) {
        inner = virtual_loop();
        int more = 0, discarded = 0;
        bool is_alive = true;
        calls = 0;
        for (int n = 0; n < 3; n++) cog_timer_after(inner, 1, free_it, &more, NULL);
        CHECK(cog_loop_post(inner, on_post, on_post, &discarded) == COG_OK);
        cog_loop_advance(inner, 1 * MS);
        if (once) CHECK(cog_loop_run_once(inner, 0, &is_alive) == COG_OK && !is_alive);
        else CHECK(cog_loop_run(inner) == COG_OK);
        CHECK(calls == 1 && more == 0 && discarded == 1);
    }
}

static void each_code_has_a_text(void) {
    int closed = number_of_closed();
    for (int code = COG_ERROR_MEMORY; code <= COG_OK; code++) {
        CHECK(strncmp(cog_error_name(code), code ? "COG_ERROR_" : "COG_OK", 6) == 0);
        CHECK(cog_strerror(code)[0] && strcmp(cog_strerror(code), cog_strerror(-99)) != 0);
    }
    CHECK(strcmp(cog_strerror(closed), text_of(closed)) == 0);
    CHECK(cog_strerror(INT_MIN)[0] && cog_strerror(INT_MAX)[0]);
    CHECK(strcmp(cog_error_name(COG_ERROR_MEMORY), "COG_ERROR_MEMORY") == 0 && cog_error_name(closed)[0] == 0);
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", COG_VERSION_MAJOR, COG_VERSION_MINOR, COG_VERSION_PATCH);
    CHECK(strcmp(version, cog_version()) == 0);
}

#if HAS_FORK
/* In a forked child, calls for the parent's loop return errors, except cog_loop_free. The child can make its own loops.
 * The parent is not affected. */
static void a_forked_child_cannot_use_its_parents_loop_but_can_make_one(void) {
    cog_loop loop = { 0 };
    CHECK(cog_loop_new(NULL, &loop) == COG_OK);
    cog_timer timer;
    calls = 0;
    cog_timer_after(loop, 20 * MS, on_timer, &calls, &timer);
    pid_t child = fork();
    if (child == 0) {
        int mine = 0;
        cog_loop own = { 0 };
        bool is_well = cog_loop_run(loop) == COG_ERROR_THREAD && strstr(cog_last_message(), "parent") != NULL;
        is_well = is_well && cog_timer_cancel(timer) == COG_ERROR_THREAD;
        is_well = is_well && cog_loop_post(loop, on_post, NULL, &mine) == COG_ERROR_STALE;
        is_well = is_well && cog_loop_new(NULL, &own) == COG_OK && own.id != loop.id;
        is_well = is_well && cog_timer_after(own, 1, on_timer, &mine, NULL) == COG_OK;
        is_well = is_well && cog_loop_run(own) == COG_OK && mine == 1;
        is_well = is_well && cog_loop_free(own) == COG_OK && cog_loop_free(loop) == COG_OK;
        _exit(is_well ? 0 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(cog_loop_run(loop) == COG_OK && calls == 1);
    cog_loop_free(loop);
}

#endif

int main(void) {
    RUN(zero_and_random_handles_are_stale);
    RUN(the_handles_of_a_freed_loop_are_stale_and_never_name_the_next_one);
    RUN(the_next_timer_in_a_place_is_another_timer);
    RUN(loops_of_a_thread_come_and_go_in_any_order);
    RUN(the_last_message_describes_the_last_failed_call);
    RUN(wrong_arguments_are_named);
    RUN(options_out_of_range_are_refused);
    RUN(a_loop_does_not_run_inside_itself);
    RUN(no_callback_runs_after_one_has_freed_its_loop);
    RUN(each_code_has_a_text);
#if HAS_FORK
    RUN(a_forked_child_cannot_use_its_parents_loop_but_can_make_one);
#else
    SKIP(a_forked_child_cannot_use_its_parents_loop_but_can_make_one, "fork");
#endif
    return summary();
}
