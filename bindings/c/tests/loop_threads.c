/* cogloop.h: the calls that other threads may make for a loop, and the calls that fail on other threads. */
#include "check.h"
#if HAS_SIGNALS
#include <signal.h>
#include <sys/time.h>
#endif

enum { THREADS = 4 };

static int posts = 2000;
static cog_loop loop;
static int ran, discarded, last_of[THREADS], out_of_order;
static pthread_t owner;

struct work {
    int thread, number;
};

static void count_it(void *ctx) {
    struct work *work = (struct work *)ctx;
    if (!pthread_equal(pthread_self(), owner)) out_of_order++;
    if (work->number != last_of[work->thread] + 1) out_of_order++;
    last_of[work->thread] = work->number;
    free(work);
    if (++ran == THREADS * posts) cog_loop_stop(loop);
}
static void discard(void *ctx) {
    free(ctx);
    count(&discarded);
}

static void *post_them(void *argument) {
    for (int n = 1; n <= posts; n++) {
        struct work *work = (struct work *)malloc(sizeof *work);
        work->thread = (int)(size_t)argument;
        work->number = n;
        if (cog_loop_post(loop, count_it, discard, work) != COG_OK) free(work), abort();
        if (n % 64 == 0) cog_loop_wake(loop);
    }
    return NULL;
}

static void never(cog_timer timer, const cog_expiry *expiry, void *ctx) { (void)timer, (void)expiry, (void)ctx; }

static void posts_of_many_threads_run_in_order_on_the_thread_of_the_loop(void) {
    CHECK(cog_loop_new(NULL, &loop) == COG_OK);
    owner = pthread_self();
    CHECK(cog_timer_after(loop, COG_NEVER, never, NULL, NULL) == COG_OK);
    pthread_t threads[THREADS];
    for (size_t n = 0; n < THREADS; n++) pthread_create(&threads[n], NULL, post_them, (void *)n);
    CHECK(cog_loop_run(loop) == COG_OK && ran == THREADS * posts && out_of_order == 0);
    for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
    cog_stats stats;
    stats.size = sizeof stats;
    CHECK(cog_loop_stats(loop, &stats) == COG_OK && stats.post_calls == (uint64_t)ran && stats.timers == 1);
    CHECK(cog_loop_free(loop) == COG_OK && discarded == 0);
}

static void post_again(void *ctx) {
    if (++ran < 3) CHECK(cog_loop_post(loop, post_again, NULL, ctx) == COG_OK);
}
static void a_post_keeps_the_loop_running_and_does_not_wait(void) {
    loop = virtual_loop();
    ran = 0;
    /* Each post leaves another post in the loop; the third leaves nothing. */
    bool is_alive = false;
    CHECK(cog_loop_post(loop, post_again, NULL, NULL) == COG_OK);
    for (int turn = 1; turn <= 3; turn++) {
        CHECK(cog_loop_run_once(loop, 0, &is_alive) == COG_OK && ran == turn && is_alive == (turn < 3));
    }
    ran = 0;
    CHECK(cog_loop_post(loop, post_again, NULL, NULL) == COG_OK);
    CHECK(cog_timer_after(loop, 1000 * MS, never, NULL, NULL) == COG_OK);
    uint64_t timeout_ns = 7;
    CHECK(cog_loop_next_timeout(loop, &timeout_ns) == COG_OK && timeout_ns == 0);
    for (int turn = 1; turn <= 3; turn++) {
        CHECK(cog_loop_run_once(loop, COG_NEVER, NULL) == COG_OK && ran == turn && now_of(loop) == 0);
    }
    CHECK(cog_loop_run(loop) == COG_OK && now_of(loop) == 1000 * MS);
    cog_loop_free(loop);
}

/* If a callback, a hook after the wait or another post makes a post, the new post runs in the next turn. */
static void count_a_post(void *ctx) { ++*(int *)ctx; }
static void post_one(void *ctx) { CHECK(cog_loop_post(loop, count_a_post, NULL, ctx) == COG_OK); }
static void post_at_a_timer(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry;
    post_one(ctx);
}
static void post_at_a_watch(cog_watch watch, int what, void *ctx) {
    (void)what;
    post_one(ctx);
    CHECK(cog_watch_remove(watch) == COG_OK);
}
static void a_post_of_a_callback_runs_in_the_next_turn(void) {
    int calls = 0, pair[2];
    bool is_alive = false;
    cog_hook hook;
    loop = virtual_loop();
    CHECK(cog_loop_post(loop, count_a_post, NULL, &calls) == COG_OK);
    CHECK(cog_loop_post(loop, post_one, NULL, &calls) == COG_OK);
    CHECK(cog_hook_add(loop, COG_HOOK_CHECK, post_one, &calls, &hook) == COG_OK);
    CHECK(cog_timer_after(loop, 0, post_at_a_timer, &calls, NULL) == COG_OK);
    cog_watch watch;
    make_pair(pair);
    CHECK(put_bytes(pair[1], "x", 1) == 1);
    CHECK(cog_watch_descriptor(loop, pair[0], COG_READ, COG_LEVEL, post_at_a_watch, &calls, &watch) == COG_OK);
    CHECK(cog_loop_run_once(loop, 0, &is_alive) == COG_OK && is_alive && calls == 1);
    CHECK(cog_hook_remove(hook) == COG_OK);
    CHECK(cog_loop_run_once(loop, 0, &is_alive) == COG_OK && !is_alive && calls == 5);
    cog_loop_free(loop);
    close_pair(pair);
}

/* The loop has no timer and no watch. It runs until the third post stops it. */
static void stop_at_three(void *ctx) {
    (void)ctx;
    if (++ran == 3) CHECK(cog_loop_stop(loop) == COG_OK);
}
static void *post_three(void *argument) {
    for (int n = 0; n < 3; n++) {
        Mockit_bsleep(2, true, NULL);
        CHECK(cog_loop_post(loop, stop_at_three, NULL, argument) == COG_OK);
    }
    return NULL;
}
static void a_loop_that_is_kept_alive_waits_for_posts(void) {
    for (int is_virtual = 0; is_virtual < 2; is_virtual++) {
        if (is_virtual) loop = virtual_loop();
        else CHECK(cog_loop_new(NULL, &loop) == COG_OK);
        ran = 0;
        pthread_t thread;
        bool is_alive = false;
        CHECK(cog_loop_keep_alive(loop, true) == COG_OK);
        CHECK(cog_loop_run_once(loop, 0, &is_alive) == COG_OK && is_alive);
        pthread_create(&thread, NULL, post_three, NULL);
        CHECK(cog_loop_run(loop) == COG_OK && ran == 3);
        pthread_join(thread, NULL);
        CHECK(cog_loop_keep_alive(loop, false) == COG_OK && cog_loop_run(loop) == COG_OK);
        CHECK(cog_loop_free(loop) == COG_OK);
    }
}

static void *wake_it(void *argument) {
    (void)argument;
    cog_loop_wake(loop);
    return NULL;
}
static void a_wake_ends_the_wait(void) {
    CHECK(cog_loop_new(NULL, &loop) == COG_OK);
    cog_timer_after(loop, COG_NEVER, never, NULL, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, wake_it, NULL);
    bool is_alive = false;
    CHECK(cog_loop_run_once(loop, COG_NEVER, &is_alive) == COG_OK && is_alive);
    pthread_join(thread, NULL);
    cog_loop_free(loop);
}

static cog_timer timer;
static int codes[6];
static void *meddle(void *argument) {
    (void)argument;
    uint64_t now = 7;
    codes[0] = cog_loop_run(loop);
    codes[1] = cog_loop_free(loop);
    codes[2] = cog_timer_cancel(timer);
    codes[3] = cog_timer_after(loop, 1, never, NULL, NULL);
    codes[4] = cog_loop_stop(loop);
    codes[5] = cog_loop_now(loop, &now);
    if (now != 7 || !strstr(cog_last_message(), "another thread")) codes[5] = COG_OK;
    return NULL;
}
static void other_calls_from_another_thread_are_errors(void) {
    CHECK(cog_loop_new(NULL, &loop) == COG_OK);
    cog_timer_after(loop, COG_NEVER, never, NULL, &timer);
    pthread_t thread;
    pthread_create(&thread, NULL, meddle, NULL);
    pthread_join(thread, NULL);
    for (int n = 0; n < 6; n++) CHECK(codes[n] == COG_ERROR_THREAD);
    CHECK(cog_timer_cancel(timer) == COG_OK && cog_loop_free(loop) == COG_OK);
}

static void *leave_a_loop(void *argument) {
    cog_loop *left = (cog_loop *)argument;
    if (cog_loop_new(NULL, left) != COG_OK) return NULL;
    cog_timer_after(*left, 1000 * MS, never, NULL, NULL);
    cog_loop_post(*left, count_it, discard, malloc(sizeof(struct work)));
    return left;
}
static void a_loop_ends_with_its_thread(void) {
    cog_loop left = { 0 };
    discarded = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, leave_a_loop, &left);
    pthread_join(thread, NULL);
    CHECK(left.id != 0 && counted(&discarded) == 1);
    CHECK(cog_loop_run(left) == COG_ERROR_STALE && cog_loop_wake(left) == COG_ERROR_STALE);
    CHECK(cog_loop_post(left, count_it, discard, NULL) == COG_ERROR_STALE);
}

/* Other threads post while the owner frees the loop. Each post does exactly one of three things: it runs, is discarded,
 * or fails. */
static int refused, taken;
static void take(void *ctx) {
    free(ctx);
    count(&taken);
}
static void *post_until_refused(void *argument) {
    (void)argument;
    for (;;) {
        /* Keeps the queue at about 10,000 posts or fewer, so that the loop can keep up. */
        while (counted(&ran) - counted(&taken) - counted(&discarded) > 10000) Mockit_bsleep(1, true, NULL);
        void *ctx = malloc(1);
        if (cog_loop_post(loop, take, discard, ctx) == COG_OK) {
            count(&ran);
            continue;
        }
        free(ctx);
        count(&refused);
        return NULL;
    }
}
static void a_loop_may_be_freed_while_other_threads_post(void) {
    for (int round = 0; round < 20; round++) {
        CHECK(cog_loop_new(NULL, &loop) == COG_OK);
        ran = taken = refused = discarded = 0;
        pthread_t threads[THREADS];
        for (int n = 0; n < THREADS; n++) pthread_create(&threads[n], NULL, post_until_refused, NULL);
        while (counted(&taken) < 50) cog_loop_step(loop);
        CHECK(cog_loop_free(loop) == COG_OK);
        for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
        CHECK(refused == THREADS && ran == taken + discarded);
    }
}

static int wrong_answers;

#if HAS_SIGNALS
/* A signal handler that wakes the loop may interrupt anything: a post, the making or freeing of a loop, or the message
 * of a failed call. If cog_loop_wake took a lock, it could wait for ever for the thread that it has interrupted. */
static cog_loop stale;
static int wakes;
static volatile sig_atomic_t is_stormy;
/* Sends one signal, 200 us from now. Each handler asks for the next signal. So the thread makes progress even if a
 * handler takes longer than 200 us, as under a sanitizer. */
static void next_signal(void) {
    struct itimerval soon = { { 0, 0 }, { 0, 200 } };
    setitimer(ITIMER_REAL, &soon, NULL);
}
static void wake_both(int number) {
    (void)number;
    int before = errno;
    errno = EDOM;
    if (cog_loop_wake(loop) != COG_OK || cog_loop_wake(stale) != COG_ERROR_STALE || errno != EDOM) wrong_answers++;
    wakes++;
    if (is_stormy) next_signal();
    errno = before;
}
static void run_it(void *ctx) { ++*(int *)ctx; }
static void a_storm_of_signals_wakes_a_loop_that_is_at_work(void) {
    CHECK(cog_loop_new(NULL, &loop) == COG_OK && cog_loop_new(NULL, &stale) == COG_OK);
    CHECK(cog_loop_free(stale) == COG_OK);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = wake_both;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    ran = wakes = wrong_answers = 0;
    is_stormy = 1;
    next_signal();
    int rounds = posts * 4, failed = 0;
    for (int n = 1; n <= rounds; n++) {
        failed += cog_loop_post(loop, run_it, NULL, &ran) != COG_OK;
        if (n % 16 == 0) failed += cog_loop_step(loop) != COG_OK;
        failed += cog_loop_post(stale, run_it, NULL, &ran) != COG_ERROR_STALE;
        if (n % 100 == 0) {
            cog_loop another;
            failed += cog_loop_new(NULL, &another) != COG_OK || cog_loop_free(another) != COG_OK;
        }
    }
    /* Only a signal can end these ten waits. */
    cog_timer_after(loop, COG_NEVER, never, NULL, NULL);
    for (int n = 0; n < 10; n++) failed += cog_loop_run_once(loop, COG_NEVER, NULL) != COG_OK;
    is_stormy = 0;
    /* From here on the process ignores the signal. valgrind may still deliver one, and the default action would end the
     * process. */
    struct itimerval calm = { { 0, 0 }, { 0, 0 } };
    action.sa_handler = SIG_IGN;
    CHECK(setitimer(ITIMER_REAL, &calm, NULL) == 0 && sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(failed == 0 && ran == rounds && wakes > 0 && wrong_answers == 0);
    CHECK(cog_loop_free(loop) == COG_OK);
}

#endif

/* Other threads wake loops by their handles. The library's table of loops reuses the places of freed loops all the
 * time. */
static cog_loop shared_loops[4];
static int is_over;
static void *wake_all(void *argument) {
    (void)argument;
    while (!counted(&is_over)) {
        for (int n = 0; n < 4; n++) {
            cog_loop known;
            __atomic_load(&shared_loops[n].id, &known.id, __ATOMIC_SEQ_CST);
            int code = cog_loop_wake(known);
            if (code != COG_OK && code != COG_ERROR_STALE) count(&wrong_answers);
        }
    }
    return NULL;
}
static int free_by_id(uint64_t id) {
    cog_loop known = { id };
    return cog_loop_free(known);
}
static void loops_are_made_and_freed_while_other_threads_wake_them(void) {
    pthread_t threads[THREADS];
    is_over = wrong_answers = 0;
    for (int n = 0; n < THREADS; n++) pthread_create(&threads[n], NULL, wake_all, NULL);
    uint64_t last = 0;
    for (int round = 0; round < posts / 8 + 8; round++) {
        cog_loop made, *place = &shared_loops[round % 4];
        uint64_t old = place->id;
        CHECK(cog_loop_new(NULL, &made) == COG_OK && made.id != last);
        __atomic_store(&place->id, &made.id, __ATOMIC_SEQ_CST);
        if (old != 0) CHECK(free_by_id(old) == COG_OK);
        last = made.id;
    }
    count(&is_over);
    for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
    CHECK(wrong_answers == 0);
    for (int n = 0; n < 4; n++) CHECK(cog_loop_free(shared_loops[n]) == COG_OK);
}

int main(int argc, char **argv) {
    if (argc > 1) posts = atoi(argv[1]) / THREADS;
    RUN(posts_of_many_threads_run_in_order_on_the_thread_of_the_loop);
    RUN(a_post_keeps_the_loop_running_and_does_not_wait);
    RUN(a_post_of_a_callback_runs_in_the_next_turn);
    RUN(a_loop_that_is_kept_alive_waits_for_posts);
    RUN(a_wake_ends_the_wait);
    RUN(other_calls_from_another_thread_are_errors);
    RUN(a_loop_ends_with_its_thread);
    RUN(a_loop_may_be_freed_while_other_threads_post);
#if HAS_SIGNALS
    RUN(a_storm_of_signals_wakes_a_loop_that_is_at_work);
#else
    SKIP(a_storm_of_signals_wakes_a_loop_that_is_at_work, "signals");
#endif
    RUN(loops_are_made_and_freed_while_other_threads_wake_them);
    return summary();
}
