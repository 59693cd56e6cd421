/*
 * The load of echo servers: connections that each keep DEPTH messages in flight, compare
 * every byte that comes back, and measure the latency of each message.
 *
 *   load SOCKET CONNECTIONS SIZE DEPTH SECONDS
 *       The first fifth of the time warms up. Prints the figures as JSON, also the share
 *       of one processor that this program itself took.
 */
#define _GNU_SOURCE
#include "common.h"

enum { RECEIVE_BYTES = 256 * 1024, MAX_DEPTH = 16 };

struct connection {
    int fd;
    uint64_t sent, received; /* bytes */
    uint64_t started_ns[MAX_DEPTH];
};

static char *stream; /* messages, each the same, for one read from any offset in one */
static size_t size, depth;

/* Sends what may be in flight. What the kernel does not take follows after a receive. */
static void send_more(struct connection *connection)
{
    while (connection->sent < (connection->received / size + depth) * size) {
        size_t offset = connection->sent % size;
        if (offset == 0)
            connection->started_ns[connection->sent / size % depth] = now_ns();
        ssize_t count = send(connection->fd, stream + offset, size - offset, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN)
            return;
        if (count < 0)
            err(1, "cannot send");
        connection->sent += (uint64_t)count;
    }
}

static void receive(void *data)
{
    struct connection *connection = data;
    static char bytes[RECEIVE_BYTES];
    ssize_t count = recv(connection->fd, bytes, sizeof bytes, 0);
    if (count <= 0)
        err(1, "a connection was closed");
    if (memcmp(bytes, stream + connection->received % size, (size_t)count) != 0)
        errx(1, "other bytes came back than were sent");
    uint64_t done = connection->received / size, now = now_ns();
    connection->received += (uint64_t)count;
    if (connection->received > connection->sent)
        errx(1, "more came back than was sent");
    for (; done < connection->received / size; done++)
        finish(connection->started_ns[done % depth], now);
    send_more(connection);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        errx(64, "usage: load SOCKET CONNECTIONS SIZE DEPTH SECONDS");
    size_t count = strtoul(argv[2], NULL, 10);
    size = strtoul(argv[3], NULL, 10);
    depth = strtoul(argv[4], NULL, 10);
    struct connection *connections = calloc(count, sizeof *connections);
    stream = malloc(size + RECEIVE_BYTES);
    if (connections == NULL || stream == NULL || size == 0 || depth == 0 || depth > MAX_DEPTH)
        errx(64, "SIZE and DEPTH are at least 1, DEPTH at most %d", MAX_DEPTH);
    for (uint32_t i = 0, state = 1; i < size + RECEIVE_BYTES; i++) {
        state = state * 1664525u + 1013904223u;
        /* From 0 to o: text without "close". */
        stream[i] = i >= size ? stream[i - size] : i + 1 == size ? '\n' : (char)('0' + (state >> 26));
    }
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        connections[i].fd = dial(argv[1]);
        if (connections[i].fd < 0)
            err(1, "cannot connect to %s", argv[1]);
        watch(epoll_fd, connections[i].fd, &connections[i]);
    }
    for (size_t i = 0; i < count; i++)
        send_more(&connections[i]);
    measure(epoll_fd, strtod(argv[5], NULL), receive);
}
