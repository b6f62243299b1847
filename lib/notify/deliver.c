#include "notify/deliver.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/secret.h"
#include "observe/sender.h"
#include "run/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int deliver_target(const char *text, struct str *target, struct err *e)
{
    struct str secret = { 0 };
    bool named =
        strncmp(text, "env:", 4) == 0 || strncmp(text, "file:", 5) == 0;
    if (named && secret_read(str_of(text), &secret, e))
        return -1;
    char *copy = named ? strndup(secret.p, secret.n) : strdup(text);
    secret_free(&secret);
    if (!copy)
        return err_nomem(e);
    *target = str_of(copy);
    return 0;
}

/* ---- programs */

/* The child: argv with `in` as stdin; what it prints goes to stderr. */
static _Noreturn void become(char *const argv[], int in)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    static const int fresh[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGALRM };
    for (size_t i = 0; i < sizeof(fresh) / sizeof(*fresh); i++)
        signal(fresh[i], SIG_DFL);
    setpgid(0, 0);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        _exit(126);
    execvp(argv[0], argv);
    _exit(errno == ENOENT ? 127 : 126);
}

/* Feeds text; who does not read it all may have had enough. */
static void feed(int fd, struct str text, int64_t until)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    while (text.n) {
        int64_t left = until - clock_ms();
        if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR))
            return;
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return;
        if (n > 0)
            text = (struct str){ text.p + n, text.n - (size_t)n };
    }
}

/* Its status, as waitpid has it; -1 where it took too long. */
static int await(pid_t pid, int64_t until)
{
    int status;
    for (;;) {
        pid_t r = waitpid(pid, &status, WNOHANG);
        if (r == pid)
            return status;
        if (r < 0 && errno != EINTR)
            return 0; /* somebody else has asked */
        if (clock_ms() >= until)
            break;
        poll(NULL, 0, 10);
    }
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return -1;
}

static int run(char *const argv[], struct str input, const char *what,
               struct err *e)
{
    int ends[2];
    int64_t until = clock_ms() + NOTIFY_PATIENCE_MS;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        become(argv, ends[0]);
    int saved = errno;
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return err_sys(e, ERR_TEMPFAIL, saved, "cannot start a process");
    }
    setpgid(pid, pid);
    feed(ends[1], input, until);
    close(ends[1]);
    int status = await(pid, until);
    if (status == 0)
        return 0;
    if (status == -1)
        return err_set(e, ERR_UNAVAILABLE, "%s did not end within %d s", what,
                       NOTIFY_PATIENCE_MS / 1000);
    if (WIFSIGNALED(status))
        return err_set(e, ERR_UNAVAILABLE, "%s was killed by signal %d", what,
                       WTERMSIG(status));
    return err_set(e, ERR_UNAVAILABLE, "%s failed with exit %d%s", what,
                   WEXITSTATUS(status),
                   WEXITSTATUS(status) == 127 ? " (not found)" : "");
}

static int to_command(const char *line, struct str message, struct err *e)
{
    char *const argv[] = { (char[]){ "bash" }, (char[]){ "-c" },
                           (char *)(uintptr_t)line, NULL };
    return run(argv, message, "the command", e);
}

/* ---- mail */

static bool is_plain(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
            return false;
    return true;
}

/* A header's text on one line; what is not ASCII as RFC 2047 has it, in words
 * of no more than 75 characters that split no character. */
static void add_header_text(struct buf *b, const char *text)
{
    size_t n = strlen(text), at = 0;
    if (is_plain(text) && n <= 60) {
        buf_addz(b, text);
        return;
    }
    while (at < n) {
        size_t take = n - at < 42 ? n - at : 42;
        while (take > 1 && at + take < n &&
               ((unsigned char)text[at + take] & 0xc0) == 0x80)
            take--;
        buf_addz(b, at ? "\n =?UTF-8?B?" : "=?UTF-8?B?");
        (void)base64_encode(b, (struct str){ text + at, take });
        buf_addz(b, "?=");
        at += take;
    }
}

/* Lines of 76 characters, whatever is in the text. */
static void add_body(struct buf *b, struct str text)
{
    for (size_t at = 0; at < text.n; at += 57) {
        size_t n = text.n - at < 57 ? text.n - at : 57;
        (void)base64_encode(b, (struct str){ text.p + at, n });
        buf_addc(b, '\n');
    }
}

static int to_mail(const struct notify *x, const char *address,
                   const struct notice *n, bool over, struct err *e)
{
    struct buf mail = { 0 }, body = { 0 }, subject = { 0 };
    const char *program = getenv("PIPE_SENDMAIL");
    if (!program || !*program)
        program = access("/usr/sbin/sendmail", X_OK) == 0 ? "/usr/sbin/sendmail"
                                                          : "sendmail";
    if (!is_plain(address) || strpbrk(address, " ,;<>()\""))
        return err_set(e, ERR_CONFIG, "'%s' is no mail address", address);
    buf_addf(&subject, "[%s] %s%s", pipeline_severity_name(n->severity),
             over ? "over: " : "", n->title);
    if (buf_z(&subject))
        for (char *p = subject.p; *p; p++) /* no header of data's making */
            if ((unsigned char)*p < ' ')
                *p = ' ';
    buf_addf(&body, "%s\n\n", n->title);
    if (n->text)
        buf_addf(&body, "%s\n\n", n->text);
    buf_addf(&body, "pipeline: %s\n", x->conf->pipeline);
    if (n->run_id)
        buf_addf(&body, "run: %s\nlog: pipe-report logs %s\n", n->run_id,
                 n->run_id);
    if (x->conf->owner)
        buf_addf(&body, "owner: %s\n", x->conf->owner);
    if (x->conf->runbook)
        buf_addf(&body, "runbook: %s\n", x->conf->runbook);
    buf_addf(&mail, "To: %s\nSubject: ", address);
    if (subject.p)
        add_header_text(&mail, subject.p);
    buf_addz(&mail, "\nMIME-Version: 1.0\n"
                    "Content-Type: text/plain; charset=utf-8\n"
                    "Content-Transfer-Encoding: base64\n"
                    "Auto-Submitted: auto-generated\n\n");
    add_body(&mail, buf_str(&body));
    char *const argv[] = { (char *)(uintptr_t)program, (char[]){ "-t" },
                           (char[]){ "-i" }, NULL };
    int r = mail.failed || body.failed || subject.failed
                ? err_nomem(e)
                : run(argv, buf_str(&mail), program, e);
    buf_free(&mail);
    buf_free(&body);
    buf_free(&subject);
    return r;
}

/* ---- */

static int export_parts(const struct notify *x, const struct notice *n,
                        bool over)
{
    return setenv("PIPE_NOTICE_EVENT",
                  over ? pipeline_event_name(PIPELINE_RECOVERED)
                       : pipeline_event_name(n->event),
                  1) ||
                   setenv("PIPE_NOTICE_SEVERITY",
                          pipeline_severity_name(n->severity), 1) ||
                   setenv("PIPE_NOTICE_PIPELINE", x->conf->pipeline, 1) ||
                   setenv("PIPE_NOTICE_TITLE", n->title, 1) ||
                   setenv("PIPE_NOTICE_TEXT", n->text ? n->text : "", 1)
               ? -1
               : 0;
}

int deliver(const struct notify *x, const struct pipeline_notify *to,
            const struct notice *notice, bool over, struct str message,
            struct err *e)
{
    struct str target;
    if (to->channel == PIPELINE_COMMAND)
        return export_parts(x, notice, over)
                   ? err_nomem(e)
                   : to_command(to->target, message, e);
    if (deliver_target(to->target, &target, e))
        return -1;
    int r = to->channel == PIPELINE_WEBHOOK
                ? sender_post(target.p, message, e)
                : to_mail(x, target.p, notice, over, e);
    secret_free(&target);
    return r;
}
