#include "observe/unfinished.h"

#include "json/check.h"
#include "lineage/event.h"
#include "lineage/names.h"
#include "observe/facet.h"

/* The next whole line, without LF; false behind the last. */
static bool next_line(struct str *text, struct str *line)
{
    const char *lf = text->n ? memchr(text->p, '\n', text->n) : NULL;
    if (!lf)
        return false;
    *line = (struct str){ text->p, (size_t)(lf - text->p) };
    *text = (struct str){ lf + 1, text->n - line->n - 1 };
    return true;
}

static bool read_event(struct event *e, struct str line)
{
    struct json_fault fault;
    return event_read(e, line) &&
           json_check_object(line, JSON_DEPTH_DEFAULT, &fault) == 0;
}

/* Copies the members of object but for one. */
static void copy_members(struct buf *out, struct val object, struct str but)
{
    struct json_iter it = json_iter(object.raw);
    struct str key;
    struct val v;
    while (object.type == JSON_OBJECT && json_next(&it, &key, &v)) {
        if (str_eq(key, but))
            continue;
        facet_comma(out);
        buf_addf(out, "\"%.*s\":", STR_ARG(key));
        buf_add_str(out, v.raw);
    }
}

static void add_run(struct buf *out, struct val run, const char *message)
{
    facet_object(out, "run");
    copy_members(out, run, STR("facets"));
    facet_object(out, "facets");
    copy_members(out, json_get(run, STR("facets")), STR("errorMessage"));
    facet_open(out, "errorMessage", "1-0-1", "ErrorMessageRunFacet");
    facet_str(out, "message", str_of(message));
    facet_str(out, "programmingLanguage", STR("C"));
    facet_close(out);
    facet_close(out);
    facet_close(out);
}

/* The event of a start, as that of an end. */
static void add_abort(struct buf *out, struct str start, const char *message,
                      int64_t now)
{
    struct buf line = { .max = out->max };
    struct json_iter it = json_iter(start);
    struct str key;
    struct val v;
    buf_addc(&line, '{');
    facet_str(&line, "eventType", STR("ABORT"));
    facet_time(&line, "eventTime", now);
    while (json_next(&it, &key, &v)) {
        if (str_eq(key, STR("eventType")) || str_eq(key, STR("eventTime")))
            continue;
        if (str_eq(key, STR("run"))) {
            add_run(&line, v, message);
            continue;
        }
        facet_comma(&line);
        buf_addf(&line, "\"%.*s\":", STR_ARG(key));
        buf_add_str(&line, v.raw);
    }
    buf_addz(&line, "}\n");
    out->failed |= line.failed;
    buf_add_str(out, buf_str(&line));
    buf_free(&line);
}

/* The number of the event's run; NAMES_NONE without memory. */
static uint32_t run_of(struct names *runs, const struct event *e,
                       struct buf *key)
{
    buf_reset(key);
    buf_add_str(key, e->run);
    buf_addc(key, ' ');
    buf_add_str(key, e->job);
    return key->failed ? NAMES_NONE : names_add(runs, buf_str(key));
}

int unfinished_abort(struct buf *out, struct str text, const char *message,
                     int64_t now, struct err *e)
{
    struct names ended = { 0 };
    struct buf key = { .max = 65536 };
    struct event event;
    struct str rest = text, line;
    bool failed = false;
    while (!failed && next_line(&rest, &line))
        if (read_event(&event, line) && event.type != EVENT_START)
            failed = run_of(&ended, &event, &key) == NAMES_NONE;
    rest = text;
    while (!failed && next_line(&rest, &line)) {
        uint32_t known = ended.n;
        if (!read_event(&event, line) || event.type != EVENT_START)
            continue;
        failed = run_of(&ended, &event, &key) == NAMES_NONE;
        if (!failed && ended.n > known)
            add_abort(out, line, message, now);
    }
    names_free(&ended);
    buf_free(&key);
    return failed || out->failed ? err_nomem(e) : 0;
}
