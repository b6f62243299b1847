/* textfile: metrics in a folder, for a collector that reads its *.prom files
 * (node_exporter's textfile collector).
 *
 * A file is read, added to and replaced by rename under the lock of the folder
 * itself (flock(2); nothing is left to clean up): readers see the old file or
 * the new one, and what processes that end at the same time count adds up. */
#ifndef OBSERVE_TEXTFILE_H
#define OBSERVE_TEXTFILE_H

#include "observe/metrics.h"

#define TEXTFILE_PATIENCE_MS 5000

/* Merges m (which grows by what was) into the file NAME.prom in folder, which
 * is made if it is not there. 0; -1 with ERR_DATA where the file that is there
 * is not one of ours, whole: it is left as it is, since to take it for empty
 * would set every counter back; ERR_TEMPFAIL where the lock cannot be had in
 * TEXTFILE_PATIENCE_MS; else ERR_CANTCREAT, ERR_NOPERM, ERR_IO or memory. */
int textfile_add(const char *folder, const char *name, struct metrics *m,
                 struct err *e);

/* Joins what the files of a pipeline hold (PIPELINE.STAGE.prom; STAGE.prom for
 * the one without a name, "") into m, which needs no init and is freed in every
 * case. 0; -1 with ERR_DATA, ERR_IO or memory. */
int textfile_gather(const char *folder, const char *pipeline, struct metrics *m,
                    struct err *e);

#endif
