/* detect_opts: the options of --detect. */
#include "profile_cmd.h"

#include <stdlib.h>

static const char *value_field, *time_field, *season, *threshold, *as;
static struct opt_list key_lists;
static uint64_t warm_up, cooldown = UINT64_MAX;
static bool only;

#define PLAIN NULL, 0, 0, 0, COMPLETE_NONE, NULL

const struct opt detect_options[] = {
    { OPT_GROUP, 0, "detect", NULL, NULL, "Anomalies", PLAIN },
    { OPT_STRING, 0, "detect", "FIELD", &value_field,
      "instead of a profile: judge each value of FIELD, a number, by those "
      "before it, and let the records pass with what came of it",
      PLAIN },
    { OPT_LIST, 'k', "key", "FIELD[,FIELD...]", &key_lists,
      "fields that tell series apart, repeatable; default all are one", PLAIN },
    { OPT_STRING, 0, "time", "FIELD", &time_field,
      "the time of a record: RFC 3339, a date, or seconds since 1970; for "
      "seasons",
      PLAIN },
    { OPT_STRING, 0, "season", "PERIOD:SLOTS[,...]", &season,
      "periods after which values come again, each learnt in so many parts; or "
      "none; default 1d:144,1w:336 with --time",
      PLAIN },
    { OPT_STRING, 0, "threshold", "SCORE", &threshold,
      "alert from this score on: 6 is one in a million; default 6", PLAIN },
    { OPT_COUNT, 0, "warm-up", "N", &warm_up,
      "learn from the first N values of a series before one is judged; default "
      "200",
      NULL, 2, (uint64_t)1 << 32, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "cooldown", "N", &cooldown,
      "after an alert none for N values of the series; default 100", NULL, 0,
      (uint64_t)1 << 32, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "only", NULL, &only, "let pass only records with an alert",
      PLAIN },
    { OPT_STRING, 0, "as", "FIELD", &as,
      "where the verdict stands in the record; default _anomaly", PLAIN },
    { 0 }
};

bool detect_asked(void)
{
    return value_field || time_field || season || threshold || as || warm_up ||
           cooldown != UINT64_MAX || only || key_lists.n;
}

/* One of --season: PERIOD:SLOTS. */
static int add_season(struct detect_params *p, char *text, struct err *e)
{
    char *colon = strchr(text, ':'), *end = NULL;
    size_t n = strlen(text);
    uint64_t ms, weeks = 1;
    unsigned long slots = 0;
    if (colon) {
        *colon = '\0';
        slots = strtoul(colon + 1, &end, 10);
        n = (size_t)(colon - text);
    }
    if (n > 1 && text[n - 1] == 'w') {
        text[n - 1] = 'd';
        weeks = 7;
    }
    if (!colon || end == colon + 1 || *end || slots < 1 ||
        slots > DETECT_SLOTS_MAX || colon[1] == '-' || opt_time(text, &ms) ||
        ms == 0 || ms > (uint64_t)36500 * 86400 * 1000 / weeks)
        return err_set(e, ERR_USAGE,
                       "--season '%s' is no list of PERIOD:SLOTS, such as "
                       "1d:144,1w:336, of 1 to %d slots",
                       season, DETECT_SLOTS_MAX);
    if (p->n_seasons == DETECT_SEASONS_MAX)
        return err_set(e, ERR_USAGE, "--season '%s' has more than %d periods",
                       season, DETECT_SEASONS_MAX);
    p->seasons[p->n_seasons++] =
        (struct detect_season){ .period_us = (int64_t)(ms * weeks) * 1000,
                                .slots = (uint32_t)slots };
    return 0;
}

static int read_seasons(struct detect_params *p, struct err *e)
{
    const char *text = season ? season : time_field ? "1d:144,1w:336" : "none";
    char *save = NULL;
    if (strcmp(text, "none") == 0)
        return 0;
    if (!time_field)
        return err_set(e, ERR_USAGE, "--season needs --time FIELD");
    char *copy = strdup(text);
    if (!copy)
        return err_nomem(e);
    int r = *copy ? 0 : err_set(e, ERR_USAGE, "--season '' names no period");
    for (char *at = strtok_r(copy, ",", &save); r == 0 && at;
         at = strtok_r(NULL, ",", &save))
        r = add_season(p, at, e);
    free(copy);
    return r;
}

int detect_read(struct detect_opts *o, struct err *e)
{
    struct detect_params *p = &o->params;
    char *end;
    *o = (struct detect_opts){ .value = value_field,
                               .time = time_field,
                               .as = as ? as : "_anomaly",
                               .keys = &key_lists,
                               .only = only };
    if (!value_field)
        return err_set(
            e, ERR_USAGE,
            "-k, --time, --season, --threshold, --warm-up, --cooldown, "
            "--only and --as are for --detect FIELD");
    p->threshold = 6;
    p->warm_up = warm_up ? warm_up : 200;
    p->cooldown = cooldown == UINT64_MAX ? 100 : cooldown;
    if (threshold) {
        p->threshold = strtod(threshold, &end);
        if (end == threshold || *end || !(p->threshold > 0) ||
            p->threshold > 1000)
            return err_set(e, ERR_USAGE,
                           "--threshold '%s' is no score above 0, up to 1000",
                           threshold);
    }
    return read_seasons(p, e);
}
