/* faultproxy: passes connections on to an HTTP server on loopback, with faults.
 *
 *     faultproxy TARGET_PORT FAULT@TEXT...
 *
 * Each fault comes once, to the first request from then on that has TEXT in
 * what its first bytes say ("GET /lake/a", "uploadId="):
 *     busy    it is answered with 503 SlowDown, and never reaches the server
 *     dead    the connection is closed, the request never reaches the server
 *     lost    the server does what it asks for; the answer is never passed on
 *     cut:N   the connection is closed behind N bytes of the answer
 *     late:N  it is passed on N milliseconds later
 * Prints "ready PORT" with the port that it got, and each fault as it comes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static char **faults;
static int n_faults;
static int *used; /* shared by all connections */

static int at_port(int port, int listening)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (listening ? bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16)
                  : connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        perror("faultproxy");
        exit(1);
    }
    return fd;
}

static void send_all(int fd, const char *p, ssize_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, (size_t)n);
        if (w <= 0)
            exit(0);
        p += w;
        n -= w;
    }
}

/* The fault that this is for, NULL if there is none. */
static const char *fault_of(const char *p, ssize_t n)
{
    for (int i = 0; i < n_faults; i++) {
        const char *text = strchr(faults[i], '@');
        if (!text || __atomic_load_n(&used[i], __ATOMIC_SEQ_CST) ||
            !memmem(p, (size_t)n, text + 1, strlen(text + 1)) ||
            __atomic_exchange_n(&used[i], 1, __ATOMIC_SEQ_CST))
            continue;
        dprintf(1, "%s\n", faults[i]);
        return faults[i];
    }
    return NULL;
}

static void pass(int client, int server)
{
    static const char busy[] =
        "HTTP/1.1 503 Slow Down\r\nContent-Length: 79\r\n"
        "Connection: close\r\n\r\n<Error><Code>SlowDown</Code>"
        "<Message>Please reduce your rate.</Message></Error>";
    static char buf[65536];
    struct pollfd p[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
    long left = -1; /* bytes of the answer to be passed on */
    while (poll(p, 2, -1) > 0) {
        if (p[0].revents) {
            ssize_t n = read(client, buf, sizeof(buf));
            if (n <= 0)
                return;
            const char *f = fault_of(buf, n);
            if (f && strncmp(f, "busy", 4) == 0) {
                send_all(client, busy, sizeof(busy) - 1);
                shutdown(client, SHUT_WR);
                while (read(client, buf, sizeof(buf)) > 0)
                    ;
                return;
            }
            if (f && strncmp(f, "dead", 4) == 0)
                return;
            if (f && strncmp(f, "late:", 5) == 0)
                usleep((useconds_t)atol(f + 5) * 1000);
            if (f && strncmp(f, "lost", 4) == 0)
                left = 0;
            if (f && strncmp(f, "cut:", 4) == 0)
                left = atol(f + 4);
            send_all(server, buf, n);
        }
        if (p[1].revents) {
            ssize_t n = read(server, buf, sizeof(buf));
            if (n <= 0)
                return;
            if (left >= 0 && n >= left) {
                send_all(client, buf, left);
                return;
            }
            left -= left >= 0 ? n : 0;
            send_all(client, buf, n);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    struct sockaddr_in a;
    socklen_t size = sizeof(a);
    int listener = at_port(0, 1);
    faults = argv + 2;
    n_faults = argc - 2;
    used = mmap(NULL, sizeof(int) * (size_t)(n_faults + 1),
                PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (used == MAP_FAILED || getsockname(listener, (void *)&a, &size) != 0)
        return 1;
    dprintf(1, "ready %d\n", ntohs(a.sin_port));
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            return 1;
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(listener);
            pass(client, at_port(atoi(argv[1]), 0));
            _exit(0);
        }
        close(client);
    }
}
