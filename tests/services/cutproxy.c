/* cutproxy: passes connections on to PostgreSQL on loopback and cuts the first
 * one that commits, or that has said enough.
 *
 *     cutproxy TARGET_PORT before|during|after|last|BYTES
 *
 * before: COMMIT does not reach the server; during: it does, and nothing is
 * waited for; after: the server has answered, which the client never learns;
 * BYTES: so many of the client's bytes have reached the server.
 * last: as after, and nobody listens any more.
 * Prints "ready PORT" with the port that it got, "cut" when it did, and "said
 * N" with the client's bytes at the end of a connection that was not cut. */
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int at_port(int port, int listening)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (listening ? bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16)
                  : connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        perror("cutproxy");
        exit(1);
    }
    return fd;
}

/* Is there a COMMIT among what the client says? It is the whole of a simple
 * query message: 'Q', a length of 11, the text and NUL. */
static int commits(const char *p, ssize_t n)
{
    return memmem(p, (size_t)n, "Q\0\0\0\013COMMIT", 12) != NULL;
}

/* Passes bytes between both until one of them ends. 1: it was cut. */
static int pass(int client, int server, const char *when, long *said)
{
    char buf[65536];
    long most = when && *when >= '0' && *when <= '9' ? atol(when) : LONG_MAX;
    struct pollfd p[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
    int committing = 0;
    for (;;) {
        if (poll(p, 2, -1) < 0)
            return 0;
        for (int i = 0; i < 2; i++) {
            if (!p[i].revents)
                continue;
            ssize_t n = read(p[i].fd, buf, sizeof(buf));
            if (n <= 0)
                return 0;
            if (i == 1 && committing)
                return 1;
            if (i == 0 && when && most == LONG_MAX && commits(buf, n)) {
                if (strcmp(when, "before") == 0)
                    return 1;
                committing = 1;
            }
            if (i == 0 && n > most - *said)
                n = most - *said;
            for (ssize_t at = 0, put; at < n; at += put)
                if ((put = write(p[!i].fd, buf + at, (size_t)(n - at))) <= 0)
                    return 0;
            *said += i == 0 ? n : 0;
            if ((committing && strcmp(when, "during") == 0) || *said == most)
                return 1;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    struct sockaddr_in a;
    socklen_t size = sizeof(a);
    int listener = at_port(0, 1);
    int target = atoi(argv[1]);
    int last = strcmp(argv[2], "last") == 0;
    const char *when = last ? "after" : argv[2];
    if (getsockname(listener, (struct sockaddr *)&a, &size) != 0)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    printf("ready %u\n", ntohs(a.sin_port));
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            return 1;
        int server = at_port(target, 0);
        long said = 0;
        int was_cut = pass(client, server, when, &said);
        if (was_cut) {
            when = NULL;
            puts("cut");
        } else {
            printf("said %ld\n", said);
        }
        fflush(stdout);
        if (was_cut && last) { /* before the client knows of the cut */
            close(listener);
            return 0;
        }
        close(client);
        close(server);
    }
}
