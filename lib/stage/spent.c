/* What a stage has used of the machine, and how much it has moved. */
#include "stage/private.h"

/* As read: compressed, where the input is. Records of a source that has no
 * bytes of its own, such as a query, count as the lines that they become. */
static uint64_t bytes_in(const struct stage *st)
{
    const struct stage_private *p = st->priv;
    return p->raw_in + (p->current ? p->current->raw_bytes : 0);
}

void stage_usage(const struct stage *st, struct usage *u)
{
    usage_self(u);
    u->bytes_in = bytes_in(st);
    /* What a target makes of records is not known: they count as they came. */
    if (st->cmd->flags & STAGE_LOADS)
        u->bytes_out = st->err.code == ERR_NONE ? u->bytes_in : 0;
    else
        u->bytes_out = st->out.bytes + branches_bytes(st);
}
