#include "unit.h"

#include "cli/opt.h"

static bool flag, other;
static const char *text, *choice;
static uint64_t count, size, ms;
static struct opt_list list;
static struct opt_steps steps;
static const char *const choices[] = { "red", "green", NULL };

static const struct opt rows[] = {
    { OPT_FLAG, 'f', "flag", NULL, &flag, "", NULL, 0, 0, 1, 0, NULL },
    { OPT_FLAG, 'o', "other", NULL, &other, "", NULL, 0, 0, 1, 0, NULL },
    { OPT_STRING, 't', "text", "T", &text, "", NULL, 0, 0, 0, 0, "UNIT_TEXT" },
    { OPT_COUNT, 'n', "count", "N", &count, "", NULL, 1, 100, 0, 0, NULL },
    { OPT_SIZE, 0, "size", "S", &size, "", NULL, 0, 0, 0, 0, NULL },
    { OPT_TIME, 0, "time", "T", &ms, "", NULL, 0, 0, 0, 0, NULL },
    { OPT_CHOICE, 0, "colour", "C", &choice, "", choices, 0, 0, 0, 0, NULL },
    { OPT_LIST, 'k', "key", "K", &list, "", NULL, 0, 0, 0, 0, NULL },
    { OPT_STEP, 's', "set", "S", &steps, "", NULL, 0, 0, 0, 0, NULL },
    { OPT_STEP_MAY, 0, "trim", "F", &steps, "", NULL, 0, 0, 0, 0, NULL },
    { 0 }
};
static const struct opt *const tables[] = { rows, NULL };

/* Parses words; returns the message of a refusal, or "". */
static const char *parse(int n, const char *const *words, int *operands,
                         int *rest)
{
    static struct err e;
    static char *argv[16];
    flag = other = false;
    text = choice = NULL;
    count = size = ms = 0;
    opt_free(tables);
    argv[0] = (char *)(uintptr_t) "unit";
    for (int i = 0; i < n; i++)
        argv[i + 1] = (char *)(uintptr_t)words[i];
    e.msg[0] = '\0';
    int r = opt_parse(tables, n + 1, argv, true, operands, rest, &e);
    CHECK((r == 0) == (e.msg[0] == '\0'));
    CHECK(r == 0 || e.code == ERR_USAGE);
    return e.msg;
}

#define PARSE(...)                                                         \
    parse((int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)), \
          (const char *[]){ __VA_ARGS__ }, &operands, &rest)

TEST("long, short, attached and clustered forms")
{
    int operands, rest;
    CHECK_STR(PARSE("--text=a", "--count", "5", "-ok", "x", "-ky", "op"), "");
    CHECK_STR(text, "a");
    CHECK(count == 5 && other && list.n == 2 && operands == 1);
    CHECK_STR(list.v[1], "y");
    CHECK_STR(PARSE("--text", "-x", "--size", "2M", "--time=5m"), "");
    CHECK_STR(text, "-x");
    CHECK(size == 2097152 && ms == 300000);
    CHECK_STR(PARSE("a", "--", "-f", "b"), "");
    CHECK(operands == 1 && rest == 3 && !flag);
}

TEST("abbreviations, repeats, contradictions and unknown names are refused")
{
    int operands, rest;
    CHECK_STR(PARSE("--tex=a"), "unknown option --tex");
    CHECK_STR(PARSE("-z"), "unknown option -z");
    CHECK_STR(PARSE("--text=a", "-t", "b"), "option --text is given twice");
    CHECK_STR(PARSE("-f", "-o"), "options --flag and --other exclude each "
                                 "other");
    CHECK_STR(PARSE("--flag=1"), "option --flag takes no value");
    CHECK_STR(PARSE("--text"), "option --text needs a value T");
    CHECK_STR(PARSE("-n"), "option -n needs a value N");
    CHECK_STR(PARSE("-f", "-f"), "");
}

TEST("numbers are checked to the last character")
{
    int operands, rest;
    CHECK_STR(PARSE("-n", "0"),
              "option --count: '0' is too small, the least is 1");
    CHECK_STR(PARSE("-n", "5x"), "option --count: '5x' is not a whole number");
    CHECK_STR(PARSE("-n", "-5"), "option --count: '-5' is not a whole number");
    CHECK_STR(PARSE("--size", "99999999999999T"),
              "option --size: '99999999999999T' is not a size such as 64K or "
              "16M");
    CHECK_STR(PARSE("--colour", "blue"),
              "option --colour: 'blue' is not one of red, green");
}

TEST("steps of several rows are kept in the order of the command line")
{
    int operands, rest;
    CHECK_STR(PARSE("-sa", "--trim", "op", "--trim=x", "--set", "b"), "");
    CHECK(steps.n == 4 && operands == 1);
    CHECK_STR(steps.v[0].opt->name, "set");
    CHECK_STR(steps.v[0].value, "a");
    CHECK_STR(steps.v[1].opt->name, "trim");
    CHECK(steps.v[1].value == NULL);
    CHECK_STR(steps.v[2].value, "x");
    CHECK_STR(steps.v[3].value, "b");
    CHECK_STR(PARSE("--set"), "option --set needs a value S");
    CHECK_STR(PARSE("--trim="), "");
    CHECK(steps.n == 1);
    CHECK_STR(steps.v[0].value, "");
}

UNIT_MAIN
