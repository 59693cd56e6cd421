/*
 * The load: connections that each keep so many messages under way, check every
 * byte that comes back, and take the time of each message.
 *
 *   load SOCKET CONNECTIONS SIZE DEPTH SECONDS
 *       The first fifth of the time warms up and is not counted. Prints what was
 *       counted, and how much of one processor this program itself took.
 *   load SOCKET CONNECTIONS SIZE DEPTH hold
 *       One message for each connection; then all stay open until standard input
 *       ends.
 */
#define _GNU_SOURCE
#include "common.h"

#include <sys/epoll.h>

enum {
    EVENTS = 256,
    RECEIVE_BYTES = 256 * 1024,
    MAX_DEPTH = 16,
    OTHER_DESCRIPTORS = 16,
    WARM_UP_SHARE = 5,
};

struct connection {
    int fd;
    int waits_to_send;
    uint64_t sent;     /* bytes */
    uint64_t received; /* bytes */
    uint64_t started[MAX_DEPTH];
};

/* What is counted, since the warm-up. */
static struct {
    uint64_t since;
    uint64_t messages;
    uint64_t bytes;
    double own_cpu_s;
} counted;

static uint64_t all_messages;
static const char *message;
static size_t size;
static uint64_t depth;
static uint64_t messages_each = UINT64_MAX;
static int epoll_fd;
static char received_bytes[RECEIVE_BYTES];

/* Latencies, in classes that are at most 1/64 wide. */
enum { CLASS_BITS = 6, CLASSES = 64 << CLASS_BITS };
static uint64_t latencies[CLASSES];

static unsigned class_of(uint64_t ns)
{
    if (ns < 1u << CLASS_BITS)
        return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - CLASS_BITS;
    return ((shift + 1) << CLASS_BITS) + (unsigned)((ns >> shift) & ((1u << CLASS_BITS) - 1));
}

/* The middle of a class. */
static double class_ns(unsigned class)
{
    if (class < 1u << CLASS_BITS)
        return class;
    unsigned shift = (class >> CLASS_BITS) - 1;
    uint64_t low = (uint64_t)((class & ((1u << CLASS_BITS) - 1)) | (1u << CLASS_BITS)) << shift;
    return (double)low + (double)((uint64_t)1 << shift) / 2;
}

static double percentile_us(double share)
{
    uint64_t below = 0;
    for (unsigned class = 0; class < CLASSES; class++) {
        below += latencies[class];
        if ((double)below >= share * (double)counted.messages)
            return class_ns(class) / 1e3;
    }
    return 0;
}

static double cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
        (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void start_counting(void)
{
    memset(latencies, 0, sizeof latencies);
    counted.messages = counted.bytes = 0;
    counted.own_cpu_s = cpu_s();
    counted.since = now_ns();
}

static void watch(struct connection *connection, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | (connection->waits_to_send ? EPOLLOUT : 0u),
        .data.ptr = connection,
    };
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event) < 0)
        err(1, "epoll_ctl");
}

/* Sends what may be under way, until the kernel takes no more. */
static void send_more(struct connection *connection)
{
    uint64_t done = connection->received / size;
    uint64_t allowed = done + depth < messages_each ? done + depth : messages_each;
    int blocked = 0;
    while (connection->sent < allowed * size) {
        size_t offset = connection->sent % size;
        if (offset == 0)
            connection->started[connection->sent / size % depth] = now_ns();
        ssize_t count = send(connection->fd, message + offset, size - offset, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            blocked = 1;
            break;
        }
        if (count < 0)
            err(1, "cannot send");
        connection->sent += (uint64_t)count;
    }
    if (blocked != connection->waits_to_send) {
        connection->waits_to_send = blocked;
        watch(connection, EPOLL_CTL_MOD);
    }
}

static void check_bytes(size_t offset, size_t count)
{
    for (size_t checked = 0; checked < count;) {
        size_t part = size - offset < count - checked ? size - offset : count - checked;
        if (memcmp(received_bytes + checked, message + offset, part) != 0)
            errx(1, "other bytes came back than were sent");
        checked += part;
        offset = 0;
    }
}

static void receive(struct connection *connection)
{
    ssize_t count = recv(connection->fd, received_bytes, sizeof received_bytes, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count < 0)
        err(1, "cannot receive");
    if (count == 0)
        errx(1, "a connection was closed");
    uint64_t done = connection->received / size;
    check_bytes(connection->received % size, (size_t)count);
    connection->received += (uint64_t)count;
    counted.bytes += (uint64_t)count;
    if (connection->received > connection->sent)
        errx(1, "more came back than was sent");
    uint64_t now = now_ns();
    for (; done < connection->received / size; done++) {
        latencies[class_of(now - connection->started[done % depth])]++;
        counted.messages++;
        all_messages++;
    }
}

static void handle_events(void)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, PATIENCE_S * 1000);
    if (count < 0 && errno != EINTR)
        err(1, "epoll_wait");
    if (count == 0)
        errx(1, "nothing came back within %d s", PATIENCE_S);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            receive(connection);
        send_more(connection);
    }
}

static struct connection *open_connections(const char *path, size_t count)
{
    rlim_t limit = raise_descriptor_limit(count + OTHER_DESCRIPTORS);
    if (limit < count + OTHER_DESCRIPTORS)
        errx(1, "%zu connections are more than the %ju descriptors that are allowed (ulimit -Hn)",
             count, (uintmax_t)limit);
    struct connection *connections = calloc(count, sizeof *connections);
    for (size_t i = 0; connections != NULL && i < count; i++) {
        int fd = dial(path);
        if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
            err(1, "cannot connect to %s", path);
        connections[i].fd = fd;
        watch(&connections[i], EPOLL_CTL_ADD);
    }
    return connections;
}

static const char *random_message(void)
{
    char *bytes = malloc(size);
    uint32_t state = 1;
    for (size_t i = 0; bytes != NULL && i < size; i++) {
        state = state * 1664525u + 1013904223u;
        /* From 0 to o: text, in which nothing says "close". */
        bytes[i] = (char)('0' + (state >> 26));
    }
    if (bytes != NULL)
        bytes[size - 1] = '\n';
    return bytes;
}

static void run(double seconds)
{
    uint64_t begun = now_ns();
    uint64_t warm = begun + (uint64_t)(seconds * 1e9 / WARM_UP_SHARE);
    uint64_t end = begun + (uint64_t)(seconds * 1e9);
    while (now_ns() < warm)
        handle_events();
    start_counting();
    while (now_ns() < end)
        handle_events();
    double counted_s = (now_ns() - counted.since) / 1e9;
    printf("{\"perSecond\":%.1f,\"bytesPerSecond\":%.1f,\"p50\":%.2f,\"p99\":%.2f,"
           "\"ownCpu\":%.4f,\"messages\":%ju}\n",
           (double)counted.messages / counted_s, (double)counted.bytes / counted_s,
           percentile_us(0.5), percentile_us(0.99),
           (cpu_s() - counted.own_cpu_s) / counted_s, (uintmax_t)all_messages);
}

static void hold(size_t connections)
{
    while (all_messages < connections)
        handle_events();
    printf("{\"held\":%zu}\n", connections);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        errx(64, "usage: load SOCKET CONNECTIONS SIZE DEPTH SECONDS|hold");
    size_t count = strtoul(argv[2], NULL, 10);
    size = strtoul(argv[3], NULL, 10);
    depth = strtoul(argv[4], NULL, 10);
    if (count == 0 || size == 0 || depth == 0 || depth > MAX_DEPTH)
        errx(64, "CONNECTIONS, SIZE and DEPTH are at least 1, DEPTH at most %d", MAX_DEPTH);
    int holding = strcmp(argv[5], "hold") == 0;
    if (holding)
        messages_each = 1;
    message = random_message();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = open_connections(argv[1], count);
    if (message == NULL || connections == NULL || epoll_fd < 0)
        err(1, "cannot begin");
    for (size_t i = 0; i < count; i++)
        send_more(&connections[i]);
    if (holding)
        hold(count);
    else
        run(strtod(argv[5], NULL));
}
