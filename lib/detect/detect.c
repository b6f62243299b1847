#include "detect/detect.h"

#include <float.h>
#include <math.h>

/* How fast means move: the share of a new value. Each begins as a plain mean,
 * until the share of a value is down to this. */
#define LEVEL_RATE 0.1
#define SLOT_RATE 0.2
#define OFFSET_RATE 0.005
#define ERROR_RATE 0.003
#define RECENT_RATE 0.1
#define HISTORY_RATE 0.001

/* An error counts at most so many times the usual one. */
#define CLIP 4
#define CLIPPED_FROM 30 /* predictions on */

/* A season is trusted after so many predictions. */
#define TRUSTED_FROM 50

/* Errors below this share of the series' spread are never unusual. */
#define LEAST_SCALE 0.1

/* Deviations are not told apart beyond these: of one value, in the mean. */
#define DEVIATION_MAX 1e6
#define RECENT_MAX 20

/* Variances of what is judged are at least these: what was never off at all
 * may be off a little. */
#define LEAST_VARIANCE 0.01
#define LEAST_RECENT_VARIANCE 1e-4

struct predictor {
    double error;  /* mean of absolute ones, clipped */
    double offset; /* of a season: by what it was off of late */
    uint64_t n;    /* predictions */
};

/* Mean and variance over the long run. */
struct history {
    double mean, variance;
};

struct detect {
    uint64_t n;    /* values */
    double origin; /* the first: all values here are relative to it */
    double level;
    double mean, spread; /* over the long run; mean absolute difference */
    double recent;       /* mean of the last deviations */
    struct history deviations, recents;
    uint64_t cool_from; /* value number */
    uint64_t off;       /* nonzero: not below half the threshold since */
    struct predictor predictors[1 + DETECT_SEASONS_MAX]; /* [0]: the level */
    float slots[]; /* of all seasons, in a row; behind them a byte for each:
                      how often it was learnt, up to SLOT_FULL */
};

#define SLOT_FULL 5 /* 1 / SLOT_RATE */

static size_t slots_of(const struct detect_params *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_seasons; i++)
        n += p->seasons[i].slots;
    return n;
}

size_t detect_size(const struct detect_params *p)
{
    size_t bytes =
        sizeof(struct detect) + slots_of(p) * (sizeof(float) + sizeof(uint8_t));
    return (bytes + 7) / 8 * 8;
}

/* The slot of a season in which clocks show clock_us. */
static size_t slot_at(const struct detect_season *s, int64_t clock_us)
{
    int64_t in = clock_us % s->period_us;
    if (in < 0)
        in += s->period_us;
    size_t slot = (size_t)((double)in / (double)s->period_us * s->slots);
    return slot < s->slots ? slot : s->slots - 1;
}

/* The share of the n-th value (from 1) in a mean. */
static double rate(double least, uint64_t n)
{
    double share = 1 / (double)n;
    return share > least ? share : least;
}

/* -log10 of the probability that a normal value is greater than z standard
 * deviations; 0 where it is below the mean. */
static double surprise(double z)
{
    if (z <= 0)
        return 0;
    return -log10(erfc((z < 37 ? z : 37) / M_SQRT2)); /* of both tails */
}

static double clamp(double v, double most)
{
    return v > most ? most : v < -most ? -most : v;
}

static void history_add(struct history *h, double v, double share)
{
    double d = v - h->mean;
    h->mean += share * d;
    h->variance += share * (d * d - h->variance);
}

/* What the predictors say of one value, and where they have it from. */
struct guesses {
    double value[1 + DETECT_SEASONS_MAX];
    bool known[1 + DETECT_SEASONS_MAX];
    size_t slot[1 + DETECT_SEASONS_MAX]; /* in d->slots */
    size_t best;
};

static void guess(const struct detect_params *p, const struct detect *d,
                  int64_t clock_us, struct guesses *g)
{
    const uint8_t *learnt = (const uint8_t *)(d->slots + slots_of(p));
    size_t first = 0;
    g->value[0] = d->level;
    g->known[0] = true;
    g->best = 0;
    double least = d->predictors[0].error;
    for (size_t i = 1; i <= p->n_seasons; i++) {
        const struct predictor *s = &d->predictors[i];
        size_t at = first + slot_at(&p->seasons[i - 1], clock_us);
        first += p->seasons[i - 1].slots;
        g->slot[i] = at;
        g->known[i] = learnt[at] > 0;
        g->value[i] = (double)d->slots[at] + s->offset;
        if (!g->known[i] || s->n <= TRUSTED_FROM || s->error >= least)
            continue;
        least = s->error;
        g->best = i;
    }
}

/* The error of the best guess, in units of what is usual. */
static double deviation(const struct detect *d, const struct guesses *g,
                        double value)
{
    double error = value - g->value[g->best];
    double scale = d->predictors[g->best].error;
    double least = LEAST_SCALE * d->spread;
    if (scale < least)
        scale = least;
    if (fabs(error) <= 8 * DBL_EPSILON * (fabs(value) + fabs(d->origin)))
        return 0;
    return scale > 0 ? clamp(error / scale, DEVIATION_MAX)
                     : copysign(DEVIATION_MAX, error);
}

static double score(const struct detect *d, double wild, double recent)
{
    return surprise((wild - d->deviations.mean) /
                    sqrt(d->deviations.variance + LEAST_VARIANCE)) +
           surprise((recent - d->recents.mean) /
                    sqrt(d->recents.variance + LEAST_RECENT_VARIANCE));
}

static void learn_season(struct detect *d, size_t i, size_t slot,
                         uint8_t *learnt, bool known, double value)
{
    double off = value - (double)d->slots[slot];
    if (known)
        d->predictors[i].offset +=
            OFFSET_RATE * (off - d->predictors[i].offset);
    if (*learnt < SLOT_FULL)
        ++*learnt;
    d->slots[slot] += (float)(off / *learnt);
}

static void learn(const struct detect_params *p, struct detect *d,
                  const struct guesses *g, double value)
{
    uint8_t *learnt = (uint8_t *)(d->slots + slots_of(p));
    for (size_t i = 0; i <= p->n_seasons; i++) {
        struct predictor *s = &d->predictors[i];
        if (!g->known[i])
            continue;
        double error = fabs(value - g->value[i]);
        s->n++;
        if (s->n > CLIPPED_FROM && s->error > 0 && error > CLIP * s->error)
            error = CLIP * s->error;
        s->error += rate(ERROR_RATE, s->n) * (error - s->error);
    }
    double share = rate(HISTORY_RATE, d->n);
    d->mean += share * (value - d->mean);
    d->spread += share * (fabs(value - d->mean) - d->spread);
    d->level += rate(LEVEL_RATE, d->n) * (value - d->level);
    for (size_t i = 1; i <= p->n_seasons; i++)
        learn_season(d, i, g->slot[i], &learnt[g->slot[i]], g->known[i], value);
}

/* One alert an event. */
static bool alerts(const struct detect_params *p, struct detect *d,
                   double value_score)
{
    if (value_score < p->threshold / 2)
        d->off = 0;
    if (!(value_score >= p->threshold) || d->off || d->n < d->cool_from)
        return false;
    d->off = 1;
    d->cool_from = d->n + p->cooldown;
    return true;
}

void detect_next(const struct detect_params *p, struct detect *d,
                 int64_t clock_us, double value, struct detect_verdict *v)
{
    struct guesses g;
    *v = (struct detect_verdict){ .judged = d->n >= p->warm_up };
    if (d->n++ == 0)
        d->origin = value;
    value -= d->origin;
    guess(p, d, clock_us, &g);
    v->expected = d->origin + g.value[g.best];
    double z = deviation(d, &g, value);
    double wild = log1p(fabs(z)); /* so that heavy tails are not */
    d->recent += RECENT_RATE * (clamp(z, RECENT_MAX) - d->recent);
    double recent = fabs(d->recent);
    if (v->judged) {
        v->score = score(d, wild, recent);
        v->alert = alerts(p, d, v->score);
    }
    double share = rate(HISTORY_RATE, d->n);
    history_add(&d->deviations, wild, share);
    history_add(&d->recents, recent, share);
    learn(p, d, &g, value);
}
