#include "source/jsonwalk.h"

#include "json/value.h"

static int missing(const struct jsonwalk *w, const struct jsontext *t,
                   uint64_t line, struct err *e)
{
    err_set(e, ERR_DATA, "'%s' has no '%.*s' in the document at line %llu",
            t->uri, STR_ARG(w->path->text), (unsigned long long)line);
    e->line = line;
    return -1;
}

static int twice(const struct jsonwalk *w, const struct jsontext *t, size_t i,
                 struct err *e)
{
    err_set(e, ERR_DATA,
            "'%s' has the key '%.*s' of '%.*s' twice, at line %llu", t->uri,
            STR_ARG(w->path->steps[i].key), STR_ARG(w->path->text),
            (unsigned long long)t->line);
    e->line = t->line;
    return -1;
}

/* Takes a key and its colon, up to the value; *same: it is that of step i. */
static int take_key(const struct jsonwalk *w, struct jsontext *t, size_t i,
                    bool *same, struct err *e)
{
    struct str raw;

    if (jsontext_string(t, w->max_key, &raw, e) != 0)
        return -1;
    *same = json_raw_equals(raw, w->path->steps[i].key);
    if (jsontext_expect(t, e) != 0)
        return -1;
    if (*t->w.p != ':')
        return jsontext_broken(t, "expected ':' behind a key", e);
    jsontext_drop(t, 1, 0);
    return jsontext_expect(t, e);
}

/* Behind a value in a container: takes the comma, up to what follows, or the
 * end. Returns 1, 0 at the end, -1. */
static int next_value(struct jsontext *t, bool object, struct err *e)
{
    if (jsontext_expect(t, e) != 0)
        return -1;
    char c = *t->w.p;
    if (c != ',' && c != (object ? '}' : ']'))
        return jsontext_broken(t,
                               object ? "expected ',' or '}' behind a value"
                                      : "expected ',' or ']' behind a value",
                               e);
    jsontext_drop(t, 1, 0);
    if (c != ',')
        return 0;
    return jsontext_expect(t, e) == 0 ? 1 : -1;
}

/* Enters the container at hand: 1 in front of its first member, 0 if there is
 * none, -1. */
static int enter(struct jsontext *t, bool object, struct err *e)
{
    jsontext_drop(t, 1, 0);
    if (jsontext_expect(t, e) != 0)
        return -1;
    return *t->w.p == (object ? '}' : ']') ? 0 : 1;
}

/* From the first byte of a container to that of the value which step i names:
 * 1, 0 if it has none, -1. */
static int step_down(struct jsonwalk *w, struct jsontext *t, size_t i,
                     struct err *e)
{
    const struct path_step *step = &w->path->steps[i];
    bool object = *t->w.p == '{';
    bool fits = object ? step->key.p != NULL
                       : *t->w.p == '[' && step->index != PATH_NO_INDEX;

    if (!fits)
        return 0;
    w->object[i] = object;
    int r = enter(t, object, e);
    for (size_t k = 0; r > 0; k++) {
        bool same = k == step->index;
        if (object && take_key(w, t, i, &same, e) != 0)
            return -1;
        if (same)
            return 1;
        r = jsontext_skip(t, e) == 0 ? next_value(t, object, e) : -1;
    }
    return r;
}

int jsonwalk_down(struct jsonwalk *w, struct jsontext *t, struct err *e)
{
    uint64_t line = t->line;

    for (size_t i = 0; i < w->path->n; i++) {
        int r = step_down(w, t, i, e);
        if (r < 0)
            return -1;
        if (r == 0)
            return missing(w, t, line, e);
    }
    return 0;
}

int jsonwalk_up(const struct jsonwalk *w, struct jsontext *t, struct err *e)
{
    for (size_t i = w->path->n; i-- > 0;) {
        int r;
        while ((r = next_value(t, w->object[i], e)) > 0) {
            bool same = false;
            if (w->object[i] && take_key(w, t, i, &same, e) != 0)
                return -1;
            if (same)
                return twice(w, t, i, e);
            if (jsontext_skip(t, e) != 0)
                return -1;
        }
        if (r < 0)
            return -1;
    }
    return 0;
}
