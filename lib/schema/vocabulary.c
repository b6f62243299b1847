/* vocabulary: which keywords a dialect knows, and which hold schemas. */
#include "schema/compile.h"

/* Keywords without a say in the verdict, or with one that other code gives
 * them ($id, $schema). */
static const char *const annotations[] = {
    "$schema",          "$id",           "$anchor",
    "$comment",         "$vocabulary",   "$dynamicAnchor",
    "$recursiveAnchor", "title",         "description",
    "default",          "examples",      "deprecated",
    "readOnly",         "writeOnly",     "contentEncoding",
    "contentMediaType", "contentSchema",
};

/* Which keywords hold schemas. */
static const unsigned char holds_of[KW_N] = {
    [KW_PREFIX_ITEMS] = HOLDS_SCHEMAS,
    [KW_ITEMS] = HOLDS_SCHEMAS,
    [KW_ADDITIONAL_ITEMS] = HOLDS_SCHEMAS,
    [KW_CONTAINS] = HOLDS_SCHEMAS,
    [KW_PROPERTIES] = HOLDS_MAP,
    [KW_PATTERN_PROPERTIES] = HOLDS_MAP,
    [KW_ADDITIONAL_PROPERTIES] = HOLDS_SCHEMAS,
    [KW_PROPERTY_NAMES] = HOLDS_SCHEMAS,
    [KW_DEPENDENT_SCHEMAS] = HOLDS_MAP,
    [KW_DEPENDENCIES] = HOLDS_MAP,
    [KW_ALL_OF] = HOLDS_SCHEMAS,
    [KW_ANY_OF] = HOLDS_SCHEMAS,
    [KW_ONE_OF] = HOLDS_SCHEMAS,
    [KW_NOT] = HOLDS_SCHEMAS,
    [KW_IF] = HOLDS_SCHEMAS,
    [KW_THEN] = HOLDS_SCHEMAS,
    [KW_ELSE] = HOLDS_SCHEMAS,
    [KW_UNEVALUATED_ITEMS] = HOLDS_SCHEMAS,
    [KW_UNEVALUATED_PROPERTIES] = HOLDS_SCHEMAS,
    [KW_DEFS] = HOLDS_MAP,
    [KW_DEFINITIONS] = HOLDS_MAP,
};

/* The vocabulary that keyword k belongs to. */
static unsigned vocabulary_of(enum keyword k)
{
    switch (k) {
    case KW_REF:
    case KW_DYNAMIC_REF:
    case KW_RECURSIVE_REF:
    case KW_DEFS:
    case KW_DEFINITIONS: return VOCAB_CORE;
    case KW_FORMAT: return VOCAB_FORMAT;
    case KW_UNEVALUATED_ITEMS:
    case KW_UNEVALUATED_PROPERTIES: return VOCAB_UNEVALUATED;
    case KW_MIN_CONTAINS:
    case KW_MAX_CONTAINS:
    case KW_DEPENDENT_REQUIRED: return VOCAB_VALIDATION;
    default:
        return holds_of[k] != HOLDS_NONE ? VOCAB_APPLICATOR : VOCAB_VALIDATION;
    }
}

static bool known(const struct dialect *d, enum keyword k)
{
    unsigned drafts;
    keyword_name(k, &drafts);
    return (drafts >> d->draft & 1) && (d->vocabularies & vocabulary_of(k));
}

static bool find_row(struct str name, enum keyword *k)
{
    unsigned drafts;
    for (*k = 0; *k < KW_N; ++*k)
        if (str_eq(name, str_of(keyword_name(*k, &drafts))))
            return true;
    return false;
}

int keyword_find(const struct dialect *d, struct str name, enum keyword *k)
{
    if (find_row(name, k))
        return known(d, *k);
    for (size_t i = 0; i < sizeof(annotations) / sizeof(*annotations); i++)
        if (str_eq(name, str_of(annotations[i])))
            return 2;
    return 0;
}

enum holds keyword_holds(const struct dialect *d, struct str name)
{
    enum keyword k;
    if (find_row(name, &k))
        return known(d, k) ? (enum holds)holds_of[k] : HOLDS_NONE;
    return str_eq(name, STR("contentSchema")) && d->draft != DRAFT_07
               ? HOLDS_SCHEMAS
               : HOLDS_NONE;
}
