/* pgoutput: whatever the bytes, what is read stays within them, and a change
 * makes an event that is JSON. Messages are length-prefixed (2 bytes). */
#include "fuzz.h"
#include "json/check.h"
#include "pglog/pgevent.h"
#include "pglog/pgoutput.h"

static void check_row(struct str message, const struct relation *rel,
                      const struct pgoutput_row *row)
{
    MUST(!row->v || row->n == rel->n);
    for (size_t i = 0; i < row->n; i++) {
        struct str t = row->v[i].text;
        MUST(row->v[i].kind != PGOUTPUT_TEXT ||
             (t.p >= message.p && t.p + t.n <= message.p + message.n));
    }
}

static void check_event(const struct pgoutput_message *m,
                        const struct relation *rel)
{
    static struct pgvalue room;
    static const struct pgevent_source source = { .db = { "\"d\"", 3 },
                                                  .lsn = 1,
                                                  .room = &room };
    struct buf b = { 0 };
    MUST(pgevent_add(&b, m->kind, rel, &m->before, &m->after, &source) == 0);
    MUST(b.n > 2 && b.p[0] == '{' && b.p[b.n - 1] == '}');
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct pgoutput *d = pgoutput_new();
    struct pgoutput_message m;
    struct err e;
    MUST(d != NULL);
    while (n >= 2) {
        size_t size = (size_t)data[0] << 8 | data[1];
        data += 2;
        n -= 2;
        struct str message = { (const char *)data, size < n ? size : n };
        data += message.n;
        n -= message.n;
        e = (struct err){ 0 };
        if (pgoutput_read(d, message, &m, &e)) {
            MUST(e.code == ERR_DATA && *e.msg);
            continue;
        }
        if (m.relation) {
            check_row(message, m.relation, &m.before);
            check_row(message, m.relation, &m.after);
            check_event(&m, m.relation);
        }
        for (size_t i = 0; i < m.n_truncated; i++)
            check_event(&m, m.truncated[i]);
    }
    pgoutput_free(d);
    return 0;
}
