/* What became of the loads of an earlier run: pipe-load asks the ledgers, so
 * that no client of a database is part of this program. */
#include "run/ask.h"

#include "base/buf.h"
#include "json/value.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOADER "pipe-load"
#define LEDGER_WAIT "30s"

extern char **environ;

/* The one of the same installation, else any. */
static void find_loader(char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n < 0 ? 0 : n] = '\0';
    if (n <= 0 ||
        snprintf(path, PATH_MAX, "%s/" LOADER, dirname(self)) >= PATH_MAX ||
        access(path, X_OK) != 0)
        strcpy(path, LOADER);
}

/* It is no stage of the run, and nothing that reports of it. */
static char **child_environ(void)
{
    static const char *const drop[] = { "PIPE_GATE=", "PIPE_METRICS=",
                                        "PIPE_LINEAGE=", "OPENLINEAGE_URL=" };
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **env = calloc(n + 1, sizeof(*env));
    for (size_t i = 0; env && i < n; i++) {
        bool keep = true;
        for (size_t k = 0; k < sizeof(drop) / sizeof(*drop); k++)
            keep &= strncmp(environ[i], drop[k], strlen(drop[k])) != 0;
        if (keep)
            env[kept++] = environ[i];
    }
    return env;
}

/* Starts it with nothing to read; what it prints comes from *out. */
static int start(const char *load, pid_t *pid, int *out, struct err *e)
{
    char path[PATH_MAX];
    char *const argv[] = {
        (char[]){ LOADER },      (char[]){ "--lock-timeout" },
        (char[]){ LEDGER_WAIT }, (char[]){ "--ask" },
        (char *)(uintptr_t)load, NULL
    };
    posix_spawn_file_actions_t actions;
    int ends[2];
    char **env = child_environ();
    if (!env || posix_spawn_file_actions_init(&actions) != 0) {
        free(env);
        return err_nomem(e);
    }
    find_loader(path);
    int error = pipe2(ends, O_CLOEXEC) ? errno : 0;
    if (!error) {
        error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
                                                 "/dev/null", O_RDONLY, 0);
        if (!error)
            error = posix_spawn_file_actions_adddup2(&actions, ends[1],
                                                     STDOUT_FILENO);
        if (!error)
            error = posix_spawnp(pid, path, &actions, NULL, argv, env);
        close(ends[1]);
        *out = ends[0];
        if (error)
            close(ends[0]);
    }
    posix_spawn_file_actions_destroy(&actions);
    free(env);
    return error ? err_sys(e, ERR_UNAVAILABLE, error, "cannot start '%s'", path)
                 : 0;
}

/* Its answer, and how it ended: a wait status. */
static int hear(pid_t pid, int out, bool (*stop)(void), char *answer,
                size_t room)
{
    size_t n = 0;
    int status;
    for (ssize_t got = 1; got && n < room - 1;) {
        got = read(out, answer + n, room - 1 - n);
        if (got < 0 && errno != EINTR)
            break;
        if (got < 0 && stop && stop())
            kill(pid, SIGTERM);
        n += got > 0 ? (size_t)got : 0;
    }
    answer[n] = '\0';
    close(out);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

/* Is the load committed? 1, 0, -1. */
static int ask(const char *load, bool (*stop)(void), struct err *e)
{
    char answer[16];
    pid_t pid;
    int out;
    if (start(load, &pid, &out, e))
        return -1;
    int status = hear(pid, out, stop, answer, sizeof(answer));
    if (status == 0 && strcmp(answer, "true\n") == 0)
        return 1;
    if (status == 0 && strcmp(answer, "false\n") == 0)
        return 0;
    if (stop && stop())
        return err_set(e, ERR_TEMPFAIL, "interrupted");
    if (status == -1 || !WIFEXITED(status))
        return err_set(e, ERR_TEMPFAIL, "'" LOADER " --ask' was killed");
    return err_set(e, ERR_TEMPFAIL, "'" LOADER " --ask' ended with exit %d",
                   WEXITSTATUS(status));
}

int ask_loads(struct str loads, bool (*stop)(void), struct err *e)
{
    struct buf text = { .max = 1 << 20 };
    size_t all = 0, committed = 0;
    struct val load;
    struct json_iter it = json_iter(loads);
    int r = 0;
    while (r >= 0 && json_next(&it, NULL, &load)) {
        buf_reset(&text);
        buf_add_str(&text, load.raw);
        r = buf_z(&text) ? ask(text.p, stop, e) : err_nomem(e);
        all++;
        committed += r > 0;
    }
    buf_free(&text);
    return r < 0 ? -1 : committed == all;
}
