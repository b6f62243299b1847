/* zipend: does a file end as a zip archive does?
 *
 * The directory of a zip stands at its end (PKWARE APPNOTE 4.3.16, with zip64
 * 4.3.14 and 4.3.15), and a reader that only looks for its signature takes a
 * truncated archive with another one inside for that one. */
#ifndef IO_ZIPEND_H
#define IO_ZIPEND_H

#include "base/err.h"

#include <stdint.h>

/* Checks that the record that ends the directory is the last thing in the file
 * of size bytes, that the directory stands right before it, and that the
 * archive begins with the file. *entries receives how many it says there are.
 * uri is for messages. 0, or -1 with ERR_DATA or ERR_IO. */
int zipend_check(int fd, uint64_t size, const char *uri, uint64_t *entries,
                 struct err *e);

#endif
