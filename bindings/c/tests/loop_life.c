/* cogloop.h: the end of a ctx, walks, hooks, conditions of a descriptor, and the time of day. */
#include "check.h"

static char trace[256];
static void say(const char *word) { strncat(trace, word, sizeof trace - strlen(trace) - 1); }
#define TRACE(expected)                                                              \
    do {                                                                             \
        CHECK(strcmp(trace, expected) == 0);                                         \
        if (strcmp(trace, expected)) printf("  it was: %s\n", trace);                 \
        trace[0] = 0;                                                                \
    } while (0)

struct life {
    cog_loop loop;
    const char *name;
    int calls;
    int cancels_at, frees_loop_at, sets_at;
};

static struct life *born(cog_loop loop, const char *name) {
    struct life *life = (struct life *)calloc(1, sizeof *life);
    life->loop = loop;
    life->name = name;
    return life;
}
/* Frees the memory. valgrind reports a later use. */
static void end(void *ctx) {
    struct life *life = (struct life *)ctx;
    say("-"), say(life->name), say(" ");
    free(life);
}
static void on_timer(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    struct life *life = (struct life *)ctx;
    (void)expiry;
    life->calls++;
    if (life->calls == life->cancels_at) CHECK(cog_timer_cancel(timer) == COG_OK);
    if (life->calls == life->frees_loop_at) CHECK(cog_loop_free(life->loop) == COG_OK);
    if (life->calls == life->sets_at) {
        cog_timer next;
        CHECK(cog_timer_after(life->loop, MS, on_timer, born(life->loop, "next"), &next) == COG_OK);
        CHECK(cog_timer_on_end(next, end) == COG_OK);
    }
    say(life->name), say(" "); /* its ctx is still allocated */
}
static cog_timer timer_of(cog_loop loop, uint64_t period_ns, struct life *life) {
    cog_plan plan;
    cog_timer timer = { 0, 0 };
    memset(&plan, 0, sizeof plan);
    plan.size = sizeof plan;
    plan.delay_ns = MS;
    plan.period_ns = period_ns;
    CHECK(cog_timer_add(loop, &plan, on_timer, life, &timer) == COG_OK);
    CHECK(cog_timer_on_end(timer, end) == COG_OK);
    return timer;
}

static void the_ctx_of_a_one_shot_is_freed_after_its_callback(void) {
    cog_loop loop = virtual_loop();
    struct life *life = born(loop, "a");
    life->sets_at = 1; /* a new timer may get the place of the old one */
    timer_of(loop, 0, life);
    CHECK(cog_loop_run(loop) == COG_OK);
    TRACE("a -a next -next ");
    CHECK(cog_loop_free(loop) == COG_OK);
    TRACE("");
}

static void the_ctx_of_a_timer_is_freed_when_it_is_cancelled(void) {
    cog_loop loop = virtual_loop();
    cog_timer timer = timer_of(loop, 0, born(loop, "a"));
    CHECK(cog_timer_cancel(timer) == COG_OK);
    TRACE("-a ");
    CHECK(cog_timer_cancel(timer) == COG_ERROR_STALE);
    CHECK(cog_timer_on_end(timer, end) == COG_ERROR_STALE);
    timer = timer_of(loop, MS, born(loop, "b"));
    CHECK(cog_loop_run_once(loop, COG_NEVER, NULL) == COG_OK);
    TRACE("b ");
    CHECK(cog_timer_cancel(timer) == COG_OK);
    TRACE("-b ");
    struct life *life = born(loop, "c");
    life->cancels_at = 2;
    timer_of(loop, MS, life);
    CHECK(cog_loop_run(loop) == COG_OK);
    TRACE("c c -c ");
    CHECK(cog_loop_free(loop) == COG_OK);
    TRACE("");
}

static void the_ctxs_of_a_freed_loop_are_freed_with_it(void) {
    cog_loop loop = virtual_loop();
    timer_of(loop, 0, born(loop, "a"));
    CHECK(cog_timer_pause(timer_of(loop, MS, born(loop, "b"))) == COG_OK);
    CHECK(cog_loop_free(loop) == COG_OK);
    TRACE("-a -b ");
    loop = virtual_loop();
    struct life *life = born(loop, "c");
    life->frees_loop_at = 1;
    timer_of(loop, MS, life);
    timer_of(loop, 9 * MS, born(loop, "d"));
    CHECK(cog_loop_run(loop) == COG_OK);
    TRACE("-d c -c ");
}

static void the_ctx_of_a_changed_callback_is_freed_at_the_end(void) {
    cog_loop loop = virtual_loop();
    struct life *first = born(loop, "a"), *second = born(loop, "b");
    cog_timer timer = timer_of(loop, 0, first);
    CHECK(cog_timer_set_callback(timer, on_timer, second) == COG_OK);
    free(first); /* the library does not use it any more */
    CHECK(cog_loop_run(loop) == COG_OK);
    TRACE("b -b ");
    first = born(loop, "c");
    timer = timer_of(loop, 0, first);
    CHECK(cog_timer_on_end(timer, NULL) == COG_OK);
    CHECK(cog_timer_cancel(timer) == COG_OK);
    TRACE("");
    free(first);
    cog_loop_free(loop);
}

static int removes_itself, adds_again;
static int pair[2];
static void on_watch(cog_watch watch, int what, void *ctx) {
    struct life *life = (struct life *)ctx;
    char byte;
    if (what == COG_READ && get_bytes(pair[0], &byte, 1) != 1) say("eof ");
    if (removes_itself) CHECK(cog_watch_remove(watch) == COG_OK);
    if (adds_again) {
        cog_watch again;
        adds_again = 0;
        CHECK(cog_watch_descriptor(life->loop, pair[0], COG_READ, COG_LEVEL, on_watch, born(life->loop, "n"), &again) == COG_OK);
        CHECK(cog_watch_on_end(again, end) == COG_OK);
    }
    say(life->name), say(" ");
}
static cog_watch watch_of(cog_loop loop, struct life *life) {
    cog_watch watch = { 0, 0 };
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_watch, life, &watch) == COG_OK);
    CHECK(cog_watch_on_end(watch, end) == COG_OK);
    return watch;
}
static void put_byte(void) { CHECK(put_bytes(pair[1], "x", 1) == 1); }

static void the_ctx_of_a_watch_is_freed_once(void) {
    make_blocking_pair(pair);
    cog_loop loop = virtual_loop();
    cog_watch watch = watch_of(loop, born(loop, "a"));
    CHECK(cog_watch_remove(watch) == COG_OK);
    TRACE("-a ");
    CHECK(cog_watch_on_end(watch, end) == COG_ERROR_STALE);
    watch_of(loop, born(loop, "b"));
    watch_of(loop, born(loop, "c")); /* the same descriptor again */
    TRACE("-b ");
    put_byte();
    removes_itself = 1;
    CHECK(cog_loop_run(loop) == COG_OK);
    TRACE("c -c ");
    removes_itself = 0;
    adds_again = 1;
    watch_of(loop, born(loop, "d"));
    put_byte();
    CHECK(cog_loop_step(loop) == COG_OK);
    TRACE("d -d ");
    CHECK(cog_loop_free(loop) == COG_OK);
    TRACE("-n ");
    close_pair(pair);
}

#if HAS_FORK
static void the_ctx_of_a_childs_watch_is_freed_after_it_has_ended(void) {
    cog_options options;
    cog_loop loop = { 0 };
    cog_watch watch = { 0, 0 };
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    CHECK(cog_loop_new(&options, &loop) == COG_OK);
    int pid = (int)fork();
    if (pid == 0) _exit(3);
    struct life *life = born(loop, "a");
    int code = cog_watch_child(loop, pid, on_watch, life, &watch);
    if (code == ENOSYS) { /* this system, or valgrind, has no pidfd_open */
        printf("skipped: %s: pidfd: %s\n", __func__, cog_last_message());
        cog_loop_free(loop);
        free(life);
        return;
    }
    CHECK(code == COG_OK);
    CHECK(cog_watch_on_end(watch, end) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK);
    TRACE("a -a ");
    cog_loop_free(loop);
}

#endif

static void ends_itself(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)expiry;
    CHECK(cog_timer_on_end(timer, end) == COG_OK);
    CHECK(cog_timer_cancel(timer) == COG_OK);
    say(((struct life *)ctx)->name), say(" "); /* its ctx is still allocated */
}
static void a_callback_may_set_the_first_end_function_of_a_loop_for_its_timer(void) {
    cog_loop loop = virtual_loop();
    CHECK(cog_timer_every(loop, MS, COG_MISSED_SKIP, ends_itself, born(loop, "a"), NULL) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK);
    TRACE("a -a ");
    cog_loop_free(loop);
}
static void the_first_ctx_that_a_loop_frees_can_be_that_of_the_watch_served_last(void) {
    make_blocking_pair(pair);
    cog_loop loop = virtual_loop();
    cog_watch watch = { 0, 0 };
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_watch, born(loop, "a"), &watch) == COG_OK);
    put_byte();
    CHECK(cog_loop_step(loop) == COG_OK);
    TRACE("a ");
    CHECK(cog_watch_on_end(watch, end) == COG_OK);
    CHECK(cog_watch_remove(watch) == COG_OK);
    TRACE("-a ");
    cog_loop_free(loop);
    close_pair(pair);
}

struct walk {
    cog_loop loop;
    int timers, watches, cancels;
    cog_timer all[3];
};
static void each_timer(cog_timer timer, void *arg) {
    struct walk *walk = (struct walk *)arg;
    walk->timers++;
    CHECK(cog_timer_deadline(timer, NULL) == COG_OK);
    for (int n = 0; walk->cancels && n < 3; n++) cog_timer_cancel(walk->all[n]);
}
static void each_watch(cog_watch watch, void *arg) {
    struct walk *walk = (struct walk *)arg;
    walk->watches++;
    CHECK(cog_watch_callback(watch, NULL, NULL) == COG_OK);
}
static void a_walk_visits_all_and_nothing_that_has_ended(void) {
    cog_loop loop = virtual_loop();
    NEW(struct walk, walk);
    struct life *life = born(loop, "a");
    make_blocking_pair(pair);
    walk.loop = loop;
    for (int n = 0; n < 3; n++) cog_timer_after(loop, MS, on_timer, life, &walk.all[n]);
    CHECK(cog_timer_pause(walk.all[1]) == COG_OK);
    uint64_t deadline_ns = 7;
    CHECK(cog_timer_deadline(walk.all[0], &deadline_ns) == COG_OK && deadline_ns == MS);
    CHECK(cog_timer_deadline(walk.all[1], &deadline_ns) == COG_OK && deadline_ns == COG_NEVER);
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_watch, life, NULL) == COG_OK);
    CHECK(cog_loop_walk(loop, each_timer, each_watch, &walk) == COG_OK);
    CHECK(walk.timers == 3 && walk.watches == 1);
    CHECK(cog_loop_walk(loop, NULL, NULL, NULL) == COG_OK);
    walk.cancels = 1;
    CHECK(cog_loop_walk(loop, each_timer, each_watch, &walk) == COG_OK);
    CHECK(walk.timers == 4 && walk.watches == 2);
    cog_loop_free(loop);
    CHECK(cog_loop_walk(loop, each_timer, each_watch, &walk) == COG_ERROR_STALE);
    free(life);
    close_pair(pair);
}

static cog_hook hooks[3];
static int turns;
static void idle(void *ctx) {
    say((const char *)ctx);
    if (++turns == 2) CHECK(cog_hook_remove(hooks[0]) == COG_OK);
}
static void hook(void *ctx) { say((const char *)ctx); }
static void hooks_run_in_each_turn_around_its_wait(void) {
    cog_loop loop = virtual_loop();
    struct life *life = born(loop, "t");
    turns = 0;
    CHECK(cog_hook_add(loop, COG_HOOK_CHECK, hook, (void *)"check ", &hooks[2]) == COG_OK);
    CHECK(cog_hook_add(loop, COG_HOOK_PREPARE, hook, (void *)"prepare ", &hooks[1]) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK); /* these two hooks do not keep the loop running */
    TRACE("");
    CHECK(cog_hook_add(loop, COG_HOOK_IDLE, idle, (void *)"idle ", &hooks[0]) == COG_OK);
    cog_timer_after(loop, MS, on_timer, life, NULL);
    uint64_t timeout_ns = 7;
    CHECK(cog_loop_next_timeout(loop, &timeout_ns) == COG_OK && timeout_ns == 0); /* an outer loop does not wait */
    CHECK(cog_loop_run(loop) == COG_OK && now_of(loop) == MS);
    TRACE("idle prepare check idle prepare check t ");
    CHECK(cog_hook_remove(hooks[0]) == COG_ERROR_STALE);
    CHECK(cog_hook_remove(hooks[1]) == COG_OK && cog_hook_remove(hooks[1]) == COG_ERROR_STALE);
    CHECK(cog_hook_add(loop, 7, hook, NULL, NULL) == COG_ERROR_ARGUMENT);
    CHECK(cog_hook_add(loop, COG_HOOK_IDLE, NULL, NULL, NULL) == COG_ERROR_ARGUMENT);
    cog_loop_free(loop);
    CHECK(cog_hook_add(loop, COG_HOOK_IDLE, hook, NULL, NULL) == COG_ERROR_STALE);
    CHECK(cog_hook_remove(hooks[2]) == COG_ERROR_STALE);
    free(life);
}

static void arm(void *ctx) {
    struct life *life = (struct life *)ctx;
    if (!life->sets_at++) CHECK(cog_timer_after(life->loop, 5 * MS, on_timer, life, NULL) == COG_OK);
}
static void a_hook_may_arm_the_timer_that_ends_the_wait(void) {
    cog_loop loop = virtual_loop();
    struct life *life = born(loop, "t");
    cog_timer far;
    CHECK(cog_timer_after(loop, 900 * MS, on_timer, life, &far) == COG_OK);
    CHECK(cog_hook_add(loop, COG_HOOK_PREPARE, arm, life, NULL) == COG_OK);
    CHECK(cog_loop_run_once(loop, COG_NEVER, NULL) == COG_OK && now_of(loop) == 5 * MS);
    TRACE("t ");
    cog_loop_free(loop);
    free(life);
}

static void a_descriptors_conditions_are_reported_one_by_one(void) {
    cog_loop loop = virtual_loop();
    struct life *life = born(loop, "a");
    cog_watch watch;
    int what = 0;
    make_blocking_pair(pair);
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, on_watch, life, &watch) == COG_OK);
    CHECK(cog_watch_conditions(watch, &what) == COG_OK && what == COG_WRITE);
    put_byte();
    CHECK(cog_watch_conditions(watch, &what) == COG_OK && what == (COG_READ | COG_WRITE));
#if HAS_READ_HUNG_UP
    end_writing(pair[1]);
    CHECK(cog_watch_conditions(watch, &what) == COG_OK && what == (COG_READ | COG_WRITE | COG_READ_HUNG_UP));
    close_one(pair[1]);
    CHECK(cog_watch_conditions(watch, &what) == COG_OK && (what & COG_HUNG_UP));
#else
    close_one(pair[1]); /* when this is reported differs between versions of Windows, and of Wine */
#endif
#if HAS_SIGNALS
    cog_watch other;
    CHECK(cog_watch_signal(loop, 10, on_watch, life, &other) == COG_OK);
    CHECK(cog_watch_conditions(other, &what) == COG_ERROR_ARGUMENT);
#endif
    CHECK(cog_watch_remove(watch) == COG_OK && cog_watch_conditions(watch, &what) == COG_ERROR_STALE);
    cog_loop_free(loop);
    free(life);
    close_one(pair[0]);
}

static void a_time_of_the_loop_converts_to_the_time_of_day(void) {
    cog_loop loop = virtual_loop();
    int64_t begin = 0, later = 0;
    int64_t before = (int64_t)time(NULL);
    CHECK(cog_loop_wall_time(loop, 0, &begin) == COG_OK);
    CHECK(cog_loop_wall_time(loop, 60000000000u, &later) == COG_OK);
    CHECK(begin / 1000000000 >= before - 1 && begin / 1000000000 <= (int64_t)time(NULL) + 1);
    CHECK(later - begin >= 60000000000);
    CHECK(cog_loop_wall_time(loop, COG_NEVER, &later) == COG_OK && later == INT64_MAX);
    cog_loop_free(loop);
    CHECK(cog_loop_wall_time(loop, 0, &later) == COG_ERROR_STALE && later == INT64_MAX);
}

int main(void) {
    RUN(the_ctx_of_a_one_shot_is_freed_after_its_callback);
    RUN(the_ctx_of_a_timer_is_freed_when_it_is_cancelled);
    RUN(the_ctxs_of_a_freed_loop_are_freed_with_it);
    RUN(the_ctx_of_a_changed_callback_is_freed_at_the_end);
    RUN(the_ctx_of_a_watch_is_freed_once);
    RUN(a_callback_may_set_the_first_end_function_of_a_loop_for_its_timer);
    RUN(the_first_ctx_that_a_loop_frees_can_be_that_of_the_watch_served_last);
#if HAS_FORK
    RUN(the_ctx_of_a_childs_watch_is_freed_after_it_has_ended);
#else
    SKIP(the_ctx_of_a_childs_watch_is_freed_after_it_has_ended, "children as descriptors");
#endif
    RUN(a_walk_visits_all_and_nothing_that_has_ended);
    RUN(hooks_run_in_each_turn_around_its_wait);
    RUN(a_hook_may_arm_the_timer_that_ends_the_wait);
    RUN(a_descriptors_conditions_are_reported_one_by_one);
    RUN(a_time_of_the_loop_converts_to_the_time_of_day);
    return summary();
}
