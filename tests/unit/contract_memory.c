/* Every allocation fails in turn: an error that says so and no leak, never a
 * crash and never a contract with a rule less. The allocator is the C
 * library's, counted; sanitizers bring one of their own, so there is nothing to
 * test under them. */
#include "unit.h"

#include "contract/contract.h"

#include <stdlib.h>

static const char yaml[] =
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\n"
    "status: active\nschema:\n- name: o\n  properties:\n"
    "  - &a {name: a, logicalType: string, required: true, unique: true,\n"
    "     logicalTypeOptions: {pattern: '^[a-z]+$', format: uuid}}\n"
    "  - {<<: *a, name: 'b c', primaryKey: true}\n"
    "  - {name: t, logicalType: timestamp, logicalTypeOptions: {format:\n"
    "     \"d.M.yyyy['T'HH:mm]\"}}\n"
    "  - {name: d, logicalType: timestamp, logicalTypeOptions: {minimum:\n"
    "     '2020-01-01T00:00:00Z', defaultTimezone: Europe/Berlin}}\n"
    "  - {name: h, logicalType: time, logicalTypeOptions: {timezone: false,\n"
    "     maximum: '08:30:00'}}\n"
    "  - {name: l, logicalType: array, items: {properties: [{name: n,\n"
    "     logicalType: integer, logicalTypeOptions: {format: i128, "
    "multipleOf:\n"
    "     +07}}]}}\n"
    "  - {name: q, quality: [\n"
    "     {metric: invalidValues, arguments: {validValues: [\"it's\", 0x1F,\n"
    "      null]}, mustBeLessThan: 1.5, unit: percent},\n"
    "     {metric: invalidValues, arguments: {pattern: '^x'}, mustBeBetween:\n"
    "      [1, 123456789012345678901234567890123456789012345678901]},\n"
    "     {metric: duplicateValues, mustBe: 0, id: name}, {type: text}]}\n"
    "  quality: [{metric: duplicateValues, mustNotBe: 3, arguments:\n"
    "     {properties: [a, 'b c']}}]\n"
    "slaProperties: [{property: latency, value: 1.5, unit: h, element: o.d},\n"
    "  {property: errorRate, value: 1, unit: percent},\n"
    "  {property: retention, value: 3}]\n";

static const char json[] =
    "{\"apiVersion\":\"v3.0.0\",\"kind\":\"DataContract\",\"id\":\"\\u0078\","
    "\"version\":\"1\",\"status\":\"a\",\"schema\":[{\"name\":\"o\","
    "\"properties\":[{\"name\":\"a\",\"logicalType\":\"date\"}]}]}";

static struct err e;

/* Reads both. 0 where all went well: then all is there. */
static int whole_job(void)
{
    struct buf place = { 0 };
    e = (struct err){ 0 };
    struct contract *y = contract_parse(str_of(yaml), "c.yaml", NULL, &e);
    struct contract *j =
        y ? contract_parse(str_of(json), "c.json", NULL, &e) : NULL;
    int r = y && j
                ? contract_place(
                      y, STR("/properties/l/items/properties/n/allOf"), &place)
                : -1;
    if (y && j && r)
        err_nomem(&e);
    if (y)
        CHECK(y->n_checks == 2 && y->n_gates == 8 && y->notes.n > 100);
    buf_free(&place);
    contract_free(y);
    contract_free(j);
    return r;
}

#ifdef __SANITIZE_ADDRESS__

TEST("the whole job, under the sanitizer's allocator")
{
    CHECK(whole_job() == 0);
    CHECK_STR(e.msg, "");
}

#else

#include "starve.h"

TEST("each allocation that fails is an error, and nothing leaks")
{
    printf("# counting\n");  /* takes a buffer for good */
    CHECK(whole_job() == 0); /* what is kept for good (zones) is there now */
    CHECK_STR(e.msg, "");
    long before = live, failures = 0;
    for (long n = 0; n < 20000 && !unit_failed; n++) {
        countdown = n;
        int r = whole_job();
        bool reached = countdown < 0;
        countdown = -1;
        if (live != before)
            printf("# allocation %ld: %ld left\n", n, live - before);
        CHECK(live == before);
        CHECK(r == 0 || (reached && e.code == ERR_TEMPFAIL));
        if (r && e.code != ERR_TEMPFAIL)
            printf("# allocation %ld: %d %s\n", n, e.code, e.msg);
        if (!reached)
            break;
        failures += r != 0;
    }
    CHECK(failures > 100);
    printf("# %ld allocations failed in turn\n", failures);
}

#endif

UNIT_MAIN
