/* Any bytes as CSV: rows that are read in batches give the records, and all
 * others the items, that libcsv gives one by one, however the bytes arrive. The
 * first two bytes choose the dialect (with a space as delimiter, # is a
 * comment), header, types, nulls and limit. */
#include "fuzz.h"
#include "../lib/csvdiff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char delimiters[] = ",;\t|:a\x01 ";
    static const char quotes[] = "\"'\\\"";
    static const char *const nulls[] = { "", "N" };
    static struct types types;
    struct csvdiff d = { 0 };
    struct err e = { 0 };
    size_t batched = 0;

    if (n < 2)
        return 0;
    if (types.n == 0)
        MUST(types_parse(&types, "a=integer,b=number,c=boolean", &e) == 0);
    for (size_t i = 0; i < types.n; i++)
        types.entries[i].required = false;
    struct source_opts opts = {
        .format = "csv",
        .csv = { .delimiter = delimiters[data[0] & 7],
                 .quote = quotes[data[0] >> 3 & 3],
                 .no_quote = data[0] & 32,
                 .no_header = data[0] & 64,
                 .nulls = nulls,
                 .n_nulls = data[0] & 128 ? 2 : 0 },
        .comment = (data[0] & 7) == 7 ? '#' : '\0',
        .types = data[1] & 1 ? &types : NULL,
        .max_record = data[1] & 2 ? 40 : 1 << 20,
        .max_depth = 256,
    };
    struct str text = { (const char *)data + 2, n - 2 };
    bool same = csvdiff_read(&d, text, opts, true, 0, &batched) &&
                csvdiff_read(&d, text, opts, false, 0, &batched);
    size_t step = 1 + text.n / 100 + (data[1] >> 2);
    same = same && csvdiff_read(&d, text, opts, false, step, &batched);
    if (!same)
        fprintf(stderr, "%s\n", d.why);
    MUST(same);
    csvdiff_free(&d);
    return 0;
}
