/* text: JSON strings of what may be no UTF-8: arguments, messages, file names.
 */
#ifndef GATE_TEXT_H
#define GATE_TEXT_H

#include "base/buf.h"

/* Appends text as a JSON string; each byte that belongs to no character becomes
 * U+FFFD. 0, or -1 if out failed. */
int text_quote(struct buf *out, struct str text);

#endif
