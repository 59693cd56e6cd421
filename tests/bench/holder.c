/*
 * Starts a program with a listening socket as descriptor 3, as the service
 * manager does, and takes the time. It is its first client as well, so that
 * nobody else has to be woken between the connect and the start.
 *
 *   holder held SOCKET NAME OUTPUT PROGRAM [ARGUMENT...]
 *       Connects to a socket of its own, sends a message, and only then starts
 *       the program. Prints its pid and the time from the connect to the first
 *       byte echoed. Stops the program when standard input ends.
 *   holder own SOCKET NAME OUTPUT PROGRAM [ARGUMENT...]
 *       The same with a program that makes the socket: from the start on.
 *   holder once SOCKET NAME OUTPUT PROGRAM [ARGUMENT...]
 *       Runs a program to its end, with the socket and with a notify socket
 *       beside it. Prints the time, and whether it has notified.
 *
 * OUTPUT gets what the program prints.
 */
#define _GNU_SOURCE
#include "common.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
    LISTEN_FD = 3,
    BACKLOG = 4096,
    ENOUGH_DESCRIPTORS = 16384,
    MESSAGE_BYTES = 64,
    /* Between two attempts to reach a program that is still starting. */
    RETRY_NS = 200000,
    GRACE_MS = 3000,
};

/* A socket that is bound to a path. */
static int bound_socket(const char *path, int type)
{
    struct sockaddr_un address = unix_address(path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        err(1, "%s", path);
    return fd;
}

static int listening_socket(const char *path)
{
    int fd = bound_socket(path, SOCK_STREAM);
    if (listen(fd, BACKLOG) < 0)
        err(1, "%s", path);
    return fd;
}

static void become(int listener, const char *name, const char *output, char **command)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int input = open("/dev/null", O_RDONLY);
    int printed = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (input < 0 || printed < 0)
        err(1, "%s", output);
    dup2(input, STDIN_FILENO);
    dup2(printed, STDOUT_FILENO);
    close(input);
    close(printed);
    if (listener >= 0) {
        char pid[24];
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "1", 1);
        setenv("LISTEN_FDNAMES", name, 1);
        if (listener == LISTEN_FD)
            fcntl(LISTEN_FD, F_SETFD, 0);
        else
            dup2(listener, LISTEN_FD);
    }
    execv(command[0], command);
    err(1, "%s", command[0]);
}

static pid_t start(int listener, const char *name, const char *output, char **command)
{
    pid_t pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0)
        become(listener, name, output, command);
    return pid;
}

/* A program that ended before it served, or that does not serve, ends the run. */
static void still_starting(pid_t pid, uint64_t since, char **command)
{
    int status;
    if (waitpid(pid, &status, WNOHANG) == pid)
        errx(1, "%s has ended and served nobody", command[0]);
    if (now_ns() - since > PATIENCE_S * 1000000000ull) {
        kill(pid, SIGKILL);
        errx(1, "%s serves nobody within %d s", command[0], PATIENCE_S);
    }
}

static void send_message(int fd)
{
    char message[MESSAGE_BYTES];
    memset(message, 'm', sizeof message);
    if (write(fd, message, sizeof message) != sizeof message)
        err(1, "cannot send the first message");
}

static void await_echo(int fd, pid_t pid, uint64_t since, char **command)
{
    struct pollfd readable = { .fd = fd, .events = POLLIN };
    while (poll(&readable, 1, 50) <= 0)
        still_starting(pid, since, command);
    char byte;
    if (read(fd, &byte, 1) != 1)
        errx(1, "%s closed its first connection", command[0]);
}

static void await_end_of_input(void)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
}

static void stop(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int waited = 0; waited < GRACE_MS; waited++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return;
        usleep(1000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void serve(const char *path, const char *name, const char *output, char **command, int held)
{
    int listener = held ? listening_socket(path) : -1;
    if (!held)
        unlink(path);
    uint64_t since = now_ns();
    pid_t pid;
    int client;
    if (held) {
        client = dial(path);
        if (client < 0)
            err(1, "%s", path);
        send_message(client);
        pid = start(listener, name, output, command);
    } else {
        pid = start(-1, name, output, command);
        while ((client = dial(path)) < 0) {
            still_starting(pid, since, command);
            nanosleep(&(struct timespec){ .tv_nsec = RETRY_NS }, NULL);
        }
        send_message(client);
    }
    await_echo(client, pid, since, command);
    printf("{\"pid\":%d,\"ms\":%.3f}\n", (int)pid, (now_ns() - since) / 1e6);
    fflush(stdout);
    close(client);
    await_end_of_input();
    stop(pid);
}

static void once(const char *path, const char *name, const char *output, char **command)
{
    int listener = listening_socket(path);
    struct sockaddr_un address = { 0 };
    char notify_path[sizeof address.sun_path];
    if ((size_t)snprintf(notify_path, sizeof notify_path, "%s.notify", path) >= sizeof notify_path)
        errx(64, "%s: too long for a socket", path);
    int notify = bound_socket(notify_path, SOCK_DGRAM);
    setenv("NOTIFY_SOCKET", notify_path, 1);

    uint64_t since = now_ns();
    pid_t pid = start(listener, name, output, command);
    int status;
    waitpid(pid, &status, 0);
    double ms = (now_ns() - since) / 1e6;
    if (status != 0)
        errx(1, "%s failed", command[0]);
    char state[64];
    int notified = recv(notify, state, sizeof state, MSG_DONTWAIT) > 0;
    printf("{\"ms\":%.3f,\"notified\":%s}\n", ms, notified ? "true" : "false");
}

int main(int argc, char **argv)
{
    if (argc < 6)
        errx(64, "usage: holder held|own|once SOCKET NAME OUTPUT PROGRAM [ARGUMENT...]");
    raise_descriptor_limit(ENOUGH_DESCRIPTORS);
    if (strcmp(argv[1], "once") == 0)
        once(argv[2], argv[3], argv[4], argv + 5);
    else
        serve(argv[2], argv[3], argv[4], argv + 5, strcmp(argv[1], "held") == 0);
}
