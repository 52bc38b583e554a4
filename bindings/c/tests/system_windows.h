/* The tests' functions for Windows, with mingw. Twin of system_unix.h. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <process.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlhelp32.h>
/* windows.h defines these names. */
#undef far
#undef near

enum { LAST_BACKEND = 1 };
static const char *const BACKENDS[] = { "portable" };

#define HAS_FORK 0
#define HAS_SIGNALS 0
#define HAS_READ_HUNG_UP 0
#define HAS_POLLABLE 0

static inline void close_one(int fd) { closesocket((SOCKET)fd); }

/* Windows has no socketpair. One end listens for the other. */
static inline void make_blocking_pair(int pair[2]) {
    WSADATA data;
    struct sockaddr_in address;
    int length = sizeof address, at_once = 1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) abort();
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0), first = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0) abort();
    if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) abort();
    if (connect(first, (struct sockaddr *)&address, sizeof address) != 0) abort();
    SOCKET second = accept(listener, NULL, NULL);
    if (second == INVALID_SOCKET) abort();
    closesocket(listener);
    pair[0] = (int)first, pair[1] = (int)second;
    for (int n = 0; n < 2; n++) {
        if (setsockopt((SOCKET)pair[n], IPPROTO_TCP, TCP_NODELAY, (const char *)&at_once, sizeof at_once) != 0) abort();
    }
}
static inline void make_pair(int pair[2]) {
    u_long yes = 1;
    make_blocking_pair(pair);
    for (int n = 0; n < 2; n++) ioctlsocket((SOCKET)pair[n], (long)FIONBIO, &yes);
}
static inline int put_bytes(int fd, const char *bytes, int length) { return send((SOCKET)fd, bytes, length, 0); }
static inline int get_bytes(int fd, char *bytes, int length) { return recv((SOCKET)fd, bytes, length, 0); }
static inline void make_tcp_pair(int pair[2]) { make_pair(pair); }
static inline int put_urgent(int fd, char byte) { return send((SOCKET)fd, &byte, 1, MSG_OOB); }
static inline int get_urgent(int fd, char *byte) { return recv((SOCKET)fd, byte, 1, MSG_OOB); }
static inline void end_writing(int fd) { shutdown((SOCKET)fd, SD_SEND); }
static inline int number_of_closed(void) { return WSAENOTSOCK; }
static inline const char *text_of(int number) {
    static char text[256];
    DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM, NULL, (DWORD)number, 0, text, sizeof text, NULL);
    while (length > 0 && strchr(" \r\n", text[length - 1])) length--;
    text[length] = 0;
    if (length == 0) snprintf(text, sizeof text, "Unknown error %d", number); /* Wine knows few */
    return text;
}

static inline int threads(void) {
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry;
    int number = 0;
    memset(&entry, 0, sizeof entry);
    entry.dwSize = sizeof entry;
    for (BOOL more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry)) {
        number += entry.th32OwnerProcessID == GetCurrentProcessId();
    }
    CloseHandle(all);
    return number;
}

static inline uint64_t boot_ms(void) {
    LARGE_INTEGER now, a_second;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&a_second);
    return (uint64_t)(now.QuadPart / a_second.QuadPart * 1000 + now.QuadPart % a_second.QuadPart * 1000 / a_second.QuadPart);
}

/* Every Windows has waitable timers. */
static inline int lacks_timer_descriptors(const char *program) {
    (void)program;
    return 0;
}

static inline int run_and_wait(const char *program, const char *first, const char *second) {
    return (int)_spawnl(_P_WAIT, program, program, first, second, (char *)NULL);
}

static inline void *open_library(void) { return (void *)LoadLibraryA("cogloop_c.dll"); }
static inline void *find(void *library, const char *name) {
    FARPROC found = GetProcAddress((HMODULE)library, name);
    void *pointer = NULL;
    memcpy(&pointer, &found, sizeof pointer);
    return pointer;
}
static inline bool close_library(void *library) { return FreeLibrary((HMODULE)library); }
