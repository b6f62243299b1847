#!/usr/bin/env bats
# The manual agrees with the commands. (Its examples run as tests of their own:
# tests/lib/examples.)
load helper

setup() {
    pipe_setup
    man=$BUILD_DIR/man
    fails=$BATS_TEST_TMPDIR/fails
    : >"$fails"
}

wrong() {
    printf '%s\n' "$*" >>"$fails"
}

verdict() {
    [ ! -s "$fails" ] || fail "$(cat "$fails")"
}

# The commands and scripts that are installed.
commands() {
    local path
    for path in "$BIN_DIR"/pipe-*; do
        [ -x "$path" ] && echo "${path##*/}"
    done
}

# help_options COMMAND: the long options of --help, one a line.
help_options() {
    "$1" --help | sed -nE 's/^ {2,6}(-[^ ], )?--([a-z][a-z0-9-]*).*/\2/p' | sort
}

# page_options PAGE: the long options that are items in the page.
page_options() {
    sed -nE 's/^\.It .*Fl (Fl |-)([a-z][a-z0-9-]*).*/\2/p' "$1" | sort -u
}

@test "every command has a manual page" {
    for name in $(commands); do
        [ -s "$man/$name.1" ] || wrong "$name has no page"
    done
    for page in "$man"/*.1; do
        name=$(basename "$page" .1)
        [ -x "$BIN_DIR/$name" ] || wrong "$page is about no command"
    done
    [ -s "$man/pipeutils.7" ] || wrong "no pipeutils(7)"
    [ -s "$man/pipeutils-record.5" ] || wrong "no pipeutils-record(5)"
    verdict
}

@test "every page is clean mdoc" {
    need_command mandoc
    for page in "$man"/*.[157]; do
        mandoc -Tlint -W warning "$page" >lint || wrong "$(cat lint)"
    done
    verdict
}

@test "no page shows words as options, where a macro took too many" {
    need_command mandoc
    for page in "$man"/*.[157]; do
        # `.Fl v prints the counts` becomes "-v -prints -the -counts".
        ! mandoc -Tascii -O width=500 "$page" | col -b |
            grep -E '(^|[ (])-[a-z] -[a-z]{2,}' >lines ||
            wrong "${page##*/}: $(cat lines)"
    done
    verdict
}

@test "no page has a mark left to fill in" {
    ! grep -nE '@[A-Z]+@' "$man"/*.[157]
}

@test "a page has the sections of a manual, in their order" {
    for page in "$man"/*.1; do
        have=$(sed -n 's/^\.Sh //p' "$page" | grep -xE \
            'NAME|SYNOPSIS|DESCRIPTION|OPTIONS|EXIT STATUS|EXAMPLES|SEE ALSO' |
            paste -sd , -)
        [ "$have" = "NAME,SYNOPSIS,DESCRIPTION,OPTIONS,EXIT STATUS,EXAMPLES,SEE ALSO" ] ||
            wrong "${page##*/}: sections are $have"
    done
    verdict
}

@test "every option of --help is in the manual, and the other way round" {
    for name in $(commands); do
        [ -s "$man/$name.1" ] || continue
        help_options "$name" >in-help
        [ -s in-help ] || wrong "$name --help names no options"
        # Items of other lists (commands, reasons) are not options.
        sed -n '/^\.Sh OPTIONS/,/^\.Sh EXIT/p' "$man/$name.1" >section
        page_options section >in-page
        diff in-help in-page >differ || wrong "$name, < --help, > manual:" "$(cat differ)"
    done
    verdict
}

@test "SYNOPSIS says what --help says" {
    need_command mandoc
    for name in $(commands); do
        [ -s "$man/$name.1" ] || continue
        "$name" --help | awk 'NR == 1 { sub(/^Usage: /, ""); print; next }
            /^ / { print; next } { exit }' | tr -s ' \n' ' ' >in-help
        mandoc -Tutf8 "$man/$name.1" | col -bx |
            awk '/^SYNOPSIS/ { on = 1; next } /^[A-Z]/ { on = 0 } on' |
            tr -s ' \n' ' ' | sed 's/^ //' >in-page
        diff in-help in-page >differ || wrong "$name, < --help, > manual:" "$(cat differ)"
    done
    verdict
}

@test "every page of ours that SEE ALSO names is there" {
    for page in "$man"/*.[157]; do
        while read -r name section; do
            case $name in
            pipe-* | pipeutils*)
                [ -s "$man/$name.$section" ] ||
                    wrong "${page##*/} refers to $name($section)"
                ;;
            esac
        done < <(sed -nE 's/^\.Xr ([^ ]+) ([0-9]).*/\1 \2/p' "$page")
    done
    verdict
}

@test "every page of a command has examples that run" {
    for page in "$REPO"/man/*.1.in; do
        n=$(awk '/^\.Sh /{ on = /EXAMPLES/ } on && /^\$ /' "$page" | wc -l)
        ((n >= 2)) || wrong "${page##*/}: $n examples"
    done
    verdict
}

@test "pipeutils(7) introduces every command" {
    for name in $(commands); do
        grep -q "^\.Xr $name 1" "$man/pipeutils.7" || wrong "$name is not in pipeutils(7)"
    done
    verdict
}

@test "every variable that the commands read is in the manual" {
    # Between pipe-dlq and the stage that it runs, not for people.
    local internal='PIPE_DLQ_REPLAY(ED)?'
    for name in $(grep -rhoE '"PIPE_[A-Z_]+"' "$REPO"/lib "$REPO"/cmd | tr -d '"' |
        sort -u | grep -vxE "$internal"); do
        grep -qE "^\.(Ev|It Ev) $name( |$)" "$man"/*.[157] ||
            wrong "$name is in no page"
    done
    verdict
}

# first FUNCTIONS FOLDER...: the first string of each call of them, or both of a
# choice of two.
first() {
    grep -rhzoP --include='*.c' \
        "\b(?:$1)\s*\((?:[^\";{}]|\"\d+\")*$code(\s*:\s*$code)?" "${@:2}"
}

# The codes with which the commands reject records.
codes() (
    code='"[a-z]+(_[a-z0-9]+)*"'
    cd "$REPO" || return
    {
        first 'fail|stop|note_none|compile_false|BOUND' lib/schema lib/json
        first 'bad|add_faultf?|reject|refuse' lib/source
        first '[a-z]+_refusef?|[a-z]+_(?:reject|fault)f|[a-z]+_fault' lib cmd
        first 'fault|fault_at|aggregate_fault_at' lib/aggregate lib/reshape
        grep -rhzoP --include='*.c' "codes\[\] = \{[^}]*\}|\
(\.|->|\*)code = $code|_fault\)\{\s*$code" lib cmd
    } | grep -aoE "$code" | tr -d '"' | sort -u
)

@test "every code of a reject is in the manual, and no other" {
    codes >given
    (($(wc -l <given) > 80)) || fail "found only: $(cat given)"
    for page in pipeutils-record.5 pipeutils-expr.7; do
        # Those of a stream stand before the others, in its part of the page.
        sed -n '/^\.Ss The stream/,/^\.Ss/p; /^\.Sh REJECT CODES/,/^\.Sh [^R]/p' \
            "$man/$page"
    done | sed -n 's/^\.It Cm //p' | tr -d ' ' | tr , '\n' | sort -u >listed
    diff given listed >differ || wrong "< lib and cmd, > manual: $(cat differ)"
    verdict
}
