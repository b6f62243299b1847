/* naming: what datasets are called, after the naming conventions of
 * OpenLineage: a namespace that says where, a name that says what.
 *
 *     a file           file                     /data/orders.csv
 *     sqlite:shop.db   sqlite:///data/shop.db   orders (the table)
 *     SCHEME://HOST/X  SCHEME://HOST:PORT       X, with .TABLE behind it
 *     a pipe           pipe://BOOT-ID           pipe:[12345]
 *
 * A pipe is known by its inode, which is the same at both its ends, in the
 * boot that its number belongs to: so the output of a stage and the input of
 * the next have one name, although neither knows the other. User names,
 * passwords and queries of URIs are left out. */
#ifndef OBSERVE_NAMING_H
#define OBSERVE_NAMING_H

#include "base/buf.h"

/* Names what uri (a path or a URI as commands take it) means, with table (NULL:
 * none) in it. Replaces what is in namespace and name. 0 or -1 (memory). */
int naming_uri(struct buf *namespace, struct buf *name, const char *uri,
               const char *table);

/* Names what is behind a descriptor: a pipe, or a file. 1; 0 where it is
 * neither (a terminal, a device, a socket); -1 (memory). */
int naming_fd(struct buf *namespace, struct buf *name, int fd);

/* Appends text, of whose URIs users, passwords and queries are left out: for
 * messages, which quote what they are about. 0 or -1 (memory). */
int naming_hide(struct buf *out, struct str text);

#endif
