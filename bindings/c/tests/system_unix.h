/* The tests' functions for Linux. Twin of system_windows.h. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LAST_BACKEND = 4 };
static const char *const BACKENDS[] = { "epoll", "uring", "select", "portable" };

#define HAS_FORK 1
#define HAS_SIGNALS 1
#define HAS_READ_HUNG_UP 1
#define HAS_POLLABLE 1

static inline void make_blocking_pair(int pair[2]) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) abort();
}
static inline void make_pair(int pair[2]) {
    make_blocking_pair(pair);
    for (int n = 0; n < 2; n++) fcntl(pair[n], F_SETFL, O_NONBLOCK);
}
/* TCP sockets, because TCP has urgent data. */
static inline void make_tcp_pair(int pair[2]) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0) abort();
    if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) abort();
    if (connect(pair[0], (struct sockaddr *)&address, sizeof address) != 0) abort();
    pair[1] = accept(listener, NULL, NULL);
    if (pair[1] == -1) abort();
    close(listener);
    for (int n = 0; n < 2; n++) fcntl(pair[n], F_SETFL, O_NONBLOCK);
}
static inline void close_one(int fd) { close(fd); }
static inline int put_bytes(int fd, const char *bytes, int length) { return (int)write(fd, bytes, (size_t)length); }
static inline int get_bytes(int fd, char *bytes, int length) { return (int)read(fd, bytes, (size_t)length); }
static inline int put_urgent(int fd, char byte) { return (int)send(fd, &byte, 1, MSG_OOB); }
static inline int get_urgent(int fd, char *byte) { return (int)recv(fd, byte, 1, MSG_OOB); }
static inline void end_writing(int fd) { shutdown(fd, SHUT_WR); }
static inline int number_of_closed(void) { return EBADF; }
static inline const char *text_of(int number) { return strerror(number); }

static inline int threads(void) {
    char line[256];
    int number = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "Threads: %d", &number) != 1) {}
    if (file) fclose(file);
    return number;
}

static inline uint64_t boot_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* mockit.h's thread sleeps on a timer descriptor, so arming fails without one. `cargo xtask test` counts the printed
 * line. */
static inline int lacks_timer_descriptors(const char *program) {
    int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    if (fd == -1) printf("skipped: %s: timerfd: %s\n", program, strerror(errno));
    else close(fd);
    return fd == -1;
}

static inline int run_and_wait(const char *program, const char *first, const char *second) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, first, second, (char *)NULL);
        _exit(127);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void *open_library(void) {
    void *library = dlopen("libcogloop.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) printf("%s\n", dlerror());
    return library;
}
static inline void *find(void *library, const char *name) { return dlsym(library, name); }
static inline bool close_library(void *library) { return dlclose(library) == 0; }
