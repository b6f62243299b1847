/* What is made anew in the place of a table or view: who owns it, and who may
 * do what with it. */
#include "sink/pg.h"

/* The server writes the statements: it knows how names are spelled. */

#define GRANTEE                         \
    "CASE grantee WHEN 0 THEN 'PUBLIC'" \
    " ELSE quote_ident(pg_get_userbyid(grantee)) END"
#define OPTION "CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END"

static void add_grants(struct pg_sink *s, struct str to)
{
    buf_addz(&s->sql, "(SELECT string_agg(format('GRANT %s ON %s TO %s%s',"
                      " privilege_type, ");
    pg_literal(&s->sql, to);
    buf_addz(&s->sql, ", " GRANTEE ", " OPTION "), '; ')"
                      " FROM aclexplode(c.relacl) WHERE grantee <> relowner)");
}

static void add_column_grants(struct pg_sink *s, struct str to)
{
    buf_addz(&s->sql, "(SELECT string_agg(format('GRANT %s (%I) ON %s TO %s%s',"
                      " privilege_type, attname, ");
    pg_literal(&s->sql, to);
    buf_addz(&s->sql,
             ", " GRANTEE ", " OPTION "), '; ') FROM pg_attribute AS a,"
             " aclexplode(attacl) WHERE attrelid = c.oid AND NOT attisdropped"
             " AND grantee <> relowner AND attname IN (SELECT attname FROM"
             " pg_attribute WHERE attnum > 0 AND NOT attisdropped AND"
             " attrelid = to_regclass(");
    pg_literal(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, ")))");
}

int pg_rights_read(struct pg_sink *s, struct str from, struct str to,
                   struct buf *out, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT concat_ws('; ', ");
    add_grants(s, to);
    buf_addz(&s->sql, ", ");
    add_column_grants(s, to);
    buf_addz(&s->sql, ", CASE WHEN relkind = 'v' THEN"
                      " format('COMMENT ON VIEW %s IS %L', ");
    pg_literal(&s->sql, to);
    /* The owner last: who gives it away may not grant any more. */
    buf_addz(&s->sql, ", obj_description(oid, 'pg_class')) END, CASE WHEN"
                      " pg_get_userbyid(relowner) <> current_user THEN"
                      " format('ALTER TABLE %s OWNER TO %I', ");
    pg_literal(&s->sql, to);
    buf_addz(&s->sql, ", pg_get_userbyid(relowner)) END)"
                      " FROM pg_class AS c WHERE oid = to_regclass(");
    pg_literal(&s->sql, from);
    buf_addc(&s->sql, ')');
    PGresult *r = pg_query(s, "read the grants of", e);
    if (!r)
        return -1;
    int found = PQntuples(r) > 0;
    if (found)
        buf_addz(out, PQgetvalue(r, 0, 0));
    PQclear(r);
    return out->failed ? err_nomem(e) : found;
}

int pg_rights_give(struct pg_sink *s, struct str to, const struct buf *rights,
                   struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT string_agg(DISTINCT format("
                      "'REVOKE ALL ON %s FROM %s; ', ");
    pg_literal(&s->sql, to);
    buf_addz(&s->sql, ", " GRANTEE "), '') FROM pg_class,"
                      " aclexplode(relacl) WHERE grantee <> relowner"
                      " AND oid = to_regclass(");
    pg_literal(&s->sql, to);
    buf_addc(&s->sql, ')');
    PGresult *r = pg_query(s, "read the grants of", e);
    if (!r)
        return -1;
    buf_reset(&s->sql);
    buf_addz(&s->sql, PQgetvalue(r, 0, 0));
    PQclear(r);
    buf_add_str(&s->sql, buf_str(rights));
    return s->sql.n || s->sql.failed
               ? pg_run_sql(s, "grant what was granted on", e)
               : 0;
}
