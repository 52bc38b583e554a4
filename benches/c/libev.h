/* libev: the program owns the struct of a timer. Delays count from the turn's time. */
#include <ev.h>
#include <stdint.h>

struct timer {
    ev_timer timer;
    uint64_t due_ns;
};
static void (*note_fire)(struct timer *timer);
static struct ev_loop *loop;
static ev_io watch;
static uint32_t fired, seen;

static void on_timer(struct ev_loop *of, ev_timer *timer, int events) {
    (void)of, (void)events, fired++;
    if (note_fire) note_fire((struct timer *)timer);
}
static void on_ready(struct ev_loop *of, ev_io *io, int events) { (void)of, (void)io, (void)events, seen++; }

static void loop_make(void) { loop = ev_loop_new(EVBACKEND_EPOLL); }
static void loop_run(void) { ev_run(loop, 0); }
static void loop_step(void) { ev_run(loop, EVRUN_NOWAIT); }
static void loop_update_now(void) { ev_now_update(loop); }

static void timer_make(struct timer *timer) { ev_timer_init(&timer->timer, on_timer, 0., 0.); }
static void timer_set(struct timer *timer, uint32_t us) {
    ev_timer_set(&timer->timer, us * 1e-6, 0.);
    ev_timer_start(loop, &timer->timer);
}
static void timer_cancel(struct timer *timer) { ev_timer_stop(loop, &timer->timer); }
static void timer_restart(struct timer *timer, uint32_t us) {
    timer->timer.repeat = us * 1e-6;
    ev_timer_again(loop, &timer->timer);
}

static void watch_add(int fd) {
    ev_io_init(&watch, on_ready, fd, EV_READ);
    ev_io_start(loop, &watch);
}
static void watch_remove(void) { ev_io_stop(loop, &watch); }
