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

#include <sys/epoll.h>

enum { EVENTS = 256, RECEIVE_BYTES = 256 * 1024, MAX_DEPTH = 16, SAMPLES = 1 << 20 };

struct connection {
    int fd;
    uint64_t sent, received; /* bytes */
    uint64_t started_ns[MAX_DEPTH];
};

static char *stream; /* messages, each the same, for one read from any offset in one */
static size_t size, depth;
static uint64_t messages; /* since the warm-up */
static uint32_t latencies_ns[SAMPLES];

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

static void receive(struct connection *connection)
{
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
        latencies_ns[messages++ % SAMPLES] = (uint32_t)(now - connection->started_ns[done % depth]);
}

static void handle_events(int epoll_fd)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, PATIENCE_S * 1000);
    if (count <= 0)
        errx(1, "nothing came back within %d s", PATIENCE_S);
    for (int i = 0; i < count; i++) {
        receive(events[i].data.ptr);
        send_more(events[i].data.ptr);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        errx(64, "usage: load SOCKET CONNECTIONS SIZE DEPTH SECONDS");
    size_t count = strtoul(argv[2], NULL, 10);
    size = strtoul(argv[3], NULL, 10);
    depth = strtoul(argv[4], NULL, 10);
    double seconds = strtod(argv[5], NULL);
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
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &connections[i] };
        connections[i].fd = dial(argv[1]);
        if (connections[i].fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connections[i].fd, &event) < 0)
            err(1, "cannot connect to %s", argv[1]);
    }
    for (size_t i = 0; i < count; i++)
        send_more(&connections[i]);

    uint64_t begun = now_ns();
    while (now_ns() < begun + (uint64_t)(seconds * 2e8))
        handle_events(epoll_fd);
    uint64_t warm_up = messages, since = now_ns();
    clock_t cpu = clock();
    messages = 0;
    while (now_ns() < begun + (uint64_t)(seconds * 1e9))
        handle_events(epoll_fd);
    double counted_s = (double)(now_ns() - since) / 1e9;
    double own_cpu_s = (double)(clock() - cpu) / CLOCKS_PER_SEC;
    size_t samples = messages < SAMPLES ? messages : SAMPLES;
    qsort(latencies_ns, samples, sizeof latencies_ns[0], compare);
    printf("{\"perSecond\":%.1f,\"p50\":%.2f,\"p99\":%.2f,\"ownCpu\":%.4f,\"messages\":%ju}\n",
           (double)messages / counted_s, latencies_ns[samples / 2] / 1e3,
           latencies_ns[samples * 99 / 100] / 1e3, own_cpu_s / counted_s,
           (uintmax_t)(warm_up + messages));
}
