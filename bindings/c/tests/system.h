/* The system functions that the tests use. There is one file for Unix and one for Windows, with the same functions. A
 * test that needs more is inside `#if HAS_…`. Where the feature is missing, the test counts as skipped. */
#ifndef SYSTEM_H
#define SYSTEM_H
#include <stdbool.h>

#ifdef _WIN32
#include "system_windows.h"
#else
#include "system_unix.h"
#endif

static inline void make_blocking_pair(int pair[2]);   /* two connected stream sockets */
static inline void make_pair(int pair[2]);            /* the same, neither blocks */
static inline void close_one(int fd);
static inline void close_pair(int pair[2]) { close_one(pair[0]), close_one(pair[1]); }
static inline int put_bytes(int fd, const char *bytes, int length);
static inline int get_bytes(int fd, char *bytes, int length);
static inline void end_writing(int fd);
static inline int number_of_closed(void);             /* the error of a socket that is closed */
static inline const char *text_of(int number);        /* the system's text of an error */
static inline int threads(void);                      /* the number of threads of the process */
static inline uint64_t boot_ms(void);                 /* the clock of mockit.h, in milliseconds */
static inline int lacks_timer_descriptors(const char *program);
static inline void *open_library(void);               /* the shared library, opened at run time; NULL if not found */
static inline void *find(void *library, const char *name);
static inline bool close_library(void *library);
static inline int run_and_wait(const char *program, const char *first, const char *second); /* its exit status, or -1 */
#endif
