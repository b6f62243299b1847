#include "notify/ping.h"

#include "base/buf.h"
#include "base/secret.h"
#include "json/value.h"
#include "notify/deliver.h"
#include "observe/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const paths[] = { "/start", "", "/fail" };

/* The path's end, before a query. */
static int make_url(struct buf *out, struct str base, enum ping what)
{
    size_t n = 0;
    while (n < base.n && base.p[n] != '?' && base.p[n] != '#')
        n++;
    size_t path = n;
    while (what != PING_DONE && path && base.p[path - 1] == '/')
        path--;
    buf_add(out, base.p, path);
    buf_addz(out, paths[what]);
    buf_add(out, base.p + n, base.n - n);
    return buf_z(out) ? 0 : -1;
}

/* A grandchild: whoever adopts it does not wait for it. */
static int send_apart(const char *url, struct str line, struct err *e)
{
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot start a process");
    if (pid == 0) {
        if (fork() == 0) {
            struct err ignored;
            setsid();
            int null = open("/dev/null", O_RDWR);
            for (int fd = 0; fd <= 2; fd++)
                (void)dup2(null, fd);
            (void)close_range(3, ~0u, 0);
            (void)sender_post(url, line, &ignored);
        }
        _exit(0);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

int ping_send(const char *url, enum ping what, struct str text, struct err *e)
{
    struct str base;
    struct buf full = { .max = 65536 }, line = { 0 };
    if (deliver_target(url, &base, e))
        return -1;
    buf_addz(&line, "{\"text\":");
    json_quote(&line, text);
    buf_addz(&line, "}\n");
    int r = make_url(&full, base, what) || line.failed ? err_nomem(e)
            : what == PING_START ? send_apart(full.p, buf_str(&line), e)
                                 : sender_post(full.p, buf_str(&line), e);
    buf_free(&full);
    buf_free(&line);
    secret_free(&base);
    return r;
}
