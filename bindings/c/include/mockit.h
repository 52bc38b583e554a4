/*
 * mockit.h: one-off and interval timers with callbacks.
 *
 * Delays are in milliseconds of a clock that also counts while the machine sleeps: CLOCK_BOOTTIME, on Windows the
 * performance counter. Timestamps are from the wall clock. Callbacks run on threads of the library, never on the
 * caller's. Two callbacks of one timer never run at the same time. A callback that blocks delays the others by one to
 * two milliseconds, until another thread runs them. One thread waits for the deadlines of all timers. While no callback
 * blocks, there are at most as many threads for callbacks as the machine has cores. No thread is started before the
 * first timer is armed. The threads block all signals except those that faults raise. A program that a callback starts
 * inherits this signal mask, unless the callback sets another mask.
 *
 * A callback or destructor must return: no C++ exception and no longjmp may leave it, and it may not call pthread_exit.
 * If it unwinds, the process ends with a message. The library's threads are not cancelled.
 *
 * On Windows there are neither signals nor forks, so no sleep ends with EINTR. A destructor that frees a timer of
 * Mockit_dynamic_init must call free of the C library with which this library was linked. If mingw built this library,
 * that is msvcrt.dll.
 *
 * No argument ends the process. For NULL a function returns an error number; a void function does nothing. A forked
 * child has none of its parent's timers.
 */
#ifndef MOCKIT_H__
#define MOCKIT_H__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#if defined(_WIN32) && !defined(__MINGW32__)
#define MOCKIT_THREAD_ID__ uintptr_t /* what pthread_t is with mingw */
#else
#include <pthread.h>
#define MOCKIT_THREAD_ID__ pthread_t
#endif

/* Names that the header of the original mockit has, too. A program's own definitions take precedence. */
#ifndef MOCKIT_CLOCK_ID
#ifdef _WIN32
#define MOCKIT_CLOCK_ID CLOCK_MONOTONIC /* of mingw's pthread_time.h */
#else
#define MOCKIT_CLOCK_ID CLOCK_BOOTTIME
#endif
#endif
#ifndef NS_IN_SECS
#define NS_IN_SECS 1000000000LU
#endif
#ifndef MS_IN_SECS
#define MS_IN_SECS 1000U
#endif
#ifndef NS_IN_MS
#define NS_IN_MS 1000000LU
#endif
#ifndef UNUSED
#ifdef __GNUC__
#define UNUSED(x) x __attribute__((unused))
#else
#define UNUSED(x) x
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A timer. Fields that end in __ belong to the library; ctx belongs to the caller. */
struct mockit {
    MOCKIT_THREAD_ID__ thread_id__;
    uint8_t is_cyclic__ : 1, mark__ : 2, free_mem__ : 1;
    void *ctx;
    uint32_t timeout__;
    void (*cb)(void *mockit);
    int (*destructor)(void *mockit);
};

/* Seconds since the epoch, and milliseconds within that second; either may be NULL. Returns 0. */
int Mockit_gettime(time_t *secs, long *ms);

/* Milliseconds since the epoch. Returns 0, or 1 for NULL. */
int Mockit_mstimestamp(uint64_t *timestamp);

/* Blocks for ms milliseconds. With do_restart a signal does not end the sleep. Without it, a signal ends the sleep with
 * EINTR, and *time_left becomes the remaining milliseconds. time_left may be NULL. Returns 0 or an error number. */
int Mockit_bsleep(uint32_t ms, bool do_restart, uint32_t *time_left);
int Mockit_bsleep64(uint64_t ms, bool do_restart, uint64_t *time_left);

/* Fills in a timer that the caller keeps until the timer has ended. cb and destructor get the timer. The destructor,
 * which may be NULL, runs when the timer ends: after the one call of a one-off timer, or when an interval is destroyed.
 * It runs on the thread that ends the timer, and can free the timer and ctx. An interval of 0 ms counts as 1 ms. */
void Mockit_static_init(struct mockit *timer, void (*cb)(void *mockit), uint32_t ms, bool cyclic, void *ctx,
                        int (*destructor)(void *mockit));

/* Like Mockit_static_init, for a timer that the library allocates. Without a destructor the library frees the timer at
 * its end. A destructor frees the timer itself, with free. Returns NULL without a callback or without memory. */
struct mockit *Mockit_dynamic_init(void (*cb)(void *mockit), uint32_t ms, bool cyclic, void *ctx,
                                   int (*destructor)(void *mockit));

/* Starts a timer, or starts it again if it is armed. A timer's own callback may call this, too. Returns 0, or an error
 * number: EINVAL for NULL or a timer without a callback, ENOMEM without memory, EAGAIN without threads. After an error
 * the timer has not changed. Mockit_arm64 takes the delay or period as an argument, which may be more than 49 days. */
int Mockit_arm(struct mockit *timer);
int Mockit_arm64(struct mockit *timer, uint64_t ms);

/* Prevents further callbacks. A running callback goes on. A one-off timer still ends at its deadline, with its
 * destructor. An interval stops, and can be armed again or destroyed. */
void Mockit_disarm(struct mockit *timer);

/* For an interval: stops the timer, waits for its callback if that is running, and ends the timer. In the timer's own
 * callback this does not wait: the timer ends when the callback returns. If the timer's callback is itself waiting for
 * another callback to end, a call in that other callback does not wait either. For a one-off timer this does the same
 * as Mockit_disarm; a timer that was never armed ends at once. Returns 0, or EINVAL for NULL. A timer that has ended
 * may only be initialised again. */
int Mockit_destroy(struct mockit *timer);

#if (defined(__cplusplus) && __cplusplus >= 201103L) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
#if UINTPTR_MAX == UINT64_MAX
#ifdef __cplusplus
#define MOCKIT_ASSERT__(what) static_assert(what, #what)
#else
#define MOCKIT_ASSERT__(what) _Static_assert(what, #what)
#endif
MOCKIT_ASSERT__(sizeof(struct mockit) == 48);
MOCKIT_ASSERT__(offsetof(struct mockit, ctx) == 16 && offsetof(struct mockit, timeout__) == 24);
MOCKIT_ASSERT__(offsetof(struct mockit, cb) == 32 && offsetof(struct mockit, destructor) == 40);
#undef MOCKIT_ASSERT__
#endif
#endif

#ifdef __cplusplus
}
#endif
#endif
