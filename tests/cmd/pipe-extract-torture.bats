#!/usr/bin/env bats
# pipe-extract: CSV at its corners, from tests/torture/csv.cases.
load ../helper

TORTURE=$REPO/tests/torture

# each_case GROUP N: all cases of the group, N of them, are as they say.
each_case() {
    "$TORTURE/each-case" "$TORTURE/csv.cases" "$1" >have
    assert_file have "$2 cases"
}

@test "each case of: rows" {
    each_case 'rows' 20
}

@test "each case of: ragged rows" {
    each_case 'ragged rows' 7
}

@test "each case of: quotes" {
    each_case 'quotes' 26
}

@test "each case of: line ends" {
    each_case 'line ends' 12
}

@test "each case of: text" {
    each_case 'text' 19
}

@test "each case of: names" {
    each_case 'names' 14
}

@test "each case of: delimiters" {
    each_case 'delimiters' 30
}

@test "each case of: escapes" {
    each_case 'escapes' 14
}

@test "each case of: comments" {
    each_case 'comments' 14
}

@test "each case of: types and nulls" {
    each_case 'types and nulls' 10
}

@test "each case of: sizes" {
    each_case 'sizes' 6
}

@test "each case of: encodings" {
    each_case 'encodings' 18
}

@test "Python reads the same rows" {
    need_command python3
    python3 "$TORTURE/second-opinion.py" "$TORTURE/csv.cases" >out
    [ "$(wc -l <out)" -eq 1 ] || fail "$(cat out)"
    [ "$(cat out)" -ge 80 ]
}

@test "every cut of a file: the same records or exit 65" {
    printf 'a,b\n1,"two\nlines, ""x"""\n\xc3\xa9,\n"",5\n' >whole
    "$TORTURE/cuts" whole -f csv
    printf '#x\na;b\r\n1;"2\r\n"\r\n3;4\r\n' >whole
    "$TORTURE/cuts" whole -f csv --comment '#'
    printf 'a,b\n1\\,2,"x\\"y"\n\\\n,3\n' >whole
    "$TORTURE/cuts" whole -f csv --escape '\'
    printf 'a,b\n\xe9,"1\n2"\n3,4\n' | iconv -f latin1 -t UTF-16 >whole
    "$TORTURE/cuts" whole -f csv --encoding UTF-16
}
