#include "json/splice.h"

/* Insertion sort: a handful of splices, mostly in order, and stable. */
static void sort_splices(struct splice *s, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct splice x = s[i];
        size_t j = i;
        for (; j > 0 && s[j - 1].at.p > x.at.p; j--)
            s[j] = s[j - 1];
        s[j] = x;
    }
}

int json_splice(struct buf *out, struct str record, struct splice *s, size_t n)
{
    const char *p = record.p, *end = record.p + record.n;
    size_t total = record.n;
    sort_splices(s, n);
    for (size_t i = 0; i < n; i++) {
        struct str at = s[i].at;
        if (at.p < p || at.p > end || at.n > (size_t)(end - at.p))
            return -1; /* one within the other: it was no JSON */
        p = at.p + at.n;
        total += s[i].with.n - at.n;
    }
    if (buf_reserve(out, total))
        return -1;
    p = record.p;
    char *to = out->p + out->n;
    for (size_t i = 0; i < n; i++) {
        to = mempcpy(to, p, (size_t)(s[i].at.p - p));
        to = mempcpy(to, s[i].with.p, s[i].with.n);
        p = s[i].at.p + s[i].at.n;
    }
    to = mempcpy(to, p, (size_t)(end - p));
    out->n = (size_t)(to - out->p);
    return 0;
}

struct str json_object_end(struct str object)
{
    const char *p = object.p + object.n;
    while (p > object.p && p[-1] != '}')
        p--;
    if (p > object.p)
        p--;
    while (p > object.p &&
           (p[-1] == ' ' || p[-1] == '\t' || p[-1] == '\n' || p[-1] == '\r'))
        p--;
    return (struct str){ p, 0 };
}

int json_member(struct buf *out, struct str object, struct str key,
                struct str value)
{
    struct str end = json_object_end(object);
    if (end.p > object.p && end.p[-1] != '{')
        buf_addc(out, ',');
    json_quote(out, key);
    buf_addc(out, ':');
    return buf_add_str(out, value);
}

/* The member or element of v that step names; MISSING where there is none. */
static struct val step_into(struct val v, struct path_step step)
{
    if (v.type == JSON_OBJECT && step.key.p)
        return json_get(v, step.key);
    struct val m;
    if (v.type == JSON_ARRAY && step.index != PATH_NO_INDEX) {
        struct json_iter it = json_iter(v.raw);
        for (size_t i = 0; json_next(&it, NULL, &m); i++)
            if (i == step.index)
                return m;
    }
    return (struct val){ JSON_MISSING, { v.raw.p, 0 } };
}

struct val json_find(struct str record, const struct path *path)
{
    struct val v = json_val(record);
    for (size_t i = 0; i < path->n && v.type != JSON_MISSING; i++)
        v = step_into(v, path->steps[i]);
    return v;
}

int json_put(struct buf *out, struct str record, const struct path *path,
             struct str value)
{
    struct val v = json_val(record);
    size_t i = 0;
    for (; i < path->n; i++) {
        struct val m = step_into(v, path->steps[i]);
        if (m.type == JSON_MISSING)
            break;
        v = m;
    }
    if (i == path->n) {
        struct splice s = { v.raw, value };
        return json_splice(out, record, &s, 1);
    }
    if (v.type != JSON_OBJECT)
        return -2;
    for (size_t j = i; j < path->n; j++)
        if (!path->steps[j].key.p)
            return -2;
    struct str end = json_object_end(v.raw);
    buf_add(out, record.p, (size_t)(end.p - record.p));
    if (end.p > v.raw.p && end.p[-1] != '{')
        buf_addc(out, ',');
    for (size_t j = i; j < path->n; j++) {
        if (j > i)
            buf_addc(out, '{');
        json_quote(out, path->steps[j].key);
        buf_addc(out, ':');
    }
    buf_add_str(out, value);
    for (size_t j = i + 1; j < path->n; j++)
        buf_addc(out, '}');
    return buf_add(out, end.p, (size_t)(record.p + record.n - end.p));
}

/* Appends object without the members named key: what stands between two that
 * stay is what stood before the second one. */
static int drop_members(struct buf *out, struct str object, struct str key)
{
    struct json_iter it = json_iter(object);
    const char *end = it.p; /* of the last member so far */
    bool first = true;
    struct str k;
    struct val m;
    buf_add(out, object.p, (size_t)(end - object.p));
    while (json_next(&it, &k, &m)) {
        const char *start = k.p - 1;
        if (!json_raw_equals(k, key)) {
            const char *from = first ? start : end;
            first = false;
            buf_add(out, from, (size_t)(m.raw.p + m.raw.n - from));
        }
        end = m.raw.p + m.raw.n;
    }
    return buf_add(out, end, (size_t)(object.p + object.n - end));
}

int json_drop(struct buf *out, struct str record, const struct path *path)
{
    struct val v = json_val(record), parent = v;
    for (size_t i = 0; i < path->n && v.type != JSON_MISSING; i++) {
        parent = v;
        v = step_into(v, path->steps[i]);
    }
    if (v.type == JSON_MISSING || path->n == 0)
        return buf_add_str(out, record);
    if (parent.type != JSON_OBJECT) {
        struct splice null = { v.raw, STR("null") };
        return json_splice(out, record, &null, 1);
    }
    buf_add(out, record.p, (size_t)(parent.raw.p - record.p));
    drop_members(out, parent.raw, path->steps[path->n - 1].key);
    const char *behind = parent.raw.p + parent.raw.n;
    return buf_add(out, behind, (size_t)(record.p + record.n - behind));
}
