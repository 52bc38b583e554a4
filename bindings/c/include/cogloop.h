/*
 * cogloop.h: an event loop for C and C++. Timers on a hierarchical timing wheel, readiness of descriptors, signals, the
 * ends of children, and work from other threads, all as callbacks on the thread that runs the loop.
 *
 * Conventions, for every function below:
 *
 * Names     begin with cog_ or COG_, then say what they are about, then what they do. What cog_loop_new makes,
 *           cog_loop_free ends.
 * Errors    Each function returns COG_OK, which is 0; or a COG_ERROR_ below 0; or an error number of the system
 *           (errno.h) above 0. cog_strerror puts it into words, and cog_last_message says what exactly was wrong.
 *           Nothing has happened then, and what outputs point to is as it was.
 * Outputs   stand last. Where nobody is interested, NULL.
 * Handles   cog_loop, cog_timer, cog_watch and cog_hook are small values, to be copied at will. All zero is none. One whose loop,
 *           timer or watch is gone is stale for ever: COG_ERROR_STALE, and never the next one in its place.
 * Times     are nanoseconds, delays from now, other times from the loop's creation. COG_NEVER is the end of time.
 * Owners    ctx is the caller's; the library hands it to the callback and does not look at it. cog_timer_on_end and
 *           cog_watch_on_end name a function that frees it when the library has let go of it. A descriptor stays the
 *           caller's: remove its watch first, then close it. A string that is returned is the library's.
 * Threads   A loop belongs to the thread that made it, and ends with it. Any thread may call cog_loop_post and
 *           cog_loop_wake; from another one than the loop's, everything else is COG_ERROR_THREAD. A signal handler may
 *           call cog_loop_wake, whatever it has interrupted, and nothing else.
 * Callbacks run inside of cog_loop_run, cog_loop_run_once and cog_loop_step, and nowhere else. They may call every
 *           function, for anything, themselves included. cog_loop_run of the loop that they run in is
 *           COG_ERROR_RUNNING; cog_loop_free ends that loop at once for everybody, and its run when they return. They
 *           must return: no exception of C++ and no longjmp may leave them.
 * Forks     A child gets errors from its parent's loops, and makes its own.
 *
 * No argument ends the process, nor does memory that runs out: what adds something is COG_ERROR_MEMORY then and has changed
 * nothing; what ends something needs no memory. No function touches signals before the first cog_watch_signal.
 */
#ifndef COGLOOP_H
#define COGLOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; that of the library is cog_version(). */
#define COG_VERSION_MAJOR 0
#define COG_VERSION_MINOR 1
#define COG_VERSION_PATCH 0

/* What a function returns. */
enum {
    COG_OK = 0,
    COG_ERROR_ARGUMENT = -1,    /* an argument is not what was expected */
    COG_ERROR_STALE = -2,       /* the handle names nothing, or nothing any more */
    COG_ERROR_THREAD = -3,      /* the loop belongs to another thread */
    COG_ERROR_RUNNING = -4,     /* the loop is running already */
    COG_ERROR_LIMIT = -5,       /* the loop has as many as its options allow */
    COG_ERROR_BACKEND = -6,     /* no backend of that name, or none that works */
    COG_ERROR_UNSUPPORTED = -7, /* this loop, or this system, cannot do that */
    COG_ERROR_INTERNAL = -8,    /* a fault in the library */
    COG_ERROR_MEMORY = -9       /* there is not enough memory */
};

/* Directions of a descriptor: what is watched, and what is ready. */
enum { COG_READ = 1, COG_WRITE = 2 };

/* What cog_watch_conditions tells besides COG_READ and COG_WRITE. */
enum {
    COG_PRIORITY = 4,      /* urgent data: POLLPRI */
    COG_HUNG_UP = 8,       /* both directions have ended: POLLHUP */
    COG_READ_HUNG_UP = 16, /* the other end writes no more: POLLRDHUP */
    COG_BROKEN = 32        /* an error; getsockopt's SO_ERROR says which: POLLERR */
};

/* When a hook runs, in each turn. */
enum {
    COG_HOOK_IDLE = 1,    /* first; while there is one the loop neither waits nor ends */
    COG_HOOK_PREPARE = 2, /* before the wait, whose length it can still change by arming or cancelling timers */
    COG_HOOK_CHECK = 3    /* after the wait, before the first callback */
};

/* How often readiness is reported. */
enum {
    COG_LEVEL = 0,   /* as long as it lasts */
    COG_EDGE = 1,    /* each direction once, and again after cog_watch_drained */
    COG_ONE_SHOT = 2 /* once, and again after cog_watch_set */
};

/* What an interval does about deadlines that passed while nobody served it. */
enum {
    COG_MISSED_SKIP = 0,  /* serves the one at hand; the others are counted as missed. The schedule stands */
    COG_MISSED_BURST = 1, /* serves each of them, in a row. The schedule stands */
    COG_MISSED_DELAY = 2  /* serves the one at hand, and the schedule begins anew there */
};

/* The clock of a loop. */
enum {
    COG_CLOCK_MONOTONIC = 0, /* the system's, which setting the time of day does not change */
    COG_CLOCK_VIRTUAL = 1    /* one that jumps where the loop would wait for a timer, for tests. A jump takes no time, so a
                                wake does not end it */
};

/* What delays count from; options->delays. */
enum {
    COG_DELAYS_FROM_NOW = 0,   /* the call, for which the clock is read */
    COG_DELAYS_FROM_CACHED = 1 /* cog_loop_now_cached: what the callbacks of this turn have taken is part of the delay */
};

#define COG_NEVER UINT64_MAX

/* The handles. */
typedef struct cog_loop {
    uint64_t id;
} cog_loop;
typedef struct cog_timer {
    uint64_t loop_id, key;
} cog_timer;
typedef struct cog_watch {
    uint64_t loop_id, token;
} cog_watch;
typedef struct cog_hook {
    uint64_t loop_id, number;
} cog_hook;

/* What a loop is made with. Set size to sizeof(cog_options), and everything else to 0 but for what you choose. */
typedef struct cog_options {
    size_t size;
    const char *backend;         /* "epoll", "uring", "select" or "portable"; NULL: the environment's COGLOOP_BACKEND,
                                    else the best that works. One that the system refuses gives way to another */
    uint64_t resolution_ns;      /* the length of a tick; 0: 1000 ns. Timers in one tick fire in the order of arming */
    uint32_t timers_max;         /* how many at a time; 0: as many as there is memory for */
    uint32_t watches_max;        /* the same of watches */
    uint32_t served_in_turn_max; /* how many of each a turn serves; the rest comes in the next ones. 0: all */
    uint32_t clock;              /* COG_CLOCK_MONOTONIC or COG_CLOCK_VIRTUAL */
    uint32_t delays;             /* COG_DELAYS_FROM_NOW or COG_DELAYS_FROM_CACHED */
    uint32_t reserved;           /* 0 */
} cog_options;

/* When a timer fires. Set size to sizeof(cog_plan), and everything else to 0 but for what you choose. */
typedef struct cog_plan {
    size_t size;
    uint64_t delay_ns;  /* to the first time */
    uint64_t period_ns; /* from one time to the next; 0: it fires once */
    uint64_t slack_ns;  /* by how much it may come late, so that several timers share one wake of the processor */
    uint32_t missed;    /* COG_MISSED_SKIP and others */
    uint32_t reserved;  /* 0 */
} cog_plan;

/* What a loop has done. Set size to sizeof(cog_stats). */
typedef struct cog_stats {
    size_t size;
    uint64_t timers, watches;                     /* now */
    uint64_t turns;                               /* since the loop was made */
    uint64_t timer_calls, watch_calls, post_calls;
    uint64_t late_ns_max;                         /* the latest timer, when its turn began */
} cog_stats;

/* Why a timer fires. */
typedef struct cog_expiry {
    uint64_t deadline_ns; /* when it was due: for an interval, the schedule's time, which does not drift */
    uint64_t late_ns;     /* how long ago that was when the turn began; never early */
    uint64_t missed;      /* deadlines after this one that have passed as well and are not served */
} cog_expiry;

/* A timer fires. That of an interval is good for the next time, that of any other timer is stale. */
typedef void (*cog_timer_fn)(cog_timer timer, const cog_expiry *expiry, void *ctx);
/* A watch has something to say: a descriptor the directions that are ready, a signal its number, a child its status as
 * waitpid gives it, or -1 if somebody else has taken that. */
typedef void (*cog_watch_fn)(cog_watch watch, int what, void *ctx);
/* Something that was posted, a hook, or what frees a ctx. */
typedef void (*cog_post_fn)(void *ctx);
/* One of the timers and of the watches of a walk. */
typedef void (*cog_walk_timer_fn)(cog_timer timer, void *arg);
typedef void (*cog_walk_watch_fn)(cog_watch watch, void *arg);

/* ---- The library ---- */

/* Its version, as "1.2.3". */
const char *cog_version(void);
/* What a function's answer means. Good until this thread asks again. */
const char *cog_strerror(int code);
/* The name of a code of ours, as "COG_ERROR_STALE"; "" for any other number. */
const char *cog_error_name(int code);
/* What was wrong with the last call of this thread that failed, with the argument's name; "" if none did. Good until
 * the next call that fails. */
const char *cog_last_message(void);

/* ---- The loop ---- */

/* A loop at time 0. options: NULL for those that are best for most. */
int cog_loop_new(const cog_options *options, cog_loop *loop);
/* Ends a loop with its timers and watches, and every handle of it is stale. Posts that did not run are discarded. */
int cog_loop_free(cog_loop loop);
/* Runs until there is neither timer nor watch nor post, unreferenced ones not counted, or until cog_loop_stop. In each
 * turn what was due or ready when it began: timers in the order of their deadlines, then watches, then posts. */
int cog_loop_run(cog_loop loop);
/* Runs one turn, and waits no longer than timeout_ns for it. *is_alive: whether cog_loop_run would have more to do. */
int cog_loop_run_once(cog_loop loop, uint64_t timeout_ns, bool *is_alive);
/* Runs one turn without waiting. */
int cog_loop_step(cog_loop loop);
/* Ends the run when the callback returns. What is due stays so, and the next run begins with it. */
int cog_loop_stop(cog_loop loop);
/* Whether cog_loop_run waits for posts when there is nothing else to wait for, until cog_loop_stop; at first it does not. For
 * a thread that lives on what others post. */
int cog_loop_keep_alive(cog_loop loop, bool keeps);
/* Any thread: calls fn on the loop's thread, in the order of posting. When the loop is freed first, discard, which may
 * be NULL, is called there instead, so that ctx can be freed. COG_ERROR_STALE when the loop is gone: neither is called.
 */
int cog_loop_post(cog_loop loop, cog_post_fn fn, cog_post_fn discard, void *ctx);
/* Any thread, and any signal handler: ends the current wait, or the next one. It takes no lock and no memory, keeps errno,
 * and leaves cog_last_message as it was. */
int cog_loop_wake(cog_loop loop);
/* A fresh reading of the clock. */
int cog_loop_now(cog_loop loop, uint64_t *now_ns);
/* The time without a reading: the turn's, or that of the last cog_loop_update_now if it came after it. Never later than
 * cog_loop_now, and 0 before the first turn. */
int cog_loop_now_cached(cog_loop loop, uint64_t *now_ns);
/* Reads the clock for cog_loop_now_cached: after work that took long. */
int cog_loop_update_now(cog_loop loop);
/* A time of the loop by the time of day, in nanoseconds since 1970, as that is set now: for messages and logs. */
int cog_loop_wall_time(cog_loop loop, uint64_t at_ns, int64_t *unix_ns);
/* COG_CLOCK_VIRTUAL: lets time pass. */
int cog_loop_advance(cog_loop loop, uint64_t by_ns);
/* Inside another loop: watch fd for reading, wait no longer than timeout_ns, then cog_loop_step. Ask for the timeout
 * before each wait, after everything else; COG_NEVER is no limit. COG_ERROR_UNSUPPORTED on the backend select. */
int cog_loop_pollable(cog_loop loop, int *fd);
int cog_loop_next_timeout(cog_loop loop, uint64_t *timeout_ns);
/* The backend, and in words why it is this one. Both are good until the loop is freed. */
int cog_loop_backend(cog_loop loop, const char **name, const char **reason);
int cog_loop_stats(cog_loop loop, cog_stats *stats);
/* Calls each_timer for every timer there is, then each_watch for every watch, either of which may be NULL, in no particular
 * order. They may change everything: what has ended by then is not visited, nor what is new. */
int cog_loop_walk(cog_loop loop, cog_walk_timer_fn each_timer, cog_walk_watch_fn each_watch, void *arg);

/* ---- Hooks ---- */

/* Calls fn in each turn. when: COG_HOOK_IDLE and others. Those of one kind run in the order in which they were added. A hook
 * that is idle keeps cog_loop_run going, and a virtual clock does not jump; the others do neither. */
int cog_hook_add(cog_loop loop, int when, cog_post_fn fn, void *ctx, cog_hook *hook);
int cog_hook_remove(cog_hook hook);

/* ---- Timers: never early ---- */

/* Fires once, delay_ns from now. With COG_NEVER it does not fire, and keeps the loop running until it is cancelled. */
int cog_timer_after(cog_loop loop, uint64_t delay_ns, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* Fires once, at deadline_ns; in the next turn if that has passed. */
int cog_timer_at(cog_loop loop, uint64_t deadline_ns, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* Fires every period_ns, at least 1, first after one. missed: what happens to late ones, COG_MISSED_SKIP and others. */
int cog_timer_every(cog_loop loop, uint64_t period_ns, int missed, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* Fires as planned. With slack a timer takes the time within it that most others choose as well; its deadline stays, and so
 * it is never early. */
int cog_timer_add(cog_loop loop, const cog_plan *plan, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* What it calls, and with what. */
int cog_timer_callback(cog_timer timer, cog_timer_fn *fn, void **ctx);
/* Lets it call something else from now on. */
int cog_timer_set_callback(cog_timer timer, cog_timer_fn fn, void *ctx);
/* Calls fn with the timer's ctx, once, when the timer has ended: after its last callback, when it is cancelled, or when its loop
 * is freed. In its own callback it is called when that returns. NULL takes it back. */
int cog_timer_on_end(cog_timer timer, cog_post_fn fn);
/* When it is due, by the loop's time; COG_NEVER while it is paused. */
int cog_timer_deadline(cog_timer timer, uint64_t *deadline_ns);
/* Ends a timer: it does not fire any more, even if it is due. */
int cog_timer_cancel(cog_timer timer);
/* Gives it a new deadline, from which a period counts. One that is paused goes on. */
int cog_timer_reschedule(cog_timer timer, uint64_t delay_ns);
/* Stops its time, and lets it go on with what was left. Doing it twice is doing it once. While it is paused it does not
 * keep cog_loop_run going. */
int cog_timer_pause(cog_timer timer);
int cog_timer_resume(cog_timer timer);
/* What is left to its deadline; 0 if it is due. */
int cog_timer_remaining(cog_timer timer, uint64_t *remaining_ns);
/* Whether it keeps cog_loop_run going; at first it does. */
int cog_timer_ref(cog_timer timer);
int cog_timer_unref(cog_timer timer);

/* ---- Watches ---- */

/* Watches a descriptor for COG_READ, COG_WRITE, both, or, for the time being, 0. mode: COG_LEVEL, COG_EDGE or
 * COG_ONE_SHOT. The end of a stream and errors are readiness. Watching a number again makes its older watch stale. */
int cog_watch_descriptor(cog_loop loop, int fd, int directions, int mode, cog_watch_fn fn, void *ctx, cog_watch *watch);
/* Watches a signal. Several of a number before the callback are one. */
int cog_watch_signal(cog_loop loop, int number, cog_watch_fn fn, void *ctx, cog_watch *watch);
/* Waits for a child, as waitpid does, and for no other one; the watch is stale when it is called. ECHILD for a process
 * that is no child of this one, ESRCH for none. */
int cog_watch_child(cog_loop loop, int pid, cog_watch_fn fn, void *ctx, cog_watch *watch);
/* What it calls, and with what. */
int cog_watch_callback(cog_watch watch, cog_watch_fn *fn, void **ctx);
/* Lets it call something else from now on. */
int cog_watch_set_callback(cog_watch watch, cog_watch_fn fn, void *ctx);
/* Calls fn with the watch's ctx, once, when the watch has ended: as cog_timer_on_end. */
int cog_watch_on_end(cog_watch watch, cog_post_fn fn);
/* Descriptors: asks the system what they are ready for at this moment: COG_READ, COG_WRITE, COG_HUNG_UP and others. */
int cog_watch_conditions(cog_watch watch, int *conditions);
/* Watches nothing any more; a call that was due does not come. */
int cog_watch_remove(cog_watch watch);
/* Descriptors: other directions; COG_ONE_SHOT reports again. */
int cog_watch_set(cog_watch watch, int directions);
/* Descriptors, COG_EDGE: reading, or writing, has answered EAGAIN, so report it again. */
int cog_watch_drained(cog_watch watch, int directions);
/* Whether it keeps cog_loop_run going; at first it does. */
int cog_watch_ref(cog_watch watch);
int cog_watch_unref(cog_watch watch);

#if (defined(__cplusplus) && __cplusplus >= 201103L) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
#ifdef __cplusplus
#define COG_ASSERT__(what) static_assert(what, #what)
#else
#define COG_ASSERT__(what) _Static_assert(what, #what)
#endif
COG_ASSERT__(sizeof(cog_loop) == 8 && sizeof(cog_timer) == 16 && sizeof(cog_watch) == 16);
COG_ASSERT__(sizeof(cog_hook) == 16 && sizeof(cog_expiry) == 24);
#if UINTPTR_MAX == UINT64_MAX
COG_ASSERT__(sizeof(cog_options) == 48 && sizeof(cog_stats) == 64 && sizeof(cog_plan) == 40);
COG_ASSERT__(offsetof(cog_options, resolution_ns) == 16 && offsetof(cog_options, clock) == 36);
#endif
#undef COG_ASSERT__
#endif

#ifdef __cplusplus
}
#endif
#endif
