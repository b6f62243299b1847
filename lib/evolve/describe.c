#include "evolve/describe.h"

#include "json/path.h"

#define VALUE_MAX 2000 /* bytes of a value in a report */
#define SHOWN 60       /* of a value in a sentence */

/* "minLength" as "min_length". */
static void add_code(struct buf *b, const char *keyword)
{
    for (const char *p = *keyword == '$' ? keyword + 1 : keyword; *p; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            buf_addc(b, '_');
            buf_addc(b, (char)(*p - 'A' + 'a'));
        } else {
            buf_addc(b, *p);
        }
    }
}

static struct str keep(struct arena *a, struct buf *b)
{
    struct str s = { NULL, 0 };
    if (!b->failed)
        s = arena_dup(a, buf_str(b));
    buf_free(b);
    return s;
}

static struct str cut(struct str s)
{
    if (s.n <= SHOWN)
        return s;
    s.n = SHOWN;
    while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
        s.n--;
    return s;
}

static void add_value(struct buf *b, struct str v)
{
    struct str c = cut(v);
    buf_add_str(b, c);
    if (c.n < v.n)
        buf_addz(b, "...");
}

static bool is(const struct finding *f, const char *keyword)
{
    return f->keyword && strcmp(f->keyword, keyword) == 0;
}

static bool is_one_of(const struct finding *f, const char *const *list)
{
    for (; *list; list++)
        if (is(f, *list))
            return true;
    return false;
}

/* Keywords that say something of all that stands behind others: where they are
 * absent, they are true. */
static bool is_rest(const struct finding *f)
{
    static const char *const list[] = { "additionalProperties",
                                        "unevaluatedProperties",
                                        "additionalItems",
                                        "unevaluatedItems",
                                        "items",
                                        "patternProperties",
                                        NULL };
    return is_one_of(f, list);
}

/* Keywords whose values say nothing about their place: had is unknown. */
static bool is_compound(const struct finding *f)
{
    static const char *const list[] = { "anyOf",
                                        "oneOf",
                                        "not",
                                        "dependencies",
                                        "propertyNames",
                                        "dependentRequired",
                                        "$recursiveRef",
                                        "$dynamicRef",
                                        "dependentSchemas",
                                        "unevaluatedItems",
                                        "unevaluatedProperties",
                                        NULL };
    return f->disjoint && is_one_of(f, list);
}

/* The value that the right side's keyword has. */
static struct str need_of(struct arena *a, const struct finding *f)
{
    struct str none = { NULL, 0 };
    struct buf b = { 0 };
    const struct tree *t = f->rule->tree;
    if (f->need.p || f->left)
        return f->need;
    if (t && f->keyword)
        t = tree_get(t, str_of(f->keyword));
    if (!t)
        return none;
    tree_write(&b, t);
    return keep(a, &b);
}

static struct str pointer_of(struct arena *a, const struct finding *f)
{
    static const char *const within[] = {
        "properties",        "patternProperties", "dependencies",
        "dependentRequired", "dependentSchemas",  NULL
    };
    struct buf b = { 0 };
    const struct tree *t = f->rule->tree, *v = NULL;
    rule_where(&b, f->rule);
    if (t && f->keyword)
        v = tree_get(t, str_of(f->keyword));
    if (v) {
        path_pointer(&b, str_of(f->keyword));
        if (f->detail.p && is_one_of(f, within) && tree_get(v, f->detail))
            path_pointer(&b, f->detail);
    }
    return keep(a, &b);
}

static bool is_listed(const struct finding *f)
{
    return f->detail.p && (is(f, "enum") || is(f, "const"));
}

static struct str kind_of_change(struct arena *a, const struct finding *f,
                                 bool backward)
{
    struct buf b = { 0 };
    if (!f->keyword) {
        buf_addz(&b, backward ? "forbidden" : "allowed");
    } else if (is(f, "properties")) {
        buf_addz(&b,
                 backward != f->left ? "property_added" : "property_removed");
    } else if (is_listed(f)) {
        add_code(&b, f->keyword);
        buf_addz(&b, backward ? "_value_removed" : "_value_added");
    } else {
        add_code(&b, f->keyword);
        if (is_compound(f) || (f->disjoint && f->had.p))
            buf_addz(&b, "_changed");
        else if (f->had.p || is_rest(f))
            buf_addz(&b, backward ? "_narrowed" : "_widened");
        else
            buf_addz(&b, backward ? "_added" : "_removed");
    }
    return keep(a, &b);
}

/* ---- sentences ---- */

static void say_property(struct buf *b, const struct finding *f, bool backward,
                         const struct difference *d)
{
    buf_addz(b, "property ");
    json_quote(b, f->detail);
    if (f->left) {
        buf_addz(b, backward ? " is gone, and the new schema refuses "
                             : " is new, and the old schema refuses ");
        buf_addz(b, "some of its values");
    } else if (backward) {
        buf_addz(b, " is described now; before, it ");
        buf_addz(b, d->was.p ? "had to fit " : "could be anything");
        add_value(b, d->was);
    } else {
        buf_addz(b, " is no longer described; now it ");
        buf_addz(b, d->is.p ? "has to fit " : "can be anything");
        add_value(b, d->is);
    }
}

static void say_values(struct buf *b, const struct finding *f, bool backward,
                       const struct difference *d)
{
    if (d->was.p && d->is.p) {
        buf_addf(b, "%s was ", f->keyword);
        add_value(b, d->was);
        buf_addz(b, " and is ");
        add_value(b, d->is);
        buf_addz(b, " now");
        return;
    }
    buf_addz(b, f->keyword);
    if (d->was.p || d->is.p) {
        buf_addc(b, ' ');
        add_value(b, d->is.p ? d->is : d->was);
    }
    buf_addz(b, backward ? " is asked for now" : " is no longer asked for");
}

static void say_compound(struct buf *b, const struct finding *f, bool backward)
{
    if (is(f, "oneOf") && f->detail.p) {
        buf_addf(b,
                 "what the %s schema accepts may fit more than one of the "
                 "%s schema's oneOf",
                 backward ? "old" : "new", backward ? "new" : "old");
        return;
    }
    buf_addf(b,
             "what the %s schema accepts here cannot be shown to fit %s of "
             "the %s one",
             backward ? "old" : "new", f->keyword, backward ? "new" : "old");
    if (f->detail.p) {
        buf_addz(b, " for ");
        json_quote(b, f->detail);
    }
}

static struct str sentence(struct arena *a, const struct finding *f,
                           bool backward, const struct difference *d)
{
    struct buf b = { 0 };
    if (!f->keyword) {
        buf_addz(&b, backward ? "nothing is allowed here any more"
                              : "there was nothing allowed here before");
    } else if (is(f, "properties")) {
        say_property(&b, f, backward, d);
    } else if (is(f, "required")) {
        buf_addz(&b, "property ");
        json_quote(&b, f->detail);
        buf_addz(&b, backward ? " is required now" : " is no longer required");
    } else if (is_listed(f)) {
        buf_addz(&b, "value ");
        add_value(&b, f->detail);
        buf_addz(&b, backward ? " is no longer allowed" : " is allowed now");
    } else if (is_compound(f)) {
        say_compound(&b, f, backward);
    } else {
        say_values(&b, f, backward, d);
    }
    return keep(a, &b);
}

int describe_finding(struct arena *a, const struct finding *f, unsigned breaks,
                     struct difference *d)
{
    bool backward = breaks == COMPAT_BACKWARD;
    struct str had = f->had, need = need_of(a, f);
    if (is_listed(f))
        need = (struct str){ NULL, 0 };
    if (!had.p && is_rest(f) && !is_compound(f))
        had = STR("true");
    /* What the prover wrote goes with it. */
    if ((had.p && !(had = arena_dup(a, had)).p) ||
        (need.p && !(need = arena_dup(a, need)).p))
        return -1;
    d->was = backward ? had : need;
    d->is = backward ? need : had;
    d->breaks = breaks;
    d->pointer = pointer_of(a, f);
    d->kind = kind_of_change(a, f, backward);
    d->message = sentence(a, f, backward, d);
    return d->pointer.p && d->kind.p && d->message.p ? 0 : -1;
}

int describe_default(struct arena *a, const struct rule *rule,
                     const struct tree *was, const struct tree *now,
                     struct difference *d)
{
    struct buf b = { 0 }, text = { 0 };
    *d = (struct difference){ .compatible = true };
    rule_where(&b, rule);
    buf_addz(&b, "/default");
    d->pointer = keep(a, &b);
    d->kind = !was   ? STR("default_added")
              : !now ? STR("default_removed")
                     : STR("default_changed");
    if (was) {
        tree_write(&b, was);
        d->was = keep(a, &b);
    }
    if (now) {
        tree_write(&b, now);
        d->is = keep(a, &b);
    }
    struct finding f = { .keyword = "default" };
    if (was && now)
        say_values(&text, &f, true, d);
    else
        buf_addz(&text, was ? "there is no default any more"
                            : "there is a default now");
    d->message = keep(a, &text);
    return d->pointer.p && d->message.p ? 0 : -1;
}

/* ---- as output ---- */

static void add_member(struct buf *out, const char *name, struct str json)
{
    if (!json.p)
        return;
    buf_addf(out, ",\"%s\":", name);
    buf_add_str(out, json.n <= VALUE_MAX ? json : STR("\"...\""));
}

static void add_text(struct buf *out, const char *name, struct str text)
{
    buf_addf(out, ",\"%s\":", name);
    json_quote(out, text);
}

static const char *direction(const struct difference *d)
{
    static const char *const names[] = { "none", "backward", "forward",
                                         "both" };
    return names[d->breaks & COMPAT_FULL];
}

int compat_json(struct buf *out, const struct difference *d)
{
    buf_addz(out, "{\"verdict\":");
    buf_addz(out, d->compatible ? "\"compatible\"" : "\"incompatible\"");
    add_text(out, "kind", d->kind);
    add_text(out, "pointer", d->pointer);
    add_member(out, "old", d->was);
    add_member(out, "new", d->is);
    buf_addf(out, ",\"direction\":\"%s\"", direction(d));
    add_text(out, "message", d->message);
    add_text(out, "from", str_of(d->from));
    add_text(out, "to", str_of(d->to));
    return buf_addc(out, '}');
}

/* Names come from the schemas: none of their bytes drives a terminal. */
static void add_plain(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool c1 = c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
        if (c < 0x20 || c == 0x7f || c1)
            buf_addf(out, "\\x%02x", c);
        else
            buf_addc(out, s.p[i]);
    }
}

int compat_text(struct buf *out, const struct difference *d)
{
    buf_addf(out, "%-12s  ", d->compatible ? "compatible" : "incompatible");
    add_plain(out, d->pointer.n ? d->pointer : STR("/"));
    buf_addz(out, ": ");
    add_plain(out, d->message);
    return buf_addf(out, " (%s to %s)", d->from, d->to);
}
