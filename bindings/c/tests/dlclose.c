/* A program loads the library at run time. It arms timers, and closes the library while timers are armed and callbacks
 * run. */
#include "check.h"

static int calls;
static void tick(void *timer) {
    (void)timer;
    count(&calls);
}

/* find returns a data pointer. ISO C cannot convert it to a function pointer, so the bytes are copied. */
#define LOAD(library, function, name)               \
    do {                                            \
        void *found = find(library, name);         \
        CHECK(found != NULL);                       \
        memcpy(&(function), &found, sizeof found);  \
    } while (0)

static void the_code_of_running_threads_stays(void) {
    for (int round = 0; round < 3; round++) {
        void *library = open_library();
        CHECK(library != NULL);
        if (!library) return;
        struct mockit *(*init)(void (*)(void *), uint32_t, bool, void *, int (*)(void *));
        int (*arm)(struct mockit *);
        int (*destroy)(struct mockit *);
        LOAD(library, init, "Mockit_dynamic_init");
        LOAD(library, arm, "Mockit_arm");
        LOAD(library, destroy, "Mockit_destroy");
        struct mockit *timers[100];
        for (int n = 0; n < 100; n++) {
            timers[n] = init(tick, (uint32_t)n % 5 + 1, true, NULL, NULL);
            CHECK(arm(timers[n]) == 0);
        }
        wait_for(&calls, counted(&calls) + 100);
        CHECK(close_library(library));
        wait_for(&calls, counted(&calls) + 100);
        for (int n = 0; n < 100; n++) CHECK(destroy(timers[n]) == 0);
    }
}

int main(void) {
    RUN(the_code_of_running_threads_stays);
    return summary();
}
