#include "sink/pg.h"

#include <stdlib.h>

/* ---- words of SQL ---- */

void pg_ident(struct buf *b, struct str name)
{
    buf_addc(b, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"')
            buf_addc(b, '"');
        buf_addc(b, name.p[i]);
    }
    buf_addc(b, '"');
}

void pg_literal(struct buf *b, struct str text)
{
    buf_addc(b, '\''); /* standard_conforming_strings is on */
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_addc(b, '\'');
        buf_addc(b, text.p[i]);
    }
    buf_addc(b, '\'');
}

void pg_name_add(struct buf *b, const char *schema, const char *name)
{
    if (schema) {
        pg_ident(b, str_of(schema));
        buf_addc(b, '.');
    }
    pg_ident(b, str_of(name));
}

/* ---- names as they are given ---- */

/* Reads one identifier, quoted as in SQL or plain, from *p. */
static char *take_name(const char **p)
{
    struct buf b = { .max = 4096 };
    const char *q = *p;
    if (*q == '"') {
        for (q++; *q && (*q != '"' || q[1] == '"'); q++) {
            q += *q == '"';
            buf_addc(&b, *q);
        }
        q += *q == '"';
    } else {
        for (; *q && *q != '.'; q++)
            buf_addc(&b, *q);
    }
    *p = q;
    char *name = buf_z(&b) ? strdup(b.p) : NULL;
    buf_free(&b);
    return name;
}

static int check(const char *given, const char *schema, const char *name,
                 struct err *e)
{
    if (!*name || (schema && !*schema))
        return err_set(e, ERR_USAGE, "table name '%s' is empty", given);
    if (strlen(name) > PG_NAME_MAX || (schema && strlen(schema) > PG_NAME_MAX))
        return err_set(e, ERR_USAGE,
                       "table name '%s' is longer than PostgreSQL's 63 bytes",
                       given);
    if (strcmp(name, PG_LEDGER) == 0)
        return err_set(e, ERR_USAGE, "table name '%s' is reserved", given);
    return 0;
}

int pg_name_take(const char *given, char **schema, char **name, struct err *e)
{
    const char *p = given;
    *schema = NULL;
    *name = take_name(&p);
    if (*name && *p == '.') {
        p++;
        *schema = *name;
        *name = take_name(&p);
    }
    if (!*name)
        return err_nomem(e);
    if (*p) { /* x"); DROP ... */
        free(*schema);
        free(*name);
        *schema = NULL;
        *name = strdup(given);
        if (!*name)
            return err_nomem(e);
    }
    return check(given, *schema, *name, e);
}

void pg_name_spell(const char *table, struct buf *out)
{
    char *schema = NULL, *name = NULL;
    struct err bad = { 0 };
    /* A name that is none is told when the target is opened. */
    buf_addz(out, pg_name_take(table, &schema, &name, &bad) ? table : name);
    free(schema);
    free(name);
}
