/* file: paths, folders, file: URIs, globs, members of archives, "-" for stdin:
 * what operands name that no other feed does. */
#include "base/date.h"
#include "json/utf8.h"
#include "json/visible.h"
#include "source/feed.h"
#include "source/files.h"
#include "source/newfile.h"
#include "source/openfile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

static struct opt_list includes, excludes;
static const char *marker;
static uint64_t min_age;
static bool new_only;

static const struct opt opts[] = {
    { OPT_GROUP, 0, "files", NULL, NULL, "Files", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_LIST, 0, "include", "GLOB", &includes,
      "of folders, globs and archives read only what matches, repeatable", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "exclude", "GLOB", &excludes,
      "leave out what matches, repeatable", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_FLAG, 0, "new", NULL, &new_only,
      "read only files that the loads before have not committed, or that have "
      "changed since",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "min-age", "TIME", &min_age,
      "leave files alone that changed within TIME: they may still be written",
      NULL, 1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "marker", "NAME", &marker,
      "a folder is complete once it has a file NAME; with * in it, for the "
      "file's name, a file is complete once that is beside it; else fail (75)",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

struct feed_file {
    struct feed base;
    struct files files;
    struct files_rules rules;
    size_t at;            /* the file that comes next */
    struct openfile file; /* the one that is read, while open */
    bool open;
    /* --new: */
    struct newfile known;
    bool known_ready;
    struct buf name;   /* of the file that is read, as positions have it */
    struct stat state; /* when it was opened */
    XXH3_state_t *sum; /* owned: of its bytes, */
    uint64_t summed;   /* so many of them */
    struct positions touched; /* files whose time alone has changed */
};

/* ---- words under -v ---- */

__attribute__((format(printf, 2, 3))) static void say(struct feed_file *f,
                                                      const char *fmt, ...)
{
    struct buf text = { .max = 65536 };
    va_list ap;
    if (!f->base.opts->say)
        return;
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    if (buf_z(&text))
        f->base.opts->say(f->base.opts->listener, text.p);
    buf_free(&text);
}

static const char *files_word(size_t n)
{
    return n == 1 ? "file" : "files";
}

/* ---- opening ---- */

static int check_options(const struct source_opts *o, struct err *e)
{
    if (new_only && !o->notes)
        return err_set(e, ERR_USAGE,
                       "option --new needs a pipeline with a name under "
                       "pipe-run -- 'PIPELINE', and no --max: files are noted "
                       "as read when the load has committed all of them");
    if (!marker ||
        (*marker && !strchr(marker, '/') && strcmp(marker, "*") &&
         (!strchr(marker, '*') || !strchr(strchr(marker, '*') + 1, '*'))))
        return 0;
    return err_set(e, ERR_USAGE,
                   "option --marker: '%s' is no name of a file, with one '*' "
                   "at most for another name",
                   marker);
}

static int file_open(struct feed *base, struct err *e)
{
    struct feed_file *f = (struct feed_file *)base;
    if (check_options(base->opts, e))
        return -1;
    f->rules = (struct files_rules){ .include = &includes,
                                     .exclude = &excludes,
                                     .marker = marker,
                                     .may_be_none = new_only };
    if (min_age)
        f->rules.older_ns = time_now() * 1000 - (int64_t)min_age * 1000000;
    if (files_add(&f->files, base->uri, &f->rules, e))
        return -1;
    if (f->files.young)
        say(f, "'%s': %zu %s changed within --min-age and left alone",
            base->uri, f->files.young, files_word(f->files.young));
    if (f->files.open)
        say(f, "'%s': %zu %s without a marker and left alone", base->uri,
            f->files.open, files_word(f->files.open));
    return 0;
}

/* ---- new files only ---- */

static void add_sum(void *context, const void *p, size_t n)
{
    struct feed_file *f = context;
    XXH3_128bits_update(f->sum, p, n);
    f->summed += n;
}

/* What was known when reading begins is in the options by then. */
static int get_ready(struct feed_file *f, struct err *e)
{
    if (f->known_ready)
        return 0;
    f->known_ready = true;
    f->sum = XXH3_createState();
    if (!f->sum)
        return err_nomem(e);
    return positions_init(&f->touched, STR(""), e) ||
                   newfile_init(&f->known, f->base.opts->resume, e)
               ? -1
               : 0;
}

/* Names that are no text are kept as they are shown. */
static int set_name(struct feed_file *f, const char *path, struct err *e)
{
    struct str name = str_of(path);
    buf_reset(&f->name);
    if (utf8_valid(name))
        buf_add_str(&f->name, name);
    else
        visible_text(&f->name, name);
    return buf_z(&f->name) ? 0 : err_nomem(e);
}

/* Its time is another: has it changed? 1 if so, 0, -1. */
static int compare(struct feed_file *f, const char *path, struct err *e)
{
    struct hash128 hash = { 0 };
    struct input in;
    if (input_open(&in, path, e))
        return -1;
    int r = newfile_hash(in.fd, path, &hash, e);
    input_close(&in);
    if (r)
        return -1;
    if (!newfile_is_hash(&f->known, f->name.p, hash))
        return 1;
    return newfile_note(&f->touched, f->name.p, &f->state, &hash, e);
}

/* Is the file to be read? 1, 0, -1. */
static int is_new(struct feed_file *f, const char *path, struct err *e)
{
    if (get_ready(f, e) || set_name(f, path, e))
        return -1;
    if (stat(path, &f->state) != 0)
        return err_sys(e, ERR_NOINPUT, errno, "cannot open '%s'", path);
    if (!S_ISREG(f->state.st_mode))
        return 1;
    enum newfile_state state = newfile_judge(&f->known, f->name.p, &f->state);
    int r =
        state == NEWFILE_TOUCHED ? compare(f, path, e) : state != NEWFILE_SAME;
    if (r > 0 && state != NEWFILE_NEW)
        say(f,
            "'%s' has %s since it was read: it is read again from its "
            "beginning",
            path, state == NEWFILE_GREW ? "grown" : "changed");
    return r;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_ino == b->st_ino &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The checksum of the file that was read: of what passed by, or of all its
 * bytes where a reader took them from the descriptor. 1; 0 where the file has
 * changed meanwhile, so that nobody knows what was read; -1. */
static int sum_up(struct feed_file *f, struct hash128 *hash, struct err *e)
{
    struct stat now;
    const struct input *in = &f->file.file;
    if (f->summed == (uint64_t)f->state.st_size) {
        XXH128_hash_t h = XXH3_128bits_digest(f->sum);
        *hash = (struct hash128){ h.low64, h.high64 };
    } else if (newfile_hash(in->fd, in->uri, hash, e)) {
        return -1;
    }
    if (fstat(in->fd, &now) != 0)
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", in->uri);
    return is_same(&f->state, &now);
}

static int note(struct feed_file *f, struct positions *at, struct err *e)
{
    struct hash128 hash;
    int r = sum_up(f, &hash, e);
    if (r < 0)
        return -1;
    if (r == 0)
        say(f, "'%s' changed while it was read: it will be read again",
            f->file.file.uri);
    return newfile_note(at, f->name.p, &f->state, r ? &hash : NULL, e);
}

static int note_touched(struct feed_file *f, struct positions *at,
                        struct err *e)
{
    for (size_t i = 0; i < f->touched.n; i++) {
        const struct position *from = &f->touched.v[i];
        struct position *p = positions_at(at, from->partition, e);
        if (!p || position_set(p, from->kind, from->value, e))
            return -1;
    }
    positions_free(&f->touched);
    return positions_init(&f->touched, STR(""), e);
}

/* One that is written anew in its place ends early, between two records maybe:
 * nothing else would tell. */
static int check_size(const struct input *in, struct err *e)
{
    struct stat now;
    if (in->size == 0 || fstat(in->fd, &now) != 0 ||
        (uint64_t)now.st_size >= in->size)
        return 0;
    return err_set(e, ERR_TEMPFAIL, "'%s' became shorter while it was read",
                   input_name(in));
}

static int file_done(struct feed *base, struct positions *at, struct err *e)
{
    struct feed_file *f = (struct feed_file *)base;
    if (!f->open)
        return 0;
    /* Behind its last member an archive turns out to be whole. */
    int more = openfile_more(&f->file, e);
    if (more == 0 && check_size(&f->file.file, e))
        return -1;
    if (more != 0 || !new_only)
        return more < 0 ? -1 : 0;
    if (!S_ISREG(f->state.st_mode))
        return 0;
    return note(f, at, e) || note_touched(f, at, e) ? -1 : 0;
}

/* ---- reading ---- */

static void close_file(struct feed_file *f)
{
    if (f->open)
        openfile_close(&f->file);
    f->open = false;
}

static int open_next(struct feed_file *f, const struct files_entry *entry,
                     struct err *e)
{
    bool noted = new_only && strcmp(entry->path, "-") != 0;
    f->open = true;
    f->state = (struct stat){ 0 };
    f->file.file.limits = f->base.opts->limits;
    if (noted) {
        XXH3_128bits_reset(f->sum);
        f->summed = 0;
        f->file.file.tap = add_sum;
        f->file.file.tap_ctx = f;
    }
    if (openfile_open(&f->file, entry, &f->rules, e))
        return -1;
    if (noted && fstat(f->file.file.fd, &f->state) != 0)
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", entry->path);
    return 0;
}

static int file_next(struct feed *base, struct input **in, struct err *e)
{
    struct feed_file *f = (struct feed_file *)base;
    for (;;) {
        int r = f->open ? openfile_next(&f->file, in, e) : 0;
        if (r != 0)
            return r;
        close_file(f);
        if (f->at == f->files.n)
            return 0;
        const struct files_entry *entry = &f->files.v[f->at++];
        bool always = !new_only || strcmp(entry->path, "-") == 0;
        r = always ? 1 : is_new(f, entry->path, e);
        if (r < 0 || (r > 0 && open_next(f, entry, e)))
            return -1;
    }
}

static void file_close(struct feed *base)
{
    struct feed_file *f = (struct feed_file *)base;
    close_file(f);
    files_free(&f->files);
    newfile_free(&f->known);
    positions_free(&f->touched);
    buf_free(&f->name);
    if (f->sum)
        XXH3_freeState(f->sum);
}

static const char *const schemes[] = { "file:", NULL };

FEED_CONNECTOR(file) = {
    .name = "file",
    .schemes = schemes,
    .size = sizeof(struct feed_file),
    .opts = opts,
    .open = file_open,
    .next = file_next,
    .done = file_done,
    .close = file_close,
};
