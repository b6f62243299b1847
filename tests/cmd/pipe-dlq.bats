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
    [[ ${lines[0]} == PIPELINE*STAGE*CODE*DAY*OPEN*REPLAYED ]]
    [ "${#lines[@]}" = 3 ]
}

@test "options of one subcommand are refused by the others" {
    run -64 pipe-dlq list --older-than 1d
    run -64 pipe-dlq purge --through cat --all
    run -64 pipe-dlq stats --max-attempts 3
    run -64 pipe-dlq list -- cat
    run -64 pipe-dlq replay --format json
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
    run -0 pipe-dlq purge --code type
    [[ ${lines[0]} == *'"code":"type"'* ]]
    [[ $output == *"removed 1 letter"* ]]
    [ "$(pipe-dlq list | jq -r .code)" = required ]
    pipe-dlq purge --all
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
    assert_exit 0 pipe-dlq purge -q --all
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
    pipe-dlq purge --all
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
    run -0 pipe-dlq purge --code type
    [[ $output == *"segments that are being written"* ]]
    [ "$(pipe-dlq list | jq -r .code)" = required ]
    printf '{"id":9}\n' >&7
    exec 7>&-
    wait
    [ "$(pipe-dlq list | jq -r .source.line | xargs)" = "3 5" ]
    pipe-dlq purge --all
    pipe-dlq purge --all
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
        pipe-dlq purge --all 2>>err >>purged
    done
    wait
    pipe-dlq purge --all >>purged
    [ "$(jq -r .id purged | sort -u | wc -l)" = 2000 ]
    [ ! -s all.ndjson ]
}

@test "a damaged line stays where it is" {
    reject_two
    sed -i '1i{"v":1,"id":"cut in mid' dl/*.ndjson
    run -0 pipe-dlq purge --all
    [[ $output == *"1 damaged lines left alone"* ]]
    [ "$(cat dl/*.ndjson)" = '{"v":1,"id":"cut in mid' ]
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

@test "a replay that died between load and marks loads once" {
    reject_two
    relax
    # The rest kills its parent behind the load: committed, but not marked.
    # shellcheck disable=SC2016 # $PPID is that of the shell inside
    run pipe-dlq replay -- \
        'pipe-load sqlite:w.db -t orders -m append --create; kill -9 $PPID'
    [ "$(sqlite3 w.db 'SELECT count(*) FROM orders')" = 1 ]
    [ "$(pipe-dlq list --code type | jq -r .state)" = open ]
    run -0 pipe-dlq replay -- 'pipe-load sqlite:w.db -t orders -m append'
    [[ $output == *"nothing changed"* ]]
    [ "$(sqlite3 w.db 'SELECT count(*) FROM orders')" = 1 ]
    [ "$(states)" = $'2,"replayed",1\n3,"open",3' ]
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
