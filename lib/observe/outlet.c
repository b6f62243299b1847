#include "observe/outlet.h"

#include "io/filelock.h"
#include "observe/sender.h"
#include "observe/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FOLDER "metrics" /* in the state directory */
#define JOB "pipeutils"  /* of a pipeline without a name */
#define GROUP "/metrics/job/"
#define TURN_MS 2000 /* a push that takes longer is in trouble */

bool outlet_is_url(const char *to)
{
    return strncmp(to, "http://", 7) == 0 || strncmp(to, "https://", 8) == 0;
}

/* Letters, digits, '-', '_' and '.' alone may stand in a path as they are. */
static void add_escaped(struct buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || strchr("-_.", *c);
        buf_addf(out, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
}

static int take_url(struct outlet *o, const char *url, struct err *e)
{
    const char *host = strstr(url, "://") + 3;
    size_t n = strcspn(host, "/?#"), whole = strcspn(url, "?#");
    char name[256] = "";
    if (memchr(host, '@', n))
        return err_set(e, ERR_USAGE,
                       "option --metrics: the URL has a user or a password in "
                       "it: set PIPE_METRICS_TOKEN instead");
    if (n == 0)
        return err_set(e, ERR_USAGE, "option --metrics: '%s' has no host", url);
    if (url[whole])
        return err_set(e, ERR_USAGE,
                       "option --metrics: the URL has a query or a fragment");
    buf_addz(&o->url, url);
    if (!strstr(host, GROUP)) {
        while (o->url.p && o->url.n && o->url.p[o->url.n - 1] == '/')
            o->url.n--;
        (void)gethostname(name, sizeof(name) - 1);
        buf_addz(&o->url, GROUP);
        add_escaped(&o->url, o->pipeline.n ? buf_z(&o->pipeline) : JOB);
        buf_addz(&o->url, "/instance/");
        add_escaped(&o->url, *name ? name : "localhost");
    }
    return 0;
}

int outlet_open(struct outlet *o, const char *to, const char *state,
                const char *pipeline, struct err *e)
{
    bool url = outlet_is_url(to);
    *o = (struct outlet){ .folder = { .max = 65536 }, .url = { .max = 65536 } };
    if (!*to)
        return err_set(e, ERR_USAGE, "option --metrics: no folder named");
    if (!url && strstr(to, "://"))
        return err_set(e, ERR_USAGE,
                       "option --metrics: '%s' is neither a folder nor an http "
                       "or https URL",
                       to);
    buf_addz(&o->pipeline, pipeline ? pipeline : "");
    if (url)
        buf_addf(&o->folder, "%s/%s", state, FOLDER);
    else
        buf_addz(&o->folder, to);
    if (url && take_url(o, to, e))
        return -1;
    return buf_z(&o->folder) && buf_z(&o->url) && buf_z(&o->pipeline)
               ? 0
               : err_nomem(e);
}

int outlet_add(const struct outlet *o, const char *stage, struct metrics *m,
               struct err *e)
{
    struct buf name = { .max = 1024 };
    if (o->pipeline.n)
        buf_addf(&name, "%s.", o->pipeline.p);
    buf_addz(&name, stage);
    int r = !buf_z(&name) || m->failed
                ? err_nomem(e)
                : textfile_add(o->folder.p, name.p, m, e);
    buf_free(&name);
    return r;
}

static int gather(const struct outlet *o, struct buf *text, struct err *e)
{
    struct metrics m;
    int r = textfile_gather(o->folder.p, o->pipeline.p, &m, e);
    if (r == 0 && metrics_format(text, &m))
        r = err_nomem(e);
    metrics_free(&m);
    return r;
}

static int send_text(const struct outlet *o, struct str text, struct err *e)
{
    const char *token = getenv("PIPE_METRICS_TOKEN");
    struct sender s;
    struct err end;
    if (sender_start_metrics(&s, o->url.p, token && *token ? token : NULL, e))
        return -1;
    int r = sender_send(&s, text, e);
    /* Its end tells what went wrong with it. */
    if (sender_end(&s, &end)) {
        *e = end;
        r = -1;
    }
    return r;
}

/* The turn is a lock of a file of its own: the folder's is taken by those that
 * add, and they must not wait for a server. */
static int wait_for_turn(const struct outlet *o, struct err *e)
{
    struct buf path = { .max = 65536 };
    buf_addf(&path, "%s/.push-%s", o->folder.p, o->pipeline.p);
    if (!buf_z(&path))
        return err_nomem(e);
    int fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        err_sys(e, ERR_IO, errno, "cannot open '%s'", path.p);
    else if (filelock_wait(fd, path.p, TURN_MS, e)) {
        close(fd);
        fd = -1;
    }
    buf_free(&path);
    return fd;
}

int outlet_push(const struct outlet *o, struct err *e)
{
    struct buf text = { .max = METRICS_BYTES_MAX };
    if (!o->url.n)
        return 0;
    int turn = wait_for_turn(o, e);
    int r = turn < 0 || gather(o, &text, e) || send_text(o, buf_str(&text), e)
                ? -1
                : 0;
    if (turn >= 0)
        close(turn);
    buf_free(&text);
    return r;
}

void outlet_free(struct outlet *o)
{
    buf_free(&o->folder);
    buf_free(&o->url);
    buf_free(&o->pipeline);
}
