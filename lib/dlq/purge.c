#include "dlq/purge.h"

#include "dlq/idmap.h"
#include "dlq/segment.h"
#include "io/lines.h"
#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is to become of a line, by its key. */
enum { KEEP = 1, DROP, GONE };

struct purge {
    struct dlq_read *r;
    struct idmap lines; /* key of each line that was read to one of these */
    bool *wanted;       /* per segment: holds lines to drop */
    bool *live;         /* per segment: a process writes to it */
};

/* ---- one segment */

static bool is_there(const struct purge *p, struct hash128 id, int64_t us)
{
    uint64_t is = idmap_get(&p->lines, envelope_line_key(id, us));
    return is == KEEP || is == DROP;
}

static void set_gone(struct purge *p, struct hash128 id, int64_t us)
{
    uint64_t *at = idmap_at(&p->lines, envelope_line_key(id, us));
    if (at) /* there is no more than was there before */
        *at = GONE;
}

/* A mark that was not there when the queue was read may name what was not. */
static bool drops_mark(struct purge *p, const struct envelope *v)
{
    struct envelope_of of = envelope_of(v);
    struct buf run = { 0 };
    struct str text;
    if (!idmap_get(&p->r->marks, envelope_line_key(hash128(v->text), v->us)))
        return false;
    while (envelope_next_of(&of))
        if (is_there(p, of.id, of.us))
            return false;
    if (v->kind == DLQ_MARK_REPLAYING && v->run.type == JSON_STRING &&
        json_string(v->run, &run, &text) == 0)
        set_gone(p, dlq_journal_id(text), v->us);
    buf_free(&run);
    return true;
}

/* True for a letter that is to go, or for a mark all of whose letters went. */
static bool drops(struct purge *p, struct str line, bool marks)
{
    struct envelope v;
    if (envelope_parse(&v, line))
        return false;
    if (!v.attempt)
        return marks && drops_mark(p, &v);
    if (marks || idmap_get(&p->lines, envelope_line_key(v.id, v.us)) != DROP)
        return false;
    set_gone(p, v.id, v.us);
    return true;
}

/* Copies what stays from fd to out. */
static int copy_lines(struct purge *p, int fd, const char *path, bool marks,
                      struct output *out, uint64_t *dropped, struct err *e)
{
    struct input in;
    struct lines lines;
    struct line line;
    input_fd(&in, fd, path);
    in.raw = true;
    if (lines_init(&lines, &in, DLQ_LINE_MAX, e))
        return -1;
    int more;
    while ((more = lines_next(&lines, &line, e)) == 1) {
        if (line.too_long)
            more = err_set(e, ERR_DATA,
                           "cannot purge '%s': line %llu is too "
                           "long",
                           path, (unsigned long long)line.line);
        else if (line.unterminated)
            break; /* a torn tail goes: the lock is ours */
        else if (drops(p, line.text, marks))
            (*dropped)++;
        else if (output_write(out, line.text, e) ||
                 output_write(out, STR("\n"), e))
            more = -1;
        if (more < 0)
            break;
    }
    lines_free(&lines);
    return more < 0 ? -1 : output_flush(out, e);
}

static int take_owner(int from, int to)
{
    struct stat st;
    if (fstat(from, &st) != 0)
        return -1;
    if ((st.st_uid != geteuid() || st.st_gid != getegid()) &&
        fchown(to, st.st_uid, st.st_gid) != 0)
        return -1;
    return fchmod(to, st.st_mode & 0777);
}

/* The new file takes the place of the old one, or both go if it is empty. */
static int put_in_place(struct purge *p, const char *path, const char *tmp,
                        int fd, uint64_t bytes, struct err *e)
{
    struct segment s = { .fd = fd, .path = (char *)(uintptr_t)path };
    bool empty = bytes == 0 && p->r->target.directory;
    if (fsync(fd) != 0 || (empty ? unlink(path) : rename(tmp, path)) != 0)
        return err_sys(e, ERR_IO, errno, "cannot purge '%s'", path);
    return segment_sync(&s, e);
}

static int rewrite(struct purge *p, int old, const char *path, bool marks,
                   struct err *e)
{
    char *tmp = NULL;
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    if (asprintf(&tmp, "%.*s.%s.purge", folder, path, path + folder) < 0)
        return err_nomem(e);
    (void)unlink(tmp); /* of a purge that died; the lock is ours */
    struct output out = { .fd = -1 };
    uint64_t dropped = 0;
    int r, fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        r = err_sys(e, ERR_CANTCREAT, errno, "cannot make '%s'", tmp);
    else if (take_owner(old, fd) != 0)
        r = err_sys(e, ERR_IO, errno, "cannot keep the owner of '%s'", path);
    else
        r = output_fd(&out, fd, e) ||
            copy_lines(p, old, path, marks, &out, &dropped, e);
    if (r == 0 && dropped)
        r = put_in_place(p, path, tmp, fd, out.bytes, e);
    (void)unlink(tmp); /* no longer there where it took the old one's place */
    out.fd = -1;
    output_close(&out);
    if (fd >= 0)
        close(fd);
    free(tmp);
    return r ? -1 : 0;
}

static int purge_segment(struct purge *p, size_t i, bool marks, struct err *e)
{
    int fd;
    /* A rename would replace a symbolic link, not the file behind it. */
    char *path = realpath(p->r->segments[i], NULL);
    if (!path)
        return errno == ENOENT ? 0
                               : err_sys(e, ERR_IO, errno, "cannot purge '%s'",
                                         p->r->segments[i]);
    int r = segment_lock(path, !p->r->target.directory, &fd, e);
    if (r == 1) {
        r = rewrite(p, fd, path, marks, e);
        close(fd);
    } else if (r == 0) {
        p->live[i] = true;
    }
    free(path);
    return r;
}

/* ---- all of them */

static int note(struct purge *p, struct hash128 id, int64_t us, uint64_t what,
                struct err *e)
{
    uint64_t *line = idmap_at(&p->lines, envelope_line_key(id, us));
    if (!line)
        return err_nomem(e);
    *line = what;
    return 0;
}

/* All that is there; what does not count any more goes at once. */
static int note_all(struct purge *p, struct err *e)
{
    struct dlq_read *r = p->r;
    for (size_t i = 0; i < r->n_places; i++) {
        const struct dlq_place *l = &r->places[i];
        bool waste = l->state >= DLQ_PURGED;
        if (note(p, l->id, l->us, waste ? DROP : KEEP, e))
            return -1;
        p->wanted[l->segment] |= waste;
    }
    for (size_t i = 0; i < r->n_journals; i++)
        if (note(p, r->journals[i].id, r->journals[i].us, KEEP, e))
            return -1;
    return 0;
}

static int note_lines(struct purge *p, size_t entry, struct err *e)
{
    struct dlq_read *r = p->r;
    for (size_t at = r->entries[entry].last + 1; at;
         at = r->places[at - 1].older) {
        const struct dlq_place *l = &r->places[at - 1];
        if (note(p, l->id, l->us, DROP, e))
            return -1;
        p->wanted[l->segment] = true;
    }
    return 0;
}

/* Marks the lines of an entry that could not be taken out. */
static int mark_rest(struct purge *p, size_t entry, struct dlq *q, bool *marked,
                     struct err *e)
{
    struct dlq_read *r = p->r;
    for (size_t at = r->entries[entry].last + 1; at;
         at = r->places[at - 1].older) {
        const struct dlq_place *l = &r->places[at - 1];
        if (idmap_get(&p->lines, envelope_line_key(l->id, l->us)) == GONE)
            continue;
        if (dlq_mark(q, l->id, &l->us, 1, e))
            return -1;
        *marked = true;
    }
    return 0;
}

static int mark_live(struct purge *p, const size_t *entries, size_t n,
                     struct dlq_purged *done, struct err *e)
{
    bool any = false;
    for (size_t i = 0; i < p->r->n_segments; i++)
        any = any || (p->wanted[i] && p->live[i]);
    if (!any)
        return 0;
    struct dlq *q = dlq_open(p->r->target.path, e);
    int r = q ? 0 : -1;
    for (size_t i = 0; r == 0 && i < n; i++) {
        bool marked = false;
        r = mark_rest(p, entries[i], q, &marked, e);
        done->marked += marked;
    }
    if (r == 0)
        r = dlq_mark_write(q, DLQ_MARK_PURGED, STR(""), e) || dlq_sync(q, e);
    dlq_close(q);
    return r ? -1 : 0;
}

static int purge_all(struct purge *p, const size_t *entries, size_t n,
                     struct dlq_purged *done, struct err *e)
{
    if (note_all(p, e))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (note_lines(p, entries[i], e))
            return -1;
    for (size_t i = 0; i < p->r->n_segments; i++)
        if (p->wanted[i] && purge_segment(p, i, false, e))
            return -1;
    if (mark_live(p, entries, n, done, e))
        return -1;
    for (size_t i = 0; i < p->r->n_segments; i++)
        if (p->r->has_marks[i] && purge_segment(p, i, true, e))
            return -1;
    done->removed = n;
    return 0;
}

int dlq_purge(struct dlq_read *r, const size_t *entries, size_t n,
              struct dlq_purged *done, struct err *e)
{
    struct purge p = { .r = r };
    *done = (struct dlq_purged){ 0 };
    p.wanted = calloc(r->n_segments + 1, sizeof(bool));
    p.live = calloc(r->n_segments + 1, sizeof(bool));
    int bad =
        p.wanted && p.live ? purge_all(&p, entries, n, done, e) : err_nomem(e);
    free(p.wanted);
    free(p.live);
    idmap_free(&p.lines);
    return bad;
}
