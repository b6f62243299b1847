#!/usr/bin/env bats
# pipe-extract: CSV at its corners, from tests/torture/csv.cases.
load ../helper

CASES=$REPO/tests/torture/csv.cases

# What a case wants, in the order in which it is looked at.
new_case() {
    title=$1 args='' input='' wanted=0
    : >want.out
    : >want.rej
    : >want.says
    : >want.fail
}

# Runs the case that was read last; adds to $bad what differs.
try_case() {
    local have=0 format='-f csv'
    [ -n "$title" ] || return 0
    n=$((n + 1))
    printf '%b' "$input" >in.csv
    [[ " $args" != *' -f '* ]] || format=
    eval "pipe-extract --max-reject 100% $format $args in.csv" >out 2>err ||
        have=$?
    # A record may hold what sort and diff take for a line end: bytes it is.
    sed -n 's/^pipe-extract: rejected in.csv line \([0-9]*\): .*(\([a-z_0-9]*\))$/\1 \2/p' \
        err >have.rej
    sed -n 's/^pipe-extract: \(header of .*(--delimiter)\)$/\1/p' err >have.says
    grep -v -e ' rejected' -e '(--delimiter)$' err |
        sed 's/^pipe-extract: //' >have.fail
    if ((have != wanted)) || ! cmp -s want.out out ||
        ! cmp -s want.rej have.rej || ! cmp -s want.says have.says ||
        ! cmp -s want.fail have.fail; then
        bad+="$title: exit $have"$'\n'$(cat out err)$'\n'
    fi
}

# Tries all cases of a group, or of each group.
try_group() {
    local group='' key value n=0 bad=''
    new_case ''
    while IFS= read -r line; do
        key=${line%% *}
        value=${line#* }
        if [ "$key" = == ]; then
            try_case
            new_case ''
            group=$value
        fi
        [ "$group" = "$1" ] || continue
        case $key in
        case)
            try_case
            new_case "$value"
            ;;
        args) args=$value ;;
        in) input=${line#in } ;;
        out) printf '%s\n' "$value" >>want.out ;;
        rej) printf '%s\n' "$value" >>want.rej ;;
        says) printf '%s\n' "$value" >>want.says ;;
        fail)
            wanted=${value%% *}
            printf '%s\n' "${value#* }" >>want.fail
            ;;
        esac
    done <"$CASES"
    try_case
    ((n >= $2)) || fail "only $n cases of '$1'"
    [ -z "$bad" ] || fail "$bad"
}

@test "each case of: rows" {
    try_group 'rows' 20
}

@test "each case of: ragged rows" {
    try_group 'ragged rows' 7
}

@test "each case of: quotes" {
    try_group 'quotes' 26
}

@test "each case of: line ends" {
    try_group 'line ends' 12
}

@test "each case of: text" {
    try_group 'text' 19
}

@test "each case of: names" {
    try_group 'names' 14
}

@test "each case of: delimiters" {
    try_group 'delimiters' 22
}

@test "each case of: escapes" {
    try_group 'escapes' 14
}

@test "each case of: comments" {
    try_group 'comments' 14
}

@test "each case of: types and nulls" {
    try_group 'types and nulls' 10
}

@test "each case of: sizes" {
    try_group 'sizes' 6
}

@test "each case of: encodings" {
    try_group 'encodings' 18
}

@test "Python reads the same rows" {
    need_command python3
    python3 "$REPO/tests/torture/second-opinion.py" "$CASES" >out
    [ "$(wc -l <out)" -eq 1 ] || fail "$(cat out)"
    [ "$(cat out)" -ge 80 ]
}

# What is read of a file that was cut off anywhere: the same records, none of
# its own but of a last line without its end, or exit 65.
try_prefixes() {
    local size n have
    size=$(wc -c <whole)
    pipe-extract "$@" whole >whole.out 2>whole.err || have=$?
    for ((n = 1; n < size; n++)); do
        head -c "$n" whole >cut
        have=0
        pipe-extract --max-reject 100% "$@" cut >out 2>err || have=$?
        ((have == 0 || have == 65)) || fail "exit $have at $n" "$(cat err)"
        lines=$(wc -l <out)
        # The last one may be cut where no line end tells.
        ((have == 65 || lines == 0)) || lines=$((lines - 1))
        cmp -s <(head -n "$lines" out) <(head -n "$lines" whole.out) ||
            fail "other records at $n" "$(cat out)"
    done
}

@test "every cut of a file: the same records or exit 65" {
    printf 'a,b\n1,"two\nlines, ""x"""\n\xc3\xa9,\n"",5\n' >whole
    try_prefixes -f csv
    printf '#x\na;b\r\n1;"2\r\n"\r\n3;4\r\n' >whole
    try_prefixes -f csv --comment '#'
    printf 'a,b\n1\\,2,"x\\"y"\n\\\n,3\n' >whole
    try_prefixes -f csv --escape '\'
    printf 'a,b\n\xe9,"1\n2"\n3,4\n' | iconv -f latin1 -t UTF-16 >whole
    try_prefixes -f csv --encoding UTF-16
}
