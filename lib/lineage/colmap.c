#include "lineage/colmap.h"

#include <stdlib.h>

#define TEXT_MAX ((size_t)16 << 20)

static const char *const kinds[] = {
    [COLMAP_IDENTITY] = "IDENTITY",
    [COLMAP_TRANSFORMATION] = "TRANSFORMATION",
    [COLMAP_AGGREGATION] = "AGGREGATION",
    [COLMAP_CONDITIONAL] = "CONDITIONAL",
    [COLMAP_FILTER] = "FILTER",
    [COLMAP_JOIN] = "JOIN",
    [COLMAP_GROUP_BY] = "GROUP_BY",
    [COLMAP_SORT] = "SORT",
    [COLMAP_WINDOW] = "WINDOW",
};

const char *colmap_kind_name(enum colmap_kind kind)
{
    return kinds[kind];
}

enum colmap_kind colmap_kind_of(struct str name, bool indirect)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (str_eq(name, str_of(kinds[i])) &&
            colmap_indirect((enum colmap_kind)i) == indirect)
            return (enum colmap_kind)i;
    return indirect ? COLMAP_CONDITIONAL : COLMAP_TRANSFORMATION;
}

void colmap_init(struct colmap *m, enum colmap_others others)
{
    *m = (struct colmap){ .others = others, .text = { .max = TEXT_MAX } };
}

void colmap_sources_free(struct colmap_sources *list)
{
    free(list->v);
    *list = (struct colmap_sources){ 0 };
}

void colmap_free(struct colmap *m)
{
    for (size_t i = 0; i < m->n; i++)
        colmap_sources_free(&m->columns[i].from);
    colmap_sources_free(&m->whole);
    free(m->columns);
    free(m->absent);
    free(m->from);
    arena_free(&m->text);
    colmap_init(m, COLMAP_UNKNOWN);
}

void colmap_doubt(struct colmap *m)
{
    m->others = COLMAP_UNKNOWN;
}

/* ---- names */

bool colmap_within(struct str a, struct str b)
{
    return a.n > b.n && memcmp(a.p, b.p, b.n) == 0 &&
           (a.p[b.n] == '.' || a.p[b.n] == '[');
}

int colmap_spell(struct buf *out, const struct path *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct path_step *s = &p->steps[i];
        if (s->key.p && i > 0)
            buf_addc(out, '.');
        if (s->key.p)
            buf_add_str(out, s->key);
        else
            buf_addf(out, "[%zu]", s->index);
    }
    return out->failed ? -1 : 0;
}

static struct str keep_text(struct colmap *m, struct str s)
{
    return arena_dup(&m->text, s.p ? s : STR(""));
}

/* a and b joined, in the map's own memory. */
static struct str keep_joined(struct colmap *m, struct str a, struct str b)
{
    char *p = arena_alloc(&m->text, a.n + b.n + 1);
    if (!p)
        return (struct str){ NULL, 0 };
    memcpy(p, a.p, a.n);
    memcpy(p + a.n, b.p, b.n);
    p[a.n + b.n] = '\0';
    return (struct str){ p, a.n + b.n };
}

/* ---- sources */

static bool same_source(const struct colmap_source *a,
                        const struct colmap_source *b)
{
    return a->input == b->input && a->kind == b->kind && a->masks == b->masks &&
           str_eq(a->field, b->field);
}

void colmap_source_add(struct colmap_sources *list,
                       const struct colmap_source *s)
{
    for (size_t i = 0; i < list->n; i++)
        if (same_source(&list->v[i], s))
            return;
    if (list->n == list->cap && list->n < COLMAP_SOURCES_MAX) {
        size_t cap = list->cap ? list->cap * 2 : 2;
        struct colmap_source *v = realloc(list->v, cap * sizeof(*v));
        if (v) {
            list->v = v;
            list->cap = cap;
        }
    }
    if (list->n == list->cap || list->n >= COLMAP_SOURCES_MAX)
        list->failed = true;
    else
        list->v[list->n++] = *s;
}

/* What is used as `outer` and comes from what was used as `inner`. */
static enum colmap_kind combine(enum colmap_kind outer, enum colmap_kind inner)
{
    if (colmap_indirect(inner))
        return inner;
    if (colmap_indirect(outer))
        return outer;
    return outer > inner ? outer : inner;
}

/* ---- columns */

static struct colmap_column *find(const struct colmap *m, struct str name)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->columns[i].name, name))
            return &m->columns[i];
    return NULL;
}

/* The innermost column that the field lies within. */
static const struct colmap_column *find_around(const struct colmap *m,
                                               struct str field)
{
    const struct colmap_column *best = NULL;
    for (size_t i = 0; i < m->n; i++)
        if (colmap_within(field, m->columns[i].name) &&
            (!best || m->columns[i].name.n > best->name.n))
            best = &m->columns[i];
    return best;
}

static bool is_absent(const struct colmap *m, struct str field)
{
    for (size_t i = 0; i < m->n_absent; i++)
        if (str_eq(m->absent[i], field) || colmap_within(field, m->absent[i]))
            return true;
    return false;
}

static void use_source(struct colmap_sources *out, struct colmap_source s,
                       enum colmap_kind kind, bool masks)
{
    s.kind = combine(kind, s.kind);
    s.masks |= masks;
    colmap_source_add(out, &s);
}

static void use_column(struct colmap_sources *out,
                       const struct colmap_column *c, enum colmap_kind kind,
                       bool masks)
{
    for (size_t i = 0; i < c->from.n; i++)
        use_source(out, c->from.v[i], kind, masks);
    out->failed |= c->from.failed;
}

/* A field that no column is: what it is in each of the inputs. */
static void use_same(const struct colmap *m, struct colmap_sources *out,
                     struct str field, enum colmap_kind kind, bool masks)
{
    struct colmap_source s = { field, COLMAP_MAIN, COLMAP_IDENTITY, false };
    if (m->others == COLMAP_NONE || is_absent(m, field))
        return;
    if (m->others == COLMAP_UNKNOWN)
        s = (struct colmap_source){ STR(""), COLMAP_MAIN, COLMAP_TRANSFORMATION,
                                    false };
    if (!m->numbered)
        use_source(out, s, kind, masks);
    for (size_t i = 0; i < m->n_from; i++) {
        s.input = m->from[i];
        use_source(out, s, kind, masks);
    }
}

void colmap_use(const struct colmap *m, struct colmap_sources *out,
                struct str field, enum colmap_kind kind, bool masks)
{
    const struct colmap_column *c = find(m, field);
    if (c) {
        use_column(out, c, kind, masks);
        return;
    }
    c = find_around(m, field);
    if (c) { /* a part: of a field that is as it was, the same part */
        struct str rest = { field.p + c->name.n, field.n - c->name.n };
        for (size_t i = 0; i < c->from.n; i++) {
            struct colmap_source s = c->from.v[i];
            if (s.kind == COLMAP_IDENTITY && s.field.n) {
                struct str part =
                    keep_joined((struct colmap *)(uintptr_t)m, s.field, rest);
                s.field = part.p ? part : s.field;
            }
            use_source(out, s, kind, masks);
        }
        return;
    }
    for (size_t i = 0; i < m->n; i++)
        if (colmap_within(m->columns[i].name, field))
            use_column(out, &m->columns[i],
                       colmap_indirect(kind) ? kind : COLMAP_TRANSFORMATION,
                       masks);
    use_same(m, out, field, kind, masks);
}

bool colmap_passes(const struct colmap *m, struct str field)
{
    return m->others == COLMAP_SAME && !is_absent(m, field) &&
           !find(m, field) && !find_around(m, field);
}

/* ---- changes */

/* Takes column i out. */
static void remove_at(struct colmap *m, size_t i)
{
    colmap_sources_free(&m->columns[i].from);
    m->n--;
    memmove(&m->columns[i], &m->columns[i + 1],
            (m->n - i) * sizeof(*m->columns));
}

static void remove_columns(struct colmap *m, struct str field)
{
    for (size_t i = m->n; i-- > 0;)
        if (str_eq(m->columns[i].name, field) ||
            colmap_within(m->columns[i].name, field))
            remove_at(m, i);
}

static void note_absent(struct colmap *m, struct str field)
{
    if (m->others != COLMAP_SAME || is_absent(m, field))
        return;
    if (m->n_absent == m->cap_absent) {
        size_t cap = m->cap_absent ? m->cap_absent * 2 : 8;
        struct str *v = cap > COLMAP_COLUMNS_MAX
                            ? NULL
                            : realloc(m->absent, cap * sizeof(*v));
        if (!v) {
            colmap_doubt(m);
            return;
        }
        m->absent = v;
        m->cap_absent = cap;
    }
    struct str text = keep_text(m, field);
    if (text.p)
        m->absent[m->n_absent++] = text;
    else
        colmap_doubt(m);
}

/* A column without sources, new; NULL where there is no room. */
static struct colmap_column *add_column(struct colmap *m, struct str name)
{
    if (m->n == m->cap && m->n < COLMAP_COLUMNS_MAX) {
        size_t cap = m->cap ? m->cap * 2 : 8;
        struct colmap_column *v = realloc(m->columns, cap * sizeof(*v));
        if (v) {
            m->columns = v;
            m->cap = cap;
        }
    }
    struct str text = m->n < m->cap ? keep_text(m, name) : STR("");
    if (m->n == m->cap || !text.p) {
        colmap_doubt(m);
        return NULL;
    }
    m->columns[m->n] = (struct colmap_column){ .name = text };
    return &m->columns[m->n++];
}

static void add_sources(struct colmap *m, struct colmap_sources *to,
                        const struct colmap_sources *from)
{
    for (size_t i = 0; i < from->n; i++) {
        struct colmap_source s = from->v[i];
        s.field = keep_text(m, s.field);
        if (s.field.p)
            colmap_source_add(to, &s);
        else
            to->failed = true;
    }
    to->failed |= from->failed;
    if (to->failed)
        colmap_doubt(m);
}

void colmap_put(struct colmap *m, struct str field,
                const struct colmap_sources *from)
{
    struct colmap_sources copy = { 0 };
    add_sources(m, &copy, from); /* which may be of a column that goes */
    remove_columns(m, field);
    struct colmap_column *c = add_column(m, field);
    if (c)
        c->from = copy;
    else
        colmap_sources_free(&copy);
}

void colmap_decide(struct colmap *m, struct str field, enum colmap_kind kind)
{
    struct colmap_sources from = { 0 };
    colmap_use(m, &from, field, kind, false);
    add_sources(m, &m->whole, &from);
    colmap_sources_free(&from);
}

void colmap_drop(struct colmap *m, struct str field)
{
    remove_columns(m, field);
    note_absent(m, field);
}

/* What was within `to` goes, but for what is about to stand there. */
static void remove_replaced(struct colmap *m, struct str to, struct str from)
{
    for (size_t i = m->n; i-- > 0;) {
        struct str name = m->columns[i].name;
        if (colmap_within(name, to) && !str_eq(name, from) &&
            !colmap_within(name, from))
            remove_at(m, i);
    }
}

void colmap_rename(struct colmap *m, struct str from, struct str to)
{
    struct colmap_sources whole = { 0 };
    bool known = find(m, from) != NULL;
    remove_replaced(m, to, from);
    for (size_t i = 0, n = m->n; i < n; i++)
        if (colmap_within(m->columns[i].name, from)) {
            struct str rest = { m->columns[i].name.p + from.n,
                                m->columns[i].name.n - from.n };
            struct str name = keep_joined(m, to, rest);
            if (name.p)
                m->columns[i].name = name;
            else
                colmap_doubt(m);
        }
    colmap_use(m, &whole, from, COLMAP_IDENTITY, false);
    struct colmap_column *c = find(m, to);
    if (c)
        remove_at(m, (size_t)(c - m->columns));
    c = add_column(m, to);
    if (c)
        add_sources(m, &c->from, &whole);
    colmap_sources_free(&whole);
    if (known)
        remove_at(m, (size_t)(find(m, from) - m->columns));
    note_absent(m, from);
}

void colmap_keep(struct colmap *m, const struct str *fields, size_t n)
{
    for (size_t k = 0; k < n && m->others == COLMAP_SAME; k++)
        colmap_see(m, fields[k]);
    for (size_t i = m->n; i-- > 0;) {
        bool stays = false;
        struct str name = m->columns[i].name;
        for (size_t k = 0; k < n && !stays; k++)
            stays = str_eq(name, fields[k]) || colmap_within(name, fields[k]) ||
                    colmap_within(fields[k], name);
        if (!stays)
            remove_at(m, i);
    }
    if (m->others == COLMAP_SAME)
        m->others = COLMAP_NONE;
}

void colmap_see(struct colmap *m, struct str field)
{
    struct colmap_sources from = { 0 };
    if (m->others != COLMAP_SAME || find(m, field) || find_around(m, field) ||
        is_absent(m, field))
        return;
    use_same(m, &from, field, COLMAP_IDENTITY, false);
    struct colmap_column *c = add_column(m, field);
    if (c)
        add_sources(m, &c->from, &from);
    colmap_sources_free(&from);
}

void colmap_become(struct colmap *m, struct colmap *next)
{
    struct colmap_sources whole = { 0 };
    add_sources(next, &whole, &m->whole);
    colmap_sources_free(&next->whole);
    next->whole = whole;
    next->from = m->from;
    next->n_from = m->n_from;
    next->numbered = m->numbered;
    m->from = NULL;
    colmap_free(m);
    *m = *next;
    colmap_init(next, COLMAP_UNKNOWN);
}

/* ---- one map behind another */

/* The sources of list with those in input replaced. */
static void replace(struct colmap *m, struct colmap_sources *list,
                    uint32_t input, const struct colmap *up)
{
    struct colmap_sources from = { 0 }, kept = { 0 };
    for (size_t i = 0; i < list->n; i++) {
        const struct colmap_source *s = &list->v[i];
        if (s->input != input)
            colmap_source_add(&from, s);
        else if (s->field.n)
            colmap_use(up, &from, s->field, s->kind, s->masks);
        else
            for (size_t k = 0; k < up->n_from; k++)
                colmap_source_add(&from,
                                  &(struct colmap_source){ STR(""), up->from[k],
                                                           s->kind, s->masks });
    }
    from.failed |= list->failed;
    add_sources(m, &kept, &from);
    colmap_sources_free(&from);
    colmap_sources_free(list);
    *list = kept;
}

/* Others of m, the same as in what `up` makes, are its columns and others. */
static void take_others(struct colmap *m, const struct colmap *up)
{
    for (size_t i = 0; i < up->n; i++) {
        const struct colmap_column *u = &up->columns[i];
        if (find(m, u->name) || find_around(m, u->name) ||
            is_absent(m, u->name))
            continue;
        struct colmap_column *c = add_column(m, u->name);
        if (c)
            add_sources(m, &c->from, &u->from);
    }
    for (size_t i = 0; i < up->n_absent; i++)
        if (!find(m, up->absent[i]))
            note_absent(m, up->absent[i]);
    if (m->others == COLMAP_SAME)
        m->others = up->others;
}

void colmap_behind(struct colmap *m, uint32_t input, const struct colmap *up)
{
    bool same = false;
    for (size_t i = 0; i < m->n; i++)
        replace(m, &m->columns[i].from, input, up);
    replace(m, &m->whole, input, up);
    add_sources(m, &m->whole, &up->whole);
    for (size_t i = 0; i < m->n_from && !same; i++)
        same = m->from[i] == input;
    if (!same)
        return;
    if (m->others == COLMAP_SAME)
        take_others(m, up);
    uint32_t *from = malloc((m->n_from + up->n_from) * sizeof(*from));
    size_t n = 0;
    if (!from) {
        colmap_doubt(m);
        return;
    }
    for (size_t i = 0; i < m->n_from; i++)
        if (m->from[i] != input)
            from[n++] = m->from[i];
    for (size_t i = 0; i < up->n_from; i++)
        from[n++] = up->from[i];
    free(m->from);
    m->from = from;
    m->n_from = n;
}
