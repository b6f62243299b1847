#include "observe/facts.h"

#include <stdlib.h>

#define LIST_FIRST 4 /* a power of two, as are all sizes */

const double latency_bounds[LATENCY_BOUNDS] = { 0.1,   0.5,   1,      5,
                                                10,    30,    60,     300,
                                                900,   3600,  10800,  21600,
                                                43200, 86400, 172800, 604800 };

void facts_latency(struct facts *f, double seconds)
{
    struct latency *l = &f->latency;
    size_t i = 0;
    if (!(seconds > 0))
        seconds = 0;
    while (i < LATENCY_BOUNDS && seconds > latency_bounds[i])
        i++;
    l->counts[i]++;
    l->sum += seconds;
}

void facts_init(struct facts *f)
{
    *f = (struct facts){ .text = { .max = FACTS_BYTES_MAX } };
    colmap_init(&f->columns, COLMAP_SAME);
}

void facts_free(struct facts *f)
{
    free(f->inputs);
    free(f->outputs);
    free(f->assertions);
    free(f->measures);
    colmap_free(&f->columns);
    fieldset_free(&f->fields_in);
    fieldset_free(&f->fields_out);
    arena_free(&f->text);
    facts_init(f);
}

/* Makes room for one more in an array of n; NULL where there is none. */
static void *grow(struct facts *f, void *array, size_t n, size_t size)
{
    bool full = n == 0 || (n >= LIST_FIRST && (n & (n - 1)) == 0);
    if (n < FACTS_LIST_MAX && full)
        array = realloc(array, (n ? n * 2 : LIST_FIRST) * size);
    if (n < FACTS_LIST_MAX && array)
        return array;
    f->left_out++;
    return NULL;
}

static bool keep(struct facts *f, struct str *s)
{
    struct str copy = arena_dup(&f->text, s->p ? *s : STR(""));
    *s = copy;
    if (!copy.p)
        f->left_out++;
    return copy.p != NULL;
}

static struct dataset *add_dataset(struct facts *f, struct dataset **list,
                                   size_t *n, struct str namespace,
                                   struct str name)
{
    struct dataset d = { .namespace = namespace, .name = name };
    struct dataset *grown = grow(f, *list, *n, sizeof(d));
    if (!grown)
        return NULL;
    *list = grown;
    if (!keep(f, &d.namespace) || !keep(f, &d.name))
        return NULL;
    grown[*n] = d;
    return &grown[(*n)++];
}

struct dataset *facts_input(struct facts *f, struct str namespace,
                            struct str name)
{
    return add_dataset(f, &f->inputs, &f->n_inputs, namespace, name);
}

struct dataset *facts_output(struct facts *f, struct str namespace,
                             struct str name)
{
    return add_dataset(f, &f->outputs, &f->n_outputs, namespace, name);
}

void facts_assertion(struct facts *f, const struct assertion *a)
{
    struct assertion copy = *a;
    struct assertion *grown =
        grow(f, f->assertions, f->n_assertions, sizeof(copy));
    if (!grown)
        return;
    f->assertions = grown;
    if (keep(f, &copy.name) && keep(f, &copy.kind) && keep(f, &copy.column) &&
        keep(f, &copy.content) && keep(f, &copy.expected) &&
        keep(f, &copy.actual))
        grown[f->n_assertions++] = copy;
}

void facts_measure(struct facts *f, struct str column, const char *metric,
                   struct str value)
{
    struct column_measure m = { column, str_of(metric), value };
    struct column_measure *grown =
        grow(f, f->measures, f->n_measures, sizeof(m));
    if (!grown)
        return;
    f->measures = grown;
    if (keep(f, &m.column) && keep(f, &m.metric) && keep(f, &m.value))
        grown[f->n_measures++] = m;
}

void facts_reject(struct facts *f, const char *code)
{
    size_t i = 0;
    while (i < f->n_codes && strcmp(f->codes[i].code, code) != 0)
        i++;
    if (i >= FACTS_CODES_MAX) {
        i = FACTS_CODES_MAX;
        code = "other";
    }
    if (i == f->n_codes)
        f->codes[f->n_codes++] = (struct code_count){ code, 0 };
    f->codes[i].n++;
}

bool facts_score(const struct facts *f, double *score)
{
    size_t gates = 0, passed = 0;
    for (size_t i = 0; i < f->n_assertions; i++) {
        gates += f->assertions[i].gate;
        passed += f->assertions[i].gate && f->assertions[i].passed;
    }
    if (f->read == 0 && gates == 0)
        return false;
    *score = 1;
    if (f->read)
        *score -= (double)f->rejected / (double)f->read;
    if (gates)
        *score *= (double)passed / (double)gates;
    return true;
}
