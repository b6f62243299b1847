# pipe-dlq, on the dead letters of real stages.
# shellcheck shell=bash
load ../helper

setup() {
    pipe_setup
    export PIPE_PIPELINE=shop PIPE_DLQ=dl/
    printf '%s' '{"properties":{"price":{"type":"number"}},' \
        '"required":["price"]}' >schema.json
}

# Four orders, of which two are rejected: lines 2 and 3.
orders() {
    printf '%s\n' '{"id":1,"price":1.10}' '{"id":2,"price":"2"}' '{"id":3}' \
        '{"id":4,"price":4}'
}

reject_two() {
    orders | pipe-validate -s schema.json --date 2026-01-31 >passed
}

# The schema that takes prices as text too.
relax() {
    printf '{"required":["price"]}' >schema.json
}

states() {
    pipe-dlq list --state all | jq -r '[.source.line,.state,.attempt]|@csv'
}

# ---- list, show, stats

@test "list prints a JSON line for each open letter where stdout is no terminal" {
    reject_two
    run -0 pipe-dlq list
    [ "${#lines[@]}" = 2 ]
    [ "$(jq -r .code <<<"${lines[0]}")" = type ]
    [ "$(jq -c '[.pipeline,.stage,.path,.state,.attempt,.source.line]' \
        <<<"${lines[0]}")" = '["shop","pipe-validate","/price","open",1,2]' ]
    [ "$(jq -r .code <<<"${lines[1]}")" = required ]
    [ "$(jq -r .schema <<<"$output")" = $'/properties/price/type\n/required' ]
}

@test "list prints a table on a terminal, cut to its width" {
    reject_two
    run -0 run_in_pty 'stty cols 60; pipe-dlq list'
    [[ ${lines[0]} == "ID "*WRITTEN* ]]
    [ "${#lines[@]}" = 3 ]
    local line
    for line in "${lines[@]}"; do
        ((${#line} <= 61)) # and the CR of the terminal
    done
}

@test "a queue that is named and not there is noted; a pipeline's own is not" {
    unset PIPE_DLQ
    local sub
    for sub in list show stats 'purge --all' 'replay'; do
        # shellcheck disable=SC2086 # words
        assert_exit 0 pipe-dlq $sub --dlq nope/
        assert_file out ""
        assert_file err "pipe-dlq: no dead letters: 'nope/' is not there"
        # shellcheck disable=SC2086 # words
        assert_exit 0 pipe-dlq $sub --dlq nope/ -q
        assert_file err ""
    done
    assert_exit 0 pipe-dlq list --dlq file:nope.ndjson
    assert_file err "pipe-dlq: no dead letters: 'file:nope.ndjson' is not there"
    assert_exit 0 pipe-dlq list --pipeline shop
    assert_file err ""
    assert_exit 0 pipe-dlq list --dlq none --pipeline shop
    assert_file err ""
    PIPE_DLQ=nope/ assert_exit 0 pipe-dlq list
    assert_file err ""
    mkdir there
    assert_exit 0 pipe-dlq list --dlq there/
    assert_file err ""
    [ ! -e nope ]
}

@test "the default place of a pipeline is its folder under the state" {
    unset PIPE_DLQ
    reject_two
    [ "$(find "$PIPE_STATE/dlq/shop" -name '*.ndjson' | wc -l)" = 1 ]
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    [ "$(PIPE_PIPELINE='' pipe-dlq list --pipeline shop | wc -l)" = 2 ]
}

@test "without --dlq and --pipeline it says what is wanted" {
    unset PIPE_DLQ PIPE_PIPELINE
    run -64 pipe-dlq list
    [[ $output == *"--dlq URI or --pipeline NAME"* ]]
}

@test "a queue that nobody has written to is empty, not an error" {
    run -0 pipe-dlq list
    [ -z "$output" ]
    run -0 pipe-dlq stats
    [ -z "$output" ]
    run -0 pipe-dlq replay -- 'cat >never'
    [ ! -e never ]
}

@test "letters are chosen by id, stage, code, run, pipeline and time" {
    reject_two
    printf '{"id":null}\n' | pipe-dedup -k id --run-id other --max-reject 100%
    local id
    id=$(pipe-dlq list --code type | jq -r .id)
    count() { pipe-dlq list "$@" | wc -l; }
    [ "$(count)" = 3 ]
    [ "$(count --id "${id:0:10}")" = 1 ]
    [ "$(count "${id:0:10}")" = 1 ]
    [ "$(count --id "${id:0:10}" --code required)" = 0 ]
    [ "$(count --code type --code required)" = 2 ]
    [ "$(count --stage pipe-dedup)" = 1 ]
    [ "$(count --run other)" = 1 ]
    [ "$(count --pipeline none)" = 0 ]
    [ "$(count --since 2026-01-01 --until 2100-01-01)" = 3 ]
    [ "$(count --until 2020-12-31)" = 0 ]
    [ "$(count --since 2100-01-01T00:00:00Z)" = 0 ]
    run -64 pipe-dlq list --since yesterday
    run -64 pipe-dlq list --id xyz
}

@test "show prints the letter with its raw record and how it came to be" {
    reject_two
    run -0 pipe-dlq show --code type
    [ "$(jq -c .raw <<<"$output")" = '"{\"id\":2,\"price\":\"2\"}"' ]
    [ "$(jq -r .cwd <<<"$output")" = "$PWD" ]
    [ "$(jq -c .argv <<<"$output")" = \
        '["pipe-validate","-s","schema.json","--date","2026-01-31"]' ]
    [ "$(jq -r .source.partition <<<"$output")" = 2026-01-31 ]
    run -0 pipe-dlq show --code type --format text
    [[ $output == *"command   pipe-validate -s schema.json"* ]]
    [[ $output == *'error     /price: is "2", wants number (type)
schema    /properties/price/type'* ]]
    [[ $output == *'raw       {"id":2,"price":"2"}'* ]]
}

@test "what is printed for people drives no terminal" {
    printf '{"id":"\e[31m\a\xc2\x9b5m\xe2\x80\xae\xff"}\n' |
        pipe-validate -s schema.json --max-reject 100%
    printf '{"price":"\\u001b]0;x\\u0007"}\n' |
        pipe-validate -s schema.json --max-reject 100% --run-id $'r\e[2J'
    pipe-dlq show --format text >shown
    pipe-dlq list --format text >>shown
    pipe-dlq stats --format text >>shown
    grep -q 'x1b' shown
    run -1 grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' shown
}

@test "stats count letters by pipeline, stage, code and day" {
    reject_two
    orders | PIPE_PIPELINE=b pipe-validate -s schema.json >passed
    pipe-dlq purge --code none --pipeline b
    run -0 env PIPE_PIPELINE= pipe-dlq stats
    [ "$(jq -c '[.pipeline,.stage,.code,.open,.replayed]' <<<"$output")" = \
        "$(printf '%s\n' '["b","pipe-validate","required",1,0]' \
            '["b","pipe-validate","type",1,0]' \
            '["shop","pipe-validate","required",1,0]' \
            '["shop","pipe-validate","type",1,0]')" ]
    run -0 pipe-dlq stats --format text
    [[ ${lines[0]} == PIPELINE*STAGE*CODE*DAY*OPEN*POISON*REPLAYED*OLDEST ]]
    [ "${#lines[@]}" = 4 ]
    [[ ${lines[3]} =~ ^total\ +2\ +0\ +0\ +[0-9]+s$ ]]
}

@test "options of one subcommand are refused by the others" {
    run -64 pipe-dlq list --force
    run -64 pipe-dlq purge --through cat --all
    run -64 pipe-dlq stats --unresolved ask
    run -64 pipe-dlq list -- cat
    run -64 pipe-dlq replay --format json
    run -64 pipe-dlq replay --state all
    run -64 pipe-dlq export --format text
    run -64 pipe-dlq list --format csv
    run -64 pipe-dlq stats --per code
    run -64 pipe-dlq stats --by colour
    run -64 pipe-dlq purge --set a=1 --all
    run -64 pipe-dlq check
    run -64 pipe-dlq check --max-rate 5
    run -64 pipe-dlq check --max-open -1
    run -64 pipe-dlq replay --
    run -64 pipe-dlq lsit
    run -64 pipe-dlq
}

# ---- the files

@test "a second run of the same input adds no second letter" {
    reject_two
    reject_two
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    # An aborted run is no other: here the reader went away.
    orders | pipe-validate -s schema.json --date 2026-01-31 | true || true
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    # Another day is.
    orders | pipe-validate -s schema.json --date 2026-02-01 >passed
    [ "$(pipe-dlq list | wc -l)" = 4 ]
}

@test "a file that several stages share holds the letters of all" {
    export PIPE_DLQ=all.ndjson
    local i
    for i in 1 2 3 4; do
        make_orders 200 "${i}000" | jq -c '.price = "x"' |
            pipe-validate -s schema.json --max-reject 100% &
    done
    wait
    [ "$(pipe-dlq list | wc -l)" = 800 ]
    [ "$(jq -s length all.ndjson)" = 800 ]
}

@test "a torn line is told, skipped, and cut by the next stage" {
    reject_two
    printf '{"v":1,"id":"12' >>dl/*.ndjson
    run -0 --separate-stderr pipe-dlq list
    [ "${#lines[@]}" = 2 ]
    [[ $stderr == *"a killed writer left half a line"* ]]
    orders | pipe-validate -s schema.json --date 2026-02-01 >passed
    run -0 --separate-stderr pipe-dlq list
    [ "${#lines[@]}" = 4 ]
    [ -z "$stderr" ]
}

@test "a record too long is kept cut, and says so" {
    { printf '{"id":1,"x":"'; head -c 100000 /dev/zero | tr '\0' y; echo '"}'; } |
        pipe-validate -s schema.json --max-record 70000 --max-reject 100%
    run -0 pipe-dlq show
    [ "$(jq .raw_length <<<"$output")" = 100015 ]
    ((${#output} < 70000))
    run -65 pipe-dlq replay -- cat
    [[ $output == *"of 1 only the start of the record is kept"* ]]
}

@test "a full disk is exit 74 and leaves no half letter" {
    need_command prlimit
    make_orders 2000 | (
        trap '' XFSZ
        exec prlimit --fsize=16384 pipe-validate -s schema.json \
            --max-reject 100% 2>err
    ) && fail "succeeded" || [ $? = 74 ]
    grep -q 'cannot write a dead letter' err
    run -0 --separate-stderr pipe-dlq list
    [ -z "$stderr" ]
    ((${#lines[@]} > 10))
    tail -c 1 dl/*.ndjson | cmp - <(echo)
}

# ---- purge

@test "purge wants a selection" {
    reject_two
    run -64 pipe-dlq purge
    [ "$(pipe-dlq list | wc -l)" = 2 ]
}

@test "purge removes what is chosen and prints it; a dry run only prints" {
    reject_two
    run -0 pipe-dlq purge --code type --dry-run
    [[ ${lines[0]} == *'"code":"type"'* ]]
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    run -0 pipe-dlq purge --force --code type
    [[ ${lines[0]} == *'"code":"type"'* ]]
    [[ $output == *"removed 1 letter"* ]]
    [ "$(pipe-dlq list | jq -r .code)" = required ]
    pipe-dlq purge --force --all
    [ -z "$(ls -A dl)" ]
}

@test "purge -q removes and prints nothing, as text and as JSON" {
    reject_two
    for format in text json; do
        assert_exit 0 pipe-dlq purge -q --all --dry-run --format "$format"
        assert_file out ""
        assert_file err ""
    done
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    assert_exit 0 pipe-dlq purge -q --force --all
    assert_file out ""
    assert_file err ""
    [ "$(pipe-dlq list --state all | wc -l)" = 0 ]
}

@test "purge --older-than leaves what is younger" {
    reject_two
    sed -i '1s/"ts":"[^"]*"/"ts":"2020-01-01T00:00:00.000000Z"/' dl/*.ndjson
    pipe-dlq purge --older-than 30d
    [ "$(pipe-dlq list | jq -r .code)" = required ]
}

@test "a purged letter comes again with the next run" {
    reject_two
    pipe-dlq purge --force --all
    reject_two
    [ "$(pipe-dlq list | wc -l)" = 2 ]
}

@test "purge of a queue that is written to loses no letter of the writer" {
    mkfifo pipe
    pipe-validate -s schema.json --max-reject 100% <pipe >passed &
    exec 7>pipe
    orders >&7
    both_there() { [ "$(pipe-dlq list | wc -l)" = 2 ]; }
    within 10 both_there
    run -0 pipe-dlq purge --force --code type
    [[ $output == *"segments that are being written"* ]]
    [ "$(pipe-dlq list | jq -r .code)" = required ]
    printf '{"id":9}\n' >&7
    exec 7>&-
    wait
    [ "$(pipe-dlq list | jq -r .source.line | xargs)" = "3 5" ]
    pipe-dlq purge --force --all
    pipe-dlq purge --force --all
    [ "$(pipe-dlq list --state all | wc -l)" = 0 ]
}

@test "purge of a shared file goes on beside four writers and loses nothing" {
    export PIPE_DLQ=all.ndjson
    local i
    for i in 1 2 3 4; do
        make_orders 500 "${i}000" | jq -c '.price = "x"' |
            pipe-validate -s schema.json --max-reject 100% &
    done
    for i in 1 2 3 4 5 6 7 8; do
        pipe-dlq purge --force --all 2>>err >>purged
    done
    wait
    pipe-dlq purge --force --all >>purged
    [ "$(jq -r .id purged | sort -u | wc -l)" = 2000 ]
    [ ! -s all.ndjson ]
}

@test "a damaged line stays where it is" {
    reject_two
    sed -i '1i{"v":1,"id":"cut in mid' dl/*.ndjson
    run -0 pipe-dlq purge --force --all
    [[ $output == *"1 damaged lines left alone"* ]]
    [ "$(cat dl/*.ndjson)" = '{"v":1,"id":"cut in mid' ]
}

@test "purge refuses to remove what is open and young, and no other" {
    reject_two
    run -65 pipe-dlq purge --all
    [[ $output == *"2 of 2 letters are open and younger than 7d: nothing"* ]]
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    run -0 pipe-dlq purge --all --dry-run --format text
    [[ $output == *"would remove 2 letters"*"2 of them are open"* ]]
    sed -i '1s/"ts":"[^"]*"/"ts":"2020-01-01T00:00:00.000000Z"/' dl/*.ndjson
    run -65 pipe-dlq purge --all
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    run -0 pipe-dlq purge --code type
    [ "$(pipe-dlq list | jq -r .code)" = required ]
    sleep 1
    run -65 pipe-dlq purge --all --floor 1h
    run -0 pipe-dlq purge --all --floor 500ms
    [ "$(pipe-dlq list | wc -l)" = 0 ]
    # What was replayed is waste at any age.
    reject_two
    relax
    pipe-dlq replay --code type -- 'cat >got'
    run -0 pipe-dlq purge --state replayed
    [ "$(pipe-dlq list --state all | jq -r .code)" = required ]
}

@test "purge --keep leaves the newest letters, whatever was chosen" {
    make_orders 10 | jq -c '.price = "x"' |
        pipe-validate -s schema.json --max-reject 100%
    run -0 --separate-stderr pipe-dlq purge --all --force --keep 4
    [ "${#lines[@]}" = 6 ]
    [ "$(pipe-dlq list | jq -r .source.line | xargs)" = "7 8 9 10" ]
    run -0 --separate-stderr pipe-dlq purge --all --force --keep 4
    [ -z "$output" ]
    run -0 --separate-stderr pipe-dlq purge --all --force --keep 100
    [ -z "$output" ]
    [ "$(pipe-dlq list | wc -l)" = 4 ]
}

@test "what a purge had to leave in a live segment goes with the next one" {
    mkfifo pipe
    pipe-validate -s schema.json --max-reject 100% <pipe >passed &
    exec 7>pipe
    orders >&7
    both_there() { [ "$(pipe-dlq list | wc -l)" = 2 ]; }
    within 10 both_there
    pipe-dlq purge --force --code type 2>err
    exec 7>&-
    wait
    [ "$(cat dl/*.ndjson | wc -l)" = 3 ] # two letters and a mark
    pipe-dlq purge --code nothing
    [ "$(cat dl/*.ndjson | jq -r '.mark // .errors[0].code' | xargs)" = required ]
}

@test "marks go when all that they name is gone" {
    make_orders 6 | jq -c '.price = "x"' |
        pipe-validate -s schema.json --max-reject 100%
    relax
    pipe-dlq edit --all --set 'price=1'
    pipe-dlq replay -- 'cat >got'
    [ "$(cat dl/*.ndjson | wc -l)" = 15 ] # 6, 6 edited, 3 marks
    local id
    for id in $(pipe-dlq list --state all | jq -r .id); do
        [ "$(cat dl/*.ndjson | jq -r .mark | grep -c replay)" = 2 ]
        pipe-dlq purge -q --id "$id"
    done
    pipe-dlq purge -q --state replayed
    [ -z "$(cat dl/*.ndjson 2>/dev/null)" ]
}

# ---- edit

# An editor that applies a sed script to the file.
sed_editor() {
    printf '#!/bin/sh\ncp "$1" before\nsed -i %q "$1"\ncp "$1" after\n' \
        "$1" >editor
    chmod +x editor
    unset VISUAL
    export EDITOR=$PWD/editor
}

@test "edit --set and --drop mend records; what was there stays in the letter" {
    reject_two
    run -0 pipe-dlq edit --code type --set 'price=CAST(price AS NUMBER)' \
        --set "by='me'" --drop id
    [[ $output == *"1 letter edited, 0 unchanged"* ]]
    run -0 pipe-dlq show --code type
    [ "$(jq -r .raw <<<"$output")" = '{"price":2,"by":"me"}' ]
    [ "$(jq -c '.edits[] | [.how, .was]' <<<"$output")" = \
        '[["--set price=CAST(price AS NUMBER)","--set by='"'me'"'","--drop id"],"{\"id\":2,\"price\":\"2\"}"]' ]
    [[ $(jq -r '.edits[0].by' <<<"$output") == "$(id -un)"@* ]]
    [ "$(jq -r '.edits[0].ts' <<<"$output")" = "$(jq -r .ts <<<"$output")" ]
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    # A second edit adds to the history.
    pipe-dlq edit --code type --set 'price=3'
    [ "$(pipe-dlq show --code type | jq -r '.edits[].was, .raw')" = \
        '{"id":2,"price":"2"}
{"price":2,"by":"me"}
{"price":3,"by":"me"}' ]
    run -0 pipe-dlq show --code type --format text
    [[ $output == *'was       {"id":2,"price":"2"}'*'raw       {"price":3,"by":"me"}'* ]]
}

@test "the mended bytes are what a replay feeds, and keep their history" {
    reject_two
    pipe-dlq edit --code type --set 'price=CAST(price AS NUMBER)'
    run -0 pipe-dlq replay --code type -- 'cat >got'
    [ "$(cat got)" = '{"id":2,"price":2}' ]
    [ "$(states)" = $'3,"open",1\n2,"replayed",1' ]
    pipe-dlq edit --code required --set "price='x'"
    run -65 pipe-dlq replay -- 'cat >got'
    run -0 pipe-dlq show
    [ "$(jq -c '[.attempt, .raw, .edits[-1].was, .errors[0].code]' \
        <<<"$output")" = '[2,"{\"id\":3,\"price\":\"x\"}","{\"id\":3}","type"]' ]
}

@test "a dry run of edit shows what would change, and changes nothing" {
    reject_two
    cat dl/*.ndjson >before
    run -0 --separate-stderr pipe-dlq edit --all --set price=1 --dry-run
    [ "$(jq -c '[.was, .raw]' <<<"${lines[1]}")" = \
        '["{\"id\":3}","{\"id\":3,\"price\":1}"]' ]
    run -0 --separate-stderr pipe-dlq edit --all --set price=1 -n --format text
    [[ ${lines[1]} == '- {"id":2,"price":"2"}' ]]
    [[ ${lines[2]} == '+ {"id":2,"price":1}' ]]
    cat dl/*.ndjson | cmp - before
}

@test "one letter that cannot be mended leaves all as they are" {
    reject_two
    printf 'not json\n' | pipe-validate -s schema.json --max-reject 100%
    run -65 pipe-dlq edit --all --set price=1
    [[ $output == *"its record is no JSON object"*"nothing is edited"* ]]
    run -65 pipe-dlq edit --all --set 'price=1 / 0'
    run -64 pipe-dlq edit --all --set 'price=('
    run -64 pipe-dlq edit
    [ "$(pipe-dlq show | jq -r .raw)" = '{"id":2,"price":"2"}
{"id":3}
not json' ]
    [ "$(cat dl/*.ndjson | grep -c edit_of)" = 0 ]
}

@test "edit opens the records in an editor, with why they were rejected" {
    reject_two
    sed_editor 's/"price":"2"/"price":22/'
    run -0 pipe-dlq edit --all
    [[ $output == *"1 letter edited, 1 unchanged"* ]]
    grep -q '^#: [0-9a-f]\{32\} pipe-validate /price is "2", wants number' before
    [ "$(pipe-dlq show | jq -r .raw)" = '{"id":3}
{"id":2,"price":22}' ]
    [ "$(pipe-dlq show --code type | jq -c '.edits[0].how')" = '"editor"' ]
    # Saved as it was: nothing has changed.
    sed_editor p\;d
    cat dl/*.ndjson >as_it_was
    run -0 pipe-dlq edit --all
    [[ $output == *"0 letters edited, 2 unchanged"* ]]
    cat dl/*.ndjson | cmp - as_it_was
    # Taken out: left alone.
    sed_editor '3,$d'
    run -0 pipe-dlq edit --all
    cat dl/*.ndjson | cmp - as_it_was
    [ -z "$(ls "${TMPDIR:-/tmp}"/pipe-dlq-edit.* 2>/dev/null)" ]
}

@test "the editor's file is the owner's alone, and VISUAL comes first" {
    reject_two
    printf '#!/bin/sh\nstat -c %%a "$2" >mode\necho "$1" >word\n' >visual
    chmod +x visual
    EDITOR=false VISUAL="$PWD/visual -w" run -0 pipe-dlq edit --all
    [ "$(cat mode word | xargs)" = "600 -w" ]
    EDITOR=false VISUAL='' run -75 pipe-dlq edit --all
    [[ $output == *"'false' ended with exit 1: nothing is edited"* ]]
}

@test "an editor's record that is none is refused, and what was typed is kept" {
    reject_two
    sed_editor 's/"price":"2"}/"price":22/'
    export TMPDIR=$BATS_TEST_TMPDIR
    run -65 pipe-dlq edit --all
    [[ $output == *"no JSON object"* ]]
    grep -q '"price":22$' "$TMPDIR"/pipe-dlq-edit.*
    [ "$(pipe-dlq show --code type | jq -r .raw)" = '{"id":2,"price":"2"}' ]
    # One record is one line.
    sed_editor '$s/$/\n{"id":9}/'
    run -65 pipe-dlq edit --all
    [[ $output == *"a record is one line"* ]]
}

@test "rows of a CSV file may stay what they are, and hold lines" {
    printf 'id,price\n1,2\n2\n' >in.csv
    pipe-extract in.csv >passed
    sed_editor 's/^2$/2,"a\nb"/'
    run -0 pipe-dlq edit --all
    run -0 --separate-stderr pipe-dlq replay
    [ "$output" = '{"id":"2","price":"a\nb"}' ]
}

@test "what has changed while the editor was open is not edited" {
    reject_two
    relax
    printf '#!/bin/sh\nsed -i s/:2,/:5,/ "$1"\npipe-dlq replay -- "cat >got"\n' \
        >editor
    chmod +x editor
    unset VISUAL
    EDITOR=$PWD/editor TMPDIR=$BATS_TEST_TMPDIR run -75 pipe-dlq edit --all
    [[ $output == *"meanwhile: nothing is edited"* ]]
    [ "$(cat got)" = '{"id":2,"price":"2"}' ]
}

@test "bytes that are no UTF-8 go through an editor as they are" {
    printf '{"id":1,"x":"\xff","price":"1"}\n' |
        pipe-validate -s schema.json --max-reject 100%
    sed_editor p\;d
    cat dl/*.ndjson >as_it_was
    run -0 pipe-dlq edit --all
    cat dl/*.ndjson | cmp - as_it_was
    LC_ALL=C sed_editor 's/\xff/y/'
    EDITOR="env LC_ALL=C $PWD/editor" run -0 pipe-dlq edit --all
    run -0 pipe-dlq show
    [ "$(jq -r .raw <<<"$output")" = '{"id":1,"x":"y","price":"1"}' ]
    [ "$(jq -r '.edits[0].was_b64' <<<"$output" | base64 -d | od -An -c |
        grep -c 377)" = 1 ]
}

@test "an edit that died in the middle counts for nothing, and is swept up" {
    reject_two
    pipe-dlq edit --all --set price=1
    # The mark that makes it count is not there.
    sed -i '/"mark":"edited"/d' dl/*.ndjson
    [ "$(pipe-dlq show | jq -r .raw | xargs)" = "{id:2,price:2} {id:3}" ]
    relax
    run -0 --separate-stderr pipe-dlq replay
    [ "$output" = '{"id":2,"price":"2"}' ]
    pipe-dlq purge --code nothing
    [ "$(cat dl/*.ndjson | grep -c edit_of)" = 0 ]
    [ "$(pipe-dlq list | wc -l)" = 2 ]
}

@test "an edit of what was purged meanwhile does not bring it back" {
    reject_two
    pipe-dlq edit --code type --set price=1
    # As a purge would that had read the queue before the edit.
    sed -i '/"v":1,.*"code":"type"/d' dl/*.ndjson
    [ "$(pipe-dlq list --state all | jq -r .code)" = required ]
}

# ---- export

@test "export writes letters whole, their records alone, or a table" {
    reject_two
    run -0 pipe-dlq export
    [ "$(jq -c '[.v, .state, .raw]' <<<"${lines[1]}")" = \
        '[1,"open","{\"id\":3}"]' ]
    run -0 pipe-dlq export --format raw
    [ "$output" = $'{"id":2,"price":"2"}\n{"id":3}' ]
    run -0 pipe-dlq export --format csv --code type
    [ "${lines[0]}" = 'id,ts,state,pipeline,run_id,stage,attempt,class,code,path,message,uri,line,offset,partition,raw' ]
    [[ ${lines[1]} == *',pipe-validate,1,permanent,type,/price,"is ""2"", wants number",-,2,22,2026-01-31,"{""id"":2,""price"":""2""}"' ]]
    pipe-dlq export --format csv | pipe-extract --format csv - |
        jq -r .raw >raws
    [ "$(cat raws)" = $'{"id":2,"price":"2"}\n{"id":3}' ]
}

@test "export -o writes a file whole or not at all" {
    reject_two
    pipe-dlq export --format raw -o 'out-{date}.ndjson' --date 2026-01-31
    [ "$(wc -l <out-2026-01-31.ndjson)" = 2 ]
    printf '\xff\n' | pipe-validate -s schema.json --max-reject 100%
    sed -i 's/"raw_b64":"[^"]*"/"raw_b64":"%%%"/' dl/*.ndjson
    run -65 pipe-dlq export --format raw -o torn
    [ ! -e torn ]
    run -74 pipe-dlq export -o /dev/full
}

# ---- check

@test "check is silent within its limits, and tells each that is passed" {
    reject_two
    assert_exit 0 pipe-dlq check --max-open 2 --max-age 1h --max-rate 2/h \
        --max-poison 0
    assert_file out ""
    assert_file err ""
    assert_exit 65 pipe-dlq check --max-open 1 --max-rate 1/m
    assert_file out "2 open, limit 1
2 written in a minute, limit 1"
    assert_file err "pipe-dlq: 2 limits are passed by dead letters"
    assert_exit 65 pipe-dlq check --max-open 0 --per code,stage --format json
    [ "$(cat out)" = \
        '{"check":"open","stage":"pipe-validate","code":"required","value":1,"limit":0}
{"check":"open","stage":"pipe-validate","code":"type","value":1,"limit":0}' ]
    sed -i '1s/"ts":"[^"]*"/"ts":"2020-01-01T00:00:00.000000Z"/' dl/*.ndjson
    assert_exit 65 pipe-dlq check --max-age 1d --per code
    grep -q '^code type: the oldest is open for [0-9]*d[0-9]*h, limit 1d$' out
    [ "$(wc -l <out)" = 1 ]
    assert_exit 0 pipe-dlq check --max-rate 1/h
    relax
    pipe-dlq replay -q -- 'cat >got'
    assert_exit 0 pipe-dlq check --max-age 1d
}

@test "poison pills are told, counted, and fed only when they are asked for" {
    reject_two
    run -65 pipe-dlq replay --max-attempts 2
    [ "$(pipe-dlq list --max-attempts 2 | jq -r .state | xargs)" = \
        "poison poison" ]
    [ "$(pipe-dlq list --max-attempts 2 --state poison | wc -l)" = 2 ]
    [ "$(pipe-dlq list --state poison | wc -l)" = 0 ]
    run -0 pipe-dlq stats --max-attempts 2 --by none
    [ "$(jq -c '[.open, .poison, .replayed]' <<<"$output")" = '[2,2,0]' ]
    run -65 pipe-dlq check --max-attempts 2 --max-poison 1
    [[ ${lines[0]} == "2 rejected too often, limit 1" ]]
    relax
    run -65 pipe-dlq replay --max-attempts 2 -- 'touch started; cat'
    [ ! -e started ]
    run -0 pipe-dlq replay --max-attempts 2 --state poison -- 'cat >got'
    [ "$(cat got)" = '{"id":2,"price":"2"}' ]
    # Who is mended is none any more.
    pipe-dlq edit --all --set price=1
    [ "$(pipe-dlq list --max-attempts 2 | jq -r .state)" = open ]
    run -0 pipe-dlq replay --max-attempts 2 -- 'cat >got'
    [ "$(cat got)" = '{"id":3,"price":1}' ]
}

@test "stats count by what is asked for, with totals and the oldest" {
    reject_two
    run -0 pipe-dlq stats --by stage
    [ "$(jq -c 'del(.oldest, .oldest_age_seconds)' <<<"$output")" = \
        '{"stage":"pipe-validate","open":2,"poison":0,"replayed":0}' ]
    [ "$(jq '.oldest_age_seconds < 60' <<<"$output")" = true ]
    [ "$(jq -r .oldest <<<"$output")" = "$(pipe-dlq list | jq -rs '.[0].ts')" ]
    run -0 pipe-dlq stats --by none --format text
    [ "${#lines[@]}" = 2 ]
    relax
    pipe-dlq replay -q -- 'cat >got'
    run -0 pipe-dlq stats --by code
    [ "$(jq -c '[.code, .open, .replayed, has("oldest")]' <<<"$output")" = \
        '["required",1,0,true]
["type",0,1,false]' ]
}

@test "stats and check write gauges for each pipeline and stage" {
    reject_two
    pipe-dlq stats --metrics m >stats
    grep -q '^pipeline_dlq_open{pipeline="shop",stage="pipe-validate"} 2$' \
        m/*.prom
    grep -q '^pipeline_dlq_poison{pipeline="shop",stage="pipe-validate"} 0$' \
        m/*.prom
    grep -q '^pipeline_dlq_oldest_age_seconds{.*} [0-9]' m/*.prom
    # Another pipeline has a file of its own; one without letters has zero.
    PIPE_METRICS=m pipe-dlq check --pipeline other --max-open 0
    [ "$(cat m/*.prom | grep -c '^pipeline_dlq_open')" = 2 ]
    grep -q '^pipeline_dlq_open{pipeline="other",stage=""} 0$' m/*.prom
    relax
    pipe-dlq replay -q --code type -- 'cat >got'
    run -65 pipe-dlq check --max-open 0 --metrics m
    grep -q '^pipeline_dlq_open{pipeline="shop",stage="pipe-validate"} 1$' \
        m/*.prom
}

@test "what a topic of Kafka cannot do is said" {
    local sub
    for sub in list show stats 'check --max-open 1' export 'edit --all' \
        'purge --all' 'replay'; do
        # shellcheck disable=SC2086 # words
        assert_exit 64 pipe-dlq $sub --dlq kafka://localhost/dead
        grep -q "only written here: read 'kafka://localhost/dead' by pipe-extract --kafka-envelope" err
    done
}

# ---- replay

@test "replay feeds the stage that rejected, and marks nothing without a rest" {
    reject_two
    relax
    run -0 --separate-stderr pipe-dlq replay
    [ "$output" = '{"id":2,"price":"2"}' ]
    [[ $stderr == *"1 letter passed, not marked as replayed, 1 rejected again" ]]
    [ "$(states)" = $'2,"open",1\n3,"open",2' ]
}

@test "a letter that is rejected again tells the place in the schema of today" {
    reject_two
    printf '{"allOf":[{"required":["price"]}]}' >schema.json
    run -0 --separate-stderr pipe-dlq replay
    run -0 pipe-dlq show --code required
    [ "$(jq -c '[.attempt,.errors]' <<<"$output")" = \
        '[2,[{"code":"required","path":"/price","message":"is missing","schema":"/allOf/0/required"}]]' ]
}

@test "replay loads what passes now and marks it; what does not stays" {
    reject_two
    relax
    run -0 pipe-dlq replay -- 'pipe-load sqlite:w.db -t orders -m append --create'
    [[ $output == *"1 letter replayed, 1 rejected again"* ]]
    [ "$(sqlite3 w.db 'SELECT id, price FROM orders')" = '2|2' ]
    [ "$(states)" = $'2,"replayed",1\n3,"open",2' ]
    [ "$(sqlite3 w.db 'SELECT pipeline FROM _pipe_loads')" = shop ]
    # Once more: nothing is open that could pass.
    run -65 pipe-dlq replay -- 'pipe-load sqlite:w.db -t orders -m append'
    [[ $output == *"all 1 letters were rejected again"* ]]
    [ "$(sqlite3 w.db 'SELECT count(*) FROM orders')" = 1 ]
}

# replayed: until no run of an earlier replay is at work any more.
replayed() {
    local code=0
    pipe-dlq replay "$@" 2>replay.err || code=$?
    [ "$code" != 75 ] || ! grep -q 'still at work' replay.err || return 1
    echo "$code" >code
}

@test "a replay that died between load and marks is marked by the next one" {
    reject_two
    relax
    # The rest kills the replay before the load is committed. Of whose parent
    # it is the child: that is the pipe-run that commits all the same.
    # shellcheck disable=SC2016 # $PPID is that of the shell inside
    run pipe-dlq replay -- 'pipe-load sqlite:w.db -t orders -m append --create
        kill -9 $(ps -o ppid= $PPID)'
    [ "$status" = 137 ]
    loaded() { [ "$(sqlite3 w.db 'SELECT count(*) FROM orders')" = 1 ]; }
    within 40 loaded
    [ "$(pipe-dlq list --code type | jq -r .state)" = open ]
    # Another letter has come meanwhile: it is another set, and another run.
    printf '{"id":7,"price":"7"}\n' | pipe-validate --max-reject 100% \
        -s <(echo '{"properties":{"price":{"type":"number"}}}') || true
    [ "$(pipe-dlq list --code type | wc -l)" = 2 ]
    within 40 replayed --code type --through cat -- \
        'pipe-load sqlite:w.db -t orders -m append --max-reject 100%'
    grep -q '1 letter marked as replayed: a replay that died' replay.err
    [ "$(sqlite3 w.db 'SELECT id, price FROM orders')" = $'2|2\n7|7' ]
    [ "$(marks_of type)" = $'1\n1' ]
}

# marks_of CODE: how often the letters of a code are marked as replayed.
marks_of() {
    local id
    for id in $(pipe-dlq list --state all --code "$1" | jq -r .id); do
        jq -r --arg id "$id" \
            'select(.mark == "replayed") | .of[] | select(.[0] == $id)[0]' \
            dl/*.ndjson | wc -l
    done
}

@test "a replay that died before its load was committed is loaded by the next" {
    reject_two
    relax
    # shellcheck disable=SC2016
    run pipe-dlq replay -- 'pipe-load sqlite:w.db -t orders -m append --create
        kill -9 $(ps -o ppid= $PPID); kill -9 $PPID'
    within 40 replayed -- 'pipe-load sqlite:w.db -t orders -m append --create'
    [ "$(cat code)" = 0 ]
    [ "$(sqlite3 w.db 'SELECT id, price FROM orders')" = '2|2' ]
    [ "$(marks_of type)" = 1 ]
}

@test "where nobody can say whether a load was committed, it is asked of you" {
    reject_two
    relax
    # shellcheck disable=SC2016
    run pipe-dlq replay -- 'pipe-load sqlite:w.db -t orders -m append --create
        kill -9 $(ps -o ppid= $PPID)'
    settled() { ! pgrep -x pipe-run -s 0; }
    within 10 settled
    rm -r "$PIPE_STATE/runs"
    local rest='pipe-load sqlite:w.db -t orders -m append'
    run -78 pipe-dlq replay -- "$rest"
    [[ $output == *"--unresolved"* ]]
    run -65 pipe-dlq replay --unresolved committed -- "$rest"
    [ "$(sqlite3 w.db 'SELECT count(*) FROM orders')" = 1 ]
    [ "$(states)" = $'2,"replayed",1\n3,"open",3' ]
}

@test "a rest that only looks marks nothing" {
    reject_two
    relax
    sqlite3 w.db 'CREATE TABLE orders (id, price)'
    run -75 pipe-dlq replay -- 'pipe-load sqlite:w.db -t orders -m append -n'
    [[ $output == *"has only looked: nothing is marked"* ]]
    [ "$(pipe-dlq list --code type | jq -r .state)" = open ]
}

@test "a load whose pipeline fails behind it is rolled back" {
    reject_two
    relax
    sqlite3 w.db 'CREATE TABLE orders (id, price)'
    run -3 pipe-dlq replay -- 'pipe-load sqlite:w.db -t orders -m append; exit 3'
    [ "$(sqlite3 w.db 'SELECT count(*) FROM orders')" = 0 ]
    [ "$(pipe-dlq list --code type | jq -r .state)" = open ]
}

@test "letters of a load are loaded by its own command line, and marked" {
    sqlite3 w.db 'CREATE TABLE t (id INTEGER) STRICT'
    printf '{"id":1}\n{"id":"x"}\n{"id":"y"}\n' |
        pipe-load sqlite:w.db -t t -m append --max-reject 100%
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    pipe-dlq edit --all --set "id=CASE WHEN id = 'x' THEN 2 ELSE id END"
    run -0 pipe-dlq replay
    [[ $output == *"1 letter replayed, 1 rejected again"* ]]
    [ "$(sqlite3 w.db 'SELECT group_concat(id) FROM t')" = 1,2 ]
    [ "$(pipe-dlq list --state all | jq -r .state | xargs)" = "replayed open" ]
    run -65 pipe-dlq replay
    [ "$(sqlite3 w.db 'SELECT group_concat(id) FROM t')" = 1,2 ]
}

@test "a rest that fails leaves all letters open, and its exit code" {
    reject_two
    relax
    run -69 pipe-dlq replay -- 'cat >seen; exit 69'
    [ "$(cat seen)" = '{"id":2,"price":"2"}' ]
    [[ $output == *"nothing is marked as replayed"* ]]
    run -1 pipe-dlq replay -- 'false | cat >seen; exit 0'
    [ "$(pipe-dlq list | wc -l)" = 2 ]
}

@test "a stage that fails starts no rest" {
    reject_two
    rm schema.json
    run -66 pipe-dlq replay -- 'touch started; cat'
    [ ! -e started ]
    [ "$(pipe-dlq list --state open | wc -l)" = 2 ]
    cd ..
    mv "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR.moved"
    PIPE_DLQ=$BATS_TEST_TMPDIR.moved/dl run -66 pipe-dlq replay
    mv "$BATS_TEST_TMPDIR.moved" "$BATS_TEST_TMPDIR"
    [[ $output == *"cannot enter"* ]]
}

@test "a killed stage is no clean one, and starts no rest" {
    reject_two
    run -137 pipe-dlq replay --through 'cat; kill -9 $$' -- 'touch started; cat'
    [ ! -e started ]
    [ "$(pipe-dlq list | wc -l)" = 2 ]
}

@test "where all are rejected again the exit is 65 and no rest is started" {
    reject_two
    run -65 pipe-dlq replay -- 'touch started; cat'
    [[ $output == *"all 2 letters were rejected again"* ]]
    [ ! -e started ]
    [ "$(states)" = $'2,"open",2\n3,"open",2' ]
}

@test "a poison pill is left after --max-attempts" {
    reject_two
    run -65 pipe-dlq replay --max-attempts 2
    run -65 pipe-dlq replay --max-attempts 2
    [[ $output == *"2 letters were rejected too often"* ]]
    [ "$(states)" = $'2,"open",2\n3,"open",2' ]
}

@test "a record that the rest rejects keeps its id and stays open" {
    reject_two
    relax
    sqlite3 w.db 'CREATE TABLE orders (id TEXT, price REAL) STRICT'
    local id
    id=$(pipe-dlq list --code type | jq -r .id)
    run -0 pipe-dlq replay -- \
        'pipe-load sqlite:w.db -t orders -m append --max-reject 100%'
    [[ $output == *"0 letters replayed, 2 rejected again"* ]]
    [ "$(pipe-dlq list --stage pipe-load | jq -r .id)" = "$id" ]
}

@test "replay runs in the folder, with the variables, of the first run" {
    mkdir a b
    cp schema.json a
    (cd a && orders | PIPE_DATE=2026-03-01 pipe-validate -s schema.json >p \
        --dlq ../dl/)
    cd b
    run -65 pipe-dlq replay --dlq ../dl/
    [ "$(pipe-dlq show --dlq ../dl/ | jq -r '.cwd + .env.PIPE_DATE' | uniq)" = \
        "$(dirname "$PWD")/a2026-03-01" ]
    [ ! -e dl ]
}

@test "a replayed stage writes no file of the first run" {
    orders | pipe-validate -s schema.json -o out.ndjson
    cp out.ndjson before
    relax
    run -0 --separate-stderr pipe-dlq replay
    [ "$output" = '{"id":2,"price":"2"}' ]
    cmp out.ndjson before
}

@test "rows of a CSV file are read again with their header" {
    printf 'id,price\n1,2\n2\n3,4,5\n' >in.csv
    pipe-extract in.csv >passed
    [ "$(pipe-dlq list | wc -l)" = 2 ]
    run -65 pipe-dlq replay -- cat
    # Mended by hand, as an editor would.
    sed -i 's/"raw":"2"/"raw":"2,9"/' dl/*.ndjson
    run -0 --separate-stderr pipe-dlq replay
    [ "$output" = '{"id":"2","price":"9"}' ]
}

@test "letters are fed exactly as they came" {
    local raw=$'{"a":\t1e400 , "b":"\\u00e9" }\r'
    printf '%s\r\n' "$raw" | pipe-validate -s schema.json --max-reject 100%
    printf '\n\xef\xbb\xbfnot json\n\x1f\x8b\n' |
        pipe-validate -s schema.json --max-reject 100%
    pipe-dlq replay --through "cat >fed" 2>err
    printf '%s\r\n\xef\xbb\xbfnot json\n\x1f\x8b\n' "$raw" | cmp - fed
    # A byte order mark at the start is not taken for one.
    run -65 pipe-dlq replay --code not_json
}

@test "letters of several stages go each to its own, in order" {
    reject_two
    printf '{"id":null,"n":%d}\n' 1 2 | pipe-dedup -k id --max-reject 100%
    relax
    run -0 --separate-stderr pipe-dlq replay --code type --code null_key \
        --through cat
    [ "$(jq -c '[.id,.n]' <<<"$output" | xargs)" = \
        '[2,null] [null,1] [null,2]' ]
    run -0 --separate-stderr pipe-dlq replay --code type --code null_key
    [ "$output" = '{"id":2,"price":"2"}' ]
    [[ $stderr == *"2 rejected again"* ]]
}

@test "a command that is none of ours is not run" {
    reject_two
    sed -i 's/"argv":\["pipe-validate"/"argv":["touch","evil"/' dl/*.ndjson
    run -77 pipe-dlq replay
    [ ! -e evil ]
    # Nor is one that only has our name: the tool beside pipe-dlq runs.
    mkdir bin
    printf '#!/bin/sh\ntouch %q\n' "$PWD/evil" >bin/pipe-validate
    chmod +x bin/pipe-validate
    sed -i "s|\"touch\",\"evil\"|\"$PWD/bin/pipe-validate\"|" dl/*.ndjson
    run -65 pipe-dlq replay
    [ ! -e evil ]
}

@test "what --through prints must be records" {
    reject_two
    run -65 pipe-dlq replay --through 'echo no' -- 'touch started'
    [[ $output == *"is no record"* ]]
    [ ! -e started ]
}

@test "letters of a load that replaces are not loaded alone" {
    printf '{"id":1,"d":"x"}\n{"id":2}\n{"id":"z"}\n' |
        pipe-load sqlite:w.db -t t -m replace --all --create
    [ "$(sqlite3 w.db 'SELECT count(*) FROM t')" = 2 ]
    run -78 pipe-dlq replay -- true
    [[ $output == *"a load that replaces"* ]]
    [ "$(sqlite3 w.db 'SELECT count(*) FROM t')" = 2 ]
    pipe-dlq replay --through "sed s/z/9/ | jq -c '.id|={id:tonumber}|.id' |
        pipe-load sqlite:w.db -t t -m append" -- true
    [ "$(sqlite3 w.db 'SELECT group_concat(id) FROM t')" = 1,2,9 ]
    [ "$(pipe-dlq list | wc -l)" = 0 ]
}

@test "two replays at once: the second gives way with 75" {
    reject_two
    relax
    pipe-dlq replay -- 'touch started; sleep 2; cat >got' &
    within 10 test -e started
    run -75 pipe-dlq replay -- 'cat >other'
    [ ! -e other ]
    wait $!
    [ -s got ]
}

@test "a signal in mid replay fails the rest and marks nothing" {
    reject_two
    relax
    pipe-dlq replay --through 'sleep 0.1; touch started; sleep 60' -- cat &
    local pid=$!
    within 10 test -e started
    kill -TERM $pid
    wait $pid && fail "ended well" || [ $? = 143 ]
    pipe-dlq replay -- 'touch rest; sleep 60' &
    pid=$!
    within 10 test -e rest
    kill -TERM $pid
    wait $pid && fail "ended well" || [ $? = 143 ]
    [ "$(pipe-dlq list --code type | jq -r .state)" = open ]
}

@test "the output of a replay without a rest is marked for its reader" {
    reject_two
    relax
    pipe-dlq replay 2>err |
        pipe-load sqlite:w.db -t orders -m append --create --on-unknown refuse
    [ "$(sqlite3 w.db 'SELECT count(*) FROM orders')" = 1 ]
    rm schema.json
    pipe-dlq replay 2>err |
        { run -66 pipe-load sqlite:w.db -t orders -m append; }
    [ "$(sqlite3 w.db 'SELECT count(*) FROM orders')" = 1 ]
}

@test "output on a full device is 74, a reader that goes is no error line" {
    reject_two
    pipe-dlq list >/dev/full 2>err && fail "succeeded" || [ $? = 74 ]
    make_orders 3000 | jq -c '.price = "x"' |
        pipe-validate -s schema.json --max-reject 100%
    { pipe-dlq list 2>err || echo $? >code; } | head -n 1 >/dev/null
    [ "$(cat code)" = 141 ]
    [ ! -s err ]
}
