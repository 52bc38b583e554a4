/* cogloop.h: timers. Time is virtual, so the tests know each firing to the nanosecond. Only one test uses the system's
 * clock. */
#include "check.h"

struct log {
    cog_loop loop;
    int calls;
    uint64_t at_ns[32], deadline_ns[32], late_ns[32], missed[32];
    cog_timer timer;
    int stop_after;
    uint64_t work_ns;
};

static void note(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    struct log *log = (struct log *)ctx;
    int n = log->calls++;
    log->timer = timer;
    log->at_ns[n % 32] = now_of(log->loop);
    log->deadline_ns[n % 32] = expiry->deadline_ns;
    log->late_ns[n % 32] = expiry->late_ns;
    log->missed[n % 32] = expiry->missed;
    if (log->work_ns) cog_loop_advance(log->loop, log->work_ns);
    log->work_ns = 0;
    if (log->calls == log->stop_after) cog_loop_stop(log->loop);
}

static struct log log_of(cog_loop loop) {
    struct log log;
    memset(&log, 0, sizeof log);
    log.loop = loop;
    return log;
}

static void a_timer_fires_once_at_its_time_and_is_stale_then(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    cog_timer timer;
    CHECK(cog_timer_after(loop, 30 * MS, note, &log, &timer) == COG_OK);
    uint64_t left = 0;
    CHECK(cog_timer_remaining(timer, &left) == COG_OK && left == 30 * MS);
    CHECK(cog_loop_run(loop) == COG_OK);
    CHECK(log.calls == 1 && log.at_ns[0] == 30 * MS && log.deadline_ns[0] == 30 * MS);
    CHECK(log.late_ns[0] == 0 && log.missed[0] == 0);
    CHECK(log.timer.loop_id == timer.loop_id && log.timer.key == timer.key);
    CHECK(cog_timer_cancel(timer) == COG_ERROR_STALE);
    CHECK(cog_timer_remaining(timer, &left) == COG_ERROR_STALE && left == 30 * MS);
    CHECK(cog_loop_free(loop) == COG_OK);
}

static char order[8];
static void append(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry;
    strncat(order, (const char *)ctx, sizeof order - strlen(order) - 1);
}

static void timers_fire_by_deadline_then_in_the_order_of_arming(void) {
    cog_loop loop = virtual_loop();
    order[0] = 0;
    cog_timer_at(loop, 20 * MS, append, (void *)"c", NULL);
    cog_timer_at(loop, 10 * MS, append, (void *)"a", NULL);
    cog_timer_after(loop, 10 * MS, append, (void *)"b", NULL);
    cog_timer_after(loop, 0, append, (void *)"0", NULL);
    CHECK(cog_loop_run(loop) == COG_OK);
    CHECK(strcmp(order, "0abc") == 0);
    cog_timer_at(loop, 5 * MS, append, (void *)"p", NULL); /* in the past: the next turn */
    CHECK(cog_loop_step(loop) == COG_OK && strcmp(order, "0abcp") == 0);
    cog_loop_free(loop);
}

static void an_interval_keeps_its_schedule_and_is_valid_until_it_is_cancelled(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    cog_timer timer;
    CHECK(cog_timer_every(loop, 10 * MS, COG_MISSED_SKIP, note, &log, &timer) == COG_OK);
    log.stop_after = 5;
    CHECK(cog_loop_run(loop) == COG_OK);
    for (int n = 0; n < 5; n++) CHECK(log.deadline_ns[n] == 10u * MS * (n + 1) && log.at_ns[n] == log.deadline_ns[n]);
    CHECK(log.calls == 5 && log.timer.key == timer.key);
    CHECK(cog_timer_cancel(timer) == COG_OK && cog_timer_cancel(timer) == COG_ERROR_STALE);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 5);
    cog_loop_free(loop);
}

/* The period is 10 ms, and the first callback works for 35 ms. */
static void late_deadlines_are_skipped_or_served_in_a_burst_or_delayed(void) {
    static const struct {
        int missed;
        uint64_t deadlines[5];
        uint64_t missed_at_second;
    } table[] = {
        { COG_MISSED_SKIP, { 10, 20, 50, 60, 70 }, 2 },
        { COG_MISSED_BURST, { 10, 20, 30, 40, 50 }, 0 },
        { COG_MISSED_DELAY, { 10, 20, 55, 65, 75 }, 0 },
    };
    for (int row = 0; row < 3; row++) {
        cog_loop loop = virtual_loop();
        struct log log = log_of(loop);
        log.work_ns = 35 * MS;
        log.stop_after = 5;
        CHECK(cog_timer_every(loop, 10 * MS, table[row].missed, note, &log, NULL) == COG_OK);
        CHECK(cog_loop_run(loop) == COG_OK);
        for (int n = 0; n < 5; n++) CHECK(log.deadline_ns[n] == table[row].deadlines[n] * MS);
        CHECK(log.late_ns[0] == 0 && log.late_ns[1] == 25 * MS);
        CHECK(log.missed[1] == table[row].missed_at_second);
        cog_stats stats;
        stats.size = sizeof stats;
        CHECK(cog_loop_stats(loop, &stats) == COG_OK && stats.late_ns_max == 25 * MS && stats.timer_calls == 5);
        cog_loop_free(loop);
    }
}

static void a_timer_is_moved_paused_and_resumed(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    cog_timer timer;
    uint64_t left = 0;
    cog_timer_after(loop, 10 * MS, note, &log, &timer);
    CHECK(cog_timer_reschedule(timer, 50 * MS) == COG_OK);
    cog_loop_advance(loop, 20 * MS);
    CHECK(cog_loop_step(loop) == COG_OK && log.calls == 0);
    CHECK(cog_timer_pause(timer) == COG_OK && cog_timer_pause(timer) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 0); /* a paused timer does not keep the loop running */
    cog_loop_advance(loop, 1000 * MS);
    CHECK(cog_loop_step(loop) == COG_OK && log.calls == 0);
    CHECK(cog_timer_remaining(timer, &left) == COG_OK && left == 30 * MS);
    CHECK(cog_timer_resume(timer) == COG_OK && cog_timer_resume(timer) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 1 && log.at_ns[0] == 1050 * MS);
    cog_loop_free(loop);
}

static void a_timer_that_is_made_once_is_started_and_stopped_again_and_again(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    cog_timer timer;
    uint64_t ns = 0;
    cog_stats stats;
    stats.size = sizeof stats;
    CHECK(cog_timer_new(loop, NULL, NULL, &timer) == COG_ERROR_ARGUMENT);
    CHECK(cog_timer_new(loop, note, &log, &timer) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 0); /* a stopped timer does not keep the loop running */
    CHECK(cog_timer_deadline(timer, &ns) == COG_OK && ns == COG_NEVER);
    CHECK(cog_timer_remaining(timer, &ns) == COG_OK && ns == COG_NEVER);
    for (int round = 1; round <= 3; round++) {
        CHECK(cog_timer_reschedule(timer, 10 * MS) == COG_OK && cog_timer_stop(timer) == COG_OK);
        CHECK(cog_timer_stop(timer) == COG_OK && cog_timer_resume(timer) == COG_OK);
        CHECK(cog_loop_run(loop) == COG_OK && log.calls == round - 1);
        CHECK(cog_timer_reschedule(timer, 30 * MS) == COG_OK);
        CHECK(cog_timer_deadline(timer, &ns) == COG_OK && ns == (uint64_t)round * 30 * MS);
        CHECK(cog_loop_run(loop) == COG_OK && log.calls == round && log.at_ns[round - 1] == (uint64_t)round * 30 * MS);
    }
    CHECK(cog_loop_stats(loop, &stats) == COG_OK && stats.timers == 1);
    CHECK(cog_timer_cancel(timer) == COG_OK && cog_timer_stop(timer) == COG_ERROR_STALE);
    CHECK(cog_timer_reschedule(timer, 1) == COG_ERROR_STALE);
    CHECK(cog_loop_stats(loop, &stats) == COG_OK && stats.timers == 0);
    cog_loop_free(loop);
}

static void a_timer_that_never_fires_has_no_remaining_time(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    cog_timer timer, made;
    uint64_t ns = 0;
    CHECK(cog_timer_after(loop, COG_NEVER, note, &log, &timer) == COG_OK);
    CHECK(cog_timer_new(loop, note, &log, &made) == COG_OK && cog_timer_reschedule(made, COG_NEVER) == COG_OK);
    cog_loop_advance(loop, 5 * MS);
    CHECK(cog_timer_remaining(timer, &ns) == COG_OK && ns == COG_NEVER);
    CHECK(cog_timer_remaining(made, &ns) == COG_OK && ns == COG_NEVER);
    CHECK(cog_timer_pause(timer) == COG_OK && cog_timer_remaining(timer, &ns) == COG_OK && ns == COG_NEVER);
    CHECK(cog_timer_resume(timer) == COG_OK && cog_timer_deadline(timer, &ns) == COG_OK && ns == COG_NEVER);
    CHECK(cog_timer_reschedule(timer, 5 * MS) == COG_OK && cog_timer_remaining(timer, &ns) == COG_OK && ns == 5 * MS);
    cog_loop_free(loop);
}

static void any_timer_can_be_stopped_and_set_again(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    cog_timer once, interval, paused;
    uint64_t ns = 0;
    cog_timer_after(loop, 10 * MS, note, &log, &once);
    cog_timer_every(loop, 10 * MS, COG_MISSED_SKIP, note, &log, &interval);
    cog_timer_after(loop, 10 * MS, note, &log, &paused);
    CHECK(cog_timer_pause(paused) == COG_OK && cog_timer_stop(paused) == COG_OK);
    CHECK(cog_timer_resume(paused) == COG_OK && cog_timer_remaining(paused, &ns) == COG_OK && ns == COG_NEVER);
    CHECK(cog_timer_stop(once) == COG_OK && cog_timer_stop(interval) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 0);
    CHECK(cog_timer_reschedule(interval, 5 * MS) == COG_OK && cog_timer_reschedule(once, 7 * MS) == COG_OK);
    log.stop_after = 3;
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 3);
    CHECK(log.at_ns[0] == 5 * MS && log.at_ns[1] == 7 * MS && log.at_ns[2] == 15 * MS);
    CHECK(cog_timer_stop(once) == COG_ERROR_STALE && cog_timer_stop(interval) == COG_OK);
    cog_loop_free(loop);
}

/* A time-out that starts itself again in its callback. Its end function is called only when it is cancelled. */
struct again {
    struct log log;
    cog_timer timer;
    int ends;
};
static void start_again(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    struct again *again = (struct again *)ctx;
    note(timer, expiry, &again->log);
    CHECK(timer.key == again->timer.key && again->ends == 0);
    if (again->log.calls < 3) CHECK(cog_timer_reschedule(timer, 10 * MS) == COG_OK);
    else CHECK(cog_timer_cancel(timer) == COG_OK && again->ends == 0);
}
static void count_end(void *ctx) { ((struct again *)ctx)->ends++; }
static void a_timer_of_cog_timer_new_ends_by_cancel_only(void) {
    cog_loop loop = virtual_loop();
    struct again again;
    memset(&again, 0, sizeof again);
    again.log = log_of(loop);
    CHECK(cog_timer_new(loop, start_again, &again, &again.timer) == COG_OK);
    CHECK(cog_timer_on_end(again.timer, count_end) == COG_OK && cog_timer_reschedule(again.timer, 10 * MS) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && again.log.calls == 3 && again.ends == 1 && now_of(loop) == 30 * MS);
    CHECK(cog_timer_cancel(again.timer) == COG_ERROR_STALE);
    cog_loop_free(loop);
}

static cog_timer victim;
static void cancel_the_other(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry;
    ++*(int *)ctx;
    CHECK(cog_timer_cancel(victim) == COG_OK);
}
static void a_timer_that_is_due_in_the_same_turn_can_still_be_cancelled(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    int calls = 0;
    cog_timer_after(loop, 10 * MS, cancel_the_other, &calls, NULL);
    cog_timer_after(loop, 10 * MS, note, &log, &victim);
    CHECK(cog_loop_run(loop) == COG_OK && calls == 1 && log.calls == 0);
    cog_loop_free(loop);
}

/* At 10 ms a callback works for 5 ms and then arms timers. */
struct worker {
    struct log *log;
    cog_timer timers[4];
    uint64_t cached_ns[2];
};
static void work_and_arm(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    struct worker *worker = (struct worker *)ctx;
    cog_loop loop = worker->log->loop;
    (void)timer, (void)expiry;
    cog_loop_advance(loop, 5 * MS + 1);
    CHECK(cog_loop_now_cached(loop, &worker->cached_ns[0]) == COG_OK);
    CHECK(cog_timer_after(loop, 10 * MS, note, worker->log, &worker->timers[0]) == COG_OK);
    CHECK(cog_timer_reschedule(worker->timers[1], 20 * MS) == COG_OK);
    CHECK(cog_timer_every(loop, 30 * MS, COG_MISSED_SKIP, note, worker->log, &worker->timers[2]) == COG_OK);
    CHECK(cog_loop_update_now(loop) == COG_OK && cog_loop_now_cached(loop, &worker->cached_ns[1]) == COG_OK);
    CHECK(cog_timer_after(loop, 0, note, worker->log, &worker->timers[3]) == COG_OK);
}
static void delays_count_from_the_call_or_from_the_turn_as_the_options_say(void) {
    static const uint64_t deadlines_us[2][4] = { { 15000, 25001, 35001, 45001 }, { 15000, 20000, 30000, 40000 } };
    for (unsigned from = COG_DELAYS_FROM_NOW; from <= COG_DELAYS_FROM_CACHED; from++) {
        NEW(cog_options, options);
        options.size = sizeof options;
        options.clock = COG_CLOCK_VIRTUAL;
        options.delays = from;
        cog_loop loop;
        CHECK(cog_loop_new(&options, &loop) == COG_OK);
        struct log log = log_of(loop);
        NEW(struct worker, worker);
        worker.log = &log;
        log.stop_after = 4;
        uint64_t cached_ns = 7;
        CHECK(cog_loop_now_cached(loop, &cached_ns) == COG_OK && cached_ns == 0);
        cog_timer_after(loop, 1000 * MS, note, &log, &worker.timers[1]);
        cog_timer_after(loop, 10 * MS, work_and_arm, &worker, NULL);
        CHECK(cog_loop_run(loop) == COG_OK && log.calls == 4);
        CHECK(worker.cached_ns[0] == 10 * MS && worker.cached_ns[1] == 15 * MS + 1);
        /* A timer with a delay of 0 is due in the next turn, even if delays count from the start of the turn. No timer
         * fires early. */
        for (int n = 0; n < 4; n++) CHECK(log.deadline_ns[n] == deadlines_us[from][n] * 1000 && log.at_ns[n] >= log.deadline_ns[n]);
        CHECK(log.at_ns[0] == 15 * MS + 1);
        CHECK(cog_loop_now_cached(loop, &cached_ns) == COG_OK && cached_ns == log.at_ns[3]);
        cog_loop_free(loop);
    }
}

static void a_plan_has_a_first_delay_a_period_and_slack(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    NEW(cog_plan, plan);
    cog_timer timer = { 7, 7 };
    CHECK(cog_timer_add(loop, NULL, note, &log, &timer) == COG_ERROR_ARGUMENT && timer.key == 7);
    CHECK(cog_timer_add(loop, &plan, note, &log, &timer) == COG_ERROR_ARGUMENT && strstr(cog_last_message(), "cog_plan"));
    plan.size = sizeof plan;
    plan.missed = 3;
    CHECK(cog_timer_add(loop, &plan, note, &log, &timer) == COG_ERROR_ARGUMENT && strstr(cog_last_message(), "missed"));
    plan.missed = COG_MISSED_SKIP;
    plan.reserved = 1;
    CHECK(cog_timer_add(loop, &plan, note, &log, &timer) == COG_ERROR_ARGUMENT && timer.key == 7);
    plan.reserved = 0;
    plan.delay_ns = 3 * MS;
    plan.period_ns = 10 * MS;
    log.stop_after = 3;
    CHECK(cog_timer_add(loop, &plan, note, &log, &timer) == COG_OK && cog_loop_run(loop) == COG_OK);
    for (int n = 0; n < 3; n++) CHECK(log.deadline_ns[n] == (3u + 10u * n) * MS && log.at_ns[n] == log.deadline_ns[n]);
    CHECK(cog_timer_cancel(timer) == COG_OK);
    /* Both timers fire once, in the same wake-up. No timer is early, or later than its slack allows. */
    struct log late = log_of(loop);
    uint64_t now_ns = now_of(loop);
    plan.period_ns = 0;
    plan.slack_ns = 5 * MS;
    for (int n = 0; n < 2; n++) {
        plan.delay_ns = (20u + 2u * n) * MS;
        CHECK(cog_timer_add(loop, &plan, note, &late, NULL) == COG_OK);
    }
    CHECK(cog_loop_run(loop) == COG_OK && late.calls == 2 && late.at_ns[0] == late.at_ns[1]);
    CHECK(late.deadline_ns[0] == now_ns + 20 * MS && late.deadline_ns[1] == now_ns + 22 * MS);
    CHECK(late.at_ns[0] >= late.deadline_ns[1] && late.at_ns[0] <= now_ns + 25 * MS);
    cog_loop_free(loop);
}

static void a_loops_slack_counts_for_timers_whose_plan_sets_none(void) {
    NEW(cog_options, options);
    options.size = sizeof options;
    options.clock = COG_CLOCK_VIRTUAL;
    options.slack_ns = 10 * MS;
    cog_loop loop;
    CHECK(cog_loop_new(&options, &loop) == COG_OK);
    struct log log = log_of(loop), exact = log_of(loop);
    NEW(cog_plan, plan);
    plan.size = sizeof plan;
    plan.delay_ns = 37 * MS;
    CHECK(cog_timer_after(loop, 36 * MS, note, &log, NULL) == COG_OK);
    CHECK(cog_timer_at(loop, 38 * MS, note, &log, NULL) == COG_OK);
    CHECK(cog_timer_add(loop, &plan, note, &log, NULL) == COG_OK);
    plan.slack_ns = COG_EXACT;
    CHECK(cog_timer_add(loop, &plan, note, &exact, NULL) == COG_OK);
    CHECK(cog_timer_after(loop, 0, note, &exact, NULL) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && exact.calls == 2 && log.calls == 3);
    CHECK(exact.at_ns[0] == 0 && exact.at_ns[1] == 37 * MS);
    CHECK(log.at_ns[0] >= 38 * MS && log.at_ns[0] <= 46 * MS);
    CHECK(log.at_ns[1] == log.at_ns[0] && log.at_ns[2] == log.at_ns[0]);
    CHECK(log.deadline_ns[0] + log.deadline_ns[1] + log.deadline_ns[2] == (36 + 37 + 38) * MS);
    cog_loop_free(loop);
}

static void a_timers_callback_can_be_read_and_changed(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    cog_timer timer;
    cog_timer_fn fn = NULL;
    void *ctx = NULL;
    order[0] = 0;
    cog_timer_after(loop, 10 * MS, append, (void *)"x", &timer);
    CHECK(cog_timer_callback(timer, &fn, &ctx) == COG_OK && fn == append && strcmp((char *)ctx, "x") == 0);
    CHECK(cog_timer_set_callback(timer, NULL, NULL) == COG_ERROR_ARGUMENT);
    CHECK(cog_timer_set_callback(timer, note, &log) == COG_OK && cog_timer_callback(timer, NULL, &ctx) == COG_OK && ctx == &log);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 1 && order[0] == 0);
    ctx = &order;
    CHECK(cog_timer_callback(timer, &fn, &ctx) == COG_ERROR_STALE && fn == append && ctx == &order);
    cog_loop_free(loop);
}

static void unreferenced_timers_do_not_keep_the_loop_running(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    cog_timer heartbeat;
    cog_timer_every(loop, 10 * MS, COG_MISSED_SKIP, note, &log, &heartbeat);
    CHECK(cog_timer_unref(heartbeat) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 0);
    order[0] = 0;
    cog_timer_after(loop, 35 * MS, append, (void *)"x", NULL);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 3 && order[0] == 'x');
    log.stop_after = 5;
    CHECK(cog_timer_ref(heartbeat) == COG_OK && cog_loop_run(loop) == COG_OK && log.calls == 5);
    cog_loop_free(loop);
}

/* With ticks of 1 us, a deadline of 1500 ns is rounded up to 2000 ns. Regression test: the interval reported 1500, its
 * deadline before rounding. */
static void a_one_shot_and_an_interval_report_the_same_deadline_in_order(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    log.stop_after = 4;
    cog_timer first, second, third;
    cog_timer_every(loop, 1500, COG_MISSED_SKIP, note, &log, &first);
    cog_timer_at(loop, 1500, note, &log, &second);
    cog_timer_every(loop, 1500, COG_MISSED_BURST, note, &log, &third);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 4);
    for (int n = 0; n < 3; n++) CHECK(log.deadline_ns[n] == 2000 && log.late_ns[n] == 0);
    CHECK(log.deadline_ns[3] == 3000 && now_of(loop) == 3000); /* the schedule is not rounded */
    CHECK(log.timer.key == first.key && cog_timer_cancel(second) == COG_ERROR_STALE);
    cog_loop_free(loop);
}

static void a_loop_can_run_one_turn_at_a_time(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    bool is_alive = true;
    CHECK(cog_loop_run_once(loop, COG_NEVER, &is_alive) == COG_OK && !is_alive); /* an empty loop does not wait */
    cog_timer_after(loop, 10 * MS, note, &log, NULL);
    cog_timer_after(loop, 20 * MS, note, &log, NULL);
    CHECK(cog_loop_step(loop) == COG_OK && log.calls == 0);
    CHECK(cog_loop_run_once(loop, 4 * MS, &is_alive) == COG_OK && is_alive && log.calls == 0);
    CHECK(now_of(loop) == 4 * MS);
    CHECK(cog_loop_run_once(loop, COG_NEVER, NULL) == COG_OK && log.calls == 1);
    uint64_t timeout_ns = 0;
    CHECK(cog_loop_next_timeout(loop, &timeout_ns) == COG_OK && timeout_ns == 10 * MS);
    CHECK(cog_loop_run_once(loop, COG_NEVER, &is_alive) == COG_OK && log.calls == 2 && !is_alive);
    CHECK(cog_loop_next_timeout(loop, &timeout_ns) == COG_OK && timeout_ns == COG_NEVER);
    cog_loop_free(loop);
}

static void the_run_after_a_stop_begins_with_the_rest(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    log.stop_after = 1;
    for (int n = 0; n < 3; n++) cog_timer_after(loop, 10 * MS, note, &log, NULL);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 1);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 3 && now_of(loop) == 10 * MS);
    cog_loop_free(loop);
}

/* On the system's clock an interval keeps its schedule, and no timer is early. */
static void no_timer_is_early_on_the_systems_clock(void) {
    cog_loop loop;
    CHECK(cog_loop_new(NULL, &loop) == COG_OK);
    struct log log = log_of(loop);
    log.stop_after = 10;
    uint64_t before = boot_ms();
    CHECK(cog_timer_every(loop, 3 * MS, COG_MISSED_BURST, note, &log, NULL) == COG_OK);
    CHECK(cog_loop_run(loop) == COG_OK);
    for (int n = 0; n < 10; n++) {
        CHECK(log.at_ns[n] >= log.deadline_ns[n]);
        CHECK(log.deadline_ns[n] - log.deadline_ns[0] == 3u * MS * n);
    }
    CHECK(boot_ms() - before >= 29);
    CHECK(cog_loop_advance(loop, 1) == COG_ERROR_UNSUPPORTED);
    cog_loop_free(loop);
}

static void a_hundred_thousand_timers_all_fire(void) {
    cog_loop loop = virtual_loop();
    struct log log = log_of(loop);
    for (int n = 0; n < 100000; n++) CHECK(cog_timer_after(loop, (uint64_t)(n % 977) * MS, note, &log, NULL) == COG_OK);
    cog_stats stats;
    stats.size = sizeof stats;
    CHECK(cog_loop_stats(loop, &stats) == COG_OK && stats.timers == 100000 && stats.watches == 0);
    CHECK(cog_loop_run(loop) == COG_OK && log.calls == 100000 && now_of(loop) == 976u * MS);
    cog_loop_free(loop);
}

int main(void) {
    RUN(a_timer_fires_once_at_its_time_and_is_stale_then);
    RUN(timers_fire_by_deadline_then_in_the_order_of_arming);
    RUN(an_interval_keeps_its_schedule_and_is_valid_until_it_is_cancelled);
    RUN(late_deadlines_are_skipped_or_served_in_a_burst_or_delayed);
    RUN(a_timer_is_moved_paused_and_resumed);
    RUN(a_timer_that_is_made_once_is_started_and_stopped_again_and_again);
    RUN(a_timer_that_never_fires_has_no_remaining_time);
    RUN(any_timer_can_be_stopped_and_set_again);
    RUN(a_timer_of_cog_timer_new_ends_by_cancel_only);
    RUN(a_timer_that_is_due_in_the_same_turn_can_still_be_cancelled);
    RUN(delays_count_from_the_call_or_from_the_turn_as_the_options_say);
    RUN(a_plan_has_a_first_delay_a_period_and_slack);
    RUN(a_loops_slack_counts_for_timers_whose_plan_sets_none);
    RUN(a_timers_callback_can_be_read_and_changed);
    RUN(unreferenced_timers_do_not_keep_the_loop_running);
    RUN(a_one_shot_and_an_interval_report_the_same_deadline_in_order);
    RUN(a_loop_can_run_one_turn_at_a_time);
    RUN(the_run_after_a_stop_begins_with_the_rest);
    RUN(no_timer_is_early_on_the_systems_clock);
    RUN(a_hundred_thousand_timers_all_fire);
    return summary();
}
