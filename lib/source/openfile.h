/* openfile: a file as the inputs that it holds: itself, or each of the members
 * of an archive.
 *
 * What it is its first bytes tell, or else its name. bzip2, xz and lz4 are
 * decompressed here; gzip and zstd by input. Not thread-safe. */
#ifndef SOURCE_OPENFILE_H
#define SOURCE_OPENFILE_H

#include "base/buf.h"
#include "base/err.h"
#include "io/input.h"
#include "io/unfilter.h"
#include "io/unpack.h"
#include "source/files.h"

struct openfile {
    struct input file; /* as it stands on disk */
    const struct files_entry *entry;
    const struct files_rules *rules;
    struct unfilter *filter;
    struct input plain; /* what comes out of filter */
    struct unpack *archive;
    struct input member; /* the one handed out last */
    struct buf name;     /* of it: "a.zip!dir/b.csv", made visible */
    struct unpack_member next;
    bool open, in_member;
    bool found; /* a member was chosen, or the file itself */
    bool ahead; /* next is the one that comes next */
    bool ended; /* nothing more comes */
};

/* Opens the file of entry (borrowed, as rules, until openfile_close). file must
 * be zeroed but for limits and tap of o->file, which are kept. 0 or -1;
 * openfile_close in every case. */
int openfile_open(struct openfile *o, const struct files_entry *entry,
                  const struct files_rules *rules, struct err *e);

/* The next input (borrowed until the next call): 1, 0 at the end, -1 with e:
 * ERR_NOINPUT where an archive has no member that was asked for. */
int openfile_next(struct openfile *o, struct input **in, struct err *e);

/* The last input was read to its end: does another follow? 1, 0, or -1. */
int openfile_more(struct openfile *o, struct err *e);

void openfile_close(struct openfile *o);

#endif
