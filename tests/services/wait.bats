#!/usr/bin/env bats
# pipe-wait for servers: what is waited for, and what ends the wait at once.
# shellcheck disable=SC2034 # LOG_AT is for requests
load ../helper
load http
load postgres

setup_file() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$BATS_FILE_TMPDIR/key" \
        -out "$BATS_FILE_TMPDIR/good.pem" 2>/dev/null
    http_start WEB
    http_start SAFE "$BATS_FILE_TMPDIR/good.pem" "$BATS_FILE_TMPDIR/key"
    pg_start
}

teardown_file() {
    http_stop
    pg_stop
}

setup() {
    pipe_setup
    LOG_AT=$(wc -l <"$WEB_LOG")
}

# web ARG...: pipe-wait, allowed onto loopback, with quick looks; what hangs
# is 124.
web() {
    timeout 30 pipe-wait --allow-private --interval 100ms "$@"
}

# ---- HTTP

@test "2xx holds; another status is as --expect says" {
    assert_exit 0 web "$WEB/status?is=200"
    assert_exit 0 web "$WEB/status?is=204"
    [ ! -s out ] && [ ! -s err ]
    assert_exit 0 web --expect 404 "$WEB/nosuch"
    assert_exit 0 web --expect 503 "$WEB/status?is=503"
    assert_exit 75 web --once --expect 204 "$WEB/status?is=200"
    grep -q 'answers with status 200, wanted 204' err
}

@test "404, 429 and 5xx are waited for" {
    local fault
    for fault in 404 410 429 500 503 reset; do
        assert_exit 0 web "$WEB/flaky?key=w$fault&faults=$fault,$fault"
    done
    [ "$(requests | wc -l)" -eq 18 ]
    assert_exit 75 web --timeout 300ms "$WEB/nosuch"
    grep -q "gave up after 0.3 s: '$WEB/nosuch' answers with status 404" err
}

@test "401, 403 and 400 end the wait at once, each with its code" {
    assert_exit 77 web "$WEB/status?is=401"
    assert_exit 77 web "$WEB/status?is=403"
    assert_exit 78 web "$WEB/status?is=400"
    [ "$(requests | wc -l)" -eq 3 ]
}

@test "Retry-After is heeded" {
    start=${EPOCHREALTIME/./}
    assert_exit 0 web "$WEB/flaky?key=ra&faults=503&after=2"
    ((${EPOCHREALTIME/./} - start >= 2000000))
}

@test "a server that is not up is waited for, one that hangs is left in time" {
    port=${WEB##*:}
    assert_exit 75 web --timeout 300ms http://127.0.0.1:1/
    start=${EPOCHREALTIME/./}
    assert_exit 75 web --timeout 500ms "$WEB/silent?s=30"
    ((${EPOCHREALTIME/./} - start < 5000000))
    grep -q "'$WEB/silent?s=30' has not answered in time" err
    assert_exit 75 web --once --http-timeout 300ms "$WEB/silent?s=30"
}

@test "--match and --json look into the body" {
    assert_exit 0 web --match '"name": "item [12]"' "$WEB/status?is=200"
    assert_exit 75 web --once --match nosuch "$WEB/status?is=200"
    grep -q 'has no match of nosuch' err
    assert_exit 0 web --json '/0/name=item 0' "$WEB/status?is=200"
    assert_exit 0 web --json '/1/id=1' "$WEB/status?is=200"
    assert_exit 75 web --once --json '/1/id=2' "$WEB/status?is=200"
    grep -q "/1/id of '$WEB/status?is=200' is '1', wanted '2'" err
    assert_exit 75 web --once --json '/9/id=2' "$WEB/status?is=200"
    assert_exit 75 web --once --json /a=b "$WEB/html"
    grep -q 'is not JSON' err
}

@test "a body that breaks off, or is too large, is no answer" {
    assert_exit 0 web --match item "$WEB/flaky?key=cut&faults=cut"
    [ "$(requests | wc -l)" -eq 2 ]
}

@test "credentials come from their place, and are in no message" {
    echo sesame >token
    chmod 600 token
    assert_exit 0 web --token file:token "$WEB/echo" --match sesame
    assert_exit 78 web --token env:NOSUCH "$WEB/echo"
    chmod 644 token
    assert_exit 77 web --token file:token "$WEB/echo"
    chmod 600 token
    assert_exit 75 web --once "$WEB/status?is=503&token=geheim"
    run ! grep -q geheim err
    printf 'machine 127.0.0.1 login u password sesame\n' >netrc
    chmod 600 netrc
    assert_exit 0 web --netrc netrc "$WEB/echo" \
        --match "$(printf u:sesame | base64)"
}

@test "a certificate that does not hold ends the wait at once" {
    assert_exit 78 web "$SAFE/status?is=200"
    assert_exit 0 web --ca "$BATS_FILE_TMPDIR/good.pem" "$SAFE/status?is=200"
}

@test "redirects are followed within the server, and nowhere else" {
    assert_exit 0 web "$WEB/redirect?to=/status%3Fis=200"
    assert_exit 77 web "$WEB/redirect?to=http://127.0.0.1:1/"
    assert_exit 65 web "$WEB/spin"
}

# ---- PostgreSQL

@test "a row of PostgreSQL holds when its first column is true" {
    local yes no
    for yes in true 1 -0.5 0.01 1e-7 "'x'" "'0'" "'NaN'::float8"; do
        assert_exit 0 pipe-wait --once "$URL" --query "SELECT $yes"
    done
    for no in false 0 0.00 0::numeric -0::float8 NULL "''" '1 WHERE false'; do
        assert_exit 75 pipe-wait --once "$URL" --query "SELECT $no"
    done
    grep -q 'gives no row' err
}

@test "a row that is inserted is waited for, without a connection in between" {
    sql 'CREATE TABLE late (a int)'
    (
        sleep 1
        sql "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'pipe-wait'" >held
        sql 'INSERT INTO late VALUES (1)'
    ) </dev/null >/dev/null 2>&1 3>&- &
    assert_exit 0 pipe-wait "$URL" --query 'SELECT a FROM late' \
        --interval 2s --timeout 30s
    wait
    [ "$(cat held)" = 0 ]
}

@test "what PostgreSQL will never answer ends the wait at once" {
    assert_exit 78 pipe-wait "$URL" --query 'SELEC 1'
    assert_exit 78 pipe-wait "$URL" --query 'SELECT a FROM nosuch'
    assert_exit 75 pipe-wait --once --allow-missing "$URL" \
        --query 'SELECT a FROM nosuch'
    assert_exit 77 pipe-wait "$URL" --query 'CREATE TABLE x (a int)'
    sql 'DROP TABLE IF EXISTS r; CREATE TABLE r (a int); INSERT INTO r VALUES (1)'
    assert_exit 77 pipe-wait "$URL" --query 'DELETE FROM r RETURNING a'
    [ "$(sql 'SELECT count(*) FROM r')" = 1 ]
    assert_exit 78 pipe-wait "$URL" --query 'SELECT 1; SELECT 2'
    assert_exit 64 pipe-wait "$URL" --query ''
    assert_exit 64 pipe-wait "$URL" --query 'COPY r TO STDOUT'
    assert_exit 78 pipe-wait "${URL%/*}/nosuch" --query 'SELECT 1'
    sql "CREATE ROLE nobody LOGIN" 2>/dev/null || true
    assert_exit 77 pipe-wait "${URL/pipe@/nobody@}" --query 'SELECT a FROM r'
}

@test "a PostgreSQL that restarts is waited for" {
    (cd / && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m fast -w stop) >/dev/null
    assert_exit 75 pipe-wait --once "$URL" --query 'SELECT 1'
    (
        sleep 1
        pg_launch
    ) </dev/null >/dev/null 2>&1 3>&- &
    assert_exit 0 pipe-wait "$URL" --query 'SELECT 1' --interval 200ms \
        --timeout 30s
    wait
}

@test "a query that takes long is given up in time, and cancelled" {
    start=${EPOCHREALTIME/./}
    assert_exit 75 pipe-wait --timeout 700ms "$URL" \
        --query 'SELECT pg_sleep(60)::text'
    ((${EPOCHREALTIME/./} - start < 6000000))
    within 5 no_query
}

no_query() {
    [ "$(sql "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'pipe-wait' AND state = 'active'")" = 0 ]
}
