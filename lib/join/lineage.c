/* Where the fields come from that a join adds. */
#include "join/join.h"
#include "lineage/colmap.h"

/* The key, of both sides, and the time, are what records meet by. */
static void add_meeting(struct colmap *m, struct colmap_sources *from,
                        const struct path *p, uint32_t input)
{
    struct buf name = { .max = 65536 };
    (void)colmap_spell(&name, p);
    struct str text = arena_dup(&m->text, buf_str(&name));
    if (text.p)
        colmap_source_add(
            from, &(struct colmap_source){ text, input, COLMAP_JOIN, false });
    else
        colmap_doubt(m);
    buf_free(&name);
}

static void trace_name(const struct join *j, struct colmap *m, size_t i,
                       const struct colmap_sources *meeting)
{
    const struct joinrow_name *n = &j->row.names[i];
    struct str name = buf_str(&n->name);
    size_t prefix = j->row.prefix ? strlen(j->row.prefix) : 0;
    struct str field = n->from.n
                           ? buf_str(&n->from)
                           : (struct str){ name.p + prefix, name.n - prefix };
    struct buf nested = { .max = 65536 };
    struct colmap_sources from = { 0 };
    if (j->row.nest) {
        buf_addf(&nested, "%s.%.*s", j->row.nest, STR_ARG(name));
        name = buf_str(&nested);
    }
    /* A record that nothing matches may keep its own. */
    if (j->spec.overwrite)
        colmap_use(m, &from, name, COLMAP_IDENTITY, false);
    colmap_source_add(&from, &(struct colmap_source){ field, COLMAP_SIDE,
                                                      COLMAP_IDENTITY, false });
    for (size_t k = 0; k < meeting->n; k++)
        colmap_source_add(&from, &meeting->v[k]);
    colmap_put(m, name, &from);
    colmap_sources_free(&from);
    buf_free(&nested);
}

void join_trace(const struct join *j, struct colmap *m, bool all_stay)
{
    struct colmap_sources meeting = { 0 };
    for (size_t i = 0; i < j->n_key; i++) {
        add_meeting(m, &meeting, &j->key[i], COLMAP_MAIN);
        add_meeting(m, &meeting, &j->other[i], COLMAP_SIDE);
    }
    if (j->spec.as_of) {
        add_meeting(m, &meeting, &j->time, COLMAP_MAIN);
        add_meeting(m, &meeting, &j->other_time, COLMAP_SIDE);
    }
    for (size_t i = 0; i < joinrow_names(&j->row); i++)
        trace_name(j, m, i, &meeting);
    for (size_t i = 0; i < meeting.n && !all_stay; i++)
        colmap_source_add(&m->whole, &meeting.v[i]);
    colmap_sources_free(&meeting);
}
