#!/usr/bin/env bats
# What the pipeline's file says: environments, notices; and health checks.
# shellcheck disable=SC2016,SC2030,SC2031 # lines for other shells; each test is
# a shell of its own
load ../helper

setup() {
    pipe_setup
    export PIPE_CONFIG=$PWD/config
    mkdir config
    server=
}

teardown() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
}

# declare_p JSON: the file of pipeline p.
declare_p() {
    printf '%s\n' "$1" >config/p.json
}

serve() { # [STATUS|hang]
    mkdir -p srv
    "$REPO/tests/lib/eventd" srv "$@" 3>&- >/dev/null 2>&1 &
    server=$!
    within 5 test -s srv/port || fail "the server does not start"
    url=http://127.0.0.1:$(<srv/port)
}

p() { # COMMAND
    pipe-run --pipeline p -- "$1"
}

# ---- environments

@test "--env sets the variables of that environment for the pipeline" {
    declare_p '{"env":{"prod":{"TARGET":"sqlite:prod.db","PIPE_MAX_REJECT":"1%"},
        "staging":{"TARGET":"sqlite:staging.db"}}}'
    assert_exit 0 pipe-run --pipeline p --env prod -- \
        'echo "$TARGET $PIPE_MAX_REJECT $PIPE_ENV"'
    assert_file out 'sqlite:prod.db 1% prod'
    PIPE_ENV=staging assert_exit 0 pipe-run --pipeline p -- \
        'echo "$TARGET ${PIPE_MAX_REJECT-none}"'
    assert_file out 'sqlite:staging.db none'
}

@test "an environment that is not declared runs nothing" {
    assert_exit 78 pipe-run --pipeline p --env prod -- 'touch ran'
    declare_p '{"env":{"prod":{"A":"1"},"staging":{}}}'
    assert_exit 78 pipe-run --pipeline p --env prdo -- 'touch ran'
    grep -q "no environment 'prdo', but prod, staging" err || fail "$(cat err)"
    assert_exit 78 pipe-run --env prod -- 'touch ran'
    [ ! -e ran ]
}

@test "a pipeline file that is wrong stops the run before it begins" {
    local text
    for text in '{' '' '[]' '{"notfy":[]}' '{"sla":"soon"}' \
        '{"notify":[{"on":["failed"]}]}' '{"env":{"prod":{"A=B":"1"}}}' \
        '{"schedule":"61 * * * *"}' '{"pipeline":"q"}'; do
        declare_p "$text"
        assert_exit 78 pipe-run --pipeline p -- 'touch ran'
        grep -q 'p\.json' err || fail "$text" "$(cat err)"
    done
    [ ! -e ran ]
}

@test "a secret of an environment reaches no process but by its reference" {
    declare_p '{"env":{"prod":{"API_KEY":"file:'"$PWD"'/key"}}}'
    (umask 077 && echo hunter2 >key)
    assert_exit 0 pipe-run --pipeline p --env prod -- \
        'cat /proc/self/environ | tr "\0" "\n"'
    run ! grep -q hunter2 out
    grep -q "^API_KEY=file:$PWD/key" out || fail "$(cat out)"
}

# ---- notices

@test "a failure is told once, and again when it is over" {
    declare_p '{"owner":"us@example.org","runbook":"https://wiki.example/p",
        "notify":[{"on":["failed","recovered"],
            "command":"cat >>told; echo \"$PIPE_NOTICE_EVENT $PIPE_NOTICE_SEVERITY\" >>said"}]}'
    for _ in 1 2 3; do
        assert_exit 65 pipe-run --pipeline p -- 'echo "{" | pipe-extract -'
    done
    assert_exit 0 p true
    assert_exit 0 p true
    assert_file said $'failed critical\nrecovered critical'
    run -0 jq -c '[.event, .of, .severity, .pipeline, .owner, .runbook]' told
    [ "$output" = '["failed",null,"critical","p","us@example.org","https://wiki.example/p"]
["recovered","failed","critical","p","us@example.org","https://wiki.example/p"]' ] ||
        fail "$output"
    run -0 jq -r 'select(.event == "failed") | .text' told
    [[ $output == *'pipe-extract failed with exit 65: '* ]] || fail "$output"
    run -0 jq -r 'select(.event == "failed") | .record' told
    [ "$(jq -r .outcome "$output")" = failed ] || fail "$output"
}

@test "while it lasts it is told again after the time that repeat says" {
    declare_p '{"notify":[{"on":["failed"],"repeat":"1s",
        "command":"echo x >>told"}]}'
    assert_exit 1 p false
    assert_exit 1 p false
    [ "$(wc -l <told)" = 1 ] || fail "$(wc -l told)"
    sleep 1.1
    assert_exit 1 p false
    [ "$(wc -l <told)" = 2 ] || fail "$(wc -l told)"
}

@test "who wants to hear of other things, or of worse ones, is not told" {
    declare_p '{"notify":[{"on":["late"],"command":"touch late"},
        {"on":["ok"],"severity":"info","command":"echo ok >>ok"},
        {"on":["ok"],"severity":"warning","command":"touch never"},
        {"on":["failed"],"severity":"critical","command":"touch failed"}]}'
    assert_exit 0 p true
    assert_exit 0 p true
    [ ! -e late ] && [ ! -e never ] && [ ! -e failed ]
    assert_file ok $'ok\nok'
    assert_exit 1 p false
    [ -e failed ] && [ ! -e late ]
}

@test "runs that end at the same time tell once" {
    declare_p '{"notify":[{"on":["failed"],"command":"echo x >>told; sleep 0.2"}]}'
    local pids=()
    for _ in 1 2 3 4 5; do
        pipe-run --pipeline p --lock none -- false 3>&- 2>/dev/null &
        pids+=("$!")
    done
    wait "${pids[@]}" || true
    assert_file told x
}

@test "a webhook gets the notice as JSON" {
    serve
    declare_p '{"notify":[{"on":["failed"],"webhook":"'"$url"'/hook?x=1"}]}'
    assert_exit 1 p 'printf "\033[31m" >&2; false'
    run -0 jq -r '.severity + " " + .title' srv/bodies
    [ "$output" = 'critical p failed: a command of the pipeline failed with exit 1' ] ||
        fail "$output"
    grep -q '^POST /hook?x=1 HTTP' srv/heads || fail "$(cat srv/heads)"
    grep -qi '^content-type: application/json' srv/heads
}

@test "the URL of a webhook may be a secret" {
    serve
    (umask 077 && echo "$url/s3cret" >hook)
    declare_p '{"notify":[{"on":["failed"],"webhook":"file:'"$PWD"'/hook"}]}'
    assert_exit 1 p false
    grep -q '^POST /s3cret' srv/heads
    run ! grep -rq s3cret "$PIPE_STATE" err
    chmod 644 hook
    rm -r "$PIPE_STATE/notify"
    assert_exit 1 p false
    grep -q 'cannot tell by webhook' err || fail "$(cat err)"
}

@test "mail goes to sendmail, whole and in ASCII" {
    printf '#!/bin/sh\necho "$@" >args; cat >mail\n' >sendmail
    chmod +x sendmail
    export PIPE_SENDMAIL=$PWD/sendmail
    declare_p '{"owner":"ops","notify":[{"on":["failed"],"mail":"me@example.org"}]}'
    assert_exit 65 p 'printf "%s\n" "{\"ü\":" | pipe-extract - --pipeline "p"'
    assert_file args '-t -i'
    grep -q '^To: me@example.org$' mail
    run ! grep -q '[^ -~]' mail
    sed '1,/^$/d' mail | base64 -d >body
    grep -q '^log: pipe-report logs ' body || fail "$(cat body)"
    grep -q '^owner: ops$' body
    [ "$(sed '/^$/q' mail | awk 'length > 78' | wc -l)" = 0 ] || fail "$(cat mail)"
}

@test "what cannot be told is a warning, and told the next time" {
    declare_p '{"notify":[{"on":["failed"],"command":"test -e open && cat >told"}]}'
    assert_exit 1 p false
    grep -q '^pipe-run: cannot tell by command that p failed' err || fail "$(cat err)"
    touch open
    assert_exit 1 p false
    [ -s told ]
}

@test "a command that hangs is cut off, and the run is what it was" {
    declare_p '{"notify":[{"on":["ok"],"severity":"info","command":"sleep 60 & sleep 60"}]}'
    local began=$SECONDS
    assert_exit 0 p true
    ((SECONDS - began < 20)) || fail "it took $((SECONDS - began)) s"
    grep -q 'did not end within' err || fail "$(cat err)"
}

@test "a file of notices that is damaged is said to be, and left alone" {
    declare_p '{"notify":[{"on":["failed"],"command":"touch told"}]}'
    mkdir -p "$PIPE_STATE/notify"
    echo '{"v":1,"op' >"$PIPE_STATE/notify/p.json"
    assert_exit 1 p false
    grep -q 'cannot notify: .*damaged' err || fail "$(cat err)"
    assert_file "$PIPE_STATE/notify/p.json" '{"v":1,"op'
}

# ---- health checks

@test "a health check hears of the start, the end, and failures" {
    serve
    declare_p '{"ping":"'"$url"'/abc?key=1"}'
    assert_exit 0 p 'sleep 0.3'
    assert_exit 1 p 'sleep 0.3; false'
    within 5 eval '[ "$(grep -c ^POST srv/heads)" = 4 ]' || fail "$(cat srv/heads)"
    run -0 grep -o '^POST [^ ]*' srv/heads
    [ "$output" = 'POST /abc/start?key=1
POST /abc?key=1
POST /abc/start?key=1
POST /abc/fail?key=1' ] || fail "$output"
    assert_exit 0 pipe-run --ping "$url/other/" -- 'sleep 0.3'
    within 5 grep -q '^POST /other/ ' srv/heads || fail "$(cat srv/heads)"
    grep -q '^POST /other/start ' srv/heads || fail "$(cat srv/heads)"
}

@test "a health check that hangs, refuses or fails is a warning" {
    serve hang
    local began=$SECONDS
    assert_exit 0 pipe-run --pipeline p --ping "$url" -- true
    ((SECONDS - began < 15)) || fail "it took $((SECONDS - began)) s"
    grep -q '^pipe-run: cannot ping the health check: ' err || fail "$(cat err)"
    kill "$server"
    wait "$server" || true
    assert_exit 0 pipe-run --pipeline p --ping "$url" -- true
    grep -q '^pipe-run: cannot ping the health check: ' err || fail "$(cat err)"
    rm -r srv
    serve 500
    assert_exit 0 pipe-run --pipeline p --ping "$url" -- true
    grep -q 'HTTP status 500' err || fail "$(cat err)"
    assert_exit 0 pipe-run --pipeline p --ping nonsense:x -- true
    grep -q '^pipe-run: cannot ping' err || fail "$(cat err)"
}

@test "a date that failed is over when that date is done, not another one" {
    declare_p '{"notify":[{"on":["failed","recovered"],
        "command":"echo \"$PIPE_NOTICE_EVENT $PIPE_NOTICE_TITLE\" >>said"}]}'
    pipe-run --pipeline p --date 2026-01-01 -- true
    pipe-run --pipeline p --date 2026-01-02 -- false 2>/dev/null || true
    pipe-run --pipeline p --date 2026-01-03 -- true
    [[ $(cat said) == 'failed p of 2026-01-02 failed: '* ]] || fail "$(cat said)"
    [ "$(wc -l <said)" = 1 ] || fail "$(cat said)"
    # What looks after it every hour says so too, to nobody twice.
    assert_exit 65 pipe-report check
    grep -q 'of 2026-01-02 ended failed with exit 1: .*, and not again since' out ||
        fail "$(cat out)"
    [ "$(wc -l <said)" = 1 ] || fail "$(cat said)"
    pipe-run --pipeline p --date 2026-01-02 -- true
    [[ $(tail -n 1 said) == 'recovered p: failed: '*' of 2026-01-02 '* ]] ||
        fail "$(cat said)"
    assert_exit 0 pipe-report check
    [ "$(wc -l <said)" = 2 ] || fail "$(cat said)"
}

@test "what a lock kept from running says nothing of its date" {
    declare_p '{}'
    pipe-run --pipeline p --date 2026-01-02 -- true
    pipe-run --pipeline p --date 2026-01-02 --lock other -- 'touch there; sleep 5' 3>&- &
    local pid=$!
    within 5 test -e there
    assert_exit 75 pipe-run --pipeline p --date 2026-01-02 -- true
    kill "$pid"
    wait "$pid" || true
    pipe-run --pipeline p --date 2026-01-02 -- true
    pipe-run --pipeline p --date 2026-01-03 -- true
    assert_exit 0 pipe-report check
}

@test "the record says which environment a run was in" {
    declare_p '{"env":{"prod":{}}}'
    assert_exit 0 pipe-run --pipeline p --env prod -- true
    [ "$(jq -r .env "$PIPE_STATE/runs.ndjson")" = prod ]
}
