#!/usr/bin/env bats
# The log of a run, its trace, and what becomes of stderr.
# shellcheck disable=SC2016 # lines are for the shell of pipe-run
load ../helper

setup() {
    pipe_setup
    printf '{"id":%d}\n' 1 2 3 >in.ndjson
}

log() { # the log of the one run of pipeline p
    cat "$PIPE_STATE"/runs/p/*/log.ndjson
}

@test "every stage, and every line of other programs, is in the run's log" {
    assert_exit 0 pipe-run --pipeline p -- 'pipe-extract in.ndjson |
        { echo "from awk: one" >&2; cat; printf "half a line" >&2; } |
        pipe-load sqlite:t.db -t t --mode append --create'
    run -0 bash -c 'cat "$0"/runs/p/*/log.ndjson |
        jq -r "select(.event == \"end\") | .stage" | sort' "$PIPE_STATE"
    [ "$output" = $'pipe-extract\npipe-load\npipe-run' ] || fail "$output"
    run -0 bash -c 'cat "$0"/runs/p/*/log.ndjson |
        jq -r "select(.event == \"stderr\") | .msg"' "$PIPE_STATE"
    [ "$output" = $'from awk: one\nhalf a line' ] || fail "$output"
    # They are still told where they always were.
    [ "$(cat err)" = $'from awk: one\nhalf a line' ] || fail "$(cat err)"
}

@test "each line of the log has the run's id and its trace" {
    TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 \
        pipe-run --pipeline p --run-id r1 -- 'pipe-extract in.ndjson |
            { echo hm >&2; cat; } |
            pipe-load sqlite:t.db -t t --mode append --create; pipe-extract nix' \
        2>err && fail "it ended well"
    run -0 jq -c '[.run_id, .trace_id, (.span_id | length)]' \
        "$PIPE_STATE/runs/p/r1/log.ndjson"
    [ "$(printf '%s\n' "${lines[@]}" | sort -u)" = \
        '["r1","4bf92f3577b34da6a3ce929d0e0e4736",16]' ] || fail "$output"
    ((${#lines[@]} >= 5)) || fail "$output"
    run -0 jq -r .trace_id "$PIPE_STATE/runs/p/r1/record.json"
    [ "$output" = 4bf92f3577b34da6a3ce929d0e0e4736 ] || fail "$output"
}

@test "without a trace context a run begins one, and passes it on" {
    assert_exit 0 pipe-run --pipeline p --on-success 'echo "$TRACEPARENT"' \
        -- 'echo "$TRACEPARENT"'
    [[ $(sed -n 1p out) =~ ^00-([0-9a-f]{32})-[0-9a-f]{16}-01$ ]] ||
        fail "$(cat out)"
    local id=${BASH_REMATCH[1]}
    run -0 jq -r .trace_id "$PIPE_STATE"/runs/p/*/record.json
    [ "$output" = "$id" ] || fail "$output"
    [ "$(sed -n 2p out)" = "$(sed -n 1p out)" ] || fail "$(cat out)"
}

@test "a traceparent that is none is not passed on as if it were" {
    export TRACEPARENT=00-xyz-1-01
    assert_exit 0 pipe-extract --log json in.ndjson
    run -0 jq -c 'has("trace_id")' err
    [ "$output" = false ] || fail "$output"
}

@test "with --log json other programs' lines are objects with the run's id" {
    assert_exit 3 pipe-run --pipeline p --run-id r2 --log json -- \
        'printf "a\033[31mb\n\xff\n" >&2; exit 3'
    run -0 jq -c 'select(.event == "stderr") | [.run_id, .msg]' err
    [ "$output" = $'["r2","a\\u001b[31mb"]\n["r2","\xef\xbf\xbd"]' ] || fail "$output"
    run ! grep -q $'\033' err
}

@test "a stage writes its messages where the caller redirected them to" {
    assert_exit 65 pipe-run --pipeline p -- \
        'echo "{" | pipe-validate -s <(echo true) 2>mine | cat >/dev/null'
    grep -q '^pipe-validate: ' mine || fail "$(cat mine)"
    run ! grep -q '^pipe-validate: rejected' err
    log | jq -se 'any(.stage == "pipe-validate" and .level == "error")' \
        >/dev/null || fail "$(log)"
}

@test "notes that -q keeps quiet are in the log all the same" {
    for _ in 1 2; do
        pipe-run --pipeline p -- 'pipe-extract in.ndjson |
            pipe-load -q sqlite:t.db -t t --mode append --create' 2>err
    done
    [ ! -s err ] || fail "$(cat err)"
    log | jq -r 'select(.stage == "pipe-load" and .level == "info") | .msg' |
        grep -q 'nothing to do\|already' || fail "$(log)"
}

@test "a terminal stays a terminal for the stages" {
    run -0 run_in_pty "pipe-run --pipeline p -- '
        { cat in.ndjson; sleep 0.5; cat in.ndjson; } | pipe-extract - |
            cat >/dev/null'"
    [[ $output == *'3 records'* ]] || fail "$output"
}

@test "a log that cannot be written fails no run" {
    mkdir -p "$PIPE_STATE"
    assert_exit 0 pipe-run --pipeline p -- \
        'rm -f "$PIPE_RUN_DIR/log.ndjson"; mkdir "$PIPE_RUN_DIR/log.ndjson"
         pipe-extract in.ndjson'
    assert_file out $'{"id":1}\n{"id":2}\n{"id":3}'
    [ ! -s err ] || fail "$(cat err)"
}

@test "a program that never stops talking is stopped by --timeout" {
    local end status=0
    timeout -s KILL 20 pipe-run --pipeline p --timeout 1s --kill-after 1s -- \
        'yes >&2' 2>/dev/null || status=$?
    ((status == 75)) || fail "exit $status"
    end=$(jq -r .outcome "$PIPE_STATE"/runs/p/*/record.json)
    [ "$end" = timeout ] || fail "$end"
}

@test "a signal stops a run whose stderr nobody reads, and its time is not spent" {
    local pid ticks
    mkfifo stuck
    exec 7<>stuck
    pipe-run --pipeline p --kill-after 1s -- 'yes >&2' 2>stuck 7>&- &
    pid=$!
    sleep 1
    ticks=$(($(cut -d' ' -f14 "/proc/$pid/stat") + \
        $(cut -d' ' -f15 "/proc/$pid/stat")))
    kill "$pid"
    for _ in {1..60}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    if kill -0 "$pid" 2>/dev/null; then
        kill -KILL "$pid"
        fail "it lives on"
    fi
    exec 7>&-
    ((ticks < 50)) || fail "$ticks ticks"
    [ "$(jq -r .outcome "$PIPE_STATE"/runs/p/*/record.json)" = stopped ] ||
        fail "$(cat "$PIPE_STATE"/runs/p/*/record.json)"
}

@test "a flood on stderr passes whole, and leaves room in the log for the stages" {
    timeout -s KILL 60 pipe-run --pipeline p -- \
        'awk "BEGIN { for (; i < 400000; i++) printf \"%099d\n\", i }" >&2
         pipe-extract in.ndjson >/dev/null' 2>err
    (($(wc -l <err) == 400000)) || fail "$(wc -l err)"
    (($(wc -c <err) == 40000000)) || fail "$(wc -c err)"
    (($(log | wc -c) < 50000000)) || fail "$(log | wc -c)"
    log | tail -n 20 | jq -se 'any(.event == "stderr" and .level == "warn") and
        any(.stage == "pipe-extract" and .event == "end")' >/dev/null ||
        fail "$(log | tail -n 3)"
}
