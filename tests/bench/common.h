/* What the loads share. */

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, SAMPLES = 1 << 20, PATIENCE_S = 10 /* of a silent server */ };

/* Of messages or requests since the warm-up, the first fifth of the time. */
static uint64_t done_count, warm_up_count;
static uint32_t latencies_ns[SAMPLES];

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Returns a connection to a unix socket, or -1. */
static int dial(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

static void watch(int epoll_fd, int fd, void *connection)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        err(1, "cannot watch a connection");
}

static void finish(uint64_t started_ns, uint64_t now)
{
    latencies_ns[done_count++ % SAMPLES] = (uint32_t)(now - started_ns);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Handles events for the given time, and prints the figures as JSON. */
static void measure(int epoll_fd, double seconds, void (*handle)(void *connection))
{
    uint64_t begun = now_ns(), since = begun, now;
    clock_t cpu = clock();
    while ((now = now_ns()) < begun + (uint64_t)(seconds * 1e9)) {
        if (since == begun && now >= begun + (uint64_t)(seconds * 2e8)) {
            since = now;
            cpu = clock();
            warm_up_count = done_count;
            done_count = 0;
        }
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll_fd, events, EVENTS, PATIENCE_S * 1000);
        if (count <= 0)
            errx(1, "nothing came back within %d s", PATIENCE_S);
        for (int i = 0; i < count; i++)
            handle(events[i].data.ptr);
    }
    double counted_s = (double)(now - since) / 1e9;
    double own_cpu_s = (double)(clock() - cpu) / CLOCKS_PER_SEC;
    size_t samples = done_count < SAMPLES ? done_count : SAMPLES;
    qsort(latencies_ns, samples, sizeof latencies_ns[0], compare);
    printf("{\"perSecond\":%.1f,\"p50\":%.2f,\"p99\":%.2f,\"ownCpu\":%.4f,\"all\":%ju}\n",
           (double)done_count / counted_s, latencies_ns[samples / 2] / 1e3,
           latencies_ns[samples * 99 / 100] / 1e3, own_cpu_s / counted_s,
           (uintmax_t)(warm_up_count + done_count));
}
