/* Any text, taken as YAML, is a JSON Schema, a contract or an error that says
 * where. A contract comes to a schema that compiles, to checks and gates that
 * parse, and has a place for each place of its schema. */
#include "fuzz.h"

#include "contract/contract.h"
#include "contract/yaml.h"
#include "json/check.h"
#include "quality/quality.h"
#include "schema/schema.h"

static void check_rules(const struct contract *c)
{
    struct quality_env env = { .dated = true, .memory = (size_t)64 << 20 };
    struct quality q;
    struct err e = { 0 };
    quality_init(&q, &env);
    for (size_t i = 0; i < c->n_checks; i++)
        MUST(quality_add_check(&q, c->checks[i].text, &e) == 0);
    /* Lists may be too long, and times too far. */
    for (size_t i = 0; i < c->n_gates; i++)
        MUST(quality_add_gate(&q, c->gates[i].text, &e) == 0 ||
             strlen(c->gates[i].text) > RULE_TEXT_MAX ||
             strstr(e.msg, "more than a century") ||
             strstr(e.msg, "field is given twice"));
    MUST(q.n_gates == 0 || quality_begin(&q, 1, &e) == 0 ||
         e.code != ERR_USAGE);
    quality_free(&q);
}

static void check_schema(const struct contract *c)
{
    struct schema_options options = { .place = contract_place, .place_of = c };
    struct json_fault fault;
    struct err e = { 0 };
    struct str text = buf_str(&c->schema);
    MUST(json_check_value(text, JSON_DEPTH_MAX, &fault) == 0);
    struct schema *s = schema_compile(text, "made", &options, &e);
    /* It nests deeper than the contract. */
    MUST(s || e.code == ERR_TEMPFAIL ||
         json_check_value(text, SCHEMA_MAX_DEPTH, &fault));
    struct schema_run *r = s ? schema_run_new(s) : NULL;
    const struct schema_error *errors;
    size_t n = 0;
    if (r && schema_check(r, STR("{\"a\":[{}],\"b\":null,\"t\":\"x\"}"),
                          &errors, &n, &e) == 0)
        for (size_t i = 0; i < n; i++)
            MUST(errors[i].schema.n > 8 &&
                 memcmp(errors[i].schema.p, "/schema/", 8) == 0);
    schema_run_free(r);
    schema_free(s);
}

static void check(struct str text, const char *name,
                  const struct contract_options *options)
{
    struct err e = { 0 };
    struct contract *c = contract_parse(text, name, options, &e);
    MUST(c || (e.code != ERR_NONE && e.msg[0]));
    if (c && c->odcs) {
        check_schema(c);
        check_rules(c);
    }
    contract_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    const struct contract_options all = { .unchecked = CONTRACT_ALL };
    const struct contract_options named = { .object = "o",
                                            .logical_names = true };
    check(text, "fuzz.yaml", &all);
    check(text, "fuzz.json", &named);
    return 0;
}
