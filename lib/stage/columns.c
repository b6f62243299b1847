/* For lineage: which fields records have, and where they come from. Only the
 * first records are looked at. */
#include "lineage/fieldset.h"
#include "observe/facts.h"
#include "stage/private.h"

#define SAMPLE_BYTES ((size_t)64 << 10)

/* Appends what there is room for. */
static void keep(struct buf *sample, struct str text)
{
    size_t room = SAMPLE_BYTES - sample->n;
    if (text.n > room)
        text.n = room;
    (void)buf_add(sample, text.p, text.n);
}

void columns_read(struct stage *st, const struct record *recs, int n)
{
    struct buf *sample = &st->priv->sample_in;
    for (int i = 0; i < n && sample->n < SAMPLE_BYTES; i++) {
        keep(sample, recs[i].text);
        keep(sample, STR("\n"));
    }
}

void columns_write(struct stage *st, struct str text)
{
    if (st->priv->sample_out.n < SAMPLE_BYTES)
        keep(&st->priv->sample_out, text);
}

struct colmap *stage_colmap(struct stage *st)
{
    struct facts *f = stage_facts(st);
    if (!f || !st->priv->samples)
        return NULL;
    f->has_columns = true;
    return &f->columns;
}

const struct fieldset *stage_fields(struct stage *st)
{
    struct facts *f = stage_facts(st);
    if (f->fields_in.n == 0)
        fieldset_take_lines(&f->fields_in, buf_str(&st->priv->sample_in));
    return &f->fields_in;
}

/* Fields that were seen and that nothing was said about become columns. */
void columns_finish(struct stage *st)
{
    struct facts *f = stage_facts(st);
    const struct fieldset *seen = stage_fields(st);
    bool emits = (st->cmd->flags & STAGE_EMITS) != 0;
    fieldset_take_lines(&f->fields_out, buf_str(&st->priv->sample_out));
    if (emits)
        seen = &f->fields_out;
    for (size_t i = 0; i < seen->n && f->has_columns; i++)
        if (seen->v[i].parent == FIELDSET_NO_PARENT)
            colmap_see(&f->columns, seen->v[i].path);
    st->priv->samples = false;
    buf_free(&st->priv->sample_in);
    buf_free(&st->priv->sample_out);
}
