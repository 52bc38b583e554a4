/* libuv: the program owns the struct of a timer and initialises it once. Delays are in ms and count from the turn's
 * time. */
#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

struct timer {
    uv_timer_t timer;
    uint64_t due_ns;
};
static void (*note_fire)(struct timer *timer);
static uv_loop_t *loop;
static uv_poll_t watch;
static uint32_t fired, seen;

static void on_timer(uv_timer_t *timer) {
    fired++;
    if (note_fire) note_fire((struct timer *)timer);
}
static void on_ready(uv_poll_t *poll, int status, int events) { (void)poll, (void)status, (void)events, seen++; }

static void loop_make(void) {
    loop = malloc(sizeof *loop);
    if (!loop || uv_loop_init(loop)) exit(4);
}
static void loop_run(void) { uv_run(loop, UV_RUN_DEFAULT); }
static void loop_step(void) { uv_run(loop, UV_RUN_NOWAIT); }
static void loop_update_now(void) { uv_update_time(loop); }

static void timer_make(struct timer *timer) { uv_timer_init(loop, &timer->timer); }
static void timer_set(struct timer *timer, uint32_t us) { uv_timer_start(&timer->timer, on_timer, (us + 999) / 1000, 0); }
static void timer_cancel(struct timer *timer) { uv_timer_stop(&timer->timer); }
static void timer_restart(struct timer *timer, uint32_t us) { timer_set(timer, us); }

static void watch_add(int fd) {
    if (uv_poll_init(loop, &watch, fd) || uv_poll_start(&watch, UV_READABLE, on_ready)) exit(4);
}
static void watch_remove(void) {
    uv_close((uv_handle_t *)&watch, NULL);
    uv_run(loop, UV_RUN_NOWAIT); /* completes the closing */
}
