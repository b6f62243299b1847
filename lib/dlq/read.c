#include "dlq/read.h"

#include "dlq/idmap.h"
#include "dlq/segment.h"
#include "io/filelock.h"
#include "io/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What marks say of a line. */
enum { CONFIRMED = 1, REPLAYED = 2, PURGED = 4 };

/* What is being read, until the table stands. */
struct scan {
    struct dlq_read *r;
    struct idmap said;  /* line key to the above */
    struct idmap lines; /* line key to 1 + index of the place; only where there
                           are edits */
    bool edits;
    bool repair;
};

const char *dlq_state_name(enum dlq_state s)
{
    static const char *const names[] = { "open", "replayed", "purged", "void" };
    return names[s];
}

bool dlq_is_poison(const struct dlq_place *p, uint64_t max)
{
    return p->state == DLQ_OPEN && p->attempt >= max && !p->base_us;
}

static int add_place(struct dlq_read *r, const struct envelope *v,
                     uint64_t offset, size_t segment, struct err *e)
{
    if (r->n_places == r->cap_places) {
        size_t cap = r->cap_places ? r->cap_places * 2 : 256;
        struct dlq_place *p =
            cap > IDMAP_MAX ? NULL : realloc(r->places, cap * sizeof(*p));
        if (!p)
            return err_nomem(e);
        r->places = p;
        r->cap_places = cap;
    }
    r->places[r->n_places++] = (struct dlq_place){
        .id = v->id,
        .us = v->us,
        .offset = offset,
        .length = v->text.n,
        .attempt = v->attempt,
        .base_us = v->base_us,
        .segment = (uint32_t)segment,
    };
    return 0;
}

static int add_journal(struct dlq_read *r, const struct envelope *v,
                       uint64_t offset, size_t segment, struct err *e)
{
    struct buf run = { 0 };
    struct str text;
    if (r->n_journals == r->cap_journals) {
        size_t cap = r->cap_journals ? r->cap_journals * 2 : 16;
        struct dlq_journal *j = realloc(r->journals, cap * sizeof(*j));
        if (!j)
            return err_nomem(e);
        r->journals = j;
        r->cap_journals = cap;
    }
    int bad = v->run.type == JSON_STRING && json_string(v->run, &run, &text);
    if (!bad)
        r->journals[r->n_journals++] = (struct dlq_journal){
            .id = dlq_journal_id(v->run.type == JSON_STRING ? text : STR("")),
            .us = v->us,
            .offset = offset,
            .length = v->text.n,
            .segment = (uint32_t)segment,
        };
    buf_free(&run);
    return bad ? err_nomem(e) : 0;
}

static int add_mark(struct scan *s, const struct envelope *v, uint64_t offset,
                    size_t segment, struct err *e)
{
    static const uint64_t bits[] = {
        [DLQ_MARK_REPLAYED] = REPLAYED,
        [DLQ_MARK_PURGED] = PURGED,
        [DLQ_MARK_EDITED] = CONFIRMED,
        [DLQ_MARK_RELEASED] = REPLAYED, /* the journal: it is done with */
    };
    struct envelope_of of = envelope_of(v);
    uint64_t *known =
        idmap_at(&s->r->marks, envelope_line_key(hash128(v->text), v->us));
    if (!known)
        return err_nomem(e);
    *known = 1;
    if (v->kind == DLQ_MARK_REPLAYING)
        return add_journal(s->r, v, offset, segment, e);
    while (envelope_next_of(&of)) {
        uint64_t *at = idmap_at(&s->said, envelope_line_key(of.id, of.us));
        if (!at)
            return err_nomem(e);
        *at |= bits[v->kind];
    }
    return 0;
}

static int take_line(struct scan *s, const struct line *line, size_t segment,
                     struct err *e)
{
    struct dlq_read *r = s->r;
    struct envelope v;
    if (line->text.n == 0)
        return 0;
    if (line->too_long || envelope_parse(&v, line->text)) {
        if (r->damaged++ == 0)
            r->damaged_in = r->segments[segment];
        return 0;
    }
    s->edits |= v.base_us != 0;
    if (v.attempt)
        return add_place(r, &v, line->offset, segment, e);
    r->has_marks[segment] = true;
    return add_mark(s, &v, line->offset, segment, e);
}

/* True if the last line of path has no end and nobody is about to write it. */
static bool tail_is_torn(const char *path)
{
    char last = '\n';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    off_t size = lseek(fd, 0, SEEK_END);
    bool torn = flock(fd, LOCK_SH | LOCK_NB) == 0 && size > 0 &&
                pread(fd, &last, 1, size - 1) == 1 && last != '\n';
    close(fd);
    return torn;
}

/* The last line has no LF: it is being written, or it is torn. */
static void take_tail(struct scan *s, size_t segment)
{
    const char *path = s->r->segments[segment];
    struct err ignored = { 0 };
    uint64_t cut = 0;
    int fd;
    bool torn;
    if (s->repair && access(path, W_OK) == 0) {
        if (segment_lock(path, !s->r->target.directory, &fd, &ignored) != 1)
            return;
        (void)filelock_cut_tail(fd, path, &cut, &ignored);
        close(fd);
        torn = cut > 0;
    } else {
        torn = tail_is_torn(path);
    }
    if (torn && s->r->torn++ == 0)
        s->r->torn_in = path;
}

static int scan_segment(struct scan *s, size_t segment, struct err *e)
{
    struct input in;
    struct lines lines;
    struct line line;
    struct stat st;
    const char *path = s->r->segments[segment];
    if (stat(path, &st) != 0 && errno == ENOENT)
        return 0; /* purged since the folder was read */
    if (input_open(&in, path, e))
        return -1;
    in.raw = true;
    if (lines_init(&lines, &in, DLQ_LINE_MAX, e)) {
        input_close(&in);
        return -1;
    }
    int more;
    while ((more = lines_next(&lines, &line, e)) == 1) {
        if (line.unterminated)
            take_tail(s, segment);
        else if (take_line(s, &line, segment, e)) {
            more = -1;
            break;
        }
    }
    lines_free(&lines);
    input_close(&in);
    return more;
}

/* ---- from lines to entries */

/* Open before replayed before purged, then the highest attempt, then the
 * latest: the line that stands for its id. */
static bool stands_before(const struct dlq_place *a, const struct dlq_place *b)
{
    if (a->state != b->state)
        return a->state < b->state;
    if (a->attempt != b->attempt)
        return a->attempt > b->attempt;
    return a->us >= b->us;
}

static int note_lines(struct scan *s, struct err *e)
{
    struct dlq_read *r = s->r;
    for (size_t i = 0; s->edits && i < r->n_places; i++) {
        const struct dlq_place *p = &r->places[i];
        uint64_t *at = idmap_at(&s->lines, envelope_line_key(p->id, p->us));
        if (!at)
            return err_nomem(e);
        *at = i + 1;
    }
    return 0;
}

/* What closes a line that was edited closes the edits made from it. */
static enum dlq_state state_of(const struct scan *s, const struct dlq_place *p)
{
    uint64_t said = 0;
    for (;;) {
        uint64_t here = idmap_get(&s->said, envelope_line_key(p->id, p->us));
        said |= here;
        if (!p->base_us)
            break;
        if (!(here & CONFIRMED))
            return DLQ_VOID;
        uint64_t at =
            idmap_get(&s->lines, envelope_line_key(p->id, p->base_us));
        if (!at || p->base_us >= p->us) /* purged; or made up */
            return DLQ_PURGED;
        p = &s->r->places[at - 1];
    }
    return said & PURGED     ? DLQ_PURGED
           : said & REPLAYED ? DLQ_REPLAYED
                             : DLQ_OPEN;
}

static void close_journals(struct scan *s)
{
    for (size_t i = 0; i < s->r->n_journals; i++) {
        struct dlq_journal *j = &s->r->journals[i];
        j->closed = idmap_get(&s->said, envelope_line_key(j->id, j->us)) != 0;
    }
}

static int link_entries(struct scan *s, struct err *e)
{
    struct dlq_read *r = s->r;
    struct idmap ids = { 0 };
    if (note_lines(s, e))
        return -1;
    r->entries = calloc(r->n_places + 1, sizeof(*r->entries));
    if (!r->entries)
        return err_nomem(e);
    for (size_t i = 0; i < r->n_places; i++) {
        struct dlq_place *p = &r->places[i];
        p->state = state_of(s, p);
        uint64_t *at = idmap_at(&ids, p->id);
        if (!at) {
            idmap_free(&ids);
            return err_nomem(e);
        }
        if (*at == 0) {
            *at = ++r->n_entries;
            r->entries[*at - 1] = (struct dlq_entry){ .shown = i, .last = i };
            continue;
        }
        struct dlq_entry *entry = &r->entries[*at - 1];
        p->older = entry->last + 1;
        entry->last = i;
        if (stands_before(p, &r->places[entry->shown]))
            entry->shown = i;
    }
    idmap_free(&ids);
    return 0;
}

static int by_time(const void *a, const void *b, void *ctx)
{
    const struct dlq_place *places = ctx;
    size_t i = ((const struct dlq_entry *)a)->shown;
    size_t j = ((const struct dlq_entry *)b)->shown;
    if (places[i].us != places[j].us)
        return places[i].us < places[j].us ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* What was purged but could not be taken out of its segment is gone too. */
static void drop_purged(struct dlq_read *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n_entries; i++)
        if (r->places[r->entries[i].shown].state < DLQ_PURGED)
            r->entries[kept++] = r->entries[i];
    r->n_entries = kept;
}

int dlq_read_open(struct dlq_read *r, const char *uri, bool repair,
                  struct err *e)
{
    struct scan s = { .r = r, .repair = repair };
    *r = (struct dlq_read){ .fd = -1, .line = { .max = DLQ_LINE_MAX } };
    int bad = target_parse(&r->target, uri, e) ||
              target_segments(&r->target, &r->segments, &r->n_segments, e);
    if (!bad) {
        r->has_marks = calloc(r->n_segments + 1, sizeof(*r->has_marks));
        bad = r->has_marks ? 0 : err_nomem(e);
    }
    for (size_t i = 0; !bad && i < r->n_segments; i++)
        bad = scan_segment(&s, i, e);
    bad = bad || link_entries(&s, e);
    close_journals(&s);
    idmap_free(&s.said);
    idmap_free(&s.lines);
    if (bad) {
        dlq_read_close(r);
        return -1;
    }
    drop_purged(r);
    qsort_r(r->entries, r->n_entries, sizeof(*r->entries), by_time, r->places);
    return 0;
}

/* ---- entries */

const struct dlq_place *dlq_read_place(const struct dlq_read *r, size_t i)
{
    return &r->places[r->entries[i].shown];
}

int64_t dlq_read_since(const struct dlq_read *r, size_t i)
{
    int64_t us = dlq_read_place(r, i)->us;
    for (size_t at = r->entries[i].last + 1; at; at = r->places[at - 1].older) {
        const struct dlq_place *p = &r->places[at - 1];
        if (p->state == DLQ_OPEN && p->us < us)
            us = p->us;
    }
    return us;
}

static int open_segment(struct dlq_read *r, size_t segment, struct err *e)
{
    if (r->fd >= 0 && r->fd_segment == segment)
        return 0;
    if (r->fd >= 0)
        close(r->fd);
    r->fd_segment = segment;
    r->fd = open(r->segments[segment], O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return r->fd >= 0 ? 0
                      : err_sys(e, ERR_IO, errno, "cannot open '%s'",
                                r->segments[segment]);
}

/* Reads a line once more, and takes it apart. */
static int read_line(struct dlq_read *r, size_t segment, uint64_t offset,
                     uint64_t length, int64_t us, struct envelope *v,
                     struct err *e)
{
    if (open_segment(r, segment, e))
        return -1;
    buf_reset(&r->line);
    if (buf_reserve(&r->line, length))
        return err_nomem(e);
    while (r->line.n < length) {
        ssize_t n = pread(r->fd, r->line.p + r->line.n, length - r->line.n,
                          (off_t)(offset + r->line.n));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "cannot read '%s'",
                           r->segments[segment]);
        if (n == 0)
            break;
        r->line.n += (size_t)n;
    }
    return r->line.n == length && envelope_parse(v, buf_str(&r->line)) == 0 &&
                   v->us == us
               ? 0
               : err_set(e, ERR_TEMPFAIL, "'%s' was purged while it was read",
                         r->segments[segment]);
}

int dlq_read_get(struct dlq_read *r, size_t i, struct envelope *v,
                 struct err *e)
{
    const struct dlq_place *p = dlq_read_place(r, i);
    if (read_line(r, p->segment, p->offset, p->length, p->us, v, e))
        return -1;
    return v->id.lo == p->id.lo && v->id.hi == p->id.hi
               ? 0
               : err_set(e, ERR_TEMPFAIL, "'%s' was purged while it was read",
                         r->segments[p->segment]);
}

int dlq_read_journal(struct dlq_read *r, size_t i, struct envelope *v,
                     struct err *e)
{
    const struct dlq_journal *j = &r->journals[i];
    return read_line(r, j->segment, j->offset, j->length, j->us, v, e);
}

size_t dlq_read_open_lines(const struct dlq_read *r, size_t i, int64_t *us,
                           size_t max)
{
    size_t n = 0;
    for (size_t at = r->entries[i].last + 1; at; at = r->places[at - 1].older)
        if (r->places[at - 1].state == DLQ_OPEN) {
            if (n < max)
                us[n] = r->places[at - 1].us;
            n++;
        }
    return n;
}

void dlq_read_close(struct dlq_read *r)
{
    if (r->fd >= 0)
        close(r->fd);
    target_segments_free(r->segments, r->n_segments);
    target_free(&r->target);
    free(r->has_marks);
    free(r->places);
    free(r->entries);
    free(r->journals);
    idmap_free(&r->marks);
    buf_free(&r->line);
    *r = (struct dlq_read){ .fd = -1 };
}
