/*
 * cogloop.h: an event loop for C and C++. It calls functions for due timers, ready descriptors, signals, ended
 * children, and work from other threads, all on the thread that runs it. Its timers are on a hierarchical timing wheel.
 *
 * Conventions, for every function below:
 *
 * Names     begin with cog_ or COG_, then the subject, then the action. cog_loop_free frees what cog_loop_new has made.
 * Errors    A function returns 0 (COG_OK), a negative COG_ERROR_ code, or a positive error number of the system
 *           (errno.h; on Windows winerror.h). cog_strerror describes the code, and cog_last_message describes the
 *           failure. A call that fails changes nothing, and outputs keep their values. One exception: a run may call
 *           callbacks before it fails.
 * Outputs   are the last parameters. Pass NULL for an output that you do not need. Only the loop of cog_loop_new and
 *           the stats of cog_loop_stats must not be NULL.
 * Handles   cog_loop, cog_timer, cog_watch and cog_hook are small values that can be copied. A handle of zeros names
 *           nothing. After a loop, timer, watch or hook has ended, its handle is stale for ever: functions return
 *           COG_ERROR_STALE for it, and no later object has the same handle.
 * Times     are in nanoseconds. Delays count from now, other times from the loop's creation. As a time, COG_NEVER means
 *           never; as a time limit, it means no limit.
 * Owners    ctx belongs to the caller: the library passes it to the callback and does not read it. cog_timer_on_end and
 *           cog_watch_on_end set a function that frees ctx after the library's last use. A descriptor belongs to the
 *           caller: remove its watch first, then close it. A returned string belongs to the library.
 * Threads   A loop belongs to the thread that made it, and ends with that thread. cog_loop_release and cog_loop_adopt
 *           move the loop to another thread. Any thread may call cog_loop_post, cog_loop_wake and, for a released loop,
 *           cog_loop_adopt. On any thread but the loop's, all other functions return COG_ERROR_THREAD. A signal handler
 *           may call cog_loop_wake at any time, and no other function. While a loop runs, its thread is not cancelled;
 *           pthread_cancel takes effect after the run.
 * Callbacks run only in cog_loop_run, cog_loop_run_once and cog_loop_step. The functions of cog_timer_on_end and
 *           cog_watch_on_end also run in the call that ends the timer, watch or loop. The discard of a post runs when
 *           the loop ends, and the functions of a walk run in cog_loop_walk. A callback may call every function for
 *           every handle, also its own. But cog_loop_release and the three functions that run a loop return
 *           COG_ERROR_RUNNING for the callback's own loop. cog_loop_free for that loop makes all its handles stale at
 *           once, and the run ends when the callback returns. A callback must return: no C++ exception and no longjmp
 *           may leave it, and it may not call pthread_exit. If it unwinds, the process ends with a message that names
 *           the callback.
 * Forks     In a forked child process, functions return errors for the parent's loops. The child makes its own loops,
 *           or calls cog_loop_after_fork and goes on with its copy of a loop.
 * Windows   A descriptor is a socket: pass (int)socket, since Windows gives sockets 32 significant bits. The functions
 *           for signals and children, and cog_loop_pollable, return COG_ERROR_UNSUPPORTED.
 *
 * No argument and no lack of memory ends the process. Without memory, a function that adds something returns
 * COG_ERROR_MEMORY and changes nothing. A function that ends something needs no memory. The library changes no signal
 * handler before the first cog_watch_signal.
 */
#ifndef COGLOOP_H
#define COGLOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. cog_version() is the version of the library. */
#define COG_VERSION_MAJOR 0
#define COG_VERSION_MINOR 2
#define COG_VERSION_PATCH 0

/* The codes that a function returns. */
enum {
    COG_OK = 0,
    COG_ERROR_ARGUMENT = -1,    /* an argument is not what was expected */
    COG_ERROR_STALE = -2,       /* the handle is stale: it named something that has ended, or nothing */
    COG_ERROR_THREAD = -3,      /* the loop belongs to another thread */
    COG_ERROR_RUNNING = -4,     /* the loop is running already */
    COG_ERROR_LIMIT = -5,       /* the loop has reached a limit of its options */
    COG_ERROR_BACKEND = -6,     /* there is no backend of that name, or no backend works */
    COG_ERROR_UNSUPPORTED = -7, /* this loop, or this system, cannot do that */
    COG_ERROR_INTERNAL = -8,    /* a fault in the library */
    COG_ERROR_MEMORY = -9       /* there is not enough memory */
};

/* Directions in which a descriptor is watched, or ready. */
enum {
    COG_READ = 1,
    COG_WRITE = 2,
    COG_PRIORITY = 4 /* urgent data, as the out-of-band byte of TCP: POLLPRI */
};

/* Conditions of a descriptor that cog_watch_conditions reports besides the directions. */
enum {
    COG_HUNG_UP = 8,       /* both directions have ended: POLLHUP */
    COG_READ_HUNG_UP = 16, /* the other end has ended its writing direction: POLLRDHUP */
    COG_BROKEN = 32        /* an error; getsockopt's SO_ERROR says which: POLLERR */
};

/* The moment of each turn at which a hook runs. */
enum {
    COG_HOOK_IDLE = 1,    /* at the start of the turn; while there is such a hook, the loop neither waits nor ends */
    COG_HOOK_PREPARE = 2, /* before the wait; timers that the hook arms or cancels still change the wait's length */
    COG_HOOK_CHECK = 3    /* after the wait, before the first callback */
};

/* How often readiness is reported. */
enum {
    COG_LEVEL = 0,   /* in each turn, as long as it lasts */
    COG_EDGE = 1,    /* each direction once, and again after cog_watch_drained or cog_watch_set */
    COG_ONE_SHOT = 2 /* once, and again after cog_watch_set */
};

/* The policy of an interval for deadlines that passed before the loop could serve them. */
enum {
    COG_MISSED_SKIP = 0,  /* serves one deadline and counts the others as missed. The schedule stays */
    COG_MISSED_BURST = 1, /* serves each deadline, in a row. The schedule stays */
    COG_MISSED_DELAY = 2  /* serves one deadline. The next one is a period later */
};

/* The clock of a loop. */
enum {
    COG_CLOCK_MONOTONIC = 0, /* the system's monotonic clock; setting the time of day does not change it */
    COG_CLOCK_VIRTUAL = 1    /* for tests: jumps to the next deadline instead of waiting. A jump takes no time, so no
                                wake ends it */
};

/* The time from which delays count; see options->delays. */
enum {
    COG_DELAYS_FROM_NOW = 0,   /* the time of the call, which reads the clock */
    COG_DELAYS_FROM_CACHED = 1 /* cog_loop_now_cached: the delay includes the time of this turn's callbacks */
};

#define COG_NEVER UINT64_MAX
/* As the slack_ns of a plan: no slack, even if the loop's options set a slack. */
#define COG_EXACT UINT64_MAX

/* Marks functions whose error code a program should not ignore: the compiler warns about a program that does. Without
 * its loop or its watch, the program would fail only later. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#define COG_NODISCARD [[nodiscard]]
#elif defined(__GNUC__)
#define COG_NODISCARD __attribute__((warn_unused_result))
#else
#define COG_NODISCARD
#endif

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

/* The options of a loop. Set size to sizeof(cog_options). A field that you do not need must be 0. */
typedef struct cog_options {
    size_t size;
    const char *backend;         /* "epoll", "uring", "select" or "portable"; NULL: the one of COGLOOP_BACKEND, or
                                    the best one that works. If the system refuses it, another backend is taken */
    uint64_t resolution_ns;      /* the length of a tick; 0: 1000 ns. Timers in one tick fire in the order of arming */
    uint32_t timers_max;         /* the most timers at a time; 0: as many as there is memory for */
    uint32_t watches_max;        /* the most watches at a time; 0: as many as there is memory for */
    uint32_t served_in_turn_max; /* the most timers, and the most watches, of a turn; the rest is served in the next
                                    turns. 0: no limit */
    uint32_t clock;              /* COG_CLOCK_MONOTONIC or COG_CLOCK_VIRTUAL */
    uint32_t delays;             /* COG_DELAYS_FROM_NOW or COG_DELAYS_FROM_CACHED */
    uint32_t reserved;           /* 0 */
    uint64_t slack_ns;           /* how late a timer may fire, so that several share a wake-up; a plan may have a slack
                                    of its own. 0: no slack */
} cog_options;

/* A plan says when a timer fires. Set size to sizeof(cog_plan). A field that you do not need must be 0. */
typedef struct cog_plan {
    size_t size;
    uint64_t delay_ns;  /* the time to the first deadline */
    uint64_t period_ns; /* the time from one deadline to the next; 0: the timer fires once */
    uint64_t slack_ns;  /* how late the timer may fire, so that several timers share a wake-up; 0: the slack of
                           the loop's options; COG_EXACT: no slack */
    uint32_t missed;    /* COG_MISSED_SKIP and others */
    uint32_t reserved;  /* 0 */
} cog_plan;

/* The counters of a loop. Set size to sizeof(cog_stats). */
typedef struct cog_stats {
    size_t size;
    uint64_t timers, watches;                     /* the present numbers */
    uint64_t turns;                               /* turns and calls are counted from the loop's creation */
    uint64_t timer_calls, watch_calls, post_calls;
    uint64_t late_ns_max;                         /* the greatest lateness of a timer at the end of its turn's wait */
} cog_stats;

/* The deadline for which a timer fires. */
typedef struct cog_expiry {
    uint64_t deadline_ns; /* the deadline; an interval's deadlines do not drift */
    uint64_t late_ns;     /* the time from the deadline to the end of the turn's wait */
    uint64_t missed;      /* the number of later deadlines that have passed as well and are not served */
} cog_expiry;

/* Called when a timer fires. The handle of an interval, or of a timer made by cog_timer_new, stays valid; the handle of
 * any other timer is already stale. */
typedef void (*cog_timer_fn)(cog_timer timer, const cog_expiry *expiry, void *ctx);
/* Called when a watch is ready. what: for a descriptor, the directions that are ready; for a signal, its number; for a
 * child, its status as from waitpid, or -1 if other code has collected the status. */
typedef void (*cog_watch_fn)(cog_watch watch, int what, void *ctx);
/* Called for a post, for a hook, or to free a ctx. */
typedef void (*cog_post_fn)(void *ctx);
/* Called for each timer and each watch of a walk. */
typedef void (*cog_walk_timer_fn)(cog_timer timer, void *arg);
typedef void (*cog_walk_watch_fn)(cog_watch watch, void *arg);

/* ---- The library ---- */

/* The library's version, as "1.2.3". */
const char *cog_version(void);
/* Describes a code that a function returned. The text is valid until this thread's next call of cog_strerror. */
const char *cog_strerror(int code);
/* The name of one of the codes above, as "COG_ERROR_STALE"; "" for any other number. */
const char *cog_error_name(int code);
/* Describes the last failure of a call on this thread, with the argument's name; "" if no call has failed. The text is
 * valid until the next call on this thread that fails. */
const char *cog_last_message(void);

/* ---- The loop ---- */

/* Makes a loop at time 0. options: NULL for the defaults. */
COG_NODISCARD int cog_loop_new(const cog_options *options, cog_loop *loop);
/* Ends a loop with its timers, watches and hooks; all their handles become stale. Posts that have not run are
 * discarded. */
int cog_loop_free(cog_loop loop);
/* Takes a loop from this thread. The loop then belongs to no thread, and still collects posts and wakes. Returns
 * COG_ERROR_RUNNING in a callback of the loop. */
int cog_loop_release(cog_loop loop);
/* Gives a released loop to this thread. Handles stay valid, and timers keep their deadlines. An io_uring belongs to a
 * thread, so the loop gets a new backend; if that fails, the loop stays released. A watched descriptor that was closed
 * meanwhile reports nothing. Returns COG_ERROR_THREAD if the loop has a thread. */
int cog_loop_adopt(cog_loop loop);
/* Lets a forked child go on with its copy of this thread's loop. Call it on the thread that has forked, also within the
 * callback that has forked. Handles stay valid, timers keep their deadlines, and descriptors stay watched. The parent's
 * loop is not affected. Watches of signals and children end. Posts that the loop had not begun to serve belong to the
 * parent. Call it before the child makes another loop: if a new loop has taken this loop's number, it returns
 * COG_ERROR_LIMIT. If the loop is not a copy of the parent's, it does nothing and returns COG_OK. */
int cog_loop_after_fork(cog_loop loop);
/* Runs until no timer, watch, idle hook or post is left, or until cog_loop_stop. Unreferenced timers and watches do not
 * count, nor do paused and stopped timers. Each turn waits, and then serves all that was due or ready at the end of the
 * wait: timers by deadline, then watches, then posts. */
int cog_loop_run(cog_loop loop);
/* Runs one turn, which waits for timeout_ns at most; COG_NEVER is no limit. If nothing is left to wait for, the turn
 * does not wait. *is_alive: whether cog_loop_run would have more to do. */
int cog_loop_run_once(cog_loop loop, uint64_t timeout_ns, bool *is_alive);
/* Runs one turn without waiting. */
int cog_loop_step(cog_loop loop);
/* Ends the run when the current callback returns. The next run begins with the work that this run has left. */
int cog_loop_stop(cog_loop loop);
/* With true, cog_loop_run waits for posts until cog_loop_stop, even if there is nothing else to wait for. The default
 * is false. This is for a thread that only serves the posts of other threads. */
int cog_loop_keep_alive(cog_loop loop, bool keeps);
/* Any thread: calls fn on the loop's thread, in the order of posting. If a callback, or a hook after the wait, makes a
 * post, that post runs in the next turn. If the loop is freed before it calls fn, discard is called on the loop's
 * thread instead, to free ctx; discard may be NULL. If the loop has ended already, neither function is called, and the
 * result is COG_ERROR_STALE. */
int cog_loop_post(cog_loop loop, cog_post_fn fn, cog_post_fn discard, void *ctx);
/* Any thread, and any signal handler: ends the current wait or, if the loop does not wait now, the next wait. It takes
 * no lock and no memory, and keeps errno and cog_last_message. */
int cog_loop_wake(cog_loop loop);
/* The loop's time now: reads the clock. */
int cog_loop_now(cog_loop loop, uint64_t *now_ns);
/* The time when the loop last read its clock for this function: at the end of the turn's wait, or in a later
 * cog_loop_update_now. The result is never later than cog_loop_now, and is 0 before the first of these readings. */
int cog_loop_now_cached(cog_loop loop, uint64_t *now_ns);
/* Reads the clock for cog_loop_now_cached. Call it after long work. */
int cog_loop_update_now(cog_loop loop);
/* Converts a time of the loop to the time of day, for messages and logs. The result is in nanoseconds since 1970, by
 * the present setting of the system's clock. */
int cog_loop_wall_time(cog_loop loop, uint64_t at_ns, int64_t *unix_ns);
/* Lets virtual time pass. Without COG_CLOCK_VIRTUAL it returns COG_ERROR_UNSUPPORTED. */
int cog_loop_advance(cog_loop loop, uint64_t by_ns);
/* To run a loop inside an outer loop: the outer loop watches fd for reading, waits for timeout_ns at most, and then
 * calls cog_loop_step. Ask for the timeout before each wait, after all other calls; COG_NEVER is no limit. With the
 * backend select, cog_loop_pollable returns COG_ERROR_UNSUPPORTED. */
COG_NODISCARD int cog_loop_pollable(cog_loop loop, int *fd);
int cog_loop_next_timeout(cog_loop loop, uint64_t *timeout_ns);
/* The backend's name, and the reason why it was chosen. Both are valid until the loop is freed. */
int cog_loop_backend(cog_loop loop, const char **name, const char **reason);
/* Fills in *stats. */
int cog_loop_stats(cog_loop loop, cog_stats *stats);
/* Writes the loop's activity into file, for Perfetto: each turn, wait and callback, with its name, time and lateness.
 * The trace ends with cog_loop_trace_end, when the loop is freed, or when the file has limit bytes (0: 64 MiB; at least
 * 4 KiB). The file is then complete, and the loop goes on without a trace. If this call succeeds, it ends an earlier
 * trace. */
int cog_loop_trace(cog_loop loop, const char *file, uint64_t limit);
/* Ends the trace. If writing the file has failed, the trace ended then, and this call returns the error. */
int cog_loop_trace_end(cog_loop loop);
/* Sets the name of the function fn, which is cast to a number, in traces of this loop. Without this call a trace shows
 * the name under which the program exports the function. If it is not exported, the trace shows program+0xplace, which
 * addr2line translates. COG_TRACE_NAME sets the function's own name, with file and line. */
int cog_loop_trace_name(cog_loop loop, uint64_t fn, const char *name);
#define COG_TRACE_STRING_(text) #text
#define COG_TRACE_STRING(text) COG_TRACE_STRING_(text)
#define COG_TRACE_HERE " " __FILE__ ":" COG_TRACE_STRING(__LINE__)
#define COG_TRACE_NAME(loop, fn) cog_loop_trace_name((loop), (uint64_t)(uintptr_t)(fn), #fn COG_TRACE_HERE)
/* Calls each_timer for every timer and then each_watch for every watch, in no particular order. Either may be NULL, and
 * both may call any function. A timer or watch that has ended meanwhile is not visited, and neither is a new one. */
int cog_loop_walk(cog_loop loop, cog_walk_timer_fn each_timer, cog_walk_watch_fn each_watch, void *arg);

/* ---- Hooks ---- */

/* Calls fn in each turn. when: a COG_HOOK_ constant. Hooks of one kind run in the order in which they were added. An
 * idle hook keeps cog_loop_run running and stops the jumps of a virtual clock. The other hooks do neither. */
int cog_hook_add(cog_loop loop, int when, cog_post_fn fn, void *ctx, cog_hook *hook);
int cog_hook_remove(cog_hook hook);

/* ---- Timers: never early ---- */

/* Fires once, delay_ns from now. With COG_NEVER the timer never fires, and keeps the loop running until it is
 * cancelled. */
int cog_timer_after(cog_loop loop, uint64_t delay_ns, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* Fires once, at deadline_ns, or in the next turn if that time has passed. */
int cog_timer_at(cog_loop loop, uint64_t deadline_ns, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* Fires every period_ns, which is at least 1. The first deadline is one period from now. missed: a COG_MISSED_
 * constant. */
int cog_timer_every(cog_loop loop, uint64_t period_ns, int missed, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* Fires as planned. A timer with slack fires within that slack, at a time that other timers are likely to share. No
 * timer is early. */
int cog_timer_add(cog_loop loop, const cog_plan *plan, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* Makes a stopped timer for repeated use. cog_timer_reschedule starts it; it then fires once, and is stopped again. The
 * handle stays valid until cog_timer_cancel. Use it for a time-out that is set for each request: a start and a stop
 * cost less than a new timer. */
int cog_timer_new(cog_loop loop, cog_timer_fn fn, void *ctx, cog_timer *timer);
/* The timer's callback and its ctx. */
int cog_timer_callback(cog_timer timer, cog_timer_fn *fn, void **ctx);
/* Sets the timer's callback and its ctx. */
int cog_timer_set_callback(cog_timer timer, cog_timer_fn fn, void *ctx);
/* Calls fn with the timer's ctx, once, when the timer has ended: after its last callback, when it is cancelled, or when
 * its loop is freed. If the timer ends in its own callback, fn is called when the callback returns. NULL removes fn. */
int cog_timer_on_end(cog_timer timer, cog_post_fn fn);
/* The deadline, by the loop's time; COG_NEVER while the timer is paused or stopped. */
int cog_timer_deadline(cog_timer timer, uint64_t *deadline_ns);
/* Ends a timer. It does not fire any more, even if it is due. */
int cog_timer_cancel(cog_timer timer);
/* Sets a new deadline; a period counts from it. This starts a stopped timer, and resumes a paused one. */
int cog_timer_reschedule(cog_timer timer, uint64_t delay_ns);
/* Stops a timer, even one that is due. It has no deadline until cog_timer_reschedule, and does not keep cog_loop_run
 * running. Stopping a stopped timer changes nothing. */
int cog_timer_stop(cog_timer timer);
/* Pause a timer; resume it with the remaining time. Pausing a paused timer, or resuming a timer that is not paused,
 * changes nothing. A paused timer does not keep cog_loop_run running. A stopped timer stays stopped. */
int cog_timer_pause(cog_timer timer);
int cog_timer_resume(cog_timer timer);
/* The remaining time to the deadline; 0 if the timer is due, COG_NEVER if it is stopped or never fires. */
int cog_timer_remaining(cog_timer timer, uint64_t *remaining_ns);
/* A referenced timer keeps cog_loop_run running. A new timer is referenced. */
int cog_timer_ref(cog_timer timer);
int cog_timer_unref(cog_timer timer);

/* ---- Watches ---- */

/* Watches a descriptor for any of COG_READ, COG_WRITE and COG_PRIORITY; 0 reports nothing until cog_watch_set. mode:
 * COG_LEVEL, COG_EDGE or COG_ONE_SHOT. The end of a stream and errors count as readiness for reading and writing;
 * COG_PRIORITY reports them only if it is watched alone. Watching a descriptor again makes its older watch stale. */
COG_NODISCARD int cog_watch_descriptor(cog_loop loop, int fd, int directions, int mode, cog_watch_fn fn, void *ctx,
                                       cog_watch *watch);
/* Watches a signal. Several arrivals before the callback cause one call. */
COG_NODISCARD int cog_watch_signal(cog_loop loop, int number, cog_watch_fn fn, void *ctx, cog_watch *watch);
/* Watches for the end of this child and collects its status, as waitpid does. Statuses of other children are not
 * collected. The watch is stale when its callback is called. Returns ECHILD if the process is not a child of this
 * process, and ESRCH if it does not exist. */
COG_NODISCARD int cog_watch_child(cog_loop loop, int pid, cog_watch_fn fn, void *ctx, cog_watch *watch);
/* The watch's callback and its ctx. */
int cog_watch_callback(cog_watch watch, cog_watch_fn *fn, void **ctx);
/* Sets the watch's callback and its ctx. */
int cog_watch_set_callback(cog_watch watch, cog_watch_fn fn, void *ctx);
/* Calls fn with the watch's ctx, once, when the watch has ended. See cog_timer_on_end. */
int cog_watch_on_end(cog_watch watch, cog_post_fn fn);
/* For descriptors: asks the system for the present conditions: COG_READ, COG_WRITE, COG_HUNG_UP and others. */
int cog_watch_conditions(cog_watch watch, int *conditions);
/* Ends a watch. Its callback is not called any more, even if the watch is ready. */
int cog_watch_remove(cog_watch watch);
/* For descriptors: sets the directions. A COG_ONE_SHOT or COG_EDGE watch then reports again. Dropping directions
 * succeeds even if the system refuses it, as for a closed descriptor: they are not reported any more. */
int cog_watch_set(cog_watch watch, int directions);
/* For COG_EDGE: call this when reading or writing has failed with EAGAIN. The next readiness is then reported. */
int cog_watch_drained(cog_watch watch, int directions);
/* A referenced watch keeps cog_loop_run running. A new watch is referenced. */
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
COG_ASSERT__(sizeof(cog_options) == 56 && sizeof(cog_stats) == 64 && sizeof(cog_plan) == 40);
COG_ASSERT__(offsetof(cog_options, resolution_ns) == 16 && offsetof(cog_options, clock) == 36);
#endif
#undef COG_ASSERT__
#endif

#ifdef __cplusplus
}
#endif
#endif
