/* plain: names of pipelines, runs, pools and the like that become part of a
 * path. */
#ifndef BASE_PLAIN_H
#define BASE_PLAIN_H

#include <stdbool.h>

/* True for 1 to 128 letters, digits, '-', '_' and '.', not starting with '.'.
 */
bool plain_name(const char *name);

#endif
