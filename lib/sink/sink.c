#include "sink/sink.h"

static const struct sink_type *const types[] = { &sink_sqlite };

struct sink *sink_open(const struct sink_spec *spec, struct err *e)
{
    const char *colon = strchr(spec->uri, ':');
    size_t n = colon ? (size_t)(colon - spec->uri) : 0;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (n == strlen(types[i]->scheme) &&
            memcmp(spec->uri, types[i]->scheme, n) == 0)
            return types[i]->open(spec, e);
    err_set(e, ERR_USAGE, "target '%s' is not one of sqlite:FILE", spec->uri);
    return NULL;
}

int sink_begin(struct sink *s, struct err *e)
{
    return s->type->begin(s, e);
}

int sink_write(struct sink *s, struct str record, struct sink_refusal *why,
               struct err *e)
{
    return s->type->write(s, record, why, e);
}

int sink_prepare(struct sink *s, const struct sink_run *run,
                 enum sink_outcome *outcome, struct buf *previous,
                 struct err *e)
{
    return s->type->prepare(s, run, outcome, previous, e);
}

int sink_commit(struct sink *s, struct err *e)
{
    return s->type->commit(s, e);
}

void sink_close(struct sink *s)
{
    if (s)
        s->type->close(s);
}
