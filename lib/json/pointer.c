#include "json/pointer.h"

int pointer_add(struct buf *out, const struct path *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct path_step *s = &p->steps[i];
        buf_addc(out, '/');
        if (!s->key.p)
            buf_addf(out, "%zu", s->index);
        for (size_t j = 0; j < s->key.n; j++) {
            char c = s->key.p[j];
            if (c == '~' || c == '/')
                buf_addz(out, c == '~' ? "~0" : "~1");
            else
                buf_addc(out, c);
        }
    }
    return out->failed ? -1 : 0;
}
