#include "notify/notify.h"

#include "base/buf.h"
#include "base/date.h"
#include "base/hash.h"
#include "notify/deliver.h"
#include "run/state.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)4 << 20)
#define LOCK_MS 15000

/* The file:
 *     {"v":1,"open":{WHAT:{"event","severity","title","since","told":
 *                          {ROUTE:TIME, ...}}, ...}}
 * times in microseconds; ROUTE is a hash of channel and target, so that the
 * entries of the pipeline file may change their places. */
struct book {
    const struct notify *x;
    struct buf path;
    int lock;
    json_t *root, *open; /* root owns open */
};

/* ---- the file */

static int read_book(struct book *b, struct err *e)
{
    struct buf text = { .max = FILE_MAX };
    json_error_t why;
    int r = state_read(b->path.p, FILE_MAX, &text, e);
    if (r > 0) {
        b->root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
        b->open = json_object_get(b->root, "open");
        if (!json_is_object(b->open))
            r = err_set(e, ERR_CONFIG,
                        "'%s' is no file of notices: it is empty, damaged or "
                        "another's",
                        b->path.p);
    } else if (r == 0) {
        b->root = json_pack("{s:i, s:{}}", "v", 1, "open");
        b->open = json_object_get(b->root, "open");
        if (!b->open)
            r = err_nomem(e);
    }
    buf_free(&text);
    return r < 0 ? -1 : 0;
}

static int book_open(struct book *b, const struct notify *x, struct err *e)
{
    struct buf lock = { .max = 4200 };
    *b = (struct book){ .x = x, .path = { .max = 4200 }, .lock = -1 };
    buf_addf(&b->path, "%s/notify", x->state);
    int r = !buf_z(&b->path) ? err_nomem(e) : state_folder(b->path.p, e);
    buf_addf(&b->path, "/%s.json", x->conf->pipeline);
    buf_addf(&lock, "%s/notify/%s.lock", x->state, x->conf->pipeline);
    if (r == 0 && (!buf_z(&b->path) || !buf_z(&lock)))
        r = err_nomem(e);
    if (r == 0) {
        b->lock = state_lock(lock.p, LOCK_MS, NULL, NULL, e);
        if (b->lock < 0)
            r = b->lock == -2
                    ? err_set(e, ERR_TEMPFAIL,
                              "'%s' is held by another process", lock.p)
                    : -1;
    }
    buf_free(&lock);
    return r ? -1 : read_book(b, e);
}

static int book_write(struct book *b, struct err *e)
{
    char *text = json_dumps(b->root, JSON_COMPACT);
    int r = text ? state_write(b->path.p, str_of(text), e) : err_nomem(e);
    free(text);
    return r;
}

static void book_close(struct book *b)
{
    json_decref(b->root);
    buf_free(&b->path);
    if (b->lock >= 0)
        close(b->lock);
}

/* ---- messages */

static void set_text(json_t *o, const char *key, const char *text)
{
    if (text)
        (void)json_object_set_new(o, key, json_stringn(text, strlen(text)));
}

/* Texts come from messages, which are UTF-8 by now; where one is not it is left
 * out rather than all of the message. */
static int message(const struct notify *x, const struct notice *n, bool over,
                   struct buf *out)
{
    char host[256] = "";
    struct buf at = { 0 };
    json_t *o = json_object();
    (void)gethostname(host, sizeof(host) - 1);
    time_format(&at, x->now_us);
    (void)json_object_set_new(o, "v", json_integer(1));
    set_text(o, "event",
             pipeline_event_name(over ? PIPELINE_RECOVERED : n->event));
    if (over)
        set_text(o, "of", pipeline_event_name(n->event));
    set_text(o, "severity", pipeline_severity_name(n->severity));
    set_text(o, "pipeline", x->conf->pipeline);
    set_text(o, "what", n->what);
    set_text(o, "title", n->title);
    struct buf text = { 0 };
    buf_addf(&text, "%s%s%s%s", over ? "over: " : "", n->title,
             n->text ? "\n" : "", n->text ? n->text : "");
    set_text(o, "text", buf_z(&text) ? text.p : n->title);
    set_text(o, "run_id", n->run_id);
    set_text(o, "record", n->record);
    set_text(o, "owner", x->conf->owner);
    set_text(o, "runbook", x->conf->runbook);
    set_text(o, "host", host);
    set_text(o, "at", buf_z(&at) ? at.p : NULL);
    char *line = json_dumps(o, JSON_COMPACT);
    if (line)
        buf_addf(out, "%s\n", line);
    int r = line && !out->failed ? 0 : -1;
    free(line);
    json_decref(o);
    buf_free(&text);
    buf_free(&at);
    return r;
}

/* True if it was taken. */
static bool tell(const struct notify *x, const struct pipeline_notify *to,
                 const struct notice *n, bool over)
{
    struct buf line = { 0 };
    struct err e = { 0 };
    int r = message(x, n, over, &line)
                ? err_nomem(&e)
                : deliver(x, to, n, over, buf_str(&line), &e);
    buf_free(&line);
    if (r) {
        static const char *const channels[] = { "command", "webhook", "mail" };
        struct err all = { 0 };
        err_set(&all, ERR_UNAVAILABLE, "cannot tell by %s that %s: %s",
                channels[to->channel], n->title, e.msg);
        x->warn(x->ctx, all.msg);
    }
    return r == 0;
}

/* ---- troubles */

static void route_name(const struct pipeline_notify *to, char out[33])
{
    struct buf b = { 0 };
    buf_addf(&b, "%d:%s", (int)to->channel, to->target);
    hash128_hex(hash128(buf_str(&b)), out);
    buf_free(&b);
}

static bool is_due(const json_t *told, const char *route, uint64_t repeat_ms,
                   int64_t now_us)
{
    const json_t *last = json_object_get(told, route);
    if (!json_is_integer(last))
        return true;
    int64_t since = now_us - (int64_t)json_integer_value(last);
    return repeat_ms && since >= (int64_t)repeat_ms * 1000;
}

static void raise_one(struct book *b, const struct notice *n)
{
    const struct notify *x = b->x;
    json_t *entry = json_object_get(b->open, n->what);
    if (!json_is_object(entry)) {
        entry =
            json_pack("{s:I, s:{}}", "since", (json_int_t)x->now_us, "told");
        if (!entry || json_object_set_new(b->open, n->what, entry))
            return;
    }
    set_text(entry, "event", pipeline_event_name(n->event));
    set_text(entry, "severity", pipeline_severity_name(n->severity));
    set_text(entry, "title", n->title);
    json_t *told = json_object_get(entry, "told");
    for (size_t i = 0; i < x->conf->n_notify; i++) {
        const struct pipeline_notify *to = &x->conf->notify[i];
        char route[33];
        if (!(to->on & n->event) || n->severity < to->severity)
            continue;
        route_name(to, route);
        if (is_due(told, route, to->repeat_ms, x->now_us) &&
            tell(x, to, n, false))
            (void)json_object_set_new(told, route, json_integer(x->now_us));
    }
}

static enum pipeline_severity severity_of(const char *name)
{
    for (int s = PIPELINE_CRITICAL; name && s > PIPELINE_INFO; s--)
        if (strcmp(name, pipeline_severity_name(s)) == 0)
            return (enum pipeline_severity)s;
    return PIPELINE_INFO;
}

/* Who was told of it is told that it is over. Who cannot be told is given up:
 * good news that is late is none. */
static void settle(struct book *b, const char *what, json_t *entry)
{
    const struct notify *x = b->x;
    const char *title = json_string_value(json_object_get(entry, "title"));
    const char *event = json_string_value(json_object_get(entry, "event"));
    struct notice n = {
        .event = (enum pipeline_event)pipeline_event_of(
            event ? str_of(event) : (struct str){ 0 }),
        .severity =
            severity_of(json_string_value(json_object_get(entry, "severity"))),
        .what = what,
        .title = title ? title : what,
    };
    for (size_t i = 0; i < x->conf->n_notify; i++) {
        const struct pipeline_notify *to = &x->conf->notify[i];
        char route[33];
        route_name(to, route);
        if ((to->on & PIPELINE_RECOVERED) &&
            json_object_get(json_object_get(entry, "told"), route))
            (void)tell(x, to, &n, true);
    }
}

static bool is_raised(const struct notice *notices, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(notices[i].what, what) == 0)
            return true;
    return false;
}

static bool settle_others(struct book *b, const struct notice *notices,
                          size_t n, unsigned mask)
{
    const char *what;
    json_t *entry;
    void *next;
    bool any = false;
    json_object_foreach_safe(b->open, next, what, entry)
    {
        const char *event = json_string_value(json_object_get(entry, "event"));
        unsigned bit = event ? pipeline_event_of(str_of(event)) : 0;
        if ((bit && !(bit & mask)) || is_raised(notices, n, what))
            continue;
        settle(b, what, entry);
        (void)json_object_del(b->open, what);
        any = true;
    }
    return any;
}

int notify_tell(const struct notify *x, const struct notice *notices, size_t n,
                unsigned mask, struct err *e)
{
    struct book b;
    int r = book_open(&b, x, e);
    if (r == 0) {
        bool changed = settle_others(&b, notices, n, mask);
        for (size_t i = 0; i < n; i++)
            raise_one(&b, &notices[i]);
        r = n || changed ? book_write(&b, e) : 0;
    }
    book_close(&b);
    return r;
}

int notify_settle(const struct notify *x, const char *what, struct err *e)
{
    struct book b;
    int r = book_open(&b, x, e);
    json_t *entry = r == 0 ? json_object_get(b.open, what) : NULL;
    if (entry) {
        settle(&b, what, entry);
        (void)json_object_del(b.open, what);
        r = book_write(&b, e);
    }
    book_close(&b);
    return r;
}

int notify_once(const struct notify *x, const struct notice *notice,
                struct err *e)
{
    (void)e;
    for (size_t i = 0; i < x->conf->n_notify; i++) {
        const struct pipeline_notify *to = &x->conf->notify[i];
        if ((to->on & notice->event) && notice->severity >= to->severity)
            (void)tell(x, to, notice, false);
    }
    return 0;
}
