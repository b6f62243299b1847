#!/usr/bin/env bats
# pipe-validate: how many records may be rejected, and where they go.
load ../helper

setup() {
    pipe_setup
    echo '{"required":["id"],"properties":{"id":{"type":"integer"}}}' >s.json
}

# batch LAYOUT...: records by turns, 3g of them good, 2b bad, an id each.
batch() {
    printf '%s\n' "$@" | awk '{
        n = $0 + 0
        for (i = 0; i < n; i++) {
            id++
            print /b/ ? "{\"id\":\"" id "\"}" : "{\"id\":" id "}"
        }
    }'
}

# both CODE ARGS...: pipe-validate ends with it on the file in, with one thread
# and with four; -j 4 works on blocks of its own.
both() {
    local code=$1 j
    shift
    for j in 1 4; do
        rm -rf out err dlq*
        assert_exit "$code" pipe-validate -s s.json -j $j "$@" <in
        if ((code == 0)); then
            [ "$(wc -l <out)" = "$(grep -c '"id":[0-9]' in)" ] || fail "-j $j: $(wc -l <out) out"
        fi
    done
}

# ---- thresholds

@test "exactly the share that is allowed passes, one more record does not" {
    batch 95g 5b >in
    both 0 --max-reject 5%
    batch 94g 6b >in
    both 65 --max-reject 5%
    batch 990g 10b >in
    both 0 --max-reject 1%
    batch 989g 11b >in
    both 65 --max-reject 1%
    batch 995g 5b >in
    both 0 --max-reject 0.5%
    both 0 --max-reject .5%
    batch 994g 6b >in
    both 65 --max-reject 0.5%
}

@test "shares are decimal: 57 of 10,000 are 0.57%" {
    # In binary 0.57 * 10000 is less than 57 * 100.
    batch 9943g 57b >in
    both 0 --max-reject 0.57%
    both 65 --max-reject 0.569999999%
    batch 99710g 290b >in
    both 0 --max-reject 0.29%
}

@test "0%, 100%, 0 and N" {
    batch 500g >in
    both 0 --max-reject 0%
    both 0 --max-reject 0
    batch 500g 1b >in
    both 65 --max-reject 0%
    both 65 --max-reject 0
    both 0 --max-reject 1
    both 0 --max-reject 100% -q
    batch 500g 2b >in
    both 65 --max-reject 1
    both 0 --max-reject 2
    batch 20b >in
    both 65 --max-reject 20
    both 65 --max-reject 99%
    both 0 --max-reject 100% -q
    : >in
    both 0 --max-reject 0%
}

@test "without dead letters the default is none, with them 5% from 100 records on" {
    batch 199g 1b >in
    both 65
    both 0 --dlq dlq.ndjson
    batch 190g 10b >in
    both 0 --dlq dlq.ndjson
    batch 189g 11b >in
    both 65 --dlq dlq.ndjson
    # Nobody asked for the 5%, and one of ten is no sample.
    batch 9g 1b >in
    both 0 --dlq dlq.ndjson
    both 65 --dlq dlq.ndjson --max-reject 5%
}

@test "a run fails at the sample, not at the first record, nor at the last" {
    batch 10b 90g 1000g >in
    both 65 --max-reject 5%
    grep -qF 'pipe-validate: 10 of 100 records rejected, --max-reject is 5%' err || fail "$(cat err)"
    batch 5b 95g 1000g >in
    both 0 --max-reject 5%
    batch 5b 95g 1b 1000g >in
    both 65 --max-reject 5%
    both 0 --max-reject 5% --min-sample 1000
    # The input does not end: what has been read is enough.
    for j in 1 4; do
        assert_exit 65 timeout 20 pipe-validate -s s.json -j $j --max-reject 5% < <(
            batch 10b 90g
            yes '{"id":1}'
        )
    done
    batch 1b 1000g >in
    both 65 --max-reject 5% --min-sample 1
    both 65 --max-reject 5% --min-sample 0
}

@test "threads fail at the same record" {
    batch 3000g 200b 100000g >in
    for j in 1 2 4; do
        assert_exit 65 pipe-validate -s s.json -j $j --max-reject 5% <in
        grep -qF 'pipe-validate: 158 of 3158 records rejected, --max-reject is 5%' err || fail "-j $j: $(cat err)"
    done
}

@test "a sample that is never reached is judged at the end, if a share was given" {
    batch 45g 5b >in
    both 65 --max-reject 1%
    both 65 --max-reject 9%
    both 0 --max-reject 10%
    both 65 --max-reject 9% --min-sample 1000
    both 0 --max-reject 10% --min-sample 1000
    PIPE_MAX_REJECT=9% both 65
}

@test "what is neither a count nor a share is a usage error" {
    batch 1g >in
    local bad
    for bad in 101% 1.5 -1 5%% % . .% 1e1% 100.000000001% '' ' 5%' 0.0000000001% 1.2.3% 5percent; do
        assert_exit 64 pipe-validate -s s.json --max-reject="$bad" <in
        [ ! -s out ]
    done
    assert_exit 64 pipe-validate -s s.json --min-sample x <in
}

# ---- what is told and kept

@test "the message of a failed run says how many, the limit, the last, and where" {
    batch 94g 6b >in
    assert_exit 65 pipe-validate -s s.json --dlq dlq.ndjson <in
    assert_file err 'pipe-validate: 6 of 100 records rejected, --max-reject is 5%; the last: /id is "100", wants integer (type); dead letters in dlq.ndjson'
    assert_exit 65 pipe-validate -s s.json --max-reject 2 -q <in
    [ "$(tail -n 1 err)" = 'pipe-validate: 3 of 97 records rejected, --max-reject is 2' ] || fail "$(cat err)"
}

@test "dead letters are permanent, exact, and there also where the run fails" {
    need_command jq
    batch 90g 10b >in
    for j in 1 4; do
        rm -f dlq.ndjson
        assert_exit 65 pipe-validate -s s.json --dlq dlq.ndjson -j $j <in
        [ "$(jq -r '.class' dlq.ndjson | sort -u)" = permanent ]
        [ "$(jq -r '.raw' dlq.ndjson)" = "$(grep '"id":"' in | head -n "$(wc -l <dlq.ndjson)")" ]
        # What went over the limit is there too: 6 of 96 are enough, from 100 on.
        [ "$(wc -l <dlq.ndjson)" = 10 ] || fail "$(wc -l <dlq.ndjson)"
    done
}

@test "with a pipeline dead letters go to the state by default" {
    batch 99g 1b >in
    assert_exit 0 pipe-validate -s s.json --pipeline shop <in
    [ "$(cat "$PIPE_STATE"/dlq/shop/* | jq -r .raw)" = '{"id":"100"}' ] || fail "$(find "$PIPE_STATE")"
    assert_exit 65 pipe-validate -s s.json --pipeline shop --dlq none <in
}

@test "behind a run with too many rejects nothing is loaded" {
    need_command sqlite3
    local j
    for j in 1 4; do
        batch 50000g 3000b 50000g >in
        rm -f t.db
        run pipe-load -q sqlite:t.db -t t --mode append --create < <(pipe-validate -s s.json -j $j --max-reject 5% -q --dlq dlq.ndjson <in 2>/dev/null)
        [ "$status" = 65 ] || fail "$status $output"
        [[ $output == *'upstream failed with exit 65'* ]]
        [ ! -e t.db ] || [ "$(sqlite3 t.db 'SELECT count(*) FROM sqlite_master WHERE name = "t"')" = 0 ]
        run -0 pipe-load -q sqlite:t.db -t t --mode append --create < <(pipe-validate -s s.json -j $j --max-reject 6% -q --dlq dlq.ndjson <in 2>/dev/null)
        [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 100000 ]
    done
}

@test "an output file does not appear where too many are rejected" {
    batch 90g 10b >in
    assert_exit 65 pipe-validate -s s.json --max-reject 5% -o out.ndjson <in
    [ ! -e out.ndjson ]
    assert_exit 0 pipe-validate -s s.json --max-reject 10% -o out.ndjson <in
    [ "$(wc -l <out.ndjson)" = 90 ]
}

@test "lines that are no records count as rejects like others" {
    { batch 94g 3b; printf 'x\n[1]\n{"id"\n'; } >in
    both 65 --max-reject 5%
    both 0 --max-reject 6%
}
