#include "io/pglink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 100 /* how often a signal is looked for */
#define CONNECT_S 30
#define HEAR_MS 1000 /* how long a server may take to hear of a cancel */
#define ASK_MS 10

static bool starts(const char *state, const char *class)
{
    return strncmp(state, class, strlen(class)) == 0;
}

enum err_code pglink_code(const char *state)
{
    if (starts(state, "28") || strcmp(state, "42501") == 0 ||
        strcmp(state, "25006") == 0)
        return ERR_NOPERM;
    if (starts(state, "22") || starts(state, "23") ||
        strcmp(state, "P0001") == 0)
        return ERR_DATA;
    if (starts(state, "08") || starts(state, "40") || starts(state, "53") ||
        starts(state, "55") || starts(state, "57") || starts(state, "58") ||
        !*state)
        return ERR_TEMPFAIL;
    return ERR_CONFIG; /* 42: SQL that does not fit the database, and others */
}

void pglink_line(char *out, size_t size, const char *message)
{
    size_t n = 0;
    for (; *message && n + 1 < size; message++)
        if (*message != '\n' && *message != '\t')
            out[n++] = *message;
        else if (n && message[1] && out[n - 1] != ' ')
            out[n++] = ' ';
    out[n] = '\0';
}

/* A request to cancel, shared with the thread that makes it. */
struct cancelling {
    PGcancel *cancel;
    sem_t over;
    atomic_int holders;
};

static void let_go(struct cancelling *c)
{
    if (atomic_fetch_sub(&c->holders, 1) > 1)
        return;
    PQfreeCancel(c->cancel);
    sem_destroy(&c->over);
    free(c);
}

static void *cancel(void *context)
{
    struct cancelling *c = context;
    char text[256];
    (void)PQcancel(c->cancel, text, sizeof(text));
    sem_post(&c->over);
    let_go(c);
    return NULL;
}

static struct cancelling *start_cancel(PGconn *db)
{
    struct cancelling *c = calloc(1, sizeof(*c));
    sigset_t all, before;
    pthread_t thread;
    if (!c || !(c->cancel = PQgetCancel(db))) {
        free(c);
        return NULL;
    }
    sem_init(&c->over, 0, 0);
    atomic_init(&c->holders, 2);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int bad = pthread_create(&thread, NULL, cancel, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!bad) {
        pthread_detach(thread);
        return c;
    }
    atomic_store(&c->holders, 1);
    let_go(c);
    return NULL;
}

static struct timespec in_ms(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* libpq waits without end for a server that does not answer: so a thread does
 * it, and who waited in vain once waits no longer than it takes to ask. */
void pglink_cancel(PGconn *db)
{
    static atomic_bool deaf;
    struct timespec until = in_ms(atomic_load(&deaf) ? ASK_MS : HEAR_MS);
    struct cancelling *c = start_cancel(db);
    if (!c)
        return;
    while (sem_timedwait(&c->over, &until))
        if (errno != EINTR) {
            atomic_store(&deaf, true);
            break;
        }
    let_go(c);
}

int pglink_wait(PGconn *db, bool write, bool (*stop)(void), struct err *e)
{
    struct pollfd p = { PQsocket(db), (short)(POLLIN | (write ? POLLOUT : 0)),
                        0 };
    for (;;) {
        int n = poll(&p, 1, LOOK_MS);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "cannot wait for the server");
        if (stop && stop()) {
            pglink_cancel(db);
            return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
        }
    }
}

/* A password on the command line is seen by everybody who asks ps. */
int pglink_check(const char *uri, const char *role, struct err *e)
{
    char *text = NULL;
    PQconninfoOption *o = PQconninfoParse(uri, &text);
    if (!o) {
        char line[300];
        pglink_line(line, sizeof(line), text ? text : "no memory");
        PQfreemem(text);
        return err_set(e, ERR_USAGE, "%s: %s", role, line);
    }
    int r = 0;
    for (PQconninfoOption *p = o; p->keyword && r == 0; p++)
        if (p->val && (strcmp(p->keyword, "password") == 0 ||
                       strcmp(p->keyword, "sslpassword") == 0))
            r = err_set(e, ERR_USAGE,
                        "%s: a %s on the command line can be read by "
                        "others; use ~/.pgpass, PGPASSFILE or PGPASSWORD",
                        role, p->keyword);
    PQconninfoFree(o);
    return r;
}

static int fail_connect(PGconn *db, struct err *e)
{
    char text[700];
    pglink_line(text, sizeof(text), PQerrorMessage(db));
    /* There is no SQLSTATE for a connection that was not made. */
    enum err_code code = strstr(text, "authentication") ||
                                 strstr(text, "no password supplied") ||
                                 strstr(text, "pg_hba.conf")
                             ? ERR_NOPERM
                         : strstr(text, "does not exist") ? ERR_CONFIG
                                                          : ERR_UNAVAILABLE;
    return err_set(e, code, "cannot connect to PostgreSQL: %s", text);
}

/* Waits for a connection to be made. */
static int await_connection(PGconn *db, bool (*stop)(void), struct err *e)
{
    PostgresPollingStatusType t = PGRES_POLLING_WRITING;
    time_t until = time(NULL) + CONNECT_S;
    while (t != PGRES_POLLING_OK) {
        struct pollfd p = { PQsocket(db),
                            t == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0 };
        int n = poll(&p, 1, LOOK_MS);
        if (stop && stop())
            return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
        if (n == 0 && time(NULL) > until)
            return err_set(e, ERR_UNAVAILABLE,
                           "cannot connect to PostgreSQL: no answer within 30 "
                           "s");
        if (n <= 0)
            continue;
        t = PQconnectPoll(db);
        if (t == PGRES_POLLING_FAILED)
            return fail_connect(db, e);
    }
    return 0;
}

static void ignore_notice(void *context, const PGresult *r)
{
    (void)context;
    (void)r;
}

static int open_as(PGconn **db, const char *uri, const char *app,
                   const char *replication, bool (*stop)(void), struct err *e)
{
    const char *const names[] = { "dbname", "fallback_application_name",
                                  "client_encoding",
                                  replication ? "replication" : NULL, NULL };
    const char *const values[] = { uri, app, "UTF8", replication, NULL };
    *db = PQconnectStartParams(names, values, 1);
    if (!*db)
        return err_nomem(e);
    if (PQstatus(*db) == CONNECTION_BAD)
        return fail_connect(*db, e);
    if (await_connection(*db, stop, e))
        return -1;
    PQsetNoticeReceiver(*db, ignore_notice, NULL);
    return 0;
}

int pglink_open(PGconn **db, const char *uri, const char *app,
                bool (*stop)(void), struct err *e)
{
    return open_as(db, uri, app, NULL, stop, e);
}

int pglink_open_replication(PGconn **db, const char *uri, const char *app,
                            bool (*stop)(void), struct err *e)
{
    return open_as(db, uri, app, "database", stop, e);
}
