/* ask: what became of the loads of an earlier run, by the word of their
 * ledgers.
 *
 * pipe-load asks them, so that no client of a database is part of the program
 * that wants to know. */
#ifndef RUN_ASK_H
#define RUN_ASK_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Are all loads of a JSON array, as they stand in the record of a run,
 * committed? 1; none, or not all: 0, for the same run again loads what is
 * missing and changes nothing where it is there; -1 where a ledger cannot be
 * asked. stop (NULL: never) is true once a signal came. */
int ask_loads(struct str loads, bool (*stop)(void), struct err *e);

#endif
