/* One interface for the sockets of Unix and of Windows. */
#ifndef SOCKETS_H
#define SOCKETS_H
#include <stdbool.h>

#ifdef _WIN32

#include <winsock2.h>
#include <ws2tcpip.h>

#define MSG_NOSIGNAL 0
#define LENGTH_OF(length) (int)(length)

static inline void start_sockets(void) {
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
}
static inline int socket_error(void) { return WSAGetLastError(); }
static inline bool is_for_later(int error) { return error == WSAEWOULDBLOCK; }
static inline bool is_exhaustion(int error) { return error == WSAEMFILE || error == WSAENOBUFS; }
static inline void close_socket(int fd) { closesocket((SOCKET)fd); }
static inline void do_not_block(int fd) {
    u_long yes = 1;
    ioctlsocket((SOCKET)fd, (long)FIONBIO, &yes);
}

#else

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH_OF(length) (size_t)(length)

static inline void start_sockets(void) {}
static inline int socket_error(void) { return errno; }
static inline bool is_for_later(int error) { return error == EAGAIN || error == EINTR; }
static inline bool is_exhaustion(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
static inline void close_socket(int fd) { close(fd); }
static inline void do_not_block(int fd) { fcntl(fd, F_SETFL, O_NONBLOCK); }

#endif
#endif
