/* view: the rules that have a say about a value, through references and
 * combinations, and those about its members. Safe for several threads. */
#ifndef EVOLVE_VIEW_H
#define EVOLVE_VIEW_H

#include "evolve/rule.h"

#define VIEW_RULES 1000 /* at most; what lies behind is not seen */

/* v[0 .. sure) apply to every value (by $ref and allOf), the others to some
 * (anyOf, oneOf, if, dependentSchemas). Fewer steps away comes first. */
struct view {
    const struct rule **v;
    size_t n, sure;
};

/* What the n rules lead to, in the arena. 0, or -1 without memory. */
int view_of(struct arena *a, const struct rule *const *rules, size_t n,
            struct view *out);

/* What the rules of `of` (all, or only the sure ones) say of the member key
 * itself: its rules, in the arena; *named is set true if one of them names it,
 * by key or by pattern, or describes all members that it does not name. */
int view_member(struct arena *a, const struct view *of, struct str key,
                bool sure, struct pattern_run *match, struct view *out,
                bool *named);

/* What they say of the elements of an array. */
int view_items(struct arena *a, const struct view *of, struct view *out);

/* True if one of the sure rules, or of all, names properties: others then are
 * unknown ones. */
bool view_names(const struct view *v);

#endif
