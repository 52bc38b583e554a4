/* The program of `bench mockit`. It uses only the interface of mockit.h, so it runs with libcogloop and with the peers in
 * this folder. Each result is a line `name value`.
 *
 *   program armed N                 N intervals of an hour: the cost of each
 *   program intervals N MS SECONDS  N intervals: the number of events, the CPU time, and the greatest lateness that an
 *                                   interval had at its last event
 *   program destroy N               ends an interval of an hour, N times
 *   program block N                 N intervals of 10 ms, while another callback blocks for a second
 */
#define _GNU_SOURCE
#include <mockit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HOUR_MS = 3600000 };

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void say(const char *name, double value) { printf("%s %.3f\n", name, value); }

static void sleep_ns(uint64_t ns) {
    struct timespec time = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time)) {}
}

/* Returns the number after a word at the beginning of a line. */
static double line_of(const char *path, const char *word) {
    char line[256];
    double value = -1;
    FILE *file = fopen(path, "r");
    while (file && value < 0 && fgets(line, sizeof line, file)) {
        if (strncmp(line, word, strlen(word)) == 0) value = atof(line + strlen(word));
    }
    if (file) fclose(file);
    if (value < 0) exit(3);
    return value;
}

static int threads(void) { return (int)line_of("/proc/self/status", "Threads:"); }

/* Reads the virtual and the resident bytes. `smaps_rollup` counts each resident page, but the sum in `status` may lag
 * by many pages. */
static void memory(double bytes[2]) {
    bytes[0] = line_of("/proc/self/status", "VmSize:") * 1024;
    bytes[1] = line_of("/proc/self/smaps_rollup", "Rss:") * 1024;
}

static void nothing(void *timer) { (void)timer; }

static void armed(int count) {
    double before[2], after[2];
    /* With its first timer the library makes threads and tables of its own. They are not a cost of each timer. */
    struct mockit *first = Mockit_dynamic_init(nothing, HOUR_MS, true, NULL, NULL);
    if (!first || Mockit_arm(first)) exit(4);
    sleep_ns(20000000);
    memory(before);
    uint64_t start_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int made = 0;
    while (made < count) {
        struct mockit *timer = Mockit_dynamic_init(nothing, HOUR_MS, true, NULL, NULL);
        if (!timer || Mockit_arm(timer)) break;
        made++;
    }
    uint64_t took_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
    memory(after);
    say("armed", made);
    if (made < count) return;
    say("bytes", (after[1] - before[1]) / count);
    say("virtual", (after[0] - before[0]) / count);
    say("threads", threads());
    say("arm", (double)took_ns / count);
}

/* An interval and the schedule that it should keep. */
struct series {
    uint64_t armed_ns, last_ns, period_ns;
    int calls, most;
};

static void count_it(void *timer) {
    struct series *series = ((struct mockit *)timer)->ctx;
    if (series->calls == series->most) return;
    series->last_ns = clock_ns(CLOCK_MONOTONIC);
    __atomic_store_n(&series->calls, series->calls + 1, __ATOMIC_RELEASE);
}

static void intervals(int count, int period_ms, int seconds) {
    struct series *all = calloc((size_t)count, sizeof *all);
    if (!all) exit(4);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    int most_threads = 0;
    for (int n = 0; n < count; n++) {
        struct mockit *timer = Mockit_dynamic_init(count_it, (uint32_t)period_ms, true, &all[n], NULL);
        all[n].most = seconds * 1000 / period_ms;
        all[n].period_ns = (uint64_t)period_ms * 1000000;
        all[n].armed_ns = clock_ns(CLOCK_MONOTONIC);
        if (!timer || Mockit_arm(timer)) exit(4);
    }
    /* The extra half of a period includes the last deadline. */
    uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)seconds * 1000000000 + all[0].period_ns / 2;
    for (uint64_t now_ns; (now_ns = clock_ns(CLOCK_MONOTONIC)) < end_ns;) {
        uint64_t left_ns = end_ns - now_ns;
        sleep_ns(left_ns < 500000000 ? left_ns : 500000000);
        int now = threads();
        if (now > most_threads) most_threads = now;
    }
    getrusage(RUSAGE_SELF, &after);
    double events = 0, late_ms = 0;
    for (int n = 0; n < count; n++) {
        int calls = __atomic_load_n(&all[n].calls, __ATOMIC_ACQUIRE);
        events += calls;
        double late = ((double)(all[n].last_ns - all[n].armed_ns) - (double)calls * (double)all[n].period_ns) / 1e6;
        if (calls && late > late_ms) late_ms = late;
    }
    double cpu = 0;
    const struct timeval *times[4] = { &after.ru_utime, &after.ru_stime, &before.ru_utime, &before.ru_stime };
    for (int n = 0; n < 4; n++) cpu += (n < 2 ? 1 : -1) * ((double)times[n]->tv_sec + (double)times[n]->tv_usec / 1e6);
    say("expected", (double)count * all[0].most);
    say("events", events);
    say("late", late_ms);
    say("cpu", cpu);
    say("threads", most_threads);
}

static int by_size(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

static void destroy(int rounds) {
    uint64_t *cpu_ns = calloc((size_t)rounds, sizeof *cpu_ns), *wall_ns = calloc((size_t)rounds, sizeof *wall_ns);
    if (!cpu_ns || !wall_ns) exit(4);
    for (int n = 0; n < rounds; n++) {
        struct mockit *timer = Mockit_dynamic_init(nothing, HOUR_MS, true, NULL, NULL);
        if (!timer || Mockit_arm(timer)) exit(4);
        sleep_ns(1000000);
        uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
        if (Mockit_destroy(timer)) exit(4);
        cpu_ns[n] = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        wall_ns[n] = clock_ns(CLOCK_MONOTONIC) - wall;
    }
    qsort(cpu_ns, (size_t)rounds, sizeof *cpu_ns, by_size);
    qsort(wall_ns, (size_t)rounds, sizeof *wall_ns, by_size);
    say("cpu", (double)cpu_ns[rounds / 2] / 1e3);
    say("cpu_most", (double)cpu_ns[rounds - 1] / 1e3);
    say("wall", (double)wall_ns[rounds / 2] / 1e3);
}

enum { WINDOWS = 2, SAMPLES = 1 << 18 };
static uint64_t samples[WINDOWS][SAMPLES];
static unsigned taken[WINDOWS];
static int window; /* 0: calm, 1: another callback blocks, -1: neither */

static void note_lateness(void *timer) {
    struct series *series = ((struct mockit *)timer)->ctx;
    uint64_t due_ns = series->armed_ns + (uint64_t)++series->calls * series->period_ns;
    int now = __atomic_load_n(&window, __ATOMIC_SEQ_CST);
    if (now < 0) return;
    unsigned place = __atomic_fetch_add(&taken[now], 1, __ATOMIC_SEQ_CST);
    uint64_t at_ns = clock_ns(CLOCK_MONOTONIC);
    if (place < SAMPLES) samples[now][place] = at_ns > due_ns ? at_ns - due_ns : 0;
}

static void block(void *timer) {
    (void)timer;
    __atomic_store_n(&window, 1, __ATOMIC_SEQ_CST);
    sleep_ns(1000000000);
    __atomic_store_n(&window, -1, __ATOMIC_SEQ_CST);
}

static void blocked(int count) {
    struct series *all = calloc((size_t)count, sizeof *all);
    if (!all) exit(4);
    for (int n = 0; n < count; n++) {
        struct mockit *timer = Mockit_dynamic_init(note_lateness, 10, true, &all[n], NULL);
        all[n].period_ns = 10000000;
        all[n].armed_ns = clock_ns(CLOCK_MONOTONIC);
        if (!timer || Mockit_arm(timer)) exit(4);
    }
    if (Mockit_arm(Mockit_dynamic_init(block, 1000, false, NULL, NULL))) exit(4);
    sleep_ns(2500000000);
    static const char *const names[WINDOWS][2] = { { "calm", "calm_most" }, { "blocked", "blocked_most" } };
    for (int n = 0; n < WINDOWS; n++) {
        unsigned number = taken[n] < SAMPLES ? taken[n] : SAMPLES;
        if (!number) continue;
        qsort(samples[n], number, sizeof **samples, by_size);
        say(names[n][0], (double)samples[n][number / 2] / 1e3);
        say(names[n][1], (double)samples[n][number - 1] / 1e3);
    }
}

int main(int argc, char **argv) {
    int numbers[3] = { 0, 0, 0 };
    for (int n = 2; n < argc && n < 5; n++) numbers[n - 2] = atoi(argv[n]);
    const char *what = argc > 2 && numbers[0] > 0 ? argv[1] : "";
    if (strcmp(what, "armed") == 0) armed(numbers[0]);
    else if (strcmp(what, "intervals") == 0 && numbers[1] > 0 && numbers[2] > 0) intervals(numbers[0], numbers[1], numbers[2]);
    else if (strcmp(what, "destroy") == 0) destroy(numbers[0]);
    else if (strcmp(what, "block") == 0) blocked(numbers[0]);
    else {
        fprintf(stderr, "usage: %s armed N | intervals N MS SECONDS | destroy N | block N\n", argv[0]);
        return 2;
    }
    fflush(stdout);
    _exit(0); /* skips the end of the library, which is not measured */
}
