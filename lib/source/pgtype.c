#include "source/pgtype.h"

#include <stdlib.h>

/* pg_type.dat of PostgreSQL's sources. */
enum oid {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_CHAR = 18,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_OID = 26,
    OID_JSON = 114,
    OID_XML = 142,
    OID_CIDR = 650,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_UNKNOWN = 705,
    OID_MONEY = 790,
    OID_MACADDR = 829,
    OID_INET = 869,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_DATE = 1082,
    OID_TIME = 1083,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_INTERVAL = 1186,
    OID_TIMETZ = 1266,
    OID_NUMERIC = 1700,
    OID_UUID = 2950,
    OID_LSN = 3220,
    OID_JSONB = 3802
};

bool pgtype_of(unsigned oid, struct pgtype *t)
{
    *t = (struct pgtype){ PGTYPE_TEXT, false, ',' };
    switch (oid) {
    case OID_BOOL: t->kind = PGTYPE_BOOL; return true;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_OID:
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC: t->kind = PGTYPE_NUMBER; return true;
    case OID_JSON:
    case OID_JSONB: t->kind = PGTYPE_JSON; return true;
    case OID_BYTEA: t->kind = PGTYPE_BYTES; return true;
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ: t->kind = PGTYPE_TIME; return true;
    case OID_CHAR:
    case OID_NAME:
    case OID_TEXT:
    case OID_XML:
    case OID_CIDR:
    case OID_UNKNOWN:
    case OID_MONEY:
    case OID_MACADDR:
    case OID_INET:
    case OID_BPCHAR:
    case OID_VARCHAR:
    case OID_DATE:
    case OID_TIME:
    case OID_INTERVAL:
    case OID_TIMETZ:
    case OID_UUID:
    case OID_LSN: return true;
    default: return false;
    }
}

/* From each type down to what it is made of, through domains, one array, and
 * domains again. An array of a domain of arrays has texts as its elements. */
static const char ask_sql[] =
    "WITH RECURSIVE e(a, oid, listed, delim) AS ("
    " SELECT t.oid, t.oid, false, ',' FROM pg_catalog.pg_type AS t"
    " WHERE t.oid IN (%.*s)"
    " UNION ALL SELECT e.a,"
    " CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,"
    " e.listed OR t.typtype <> 'd',"
    " CASE t.typtype WHEN 'd' THEN e.delim ELSE (SELECT d.typdelim::text"
    " FROM pg_catalog.pg_type AS d WHERE d.oid = t.typelem) END"
    " FROM e JOIN pg_catalog.pg_type AS t ON t.oid = e.oid"
    " WHERE t.typtype = 'd' OR (NOT e.listed"
    " AND t.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc))"
    " SELECT e.a, e.oid, e.listed, e.delim FROM e"
    " JOIN pg_catalog.pg_type AS t ON t.oid = e.oid"
    " WHERE t.typtype <> 'd' AND (e.listed"
    " OR t.typoutput <> 'pg_catalog.array_out'::pg_catalog.regproc)";

void pgtype_ask(struct buf *sql, struct str oids)
{
    buf_addf(sql, ask_sql, STR_ARG(oids));
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

unsigned pgtype_answer(const PGresult *rows, int row, struct pgtype *t)
{
    pgtype_of(number(PQgetvalue(rows, row, 1)), t);
    t->array = *PQgetvalue(rows, row, 2) == 't';
    t->delimiter = *PQgetvalue(rows, row, 3);
    return number(PQgetvalue(rows, row, 0));
}

bool pgtype_is_cursor(unsigned oid, bool *text)
{
    *text = oid == OID_NAME || oid == OID_TEXT || oid == OID_VARCHAR ||
            oid == OID_BPCHAR;
    switch (oid) {
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_OID:
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
    case OID_DATE:
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ:
    case OID_TIME:
    case OID_UUID:
    case OID_LSN: return true;
    default: return *text;
    }
}

enum pgtype_cut pgtype_cut(unsigned oid)
{
    switch (oid) {
    case OID_INT2:
    case OID_INT4:
    case OID_INT8: return PGTYPE_CUT_INTEGER;
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ: return PGTYPE_CUT_TIME;
    case OID_DATE: return PGTYPE_CUT_DATE;
    default: return PGTYPE_CUT_ORDER;
    }
}
