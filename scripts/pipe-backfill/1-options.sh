#!/usr/bin/env bash
# pipe-backfill: runs a command once for each date of a range.
#
# What is finished is remembered under the state directory, one file a date,
# made whole by rename. A date is locked while any process of it lives, so that
# neither two backfills, nor one restarted after a kill, nor a nightly run of
# pipe-run have it twice at once.
#
# The parts of this script stand in scripts/pipe-backfill/, in this order.
# shellcheck disable=SC2317 # steps_1d, submit_slurm and so on: by their names
set -uo pipefail

NAME=pipe-backfill
VERSION=@VERSION@
USAGE='[OPTION...] --from DATE --to DATE -- COMMAND [ARGUMENT...]'

# Letter, name, argument, completion, variable, help: parsing, --help, the
# manual page and the completion all follow from these rows.
OPTIONS=(
    "|from|DATE|||the first date: YYYY-MM-DD, YYYY-MM-DDThh, YYYY-Www or YYYY-MM"
    "|to|DATE|||the last date, itself included"
    "|step|STEP|1d 1h 1w 1mo||a run for each day, hour, week or month: 1d, 1h, 1w or 1mo; default 1d"
    "|tz|ZONE||PIPE_TZ|time zone in which dates begin and end; default UTC"
    "|reverse||||the last date first"
    "j|jobs|N|||run so many dates at a time; default 1, with slurm as many as it likes"
    "|reprocess|WHICH|none failed all||which dates to run: none but those never tried, also failed ones (default), or all, finished ones too"
    "|max-failures|N|||start no further date when so many have failed"
    "|stop-on-fail||||the same as --max-failures 1"
    "n|dry-run||||show what would run; run nothing"
    "|state|DIR|dir|PIPE_STATE|where finished dates, locks and logs are kept"
    "|pipeline|NAME||PIPE_PIPELINE|name of the pipeline; default 'backfill'"
    "|executor|NAME|local parallel slurm||who runs the dates: local, parallel or slurm; default local"
    "|slurm-partition|NAME|||the partition that Slurm takes nodes from"
    "|slurm-time|TIME|||how long Slurm lets a date take"
    "|slurm-mem|SIZE|||the memory that Slurm gives a date"
    "|slurm-args|WORDS|||more options of sbatch, with spaces between"
    "q|quiet||||no table unless a date was not finished"
    "v|verbose||||a line on stderr as each date begins and ends"
    "h|help||||print this help"
    "|version||||print the version"
)

say() { # MESSAGE
    erase
    printf '%s: %s\n' "$NAME" "$1" >&2
}

fail() { # STATUS MESSAGE
    say "$2"
    exit "$1"
}

note() { # MESSAGE: under -v
    [[ -z ${given[verbose]-} ]] || say "$1"
}

# Prints the text; false, with a message, where that cannot be.
show() { # TEXT
    local why=''
    { why=$(printf '%s\n' "$1" 2>&1 >&3); } 2>/dev/null 3>&1 && return
    why=${why##*: }
    printf "%s: cannot write 'stdout'%s\n" "$NAME" "${why:+: $why}" >&2
    return 1
}

# ---- options

print_help() {
    local row letter name arg env help head
    printf 'Usage: %s %s\n' "$NAME" "$USAGE"
    printf 'Run a command once for each date of a range, and resume.\n\n'
    printf 'Options:\n'
    for row in "${OPTIONS[@]}"; do
        IFS='|' read -r letter name arg _ env help <<<"$row"
        printf -v head '  %s--%s%s' "${letter:+-$letter, }" "$name" \
            "${arg:+ $arg}"
        [[ -n $letter ]] || head="    $head"
        printf '%-26s' "$head"
        fold -sw 54 <<<"$help${env:+ [\$$env]}" |
            sed "2,\$s/^/$(printf '%26s' '')/; s/ *\$//"
    done
    printf '\nManual: man %s\n' "$NAME"
}

print_man() {
    local row letter name arg env help
    for row in "${OPTIONS[@]}"; do
        IFS='|' read -r letter name arg _ env help <<<"$row"
        printf '.It %sFl Fl %s%s\n%s.\n' "${letter:+Fl $letter , }" "$name" \
            "${arg:+ Ar $arg}" "${help//-/\\-}"
        [[ -z $env ]] || printf 'Environment:\n.Ev %s .\n' "$env"
    done
}

print_completion() {
    local row letter name arg complete words='' dirs='' values='' choices=''
    for row in "${OPTIONS[@]}"; do
        IFS='|' read -r letter name arg complete _ <<<"$row"
        words+="--$name${arg:+=} "
        [[ -n $arg ]] || continue
        name="${letter:+-$letter|}--$name"
        case $complete in
        dir) dirs+="|$name" ;;
        '') values+="|$name" ;;
        *) choices+="
    $name) mapfile -t COMPREPLY < <(compgen -W '$complete' -- \"\$cur\"); return;;" ;;
        esac
    done
    cat <<END
# bash completion for $NAME
_$NAME() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} i
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ \${COMP_WORDS[i]} == -- ]]; then
            if ((i + 1 == COMP_CWORD)); then
                mapfile -t COMPREPLY < <(compgen -c -- "\$cur")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "\$cur")
            fi
            return
        fi
    done
    [[ \$cur == '=' ]] && cur=
    [[ \$prev == '=' ]] && prev=\${COMP_WORDS[COMP_CWORD-2]}
    compopt +o nospace 2>/dev/null
    case \$prev in
    ${values#|}) return;;
    ${dirs#|}) mapfile -t COMPREPLY < <(compgen -d -- "\$cur"); return;;$choices
    esac
    mapfile -t COMPREPLY < <(compgen -W '$words' -- "\$cur")
    [[ \${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
}
complete -o filenames -F _$NAME $NAME
END
}

print_synopsis() {
    printf '.Nm %s\n%s\n' "$NAME" "${USAGE//-/\\-}"
}

print_version() {
    printf '%s (pipeutils) %s\n' "$NAME" "$VERSION"
}

print_wanted() { # WORD...
    local word
    for word; do
        case $word in
        --) return ;;
        -h | --help) show "$(print_help)" ;;
        --help=man) show "$(print_man)" ;;
        --help=synopsis) show "$(print_synopsis)" ;;
        --help=completion) show "$(print_completion)" ;;
        --version) show "$(print_version)" ;;
        *) continue ;;
        esac || exit 74
        exit 0
    done
}

# Sets row_name and row_arg of the option --NAME or -LETTER.
find_option() { # WORD
    local row letter name arg
    for row in "${OPTIONS[@]}"; do
        IFS='|' read -r letter name arg _ <<<"$row"
        if [[ $1 == "--$name" || -n $letter && $1 == "-$letter" ]]; then
            row_name=$name row_arg=$arg
            return
        fi
    done
    fail 64 "unknown option $1"
}

# Fills `given` by name, and `command` with what stands behind "--".
parse() { # WORD...
    local word value attached row_name row_arg
    while (($#)); do
        word=$1
        shift
        attached='' value=''
        case $word in
        --)
            command=("$@")
            return
            ;;
        --*=*) attached=1 value=${word#*=} word=${word%%=*} ;;
        --*) ;;
        -?*)
            value=${word:2} word=${word:0:2}
            [[ -z $value ]] || attached=1
            ;;
        *) fail 64 "unexpected operand '$word' (the command stands behind --)" ;;
        esac
        find_option "$word"
        if [[ -z $row_arg ]]; then
            [[ -z $attached ]] || fail 64 "option --$row_name takes no value"
            given[$row_name]=1
            continue
        fi
        [[ -z ${given[$row_name]+x} ]] ||
            fail 64 "option --$row_name is given twice"
        if [[ -z $attached ]]; then
            (($#)) || fail 64 "option --$row_name needs a value $row_arg"
            value=$1
            shift
        fi
        given[$row_name]=$value
    done
}
