/* Timestamps and sleeping. */
#include "check.h"
#include <limits.h>
#if HAS_SIGNALS
#include <signal.h>
#include <sys/time.h>
#endif

#ifdef __cplusplus
extern "C"
#endif
    void timespec_add_ms__(struct timespec *ts, uint32_t ms);

/* time( ) reads a coarser clock, which may be some milliseconds behind. So the upper bounds allow a second more. */
static void the_time_is_that_of_the_wall_clock(void) {
    time_t secs = 0, before = time(NULL);
    long ms = -1;
    CHECK(Mockit_gettime(&secs, &ms) == 0);
    CHECK(secs >= before && secs <= time(NULL) + 1 && ms >= 0 && ms < 1000);
    CHECK(Mockit_gettime(NULL, &ms) == 0 && Mockit_gettime(&secs, NULL) == 0 && Mockit_gettime(NULL, NULL) == 0);

    uint64_t stamp = 0;
    CHECK(Mockit_mstimestamp(&stamp) == 0);
    CHECK(stamp / 1000 >= (uint64_t)before && stamp / 1000 <= (uint64_t)time(NULL) + 1);
    CHECK(Mockit_mstimestamp(NULL) == 1);
}

static void a_sleep_is_not_too_short(void) {
    uint32_t left = 7;
    for (uint32_t ms = 0; ms < 20; ms += 7) {
        uint64_t before = boot_ms();
        CHECK(Mockit_bsleep(ms, true, &left) == 0 && left == 0);
        CHECK(Mockit_bsleep(ms, false, NULL) == 0);
        CHECK(boot_ms() - before >= 2 * ms);
    }
}

#if HAS_SIGNALS
static int signals;
static void on_alarm(int number) {
    (void)number;
    count(&signals);
}

static void alarm_every_5_ms(int on) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    struct itimerval every = { { 0, on ? 5000 : 0 }, { 0, on ? 5000 : 0 } };
    setitimer(ITIMER_REAL, &every, NULL);
}

static void a_signal_ends_a_sleep_only_if_the_caller_allows_it(void) {
    uint32_t left = 0;
    alarm_every_5_ms(1);
    CHECK(Mockit_bsleep(600000, false, &left) == EINTR);
    CHECK(left > 0 && left <= 600000);
    uint64_t left64 = 0;
    CHECK(Mockit_bsleep64((uint64_t)UINT32_MAX + 1, false, &left64) == EINTR);
    CHECK(left64 > 0 && left64 <= (uint64_t)UINT32_MAX + 1);

    uint64_t before = boot_ms();
    CHECK(Mockit_bsleep(40, true, &left) == 0 && left == 0);
    CHECK(boot_ms() - before >= 40 && counted(&signals) > 2);
    alarm_every_5_ms(0);
}

#endif

static void milliseconds_are_added_with_a_carry(void) {
    struct timespec ts = { 10, 999999999 };
    timespec_add_ms__(&ts, 1);
    CHECK(ts.tv_sec == 11 && ts.tv_nsec == 999999);
    timespec_add_ms__(&ts, UINT32_MAX);
    CHECK(ts.tv_sec == 11 + 4294967 && ts.tv_nsec == 295999999);
    timespec_add_ms__(NULL, 1);
}

/* The header of the original mockit has these macros, and programs use them. */
static int half(int UNUSED(first), int second) { return second / 2; }
static void the_header_has_the_originals_macros(void) {
    struct timespec now;
    CHECK(clock_gettime(MOCKIT_CLOCK_ID, &now) == 0 && now.tv_nsec < (long)NS_IN_SECS);
    CHECK(NS_IN_SECS == NS_IN_MS * MS_IN_SECS && NS_IN_MS == 1000000 && MS_IN_SECS == 1000);
    CHECK(half(1, 4) == 2);
}

int main(void) {
    RUN(the_header_has_the_originals_macros);
    RUN(the_time_is_that_of_the_wall_clock);
    RUN(a_sleep_is_not_too_short);
#if HAS_SIGNALS
    RUN(a_signal_ends_a_sleep_only_if_the_caller_allows_it);
#else
    SKIP(a_signal_ends_a_sleep_only_if_the_caller_allows_it, "signals");
#endif
    RUN(milliseconds_are_added_with_a_carry);
    return summary();
}
