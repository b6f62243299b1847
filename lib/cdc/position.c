#include "cdc/decoder.h"

#include <inttypes.h>

/* Hex digits up to a mark; moves *s behind both. */
static bool take_hex(struct str *s, char mark, uint64_t *n)
{
    size_t i = 0;
    *n = 0;
    for (; i < s->n && s->p[i] != mark; i++) {
        char ch = s->p[i];
        unsigned d = ch >= '0' && ch <= '9'   ? (unsigned)(ch - '0')
                     : ch >= 'a' && ch <= 'f' ? (unsigned)(ch - 'a') + 10
                     : ch >= 'A' && ch <= 'F' ? (unsigned)(ch - 'A') + 10
                                              : 16;
        if (d > 15 || i >= 8)
            return false;
        *n = *n << 4 | d;
    }
    bool found = i < s->n;
    s->p += i + found;
    s->n -= i + found;
    return i > 0 && (found || mark == '\0');
}

static struct str within_quotes(struct val v)
{
    return v.type == JSON_STRING && v.raw.n >= 2
               ? (struct str){ v.raw.p + 1, v.raw.n - 2 }
               : STR("");
}

/* "XXXXXXXX/XXXXXXXX", the halves of 64 bits. */
void position_of_lsn(struct cdc_position *p, struct val lsn)
{
    struct str s = within_quotes(lsn);
    uint64_t high, low;
    if (take_hex(&s, '/', &high) && take_hex(&s, '\0', &low))
        *p = (struct cdc_position){ CDC_LOG_LSN, { high << 32 | low } };
}

/* "00000027:00000ac0:0002" and the event's number within. */
static bool of_commit(struct cdc_position *p, struct val commit, struct val no)
{
    struct str s = within_quotes(commit);
    uint64_t a, b, slot, event = 0;
    if (!take_hex(&s, ':', &a) || !take_hex(&s, ':', &b) ||
        !take_hex(&s, '\0', &slot))
        return false;
    (void)cdc_number(no, &event);
    *p = (struct cdc_position){ CDC_LOG_COMMIT, { a << 32 | b, slot, event } };
    return true;
}

/* Files of the binary log are numbered: "mysql-bin.000003". */
static bool of_binlog(struct cdc_position *p, struct val source)
{
    struct str s = within_quotes(json_get(source, STR("file")));
    uint64_t file = 0, pos, row = 0;
    const char *dot = s.n ? memrchr(s.p, '.', s.n) : NULL;
    if (!dot || !cdc_number(json_get(source, STR("pos")), &pos))
        return false;
    for (const char *q = dot + 1; q < s.p + s.n; q++) {
        if (*q < '0' || *q > '9' || file > UINT32_MAX)
            return false;
        file = file * 10 + (uint64_t)(*q - '0');
    }
    (void)cdc_number(json_get(source, STR("row")), &row);
    *p = (struct cdc_position){ CDC_LOG_BINLOG, { file, pos, row } };
    return true;
}

void position_of_source(struct cdc_position *p, struct val source)
{
    uint64_t n;
    *p = (struct cdc_position){ 0 };
    if (source.type != JSON_OBJECT)
        return;
    if (cdc_number(json_get(source, STR("lsn")), &n))
        *p = (struct cdc_position){ CDC_LOG_LSN, { n } };
    else if (cdc_number(json_get(source, STR("scn")), &n))
        *p = (struct cdc_position){ CDC_LOG_SCN, { n } };
    else if (!of_binlog(p, source))
        (void)of_commit(p, json_get(source, STR("commit_lsn")),
                        json_get(source, STR("event_serial_no")));
}

int cdc_position_cmp(const struct cdc_position *a, const struct cdc_position *b)
{
    for (int i = 0; a->log == b->log && i < 3; i++)
        if (a->at[i] != b->at[i])
            return a->at[i] < b->at[i] ? -1 : 1;
    return 0;
}

int cdc_position_json(struct buf *out, const struct cdc_position *p)
{
    const uint64_t *at = p->at;
    switch (p->log) {
    case CDC_LOG_NONE: break;
    case CDC_LOG_LSN: return buf_addf(out, "{\"lsn\":%" PRIu64 "}", at[0]);
    case CDC_LOG_SCN: return buf_addf(out, "{\"scn\":%" PRIu64 "}", at[0]);
    case CDC_LOG_BINLOG:
        return buf_addf(out,
                        "{\"file\":%" PRIu64 ",\"pos\":%" PRIu64
                        ",\"row\":%" PRIu64 "}",
                        at[0], at[1], at[2]);
    case CDC_LOG_COMMIT:
        return buf_addf(out,
                        "{\"commit_lsn\":\"%08" PRIx64 ":%08" PRIx64
                        ":%04" PRIx64 "\",\"event_serial_no\":%" PRIu64 "}",
                        at[0] >> 32, at[0] & UINT32_MAX, at[1], at[2]);
    }
    return buf_addz(out, "null");
}
