/*
 * The least that an echo server on an inherited socket costs: libsystemd finds
 * the socket, epoll serves it, and no byte is kept that the kernel takes.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_BYTES = 64 * 1024 };

struct connection {
    int fd;
    char *unsent; /* what the kernel did not take yet; nothing is read meanwhile */
    size_t unsent_bytes;
};

static char buffer[BUFFER_BYTES];
static int epoll_fd;

static void watch(struct connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = connection };
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event) < 0)
        err(1, "epoll_ctl");
}

static void hang_up(struct connection *connection)
{
    close(connection->fd);
    free(connection->unsent);
    free(connection);
}

/* Returns how many bytes the kernel took, or -1 when the peer is gone. */
static ssize_t try_send(int fd, const char *bytes, size_t count)
{
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void send_rest(struct connection *connection)
{
    ssize_t sent = try_send(connection->fd, connection->unsent, connection->unsent_bytes);
    if (sent < 0) {
        hang_up(connection);
        return;
    }
    connection->unsent_bytes -= (size_t)sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_bytes);
    if (connection->unsent_bytes > 0)
        return;
    free(connection->unsent);
    connection->unsent = NULL;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

static void echo(struct connection *connection)
{
    ssize_t count = recv(connection->fd, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    ssize_t sent = count > 0 ? try_send(connection->fd, buffer, (size_t)count) : -1;
    if (sent < 0) {
        hang_up(connection);
        return;
    }
    if (sent == count)
        return;
    connection->unsent_bytes = (size_t)(count - sent);
    connection->unsent = malloc(connection->unsent_bytes);
    if (connection->unsent == NULL)
        err(1, "malloc");
    memcpy(connection->unsent, buffer + sent, connection->unsent_bytes);
    watch(connection, EPOLL_CTL_MOD, EPOLLOUT);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL)
            err(1, "calloc");
        connection->fd = fd;
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

int main(void)
{
    if (sd_listen_fds(1) != 1 || sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_STREAM, 1) <= 0)
        errx(78, "wanted one listening unix socket");
    fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection listener = { .fd = SD_LISTEN_FDS_START };
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == &listener)
                accept_all(listener.fd);
            else if (connection->unsent != NULL)
                send_rest(connection);
            else
                echo(connection);
        }
    }
}
