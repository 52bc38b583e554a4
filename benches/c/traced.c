/* The part of `bench traced` for cogloop.h: fires COUNT due timers, alternately without a trace and with one. Each
 * result is a line `name value`: the CPU time of a callback in ns.
 *
 *   program COUNT PAIRS FILE
 */
#include <cogloop.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static long fired;

static void on_timer(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry, (void)ctx, fired++;
}

static double batch(cog_loop loop, long count) {
    fired = 0;
    for (long n = 0; n < count; n++) {
        if (cog_timer_after(loop, 0, on_timer, NULL, NULL)) exit(4);
    }
    uint64_t start_ns = cpu_ns();
    if (cog_loop_run(loop) || fired != count) exit(5);
    return (double)(cpu_ns() - start_ns) / (double)count;
}

int main(int argc, char **argv) {
    long count = argc > 3 ? atol(argv[1]) : 0, pairs = argc > 3 ? atol(argv[2]) : 0;
    cog_loop loop;
    if (count < 1 || cog_loop_new(NULL, &loop)) return 2;
    batch(loop, count);
    for (long n = 0; n < pairs; n++) {
        printf("without %.3f\n", batch(loop, count));
        if (cog_loop_trace(loop, argv[3], UINT64_MAX) || COG_TRACE_NAME(loop, on_timer)) return 3;
        double traced = batch(loop, count);
        if (cog_loop_trace_end(loop)) return 3;
        printf("traced %.3f\n", traced);
    }
    return cog_loop_free(loop);
}
