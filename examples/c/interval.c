/* mockit.h: two timers run on threads of the library. One reads a meter ten times a second, the other draws a display
 * twice a second. Meanwhile the program does its own work. Then it ends both timers.
 *
 *    cargo xtask c --prefix ~/cogloop
 *    export PKG_CONFIG_PATH=~/cogloop/lib/pkgconfig LD_LIBRARY_PATH=~/cogloop/lib
 *    cc examples/c/interval.c $(pkg-config --cflags --libs cogloop) && ./a.out [SECONDS]
 */
#include <mockit.h>

#include <stdio.h>
#include <stdlib.h>

/* The data of both callbacks. Each callback runs on one thread at a time, but both may run at the same time. */
struct meter {
    pthread_mutex_t lock;
    int readings, drawings;
    uint64_t first_ms, last_ms;
};

static void read_meter(void *timer) {
    struct meter *meter = ((struct mockit *)timer)->ctx;
    pthread_mutex_lock(&meter->lock);
    Mockit_mstimestamp(&meter->last_ms);
    if (meter->readings++ == 0) meter->first_ms = meter->last_ms;
    pthread_mutex_unlock(&meter->lock);
}

static void draw(void *timer) {
    struct meter *meter = ((struct mockit *)timer)->ctx;
    pthread_mutex_lock(&meter->lock);
    meter->drawings++;
    printf("%d readings\n", meter->readings);
    pthread_mutex_unlock(&meter->lock);
}

int main(int argc, char **argv) {
    uint32_t seconds = argc > 1 ? (uint32_t)atoi(argv[1]) : 2;
    struct meter meter = { PTHREAD_MUTEX_INITIALIZER, 0, 0, 0, 0 };
    struct mockit *reader = Mockit_dynamic_init(read_meter, 100, true, &meter, NULL);
    struct mockit *display = Mockit_dynamic_init(draw, 500, true, &meter, NULL);
    if (!reader || !display || Mockit_arm(reader) || Mockit_arm(display)) {
        fprintf(stderr, "the timers could not be made or armed\n");
        return 1;
    }
    Mockit_bsleep(seconds * 1000 + 50, true, NULL); /* the program's own work */
    Mockit_destroy(display);
    Mockit_destroy(reader); /* from here on no callback runs, so meter may be freed */
    printf("%d readings in %u ms, %d drawings\n", meter.readings, (unsigned)(meter.last_ms - meter.first_ms + 100),
           meter.drawings);
    return 0;
}
