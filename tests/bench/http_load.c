/*
 * The load of HTTP servers: connections that each send the next request when they have
 * the response, and measure its latency.
 *
 *   http_load ADDRESS CONNECTIONS SECONDS
 *       ADDRESS is the path of a unix socket, or a port of 127.0.0.1. The first fifth of
 *       the time warms up. Prints the figures as JSON.
 *   http_load ADDRESS 1 once
 *       One request. Prints the milliseconds from connect(2) to the whole response.
 */
#define _GNU_SOURCE
#include "common.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

enum { RESPONSE_BYTES = 16 * 1024 };

static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct connection {
    int fd;
    size_t received; /* of the current response */
    uint64_t sent_ns;
    char response[RESPONSE_BYTES];
};

static size_t response_bytes; /* all responses have the length of the first */

static int connect_to(const char *address)
{
    if (address[0] == '/') {
        int fd = dial(address);
        if (fd < 0)
            err(1, "cannot connect to %s", address);
        return fd;
    }
    struct sockaddr_in tcp = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(address)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&tcp, sizeof tcp) < 0)
        err(1, "cannot connect to port %s", address);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void ask(struct connection *connection)
{
    connection->received = 0;
    connection->sent_ns = now_ns();
    if (send(connection->fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) != sizeof REQUEST - 1)
        err(1, "cannot send");
}

/* Returns whether the response is complete. */
static int receive(struct connection *connection)
{
    ssize_t count = recv(connection->fd, connection->response + connection->received,
                         RESPONSE_BYTES - 1 - connection->received, 0);
    if (count <= 0)
        err(1, "a connection was closed");
    connection->received += (size_t)count;
    connection->response[connection->received] = '\0';
    if (response_bytes == 0) {
        char *body = strstr(connection->response, "\r\n\r\n");
        char *length = strcasestr(connection->response, "\r\ncontent-length:");
        if (body == NULL || length == NULL)
            return 0;
        response_bytes = (size_t)(body - connection->response) + 4 + strtoul(length + 17, NULL, 10);
    }
    if (connection->received < response_bytes)
        return 0;
    if (connection->received > response_bytes ||
        strncmp(connection->response, "HTTP/1.1 200", 12) != 0)
        errx(1, "another response than the first: %s", connection->response);
    return 1;
}

static void handle(void *data)
{
    struct connection *connection = data;
    if (!receive(connection))
        return;
    finish(connection->sent_ns, now_ns());
    ask(connection);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        errx(64, "usage: http_load ADDRESS CONNECTIONS SECONDS|once");
    size_t count = strtoul(argv[2], NULL, 10);
    struct connection *connections = calloc(count, sizeof *connections);
    if (count == 0 || connections == NULL)
        errx(64, "CONNECTIONS is at least 1");
    uint64_t begun = now_ns();
    for (size_t i = 0; i < count; i++)
        connections[i].fd = connect_to(argv[1]);
    if (strcmp(argv[3], "once") != 0) {
        int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        for (size_t i = 0; i < count; i++) {
            watch(epoll_fd, connections[i].fd, &connections[i]);
            ask(&connections[i]);
        }
        measure(epoll_fd, strtod(argv[3], NULL), handle);
        return 0;
    }
    ask(connections);
    while (!receive(connections))
        ;
    printf("{\"ms\":%.3f}\n", (double)(now_ns() - begun) / 1e6);
}
