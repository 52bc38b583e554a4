/* cogloop.h: a TCP echo server and its clients in one program, on one loop. The server sends back everything that it
 * receives. When the last client is done, all sockets are closed, and the loop ends. If a client resets its connection,
 * only that connection ends. The server closes a connection after half a minute of silence.
 *
 *    cargo xtask c --prefix ~/cogloop
 *    export PKG_CONFIG_PATH=~/cogloop/lib/pkgconfig LD_LIBRARY_PATH=~/cogloop/lib
 *    cc examples/c/echo.c $(pkg-config --cflags --libs cogloop) && ./a.out [CLIENTS [MESSAGES]]
 */
#include "sockets.h"
#include <cogloop.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 64 };
static const uint64_t SILENCE_NS = 30000000000;

static cog_loop loop;
static cog_watch listening;
static int listener, clients_open, echoed, messages = 50;

/* One end of a connection. */
struct end {
    int fd;
    cog_watch watch;
    int sent;               /* client: the number of messages sent */
    int have;               /* client: received bytes of the current answer */
    char out[4096];         /* server: bytes for which the socket had no room */
    int out_length;
    cog_timer silence;      /* server: made once, and started again by each message */
};

static void check(int code, const char *doing) {
    if (code == COG_OK) return;
    fprintf(stderr, "%s: %s (%s)\n", doing, cog_strerror(code), cog_last_message());
    exit(1);
}

static void check_socket(int result, const char *doing) {
    if (result != -1) return;
    fprintf(stderr, "%s: error %d\n", doing, socket_error());
    exit(1);
}

/* Returns NULL and closes fd if there is no memory. */
static struct end *new_end(int fd, cog_watch_fn fn) {
    struct end *end = calloc(1, sizeof *end);
    if (end && cog_watch_descriptor(loop, fd, COG_READ, COG_LEVEL, fn, end, &end->watch) == COG_OK) {
        end->fd = fd;
        return end;
    }
    free(end);
    close_socket(fd);
    return NULL;
}

/* Removes the watch before it closes the descriptor. */
static void close_end(struct end *end) {
    check(cog_watch_remove(end->watch), "leaving a connection");
    cog_timer_cancel(end->silence); /* a client's handle is all zero, and names nothing */
    close_socket(end->fd);
    free(end);
}

/* The server's side. It reads only when nothing is left to write, so a client cannot make it store more than one
 * buffer. */
static void serve(cog_watch watch, int ready, void *ctx) {
    struct end *end = ctx;
    if (ready & COG_READ) {
        check(cog_timer_reschedule(end->silence, SILENCE_NS), "waiting for a client");
        int got = (int)recv(end->fd, end->out, sizeof end->out, 0);
        if (got == -1 && is_for_later(socket_error())) return;
        if (got <= 0) {
            close_end(end);
            return;
        }
        end->out_length = got;
    }
    int put = (int)send(end->fd, end->out, LENGTH_OF(end->out_length), MSG_NOSIGNAL);
    if (put == -1 && !is_for_later(socket_error())) {
        close_end(end);
        return;
    }
    if (put > 0) memmove(end->out, end->out + put, (size_t)(end->out_length -= put));
    check(cog_watch_set(watch, end->out_length ? COG_WRITE : COG_READ), "turning a connection round");
}

static void on_silence(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry;
    close_end(ctx);
}

static void welcome_again(cog_timer timer, const cog_expiry *expiry, void *ctx);

static void welcome(cog_watch watch, int ready, void *ctx) {
    (void)watch, (void)ready, (void)ctx;
    int fd = (int)accept(listener, NULL, NULL);
    if (fd != -1) {
        do_not_block(fd);
        struct end *end = new_end(fd, serve);
        if (!end) return;
        if (cog_timer_new(loop, on_silence, end, &end->silence) == COG_OK) {
            check(cog_timer_reschedule(end->silence, SILENCE_NS), "waiting for a client");
        } else {
            close_end(end);
        }
    } else if (is_exhaustion(socket_error())) {
        /* No descriptor is left, and the client still waits. Try again later: a connection may have ended by then. */
        check(cog_watch_set(listening, 0), "resting");
        check(cog_timer_after(loop, 100000000, welcome_again, NULL, NULL), "resting");
    } /* else the client has already closed */
}

static void welcome_again(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry, (void)ctx;
    cog_watch_set(listening, COG_READ); /* fails if the server was closed meanwhile */
}

static void send_message(struct end *client) {
    char message[LENGTH];
    memset(message, 'a' + client->sent++ % 26, sizeof message);
    client->have = 0;
    check_socket((int)send(client->fd, message, sizeof message, MSG_NOSIGNAL), "sending");
}

/* The client's side. */
static void on_answer(cog_watch watch, int ready, void *ctx) {
    (void)watch, (void)ready;
    struct end *client = ctx;
    char answer[LENGTH];
    int got = (int)recv(client->fd, answer, LENGTH_OF(LENGTH - client->have), 0);
    if (got == -1 && is_for_later(socket_error())) return;
    if (got <= 0) check_socket(-1, "receiving");
    if ((client->have += got) < LENGTH) return;
    echoed++;
    if (client->sent < messages) {
        send_message(client);
        return;
    }
    close_end(client);
    if (--clients_open == 0) {
        check(cog_watch_remove(listening), "closing the server");
        close_socket(listener);
    }
}

/* A client that sends and then resets its connection before the answer. */
static void reset_a_connection(const struct sockaddr_in *address) {
    struct linger at_once = { 1, 0 };
    int fd = (int)socket(AF_INET, SOCK_STREAM, 0);
    check_socket(fd, "making a client");
    check_socket(connect(fd, (const struct sockaddr *)address, sizeof *address), "connecting it");
    check_socket((int)send(fd, "hello", 5, MSG_NOSIGNAL), "sending");
    check_socket(setsockopt(fd, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once), "setting its end");
    close_socket(fd);
}

int main(int argc, char **argv) {
    int clients = argc > 1 ? atoi(argv[1]) : 20;
    if (argc > 2) messages = atoi(argv[2]);
    if (clients < 1 || messages < 1) {
        fprintf(stderr, "usage: %s [CLIENTS [MESSAGES]], at least 1 of each\n", argv[0]);
        return 2;
    }
    start_sockets();
    check(cog_loop_new(NULL, &loop), "making a loop");

    struct sockaddr_in address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check_socket(listener = (int)socket(AF_INET, SOCK_STREAM, 0), "making a socket");
    do_not_block(listener);
    check_socket(bind(listener, (struct sockaddr *)&address, sizeof address), "binding it");
    check_socket(listen(listener, SOMAXCONN), "listening");
    check_socket(getsockname(listener, (struct sockaddr *)&address, &length), "asking for its port");
    check(cog_watch_descriptor(loop, listener, COG_READ, COG_LEVEL, welcome, NULL, &listening), "watching it");

    reset_a_connection(&address);
    for (int n = 0; n < clients; n++) {
        int fd = (int)socket(AF_INET, SOCK_STREAM, 0);
        check_socket(fd, "making a client");
        check_socket(connect(fd, (struct sockaddr *)&address, sizeof address), "connecting it");
        do_not_block(fd);
        struct end *client = new_end(fd, on_answer);
        if (!client) check(COG_ERROR_LIMIT, "watching a client");
        clients_open++;
        send_message(client);
    }
    check(cog_loop_run(loop), "running");

    uint64_t now_ns = 0;
    const char *name = "";
    check(cog_loop_now(loop, &now_ns), "asking for the time");
    check(cog_loop_backend(loop, &name, NULL), "asking for the backend");
    printf("%d clients, %d messages echoed in %.1f ms on %s\n", clients, echoed, (double)now_ns / 1e6, name);
    check(cog_loop_free(loop), "freeing the loop");
    return 0;
}
