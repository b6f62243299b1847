/* The rules that the three specifications lay down for schemas, spelled as
 * schemas. An apostrophe stands for the quotation mark. */
#include "schema/meta.h"

#define D20 "json-schema.org/draft/2020-12/"
#define D19 "json-schema.org/draft/2019-09/"
#define SCHEMA_20 "'$schema':'https://" D20 "schema',"
#define SCHEMA_19 "'$schema':'https://" D19 "schema',"
#define HEAD_20(name)                                                    \
    "{" SCHEMA_20 "'$id':'https://" D20 "meta/" name "','$vocabulary':{" \
    "'https://" D20 "vocab/" name "':true},'$dynamicAnchor':'meta',"     \
    "'type':['object','boolean'],"
#define HEAD_19(name)                                                    \
    "{" SCHEMA_19 "'$id':'https://" D19 "meta/" name "','$vocabulary':{" \
    "'https://" D19 "vocab/" name "':true},'$recursiveAnchor':true,"     \
    "'type':['object','boolean'],"

/* A schema, and containers of them, as the drafts spell it. */
#define S20 "{'$dynamicRef':'#meta'}"
#define S19 "{'$recursiveRef':'#'}"
#define S07 "{'$ref':'#'}"
#define LIST(s) "{'type':'array','minItems':1,'items':" s "}"
#define MAP(s) "{'type':'object','additionalProperties':" s "}"
#define PATTERNS(s)                                        \
    "{'type':'object','propertyNames':{'format':'regex'}," \
    "'additionalProperties':" s "}"

#define COUNT "{'type':'integer','minimum':0}"
#define FLAG "{'type':'boolean'}"
#define NUMBER "{'type':'number'}"
#define TEXT "{'type':'string'}"
#define NAMES "{'type':'array','items':" TEXT ",'uniqueItems':true}"
#define TYPE                                                         \
    "{'enum':['array','boolean','integer','null','number','object'," \
    "'string']}"
#define TYPES                                          \
    "{'anyOf':[" TYPE ",{'type':'array','items':" TYPE \
    ",'minItems':1,'uniqueItems':true}]}"

/* What all three say of numbers, strings and sizes. */
#define LIMITS                                                                \
    "'type':" TYPES ",'const':true,'enum':{'type':'array'},"                  \
    "'multipleOf':{'type':'number','exclusiveMinimum':0},"                    \
    "'maximum':" NUMBER ",'exclusiveMaximum':" NUMBER ",'minimum':" NUMBER    \
    ",'exclusiveMinimum':" NUMBER ",'maxLength':" COUNT ",'minLength':" COUNT \
    ",'pattern':{'type':'string','format':'regex'},"                          \
    "'maxItems':" COUNT ",'minItems':" COUNT ",'uniqueItems':" FLAG           \
    ",'maxProperties':" COUNT ",'minProperties':" COUNT ",'required':" NAMES

#define VALIDATION                                                          \
    "'properties':{" LIMITS ",'maxContains':" COUNT ",'minContains':" COUNT \
    ",'dependentRequired':" MAP(NAMES) "}}"

#define META_DATA                                             \
    "'title':" TEXT ",'description':" TEXT ",'default':true," \
    "'readOnly':" FLAG ",'writeOnly':" FLAG ",'examples':{'type':'array'}"

/* The schemas that all three apply, but for those of arrays. */
#define APPLIED(s)                                                        \
    "'additionalProperties':" s                                           \
    ",'properties':" MAP(s) ",'patternProperties':" PATTERNS(             \
        s) ",'propertyNames':" s ",'contains':" s ",'if':" s ",'then':" s \
           ",'else':" s ",'allOf':" LIST(s) ",'anyOf':" LIST(             \
               s) ",'oneOf':" LIST(s) ",'not':" s

#define ANCHOR "'^[A-Za-z_][-A-Za-z0-9._]*$'"

#define CORE_20                                                        \
    HEAD_20("core")                                                    \
    "'properties':{"                                                   \
    "'$id':{'type':'string','format':'uri-reference',"                 \
    "'pattern':'^[^#]*#?$'},"                                          \
    "'$schema':{'type':'string','format':'uri'},"                      \
    "'$ref':{'type':'string','format':'uri-reference'},"               \
    "'$anchor':{'type':'string','pattern':" ANCHOR "},"                \
    "'$dynamicRef':{'type':'string','format':'uri-reference'},"        \
    "'$dynamicAnchor':{'type':'string','pattern':" ANCHOR "},"         \
    "'$vocabulary':{'type':'object','propertyNames':{'type':'string'," \
    "'format':'uri'},'additionalProperties':" FLAG "},"                \
    "'$comment':" TEXT ",'$defs':" MAP(S20) "}}"

#define CORE_19                                                           \
    HEAD_19("core")                                                       \
    "'properties':{"                                                      \
    "'$id':{'type':'string','format':'uri-reference',"                    \
    "'pattern':'^[^#]*#?$'},"                                             \
    "'$schema':{'type':'string','format':'uri'},"                         \
    "'$anchor':{'type':'string','pattern':'^[A-Za-z][-A-Za-z0-9.:_]*$'}," \
    "'$ref':{'type':'string','format':'uri-reference'},"                  \
    "'$recursiveRef':{'type':'string','format':'uri-reference'},"         \
    "'$recursiveAnchor':" FLAG ","                                        \
    "'$vocabulary':{'type':'object','propertyNames':{'type':'string',"    \
    "'format':'uri'},'additionalProperties':" FLAG "},"                   \
    "'$comment':" TEXT ",'$defs':" MAP(S19) "}}"

#define VOCAB(draft, name, on) "'https://" draft "vocab/" name "':" on

static const struct {
    const char *uri; /* behind http:// or https:// */
    const char *text;
} metas[] = {
    { D20 "schema",
      "{" SCHEMA_20 "'$id':'https://" D20
      "schema','$vocabulary':{" VOCAB(D20, "core", "true") "," VOCAB(D20, "applicator", "true") "," VOCAB(D20, "unevaluated", "true") "," VOCAB(
          D20, "validation",
          "true") "," VOCAB(D20, "meta-data",
                            "true") "," VOCAB(D20, "format-annotation",
                                              "true") "," VOCAB(D20, "content",
                                                                "true") "},'$"
                                                                        "dynami"
                                                                        "cAncho"
                                                                        "r':'"
                                                                        "meta',"
                                                                        "'type'"
                                                                        ":['"
                                                                        "object"
                                                                        "','"
                                                                        "boolea"
                                                                        "n'],'"
                                                                        "allOf'"
                                                                        ":["
                                                                        "{'$"
                                                                        "ref':'"
                                                                        "meta/"
                                                                        "core'}"
                                                                        ",{'$"
                                                                        "ref':'"
                                                                        "meta/"
                                                                        "applic"
                                                                        "ator'}"
                                                                        ","
                                                                        "{'$"
                                                                        "ref':'"
                                                                        "meta/"
                                                                        "uneval"
                                                                        "uated'"
                                                                        "},{'$"
                                                                        "ref':'"
                                                                        "meta/"
                                                                        "valida"
                                                                        "tion'}"
                                                                        ","
                                                                        "{'$"
                                                                        "ref':'"
                                                                        "meta/"
                                                                        "meta-"
                                                                        "data'}"
                                                                        ",{'$"
                                                                        "ref':'"
                                                                        "meta/"
                                                                        "format"
                                                                        "-annot"
                                                                        "ation'"
                                                                        "},"
                                                                        "{'$"
                                                                        "ref':'"
                                                                        "meta/"
                                                                        "conten"
                                                                        "t'}],'"
                                                                        "proper"
                                                                        "ties':"
                                                                        "{"
                                                                        "'defin"
                                                                        "itions"
                                                                        "'"
                                                                        ":" MAP(S20) ",'dependencies':" MAP(
                                                                            "{'"
                                                                            "an"
                                                                            "yO"
                                                                            "f'"
                                                                            ":"
                                                                            "[" S20
                                                                            "," NAMES
                                                                            "]"
                                                                            "}") ",'$recursiveAnchor':{'type':"
                                                                                 "'string','pattern':" ANCHOR
                                                                                 "},'$recursiveRef':{'type':'string',"
                                                                                 "'format':'uri-reference'}}}" },
    { D20 "meta/core", CORE_20 },
    { D20 "meta/applicator",
      HEAD_20("applicator") "'properties':{" APPLIED(
          S20) ",'prefixItems':" LIST(S20) ",'items':" S20
                                           ",'dependentSchemas':" MAP(
                                               S20) "}}" },
    { D20 "meta/unevaluated",
      HEAD_20("unevaluated") "'properties':{'unevaluatedItems':" S20
                             ",'unevaluatedProperties':" S20 "}}" },
    { D20 "meta/validation", HEAD_20("validation") VALIDATION },
    { D20 "meta/meta-data", HEAD_20("meta-data") "'properties':{" META_DATA
                                                 ",'deprecated':" FLAG "}}" },
    { D20 "meta/format-annotation",
      HEAD_20("format-annotation") "'properties':{'format':" TEXT "}}" },
    { D20 "meta/format-assertion",
      HEAD_20("format-assertion") "'properties':{'format':" TEXT "}}" },
    { D20 "meta/content",
      HEAD_20("content") "'properties':{'contentEncoding':" TEXT
                         ",'contentMediaType':" TEXT ",'contentSchema':" S20
                         "}}" },
    { D19 "schema",
      "{" SCHEMA_19 "'$id':'https://" D19
      "schema','$vocabulary':{" VOCAB(D19, "core", "true") "," VOCAB(D19, "applicator", "true") "," VOCAB(
          D19, "validation",
          "true") "," VOCAB(D19, "meta-data",
                            "true") "," VOCAB(D19, "format",
                                              "false") "," VOCAB(D19, "content",
                                                                 "true") "},'$"
                                                                         "recur"
                                                                         "siveA"
                                                                         "nchor"
                                                                         "':"
                                                                         "true,"
                                                                         "'type"
                                                                         "':['"
                                                                         "objec"
                                                                         "t','"
                                                                         "boole"
                                                                         "an'],"
                                                                         "'allO"
                                                                         "f':["
                                                                         "{'$"
                                                                         "ref':"
                                                                         "'meta"
                                                                         "/core"
                                                                         "'},{'"
                                                                         "$ref'"
                                                                         ":'"
                                                                         "meta/"
                                                                         "appli"
                                                                         "cator"
                                                                         "'},"
                                                                         "{'$"
                                                                         "ref':"
                                                                         "'meta"
                                                                         "/vali"
                                                                         "datio"
                                                                         "n'},{"
                                                                         "'$"
                                                                         "ref':"
                                                                         "'meta"
                                                                         "/meta"
                                                                         "-data"
                                                                         "'},"
                                                                         "{'$"
                                                                         "ref':"
                                                                         "'meta"
                                                                         "/form"
                                                                         "at'},"
                                                                         "{'$"
                                                                         "ref':"
                                                                         "'meta"
                                                                         "/cont"
                                                                         "ent'}"
                                                                         "],'"
                                                                         "prope"
                                                                         "rties"
                                                                         "':{"
                                                                         "'defi"
                                                                         "nitio"
                                                                         "ns'"
                                                                         ":" MAP(S19) ",'dependencies':" MAP(
                                                                             "{"
                                                                             "'"
                                                                             "a"
                                                                             "n"
                                                                             "y"
                                                                             "O"
                                                                             "f"
                                                                             "'"
                                                                             ":"
                                                                             "[" S19
                                                                             "," NAMES
                                                                             "]"
                                                                             "}") "}}" },
    { D19 "meta/core", CORE_19 },
    { D19 "meta/applicator",
      HEAD_19("applicator") "'properties':{" APPLIED(
          S19) ",'additionalItems':" S19 ",'unevaluatedItems':" S19
               ",'items':{'anyOf':[" S19
               "," LIST(S19) "]},"
                             "'unevaluatedProperties':" S19
                             ",'dependentSchemas':" MAP(S19) "}}" },
    { D19 "meta/validation", HEAD_19("validation") VALIDATION },
    { D19 "meta/meta-data", HEAD_19("meta-data") "'properties':{" META_DATA
                                                 ",'deprecated':" FLAG "}}" },
    { D19 "meta/format",
      HEAD_19("format") "'properties':{'format':" TEXT "}}" },
    { D19 "meta/content",
      HEAD_19("content") "'properties':{'contentMediaType':" TEXT
                         ",'contentEncoding':" TEXT ",'contentSchema':" S19
                         "}}" },
    { "json-schema.org/draft-07/schema",
      "{'$schema':'http://json-schema.org/draft-07/schema#',"
      "'$id':'http://json-schema.org/draft-07/schema#',"
      "'type':['object','boolean'],'properties':{"
      "'$id':{'type':'string','format':'uri-reference'},"
      "'$schema':{'type':'string','format':'uri'},"
      "'$ref':{'type':'string','format':'uri-reference'},"
      "'$comment':" TEXT "," META_DATA "," LIMITS "," APPLIED(
          S07) ",'additionalItems':" S07 ",'items':{'anyOf':[" S07
               "," LIST(S07) "]},'definitions':" MAP(
                   S07) ",'dependencies':" MAP("{'anyOf':[" S07 "," NAMES
                                               "]}") ",'format':" TEXT
                                                     ",'contentMediaType':" TEXT
                                                     ",'contentEncoding':" TEXT
                                                     "}}" },
};

int meta_text(struct buf *out, struct str uri)
{
    size_t http = uri.n > 8 && memcmp(uri.p, "https://", 8) == 0  ? 8
                  : uri.n > 7 && memcmp(uri.p, "http://", 7) == 0 ? 7
                                                                  : uri.n;
    uri = (struct str){ uri.p + http, uri.n - http };
    for (size_t i = 0; i < sizeof(metas) / sizeof(*metas); i++) {
        if (!str_eq(uri, str_of(metas[i].uri)))
            continue;
        for (const char *p = metas[i].text; *p; p++)
            buf_addc(out, *p == '\'' ? '"' : *p);
        return out->failed ? -1 : 1;
    }
    return 0;
}
