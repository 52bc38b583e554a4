/* One-off and interval timers, from initialisation to end. */
#include "check.h"

struct story {
    int calls, ends;
    uint64_t at_ms[64];
    pthread_t thread;
    int blocks;
};

static void tick(void *timer) {
    struct story *story = CTX(struct story, timer);
    int n = counted(&story->calls);
    if (n < 64) story->at_ms[n] = boot_ms();
    story->thread = pthread_self();
    count(&story->calls);
}
static int end(void *timer) {
    count(&CTX(struct story, timer)->ends);
    return 0;
}
static int end_and_free(void *timer) {
    count(&CTX(struct story, timer)->ends);
    free(timer);
    return 0;
}

static void a_one_off_fires_once_and_not_early_then_ends(void) {
    NEW(struct story, story);
    struct mockit *timer = Mockit_dynamic_init(tick, 30, false, &story, end_and_free);
    uint64_t before = boot_ms();
    CHECK(Mockit_arm(TIMER(timer)) == 0);
    wait_for(&story.ends, 1);
    CHECK(counted(&story.calls) == 1);
    CHECK(story.at_ms[0] - before >= 30);
    CHECK(!pthread_equal(story.thread, pthread_self()));
}

static void a_static_timer_may_be_used_again_after_its_end(void) {
    NEW(struct story, story);
    struct mockit timer;
    memset(&timer, 0xa5, sizeof timer);
    for (int round = 1; round <= 3; round++) {
        Mockit_static_init(&timer, tick, 1, false, &story, end);
        CHECK(Mockit_arm(&timer) == 0);
        wait_for(&story.ends, round);
        CHECK(counted(&story.calls) == round);
    }
}

static void an_interval_keeps_its_schedule(void) {
    NEW(struct story, story);
    struct mockit *timer = Mockit_dynamic_init(tick, 10, true, &story, end_and_free);
    uint64_t before = boot_ms();
    Mockit_arm(TIMER(timer));
    wait_for(&story.calls, 20);
    CHECK(Mockit_destroy(TIMER(timer)) == 0);
    CHECK(counted(&story.ends) == 1);
    for (int n = 0; n < 20; n++) CHECK(story.at_ms[n] - before >= 10u * (n + 1));
    int calls = counted(&story.calls);
    Mockit_bsleep(40, true, NULL);
    CHECK(counted(&story.calls) == calls);
}

static void destroy_does_not_wait_for_the_deadline(void) {
    NEW(struct story, story);
    struct mockit *timer = Mockit_dynamic_init(tick, 3600000, true, &story, end_and_free);
    Mockit_arm(TIMER(timer));
    CHECK(Mockit_destroy(TIMER(timer)) == 0);
    CHECK(counted(&story.ends) == 1 && counted(&story.calls) == 0);
}

static void a_disarmed_interval_stops_and_can_go_on(void) {
    NEW(struct story, story);
    struct mockit timer;
    Mockit_static_init(&timer, tick, 5, true, &story, end);
    Mockit_arm(&timer);
    wait_for(&story.calls, 2);
    Mockit_disarm(&timer);
    /* A callback that had begun before may still count, at any time. */
    int most = counted(&story.calls) + 1;
    Mockit_bsleep(50, true, NULL);
    CHECK(counted(&story.calls) <= most && counted(&story.ends) == 0);
    CHECK(Mockit_arm(&timer) == 0);
    wait_for(&story.calls, most + 2);
    CHECK(Mockit_destroy(&timer) == 0 && counted(&story.ends) == 1);
    CHECK(Mockit_destroy(&timer) == 0 && counted(&story.ends) == 1);
}

static void a_disarmed_one_off_ends_at_its_time_without_a_call(void) {
    for (int with_destroy = 0; with_destroy < 2; with_destroy++) {
        NEW(struct story, story);
        struct mockit *timer = Mockit_dynamic_init(tick, 20, false, &story, end_and_free);
        Mockit_arm(TIMER(timer));
        if (with_destroy) CHECK(Mockit_destroy(TIMER(timer)) == 0);
        else Mockit_disarm(TIMER(timer));
        CHECK(counted(&story.ends) == 0);
        wait_for(&story.ends, 1);
        CHECK(counted(&story.calls) == 0);
    }
}

static void a_timer_that_was_never_armed_is_destroyed_at_once(void) {
    for (int cyclic = 0; cyclic < 2; cyclic++) {
        NEW(struct story, story);
        CHECK(Mockit_destroy(Mockit_dynamic_init(tick, 20, cyclic, &story, end_and_free)) == 0);
        CHECK(counted(&story.ends) == 1 && counted(&story.calls) == 0);
        CHECK(Mockit_destroy(Mockit_dynamic_init(tick, 20, cyclic, &story, NULL)) == 0);
    }
}

static void destroy_itself(void *timer) {
    struct story *story = CTX(struct story, timer);
    count(&story->calls);
    CHECK(Mockit_destroy(TIMER(timer)) == 0);
    CHECK(counted(&story->ends) == 0);
}
static void an_interval_may_destroy_itself(void) {
    NEW(struct story, story);
    Mockit_arm(Mockit_dynamic_init(destroy_itself, 5, true, &story, end_and_free));
    wait_for(&story.ends, 1);
    CHECK(counted(&story.calls) == 1);
}

static struct mockit *peers[2];
static void destroy_the_other(void *timer) {
    struct story *story = CTX(struct story, timer);
    if (counted(&story->calls) > 0) return;
    count(&story->calls);
    /* Waits until both callbacks have begun. */
    for (int n = 0; n < 2; n++) wait_for(&CTX(struct story, peers[n])->calls, 1);
    CHECK(Mockit_destroy(timer == peers[0] ? peers[1] : peers[0]) == 0);
    count(&story->blocks);
}
static void two_callbacks_that_destroy_each_other_do_not_wait_for_ever(void) {
    struct story stories[2];
    memset(stories, 0, sizeof stories);
    struct mockit timers[2];
    for (int n = 0; n < 2; n++) {
        Mockit_static_init(&timers[n], destroy_the_other, 5, true, &stories[n], end);
        peers[n] = &timers[n];
    }
    for (int n = 0; n < 2; n++) Mockit_arm(peers[n]);
    for (int n = 0; n < 2; n++) wait_for(&stories[n].blocks, 1), wait_for(&stories[n].ends, 1);
}

static void arm_again(void *timer) {
    struct story *story = CTX(struct story, timer);
    count(&story->calls);
    if (counted(&story->calls) < 3) CHECK(Mockit_arm(TIMER(timer)) == 0);
}
static void a_one_off_may_arm_itself_again(void) {
    NEW(struct story, story);
    Mockit_arm(Mockit_dynamic_init(arm_again, 2, false, &story, end_and_free));
    wait_for(&story.ends, 1);
    CHECK(counted(&story.calls) == 3 && counted(&story.ends) == 1);
}

/* A callback arms its own timer. The deadline comes while the callback still runs. So the timer is called again after
 * the callback has returned. */
static void arm_again_and_stay(void *timer) {
    struct story *story = CTX(struct story, timer);
    count(&story->calls);
    if (counted(&story->calls) < 3) {
        CHECK(Mockit_arm64(TIMER(timer), 1) == 0);
        Mockit_bsleep(20, true, NULL);
    }
}
static void a_one_off_that_is_due_again_before_its_callback_returns_is_called_again(void) {
    NEW(struct story, story);
    Mockit_arm(Mockit_dynamic_init(arm_again_and_stay, 2, false, &story, end_and_free));
    wait_for(&story.ends, 1);
    CHECK(counted(&story.calls) == 3 && counted(&story.ends) == 1);
}

static void arming_again_starts_again(void) {
    NEW(struct story, story);
    struct mockit *timer = Mockit_dynamic_init(tick, 60000, false, &story, end_and_free);
    Mockit_arm(TIMER(timer));
    uint64_t before = boot_ms();
    CHECK(Mockit_arm64(timer, 20) == 0);
    wait_for(&story.ends, 1);
    CHECK(counted(&story.calls) == 1 && story.at_ms[0] - before >= 20);
}

static int open_gate;
static void block(void *timer) {
    struct story *story = CTX(struct story, timer);
    count(&story->calls);
    while (!counted(&open_gate)) Mockit_bsleep(1, true, NULL);
    count(&story->blocks);
}
static void callbacks_that_block_delay_no_other_timer(void) {
    enum { MANY = 12 };
    NEW(struct story, blocked);
    NEW(struct story, story);
    for (int n = 0; n < MANY; n++) Mockit_arm(Mockit_dynamic_init(block, 5, false, &blocked, NULL));
    wait_for(&blocked.calls, MANY);
    Mockit_arm(Mockit_dynamic_init(tick, 5, false, &story, end_and_free));
    wait_for(&story.ends, 1);
    CHECK(counted(&blocked.blocks) == 0);
    count(&open_gate);
    wait_for(&blocked.blocks, MANY);
}

static void twenty_thousand_armed_timers_need_no_thread_each(void) {
    enum { MANY = 20000 };
    static struct mockit *timers[MANY];
    NEW(struct story, story);
    int before = threads();
    for (int n = 0; n < MANY; n++) {
        timers[n] = Mockit_dynamic_init(tick, 3600000, true, &story, end_and_free);
        CHECK(Mockit_arm(timers[n]) == 0);
    }
    CHECK(threads() <= before); /* threads of earlier tests may have ended */
    for (int n = 0; n < MANY; n++) CHECK(Mockit_destroy(timers[n]) == 0);
    CHECK(counted(&story.ends) == MANY && counted(&story.calls) == 0);
}

static int inside, overlaps;
static void stay(void *timer) {
    if (__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) > 1) count(&overlaps);
    Mockit_bsleep(7, true, NULL);
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    count(&CTX(struct story, timer)->calls);
}
static void callbacks_of_one_timer_never_overlap_and_destroy_waits(void) {
    NEW(struct story, story);
    struct mockit *timer = Mockit_dynamic_init(stay, 2, true, &story, end_and_free);
    Mockit_arm(TIMER(timer));
    wait_for(&story.calls, 8);
    CHECK(Mockit_destroy(TIMER(timer)) == 0);
    CHECK(counted(&inside) == 0 && counted(&overlaps) == 0 && counted(&story.ends) == 1);
}

static void bad_arguments_are_error_numbers(void) {
    CHECK(Mockit_arm(NULL) == EINVAL && Mockit_arm64(NULL, 1) == EINVAL && Mockit_destroy(NULL) == EINVAL);
    Mockit_disarm(NULL);
    Mockit_static_init(NULL, tick, 1, false, NULL, NULL);
    CHECK(Mockit_dynamic_init(NULL, 1, false, NULL, NULL) == NULL);
    struct mockit timer;
    Mockit_static_init(&timer, NULL, 1, false, NULL, NULL);
    CHECK(Mockit_arm(&timer) == EINVAL);
}

static void very_long_delays_are_valid(void) {
    static const uint64_t delays[] = { UINT32_MAX, (uint64_t)UINT32_MAX + 10, UINT64_MAX / 2, UINT64_MAX };
    NEW(struct story, story);
    for (int n = 0; n < 4; n++) {
        struct mockit *timer = Mockit_dynamic_init(tick, 1, true, &story, NULL);
        CHECK(Mockit_arm64(timer, delays[n]) == 0);
        Mockit_bsleep(15, true, NULL);
        CHECK(counted(&story.calls) == 0);
        CHECK(Mockit_destroy(TIMER(timer)) == 0);
    }
}

int main(void) {
    if (lacks_timer_descriptors("timers")) return 0;
    RUN(a_one_off_fires_once_and_not_early_then_ends);
    RUN(a_static_timer_may_be_used_again_after_its_end);
    RUN(an_interval_keeps_its_schedule);
    RUN(destroy_does_not_wait_for_the_deadline);
    RUN(a_disarmed_interval_stops_and_can_go_on);
    RUN(a_disarmed_one_off_ends_at_its_time_without_a_call);
    RUN(a_timer_that_was_never_armed_is_destroyed_at_once);
    RUN(an_interval_may_destroy_itself);
    RUN(two_callbacks_that_destroy_each_other_do_not_wait_for_ever);
    RUN(a_one_off_may_arm_itself_again);
    RUN(a_one_off_that_is_due_again_before_its_callback_returns_is_called_again);
    RUN(arming_again_starts_again);
    RUN(callbacks_that_block_delay_no_other_timer);
    RUN(twenty_thousand_armed_timers_need_no_thread_each);
    RUN(callbacks_of_one_timer_never_overlap_and_destroy_waits);
    RUN(bad_arguments_are_error_numbers);
    RUN(very_long_delays_are_valid);
    return summary();
}
