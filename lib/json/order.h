/* order: a total order of JSON values, as jq sorts them.
 *
 * missing < null < false < true < numbers < strings < arrays < objects.
 * Numbers by value, exactly; strings by their characters (code points);
 * arrays element by element, a shorter one first; objects first by their keys
 * as a sorted array, then by their values in that order of keys. Of duplicate
 * keys the last counts. */
#ifndef JSON_ORDER_H
#define JSON_ORDER_H

#include "json/value.h"

/* Sets *order to <0, 0 or >0. Returns 0; -1 without memory, -3 where a value
 * is not JSON or nests deeper than JSON_DEPTH_DEFAULT. */
int order_cmp(struct val a, struct val b, int *order);

#endif
