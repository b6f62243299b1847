#include "run/procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct process {
    pid_t pid, parent, group;
    bool ended;
};

static bool look_at(const char *name, struct process *p)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    /* The name before it may hold anything, brackets too. */
    const char *rest = strrchr(text, ')');
    char state;
    int parent, group;
    if (!rest || sscanf(rest + 1, " %c %d %d", &state, &parent, &group) != 3)
        return false;
    *p = (struct process){ (pid_t)atoi(name), parent, group,
                           state == 'Z' || state == 'X' };
    return true;
}

/* The next process, or false at the end. */
static bool next(DIR *d, struct process *p)
{
    struct dirent *e;
    while ((e = readdir(d)) != NULL)
        if (e->d_name[0] >= '0' && e->d_name[0] <= '9' && look_at(e->d_name, p))
            return true;
    return false;
}

int procs_children(pid_t **pids, size_t *n, struct err *e)
{
    struct process p;
    pid_t self = getpid();
    *pids = NULL;
    *n = 0;
    DIR *d = opendir("/proc");
    if (!d)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot read '/proc'");
    while (next(d, &p)) {
        if (p.parent != self || p.ended)
            continue;
        pid_t *grown = realloc(*pids, (*n + 1) * sizeof(**pids));
        if (!grown) {
            closedir(d);
            free(*pids);
            return err_nomem(e);
        }
        *pids = grown;
        grown[(*n)++] = p.pid;
    }
    closedir(d);
    return 0;
}

bool procs_group_lives(pid_t group)
{
    struct process p;
    pid_t self = getpid();
    bool lives = false;
    DIR *d = opendir("/proc");
    while (d && !lives && next(d, &p))
        lives = p.group == group && p.pid != self && !p.ended;
    if (d)
        closedir(d);
    return lives;
}
