/* Two threads write one counter without synchronisation. A thread sanitizer that works must report this race. */
#include <pthread.h>
#include <stdio.h>

static int counter;

static void *count(void *argument) {
    for (int n = 0; n < 1000; n++) counter++;
    return argument;
}

int main(void) {
    pthread_t threads[2];
    for (int n = 0; n < 2; n++) pthread_create(&threads[n], NULL, count, NULL);
    for (int n = 0; n < 2; n++) pthread_join(threads[n], NULL);
    printf("counted %d\n", counter);
    return 0;
}
