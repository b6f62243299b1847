/* strike: kills one process of a load, at a chosen moment.
 *
 *     strike PID VICTIM LAST DELAY_US [SIGNAL]
 *
 * looks at PID and what is below it. It waits for the end of the process named
 * LAST (-: of none), then DELAY_US, and sends SIGNAL, a number (default
 * SIGKILL), to VICTIM: a process name, of several the oldest; NAME+ the newest
 * of that name; @ PID itself; - nobody. Prints the process id of pipe-run's
 * guardian where one was seen, which is its group's. Exits 1 if there was no
 * such process any more.
 *
 * A program, because loads are over before a shell has looked around. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_NS 300000
#define PROCESSES_MAX 256

struct process {
    long pid;
    char name[32];
};

static struct process seen[PROCESSES_MAX]; /* in the order of their births */
static size_t n_seen;
static long guard;

static size_t read_file(const char *format, long pid, char *to, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), format, pid, pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(to, 1, size - 1, f) : 0;
    if (f)
        fclose(f);
    to[n] = '\0';
    return n;
}

/* Reads who pid is. False if it is over: a zombie, at most. */
static int identify(long pid, struct process *p)
{
    char text[1024];
    if (!read_file("/proc/%ld/stat", pid, text, sizeof(text)))
        return 0;
    char *name = strchr(text, '('), *end = strrchr(text, ')');
    if (!name || !end || strchr("ZX", end[2]))
        return 0;
    p->pid = pid;
    snprintf(p->name, sizeof(p->name), "%.*s", (int)(end - name - 1), name + 1);
    return 1;
}

/* Adds pid and what is below it. The kernel may leave out children while
 * others of them end. */
static void look_below(long pid)
{
    char text[4096];
    if (n_seen == PROCESSES_MAX || !identify(pid, &seen[n_seen]))
        return;
    if (strcmp(seen[n_seen++].name, "pipe-run-guard") == 0)
        guard = pid;
    read_file("/proc/%ld/task/%ld/children", pid, text, sizeof(text));
    char *at = text;
    for (long kid; (kid = strtol(at, &at, 10)) > 0;)
        look_below(kid);
}

static const struct process *find(const char *name)
{
    size_t n = strlen(name);
    int newest = n && name[n - 1] == '+';
    const struct process *found = NULL;
    n -= (size_t)newest;
    for (size_t i = 0; i < n_seen; i++)
        if (strlen(seen[i].name) == n && memcmp(seen[i].name, name, n) == 0 &&
            (!found || newest))
            found = &seen[i];
    return found;
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Looks anew. False if the load is over. */
static int look(long pid)
{
    n_seen = 0;
    look_below(pid);
    return n_seen > 0;
}

static void nap(void)
{
    nanosleep(&(struct timespec){ 0, LOOK_NS }, NULL);
}

/* Waits until pid, or the process of that name below it, is over. */
static void await_end(long pid, const char *name)
{
    const struct process *p = NULL;
    struct process last;
    while (look(pid) && !(p = find(name)))
        nap();
    for (long of = p ? p->pid : 0;
         of && identify(of, &last) && strcmp(last.name, name) == 0;)
        nap();
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6)
        return 64;
    int sig = argc == 6 ? atoi(argv[5]) : SIGKILL;
    long pid = atol(argv[1]);
    const char *victim = argv[2], *last = argv[3];
    if (strcmp(last, "-") != 0)
        await_end(pid, last);
    int64_t until = now_us() + atol(argv[4]);
    while (look(pid) && now_us() < until)
        nap();
    const struct process *p =
        strcmp(victim, "@") == 0 ? (n_seen ? &seen[0] : NULL) : find(victim);
    int missed = strcmp(victim, "-") != 0 && (!p || kill((pid_t)p->pid, sig));
    if (guard)
        printf("%ld\n", guard);
    return missed;
}
