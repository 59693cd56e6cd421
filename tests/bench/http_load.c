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
#include <sys/epoll.h>

enum { EVENTS = 256, RESPONSE_BYTES = 16 * 1024, SAMPLES = 1 << 20 };

static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct connection {
    int fd;
    size_t received; /* of the current response */
    uint64_t sent_ns;
    char response[RESPONSE_BYTES];
};

static size_t response_bytes; /* all responses have the length of the first */
static uint64_t requests;
static uint32_t latencies_ns[SAMPLES];

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

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void run(struct connection *connections, size_t count, double seconds)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &connections[i] };
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connections[i].fd, &event);
        ask(&connections[i]);
    }
    uint64_t begun = now_ns(), all = 0;
    uint64_t warm = begun + (uint64_t)(seconds * 2e8), end = begun + (uint64_t)(seconds * 1e9);
    uint64_t since = begun, now = begun;
    while (now < end) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll_fd, events, EVENTS, PATIENCE_S * 1000);
        if (ready <= 0)
            errx(1, "no response within %d s", PATIENCE_S);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!receive(connection))
                continue;
            latencies_ns[requests++ % SAMPLES] = (uint32_t)(now_ns() - connection->sent_ns);
            all++;
            ask(connection);
        }
        now = now_ns();
        if (since == begun && now >= warm) {
            since = now;
            requests = 0;
        }
    }
    size_t samples = requests < SAMPLES ? requests : SAMPLES;
    qsort(latencies_ns, samples, sizeof latencies_ns[0], compare);
    printf("{\"perSecond\":%.1f,\"p50\":%.2f,\"p99\":%.2f,\"requests\":%ju}\n",
           (double)requests / ((double)(now - since) / 1e9), latencies_ns[samples / 2] / 1e3,
           latencies_ns[samples * 99 / 100] / 1e3, (uintmax_t)all);
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
        run(connections, count, strtod(argv[3], NULL));
        return 0;
    }
    ask(connections);
    while (!receive(connections))
        ;
    printf("{\"ms\":%.3f}\n", (double)(now_ns() - begun) / 1e6);
}
