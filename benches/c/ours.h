/* libcogloop: a timer is a handle. Delays count from the turn's time, as with the peers. With KEPT a timer is made
 * once, and then started and stopped, as with the peers. Without KEPT each start makes a timer, and each stop ends that
 * timer. */
#include <cogloop.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef RESOLUTION_NS
#define RESOLUTION_NS 0
#endif
#ifndef KEPT
#define KEPT 0
#endif
#ifndef DELAYS
#define DELAYS COG_DELAYS_FROM_CACHED
#endif

#ifndef SLACK_NS
#define SLACK_NS 0
#endif

struct timer {
    cog_timer timer;
    uint64_t due_ns;
};
static void (*note_fire)(struct timer *timer);
static cog_loop loop;
static cog_watch watch;
static uint32_t fired, seen;

static void on_timer(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry, fired++;
    if (note_fire) note_fire(ctx);
}
static void on_ready(cog_watch of, int ready, void *ctx) { (void)of, (void)ready, (void)ctx, seen++; }

static void loop_make(void) {
    cog_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.resolution_ns = RESOLUTION_NS;
    options.slack_ns = SLACK_NS;
    options.delays = DELAYS;
    if (cog_loop_new(&options, &loop)) exit(4);
}
static void loop_run(void) { cog_loop_run(loop); }
static void loop_step(void) { cog_loop_step(loop); }
static void loop_update_now(void) {
    if (DELAYS == COG_DELAYS_FROM_CACHED) cog_loop_update_now(loop);
}

static void timer_make(struct timer *timer) {
    memset(timer, 0, sizeof *timer);
    if (KEPT && cog_timer_new(loop, on_timer, timer, &timer->timer)) exit(4);
}
static void timer_set(struct timer *timer, uint32_t us) {
    if (KEPT) cog_timer_reschedule(timer->timer, (uint64_t)us * 1000);
    else cog_timer_after(loop, (uint64_t)us * 1000, on_timer, timer, &timer->timer);
}
static void timer_cancel(struct timer *timer) {
    if (KEPT) cog_timer_stop(timer->timer);
    else cog_timer_cancel(timer->timer);
}
static void timer_restart(struct timer *timer, uint32_t us) { cog_timer_reschedule(timer->timer, (uint64_t)us * 1000); }

static void watch_add(int fd) {
    if (cog_watch_descriptor(loop, fd, COG_READ, COG_LEVEL, on_ready, NULL, &watch)) exit(4);
}
static void watch_remove(void) { cog_watch_remove(watch); }
