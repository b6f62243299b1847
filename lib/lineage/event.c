#include "lineage/event.h"

#include "base/date.h"

struct str event_string(struct val object, struct str key)
{
    struct val v = json_get(object, key);
    if (v.type != JSON_STRING || v.raw.n < 2)
        return (struct str){ NULL, 0 };
    return (struct str){ v.raw.p + 1, v.raw.n - 2 };
}

static enum event_type type_of(struct str name)
{
    return str_eq(name, STR("COMPLETE")) ? EVENT_COMPLETE
           : str_eq(name, STR("FAIL"))   ? EVENT_FAIL
           : str_eq(name, STR("ABORT"))  ? EVENT_ABORT
                                         : EVENT_START;
}

static struct str unquoted(struct val v)
{
    if (v.type != JSON_STRING || v.raw.n < 2)
        return (struct str){ NULL, 0 };
    return (struct str){ v.raw.p + 1, v.raw.n - 2 };
}

static void read_run(struct event *e, struct val run)
{
    struct val facets = json_get(run, STR("facets"));
    struct val parent = json_get(facets, STR("parent"));
    struct val job = json_get(parent, STR("job"));
    e->run = event_string(run, STR("runId"));
    e->ours = json_get(facets, STR("pipeutils_run")).type == JSON_OBJECT;
    e->parent_run = event_string(json_get(parent, STR("run")), STR("runId"));
    e->parent_namespace = event_string(job, STR("namespace"));
    e->parent = event_string(job, STR("name"));
    if (!e->parent_run.p || !e->parent_namespace.p || !e->parent.p)
        e->parent_run = (struct str){ NULL, 0 };
}

bool event_read(struct event *e, struct str text)
{
    struct json_iter it;
    struct str key;
    struct val v;
    unsigned seen = 0;
    *e = (struct event){ .type = EVENT_START };
    text = str_trim(text);
    if (!text.n || text.p[0] != '{')
        return false;
    it = json_iter(text);
    /* What is read and written mostly stands behind these, and is long. */
    while (seen != 15 && json_next(&it, &key, &v)) {
        if (str_eq(key, STR("eventType"))) {
            e->type = type_of(unquoted(v));
            seen |= 1;
        } else if (str_eq(key, STR("eventTime"))) {
            struct str at = unquoted(v);
            if (!at.p || !time_parse(at, NULL, &e->us))
                e->us = 0;
            seen |= 2;
        } else if (str_eq(key, STR("run"))) {
            read_run(e, v);
            seen |= 4;
        } else if (str_eq(key, STR("job"))) {
            e->job_namespace = event_string(v, STR("namespace"));
            e->job = event_string(v, STR("name"));
            seen |= 8;
        }
    }
    return e->run.p && e->job.p && e->job_namespace.p;
}
