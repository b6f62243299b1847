#include "source/openfile.h"

#include "json/visible.h"
#include "source/walk.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

/* ---- opening ---- */

static bool is_regular(const struct input *in)
{
    struct stat st;
    return in->fd >= 0 && fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* The input that bytes come from, decompressed. */
static struct input *bytes(struct openfile *o)
{
    return o->filter ? &o->plain : &o->file;
}

static int open_filter(struct openfile *o, struct err *e)
{
    if (unfilter_open(&o->filter, &o->file, e) != 0)
        return -1;
    input_reader(&o->plain, unfilter_read, o->filter, 0, o->entry->path);
    o->plain.modified = o->file.modified;
    o->plain.limits = o->file.limits;
    return 0;
}

static int open_archive(struct openfile *o, struct err *e)
{
    struct str head;
    if (input_peek(bytes(o), UNPACK_HEAD, &head, e) != 0)
        return -1;
    enum unpack_kind kind = unpack_sniff(head);
    if (kind == UNPACK_NONE)
        kind = unpack_by_name(str_of(o->entry->path));
    if (kind != UNPACK_NONE)
        return unpack_open(&o->archive, kind, bytes(o), e);
    if (o->entry->members)
        return err_set(e, ERR_DATA, "'%s' is no archive: it has no members",
                       o->entry->path);
    return 0;
}

int openfile_open(struct openfile *o, const struct files_entry *entry,
                  const struct files_rules *rules, struct err *e)
{
    struct input given = o->file;
    struct str head;
    o->entry = entry;
    o->rules = rules;
    if (input_open(&o->file, entry->path, e) != 0)
        return -1;
    o->open = true;
    o->file.limits = given.limits;
    o->file.tap = given.tap;
    o->file.tap_ctx = given.tap_ctx;
    /* What comes through a pipe is not looked at: it may be long in coming. */
    if (!is_regular(&o->file))
        return entry->members ? err_set(e, ERR_USAGE,
                                        "cannot read '%s': an archive is read "
                                        "from a file",
                                        entry->path)
                              : 0;
    if (input_peek(&o->file, UNFILTER_HEAD, &head, e) != 0)
        return -1;
    if (unfilter_sniff(head) && open_filter(o, e) != 0)
        return -1;
    return open_archive(o, e);
}

/* ---- members ---- */

/* Any part of the path. */
static bool is_hidden(const char *name)
{
    char part[256];
    while (*name) {
        size_t n = strcspn(name, "/");
        if (n < sizeof(part)) {
            memcpy(part, name, n);
            part[n] = '\0';
            if (n > 0 && walk_is_hidden(part))
                return true;
        }
        name += n + strspn(name + n, "/");
    }
    return false;
}

/* tar puts "./" before names. */
static const char *plain_name(const char *name)
{
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    return name;
}

static bool is_chosen(const struct openfile *o, const char *name)
{
    const char *pattern = o->entry->members;
    if (!pattern)
        return !is_hidden(name) &&
               (o->entry->listed || files_chosen(o->rules, name));
    if (strcmp(pattern, name) == 0)
        return true;
    return strchr(pattern, '/')
               ? walk_match(pattern, name)
               : !is_hidden(name) && fnmatch(pattern, walk_base(name), 0) == 0;
}

/* Finds the next member that is wanted: 1, 0, -1. */
static int find_member(struct openfile *o, struct err *e)
{
    int r = 1;
    while (!o->ahead && !o->ended && r > 0) {
        r = unpack_next(o->archive, &o->next, e);
        o->ended = r == 0;
        o->ahead = r > 0 && is_chosen(o, plain_name(o->next.name.p));
    }
    return r < 0 ? -1 : o->ahead;
}

static int no_member(const struct openfile *o, struct err *e)
{
    if (o->found || o->entry->listed)
        return 0;
    if (o->entry->members)
        return err_set(e, ERR_NOINPUT, "no member of '%s' matches '%s'",
                       o->entry->path, o->entry->members);
    return err_set(e, ERR_NOINPUT, "no file to be read in '%s'",
                   o->entry->path);
}

static void close_member(struct openfile *o)
{
    if (o->in_member)
        input_close(&o->member);
    o->in_member = false;
}

static int next_member(struct openfile *o, struct input **in, struct err *e)
{
    close_member(o);
    int r = find_member(o, e);
    if (r <= 0)
        return r < 0 ? -1 : no_member(o, e);
    buf_reset(&o->name);
    buf_addf(&o->name, "%s!", o->entry->path);
    visible_text(&o->name, str_of(plain_name(o->next.name.p)));
    if (!buf_z(&o->name))
        return err_nomem(e);
    input_reader(&o->member, unpack_read, o->archive, o->next.size, o->name.p);
    o->member.modified = o->next.modified;
    o->in_member = o->found = true;
    o->ahead = false;
    *in = &o->member;
    return 1;
}

int openfile_next(struct openfile *o, struct input **in, struct err *e)
{
    if (o->archive)
        return next_member(o, in, e);
    if (o->found)
        return 0;
    o->found = true;
    *in = bytes(o);
    return 1;
}

int openfile_more(struct openfile *o, struct err *e)
{
    return o->archive ? find_member(o, e) : 0;
}

void openfile_close(struct openfile *o)
{
    close_member(o);
    unpack_close(o->archive);
    if (o->filter)
        input_close(&o->plain);
    unfilter_close(o->filter);
    if (o->open)
        input_close(&o->file);
    buf_free(&o->name);
    *o = (struct openfile){ 0 };
}
