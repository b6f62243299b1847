#include "cli/opt.h"

#include <string.h>

#define HELP_COLUMN 26
#define HELP_WIDTH 80

/* Text wrapped to the help column; the first line starts at `at`. */
static void print_wrapped(FILE *f, const char *text, size_t at)
{
    if (at + 2 > HELP_COLUMN) {
        fputc('\n', f);
        at = 0;
    }
    fprintf(f, "%*s", (int)(HELP_COLUMN - at), "");
    size_t col = HELP_COLUMN;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (col > HELP_COLUMN && col + 1 + n > HELP_WIDTH) {
            fprintf(f, "\n%*s", HELP_COLUMN, "");
            col = HELP_COLUMN;
        } else if (col > HELP_COLUMN) {
            fputc(' ', f);
            col++;
        }
        fwrite(text, 1, n, f);
        col += n;
        text += n + (text[n] == ' ');
    }
    fputc('\n', f);
}

void opt_print_help(FILE *f, const struct opt *const *tables)
{
    for (size_t t = 0; tables[t]; t++) {
        for (const struct opt *o = tables[t]; o->kind != OPT_END; o++) {
            if (o->kind == OPT_GROUP) {
                fprintf(f, "\n%s:\n", o->help);
                continue;
            }
            char head[128];
            int n = o->letter
                        ? snprintf(head, sizeof(head), "  -%c, --%s", o->letter,
                                   o->name)
                        : snprintf(head, sizeof(head), "      --%s", o->name);
            if (o->arg)
                n +=
                    snprintf(head + n, sizeof(head) - (size_t)n,
                             o->kind == OPT_STEP_MAY ? "[=%s]" : " %s", o->arg);
            fputs(head, f);
            char text[1024];
            int m = snprintf(text, sizeof(text), "%s", o->help);
            if (o->kind == OPT_CHOICE) {
                for (size_t i = 0; o->choices[i]; i++)
                    m += snprintf(text + m, sizeof(text) - (size_t)m, "%s%s",
                                  i ? ", " : ": ", o->choices[i]);
            }
            if (o->env)
                snprintf(text + m, sizeof(text) - (size_t)m, " [$%s]", o->env);
            print_wrapped(f, text, (size_t)n);
        }
    }
}

/* Text as mdoc: backslashes and leading control characters made harmless. */
static void print_roff(FILE *f, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", f);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", f);
        else if (*text == '-')
            fputs("\\-", f);
        else
            fputc(*text, f);
    }
}

void opt_print_man(FILE *f, const struct opt *const *tables)
{
    for (size_t t = 0; tables[t]; t++) {
        for (const struct opt *o = tables[t]; o->kind != OPT_END; o++) {
            if (o->kind == OPT_GROUP)
                continue;
            fputs(".It ", f);
            if (o->letter)
                fprintf(f, "Fl %c , ", o->letter);
            fprintf(f, "Fl Fl %s", o->name);
            if (o->arg)
                fprintf(f,
                        o->kind == OPT_STEP_MAY ? " Ns Oo = Ns Ar %s Oc"
                                                : " Ar %s",
                        o->arg);
            fputc('\n', f);
            print_roff(f, o->help);
            if (o->kind == OPT_CHOICE) {
                for (size_t i = 0; o->choices[i]; i++) {
                    fputs(i ? ", " : ": ", f);
                    print_roff(f, o->choices[i]);
                }
            }
            fputs(".\n", f);
            if (o->env)
                fprintf(f, "Environment:\n.Ev %s .\n", o->env);
        }
    }
}

static void print_words(FILE *f, const struct opt *const *tables)
{
    for (size_t t = 0; tables[t]; t++)
        for (const struct opt *o = tables[t]; o->kind != OPT_END; o++)
            if (o->kind != OPT_GROUP)
                fprintf(f, "--%s%s ", o->name,
                        o->arg && o->kind != OPT_STEP_MAY ? "=" : "");
}

static const char *words_of(enum opt_complete c)
{
    return c == COMPLETE_FILE  ? "compgen -f -- \"$cur\""
           : c == COMPLETE_DIR ? "compgen -d -- \"$cur\""
                               : ":";
}

void opt_print_completion(FILE *f, const struct opt *const *tables,
                          const char *name, enum opt_complete operands,
                          const char *words)
{
    fprintf(f,
            "# bash completion for %s\n"
            "_%s() {\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} "
            "prev=${COMP_WORDS[COMP_CWORD-1]}\n"
            "    [[ $cur == '=' ]] && cur=\n"
            "    [[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
            "    compopt +o nospace 2>/dev/null\n"
            "    case $prev in\n",
            name, name);
    for (size_t t = 0; tables[t]; t++) {
        for (const struct opt *o = tables[t]; o->kind != OPT_END; o++) {
            if (o->kind == OPT_GROUP || !o->arg)
                continue;
            fputs("    ", f);
            if (o->letter)
                fprintf(f, "-%c|", o->letter);
            fprintf(f, "--%s) ", o->name);
            if (o->kind == OPT_CHOICE) {
                fputs("mapfile -t COMPREPLY < <(compgen -W '", f);
                for (size_t i = 0; o->choices[i]; i++)
                    fprintf(f, "%s%s", i ? " " : "", o->choices[i]);
                fputs("' -- \"$cur\")", f);
            } else {
                fprintf(f, "mapfile -t COMPREPLY < <(%s)",
                        words_of(o->complete));
            }
            fputs("; return;;\n", f);
        }
    }
    fputs("    esac\n"
          "    if [[ $cur == -* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          f);
    print_words(f, tables);
    fprintf(f,
            "' -- \"$cur\")\n"
            "        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace "
            "2>/dev/null\n"
            "    else\n"
            "        mapfile -t COMPREPLY < <(%s%s%s)\n"
            "    fi\n"
            "}\n"
            "complete %s-F _%s %s\n",
            words ? "compgen -W '" : words_of(operands), words ? words : "",
            words ? "' -- \"$cur\"" : "", words ? "" : "-o filenames ", name,
            name);
}
