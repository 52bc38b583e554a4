/* Makes the threads of a program stall at random, as on a busy machine. `cargo xtask busy` has this library loaded
 * before the others (LD_PRELOAD), so that its functions stand before those of libc:
 *
 *   the program ──► clock_gettime, poll, write … here ──► a pause, or none ──► libc ──► a pause, or none
 *
 * A thread pauses at one call in COGLOOP_BUSY_ONE_IN, before or after it, and a thread in three starts late. The pauses
 * follow from COGLOOP_BUSY_SEED, the command's words, and the order in which its threads begin. A signal handler or a
 * child after fork may make the calls, so they take no lock and no memory, and keep errno. What libc calls inside itself
 * is not reached, nor is a program that goes to the kernel without libc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Rust's standard library waits for a lock and wakes a thread with `syscall`, and a loop asks io_uring with it. */
#define EACH(F)                                                                                                       \
    F(clock_gettime) F(gettimeofday) F(nanosleep) F(clock_nanosleep) F(timerfd_settime) F(poll) F(ppoll) F(select)    \
    F(epoll_wait) F(epoll_pwait) F(epoll_pwait2) F(read) F(write) F(recv) F(send) F(kill) F(waitpid) F(syscall)

/* These functions have at most seven arguments, each a number or a pointer. In the calling conventions of 64-bit Linux
 * a function may take more arguments than it was given, and pass them on. So one form does for all. */
#define SEVEN long a, long b, long c, long d, long e, long f, long g
typedef long function_of_libc(SEVEN);
#define DECLARE(name) static function_of_libc *libc_##name;
EACH(DECLARE)
static __typeof__(pthread_create) *libc_pthread_create;

/* The programs that build the others, and xtask, which waits for them. To stall them would only take time. */
static const char *const SPARED[] = {"cargo", "rustc", "rustdoc", "rustup", "xtask", "cc", "ld", "rust-lld"};

static uint64_t one_in, seed;
static uint32_t threads;
static int is_ready;

#define OF_THREAD static __thread __attribute__((tls_model("initial-exec")))
OF_THREAD uint64_t dice, begun_us, paused_us;

static void find_functions(void) {
#define FIND(name) *(void **)&libc_##name = dlsym(RTLD_NEXT, #name);
    EACH(FIND)
    FIND(pthread_create)
    is_ready = 1;
}

__attribute__((constructor)) static void begin(int count, char **words) {
    find_functions();
    const char *asked = getenv("COGLOOP_BUSY_ONE_IN"), *number = getenv("COGLOOP_BUSY_SEED");
    seed = number ? strtoull(number, NULL, 10) : 0;
    for (int n = 0; n < count; n++)
        for (const char *byte = words[n]; *byte; byte++) seed = (seed ^ (unsigned char)*byte) * 0x100000001b3;
    for (size_t n = 0; n < sizeof SPARED / sizeof *SPARED; n++)
        if (!strcmp(program_invocation_short_name, SPARED[n])) return;
    one_in = asked ? strtoull(asked, NULL, 10) : 0;
}

/* A random number of 48 bits (xorshift). */
static uint64_t roll(void) {
    if (!dice) dice = (seed ^ __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED) * 0x9e3779b97f4a7c15) | 1;
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice * 0x2545f4914f6cdd1d >> 16;
}

static uint64_t now_us(void) {
    struct timespec now;
    libc_clock_gettime(CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0, 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Half of all pauses are shorter than 3 ms, and one in 128 takes up to a second. A thread pauses for at most 60 % of its
 * time, and after three seconds of pauses for at most 10 %. Otherwise threads that wait for each other would take for
 * ever. */
static void pause_now(void) {
    int error = errno;
    uint64_t kind = roll() % 128, length = roll(), now = now_us();
    if (!begun_us) begun_us = now;
    if (paused_us < 100000 || paused_us * 10 < (now - begun_us) * (paused_us < 3000000 ? 6 : 1)) {
        uint64_t us = kind == 0 ? 300000 + length % 700000
            : kind < 16         ? 20000 + length % 40000
            : kind < 64         ? length % 12000
                                : length % 3000;
        struct timespec time = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
        paused_us += us;
        libc_clock_nanosleep(CLOCK_MONOTONIC, 0, (long)&time, 0, 0, 0, 0);
    }
    errno = error;
}

/* Throws the dice for a call: the pause is before it, or the result says to pause after it, or there is none. */
static int pauses_after(void) {
    /* The constructor of another library may make a call before `begin`. */
    if (!is_ready) find_functions();
    if (!one_in || roll() % one_in) return 0;
    if (roll() & 1) return 1;
    pause_now();
    return 0;
}

#define DEFINE(name)                                                                                                  \
    function_of_libc stalled_##name __asm__(#name);                                                                   \
    long stalled_##name(SEVEN) {                                                                                      \
        int is_left = pauses_after();                                                                                 \
        long result = libc_##name(a, b, c, d, e, f, g);                                                               \
        if (is_left) pause_now();                                                                                     \
        return result;                                                                                                \
    }
EACH(DEFINE)

struct start {
    void *(*function)(void *);
    void *argument;
};

static void pause_one_in_three(void) {
    if (one_in && roll() % 3 == 0) pause_now();
}

static void *start_thread(void *memory) {
    struct start start = *(struct start *)memory;
    free(memory);
    pause_one_in_three();
    return start.function(start.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument) {
    if (!is_ready) find_functions();
    struct start *start = malloc(sizeof *start);
    if (!start) return EAGAIN;
    *start = (struct start){function, argument};
    int error = libc_pthread_create(thread, attributes, start_thread, start);
    if (error) free(start);
    else pause_one_in_three();
    return error;
}
