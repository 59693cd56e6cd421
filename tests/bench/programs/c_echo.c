/*
 * The least that an echo server on a passed socket costs: libsystemd finds the socket,
 * epoll serves it. The load reads whatever comes back, so that no send(2) waits for long.
 */
#define _GNU_SOURCE
#include <err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_BYTES = 64 * 1024 };

static int epoll_fd;

static void watch(int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        err(1, "cannot watch a connection");
}

static void echo(int fd)
{
    static char buffer[BUFFER_BYTES];
    ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    ssize_t sent = 0, now = count;
    while (sent < count && (now = send(fd, buffer + sent, (size_t)(count - sent), MSG_NOSIGNAL)) > 0)
        sent += now;
    if (now <= 0)
        close(fd);
}

int main(void)
{
    if (sd_listen_fds(1) != 1 || sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_STREAM, 1) <= 0)
        errx(78, "wanted one listening unix socket");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(SD_LISTEN_FDS_START);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == SD_LISTEN_FDS_START)
                watch(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
            else
                echo(fd);
        }
    }
}
