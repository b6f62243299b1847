/* layout: where the fields of a record stand, remembered from the last one.
 *
 * Records of a stream mostly have the same tokens and the same keys. Where
 * both are those of the record before, the values' places are known, and no
 * key needs to be looked up. Internal to lib/sink. */
#ifndef SINK_LAYOUT_H
#define SINK_LAYOUT_H

#include "base/buf.h"
#include "json/select.h"

#define LAYOUT_FIELDS 64

struct layout {
    uint64_t serial; /* of the shape; 0: nothing is remembered */
    size_t n;
    struct {
        uint32_t token, end; /* of the key; behind the value */
        uint32_t at, length; /* the key with its closing quote, in keys */
        size_t column;       /* the caller's */
    } field[LAYOUT_FIELDS];
    struct buf keys; /* owned */
};

/* Remembers the fields of a record, of which find gives the column of each
 * key. Does nothing for records with escapes or too many fields. */
void layout_learn(struct layout *l, const struct shaped *r,
                  size_t (*find)(void *context, struct str key), void *context);

/* True if the record has the remembered fields, and no escapes. */
bool layout_fits(const struct layout *l, const struct shaped *r);

/* The value of field i of a record that fits. */
static inline struct val layout_value(const struct layout *l,
                                      const struct shaped *r, size_t i)
{
    const uint32_t *pos = r->line->pos;
    uint32_t token = l->field[i].token + 2; /* the key, its colon */
    const char *p = r->block + pos[token];
    const char *end = r->block + pos[l->field[i].end];
    while (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')
        end--;
    return (struct val){ json_type_of((char)r->line->tok[token]),
                         { p, (size_t)(end - p) } };
}

void layout_forget(struct layout *l);
void layout_free(struct layout *l);

#endif
