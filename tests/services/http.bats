#!/usr/bin/env bats
# pipe-extract over HTTP, from a real server on loopback, faults and all.
# shellcheck disable=SC2034 # LOG_AT is for requests
load ../helper
load http

setup_file() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$BATS_FILE_TMPDIR/key" \
        -out "$BATS_FILE_TMPDIR/good.pem" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$BATS_FILE_TMPDIR/oldkey" \
        -out "$BATS_FILE_TMPDIR/old.csr" 2>/dev/null
    openssl x509 -req -in "$BATS_FILE_TMPDIR/old.csr" -days -1 \
        -signkey "$BATS_FILE_TMPDIR/oldkey" -copy_extensions copy \
        -out "$BATS_FILE_TMPDIR/old.pem" 2>/dev/null
    http_start WEB
    http_start OTHER
    http_start SAFE "$BATS_FILE_TMPDIR/good.pem" "$BATS_FILE_TMPDIR/key"
    http_start OLD "$BATS_FILE_TMPDIR/old.pem" "$BATS_FILE_TMPDIR/oldkey"
}

teardown_file() {
    http_stop
}

setup() {
    pipe_setup
    LOG_AT=$(wc -l <"$WEB_LOG")
    OTHER_AT=$(wc -l <"$OTHER_LOG")
}

# get ARG...: pipe-extract, allowed onto loopback.
get() {
    pipe-extract --allow-private "$@"
}

# ids: "0 24 25": the first id, the last one, how many different, in order.
ids() {
    jq -r .id | awk 'NR == 1 { first = $1 } NR > 1 && $1 != last + 1 { bad = 1 }
        { last = $1 } END { print first, last, NR, bad ? "disordered" : "" }'
}

all_ids='0 24 25 '

# ---- bodies and formats ----

@test "a JSON array, NDJSON and CSV come as records, by their Content-Type" {
    run -0 get "$WEB/page?page=1&limit=2"
    [ "$output" = '{"id": 0, "name": "item 0", "price": "0.10"}
{"id": 1, "name": "item 1", "price": "1.10"}' ]
    run -0 get "$WEB/csv"
    [ "$output" = '{"id":"007","name":"a, b"}' ]
    [ "$(get "$WEB/gzip" | ids)" = "$all_ids" ]
}

@test "--format goes before the Content-Type" {
    run -0 get --format csv --no-header --columns line "$WEB/html"
    [ "$output" = '{"line":"<html><body>no</body></html>"}' ]
    assert_exit 65 get "$WEB/html"
    assert_exit 65 get --format json "$WEB/html"
}

@test "a body of 200 MB is read in constant memory" {
    /usr/bin/time -f %M -o rss "$BIN_DIR/pipe-extract" --allow-private \
        "$WEB/big?mb=200" | tail -c 20 >end
    [ "$(cat end)" = 'xxxxxxxxxxxxxxxxx"}' ]
    [ -n "${BUILD_DIR##*asan*}" ] || skip 'sanitizers take memory of their own'
    [ "$(cat rss)" -lt 40000 ] || fail "$(cat rss) KiB"
}

@test "a record is passed on before the next one is waited for" {
    pipe-extract --allow-private "$WEB/drip" 3>&- >out &
    pid=$!
    within 2 grep -q '"a":1' out
    run -1 grep -q '"a":2' out
    wait "$pid"
    [ "$(jq -s length out)" = 2 ]
}

@test "methods, bodies, headers and parameters are sent as asked for" {
    [ "$(get --method PUT "$WEB/echo" | jq -r .method)" = PUT ]
    get --body '{"a":{page},"b":{cursor}}' --initial 5 \
        --header 'X-One: 1' --header 'Accept: text/x' --param 'q=a b&c' \
        "$WEB/echo?z=1" >out
    [ "$(jq -c '[.method, .query, .body]' out)" = \
        '["POST",{"z":"1","q":"a b&c"},"{\"a\":null,\"b\":5}"]' ]
    [ "$(jq -c '.headers | [.["x-one"], .accept, .["content-type"],
        .["accept-encoding"]]' out)" = \
        '["1","text/x","application/json","gzip"]' ]
    printf '{"q":1}' >body
    [ "$(get --body @body "$WEB/echo" | jq -c .body)" = '"{\"q\":1}"' ]
}

@test "a parameter with {cursor} is left out until there is something to put there" {
    [ "$(get --param 'since={cursor}' "$WEB/echo?x={cursor}&y=2" |
        jq -c .query)" = '{"y":"2"}' ]
    [ "$(get --param 'since={cursor}' --initial '2026-01-01T00:00:00+01:00' \
        "$WEB/echo?x={cursor}" | jq -c .query.since,.query.x)" = \
        '"2026-01-01T00:00:00+01:00"
"2026-01-01T00:00:00+01:00"' ]
    assert_exit 64 get "$WEB/echo/{cursor}"
    grep -F -- --initial err
}

@test "what has not changed since the last load is not read again" {
    export PIPE_PIPELINE=p
    for url in "$WEB/etag" "$WEB/modified" "$WEB/etag?v=2"; do
        line="pipe-extract --allow-private --if-changed --source-name s $url"
        for _ in 1 2; do
            pipe-run -q -- "$line | pipe-load sqlite:t.db -t t --mode append \
                --create"
        done
    done
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 9 ]
    [ "$(requests '.headers | .["if-none-match"] // .["if-modified-since"] //
        empty')" = '"\"1\""
"Wed, 21 Oct 2015 07:28:00 GMT"
"\"2\""' ]
    pipe-run -q -- "${line/--if-changed/} >/dev/null"
    [ "$(requests '.headers["if-none-match"]' | tail -n 1)" = null ]
}

@test "a server that says nothing has changed where nobody asked is an error" {
    assert_exit 78 get "$WEB/status?is=304"
    assert_exit 78 get --paginate link "$WEB/status?is=304"
    assert_exit 0 get --header 'If-None-Match: "1"' "$WEB/status?is=304"
    [ ! -s out ]
}

@test "what was read by a run that did not commit is read again" {
    export PIPE_PIPELINE=p
    line="pipe-extract --allow-private --if-changed $WEB/etag"
    run ! pipe-run -q -- "$line | pipe-load sqlite:t.db -t t --mode append \
        --create; false"
    pipe-run -q -- "$line | pipe-load sqlite:t.db -t t --mode append --create"
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 3 ]
}

@test "the watermark goes into the request, and nothing comes twice" {
    export PIPE_PIPELINE=p
    line="pipe-extract --allow-private --cursor id --param since={cursor} \
        $WEB/since | pipe-load sqlite:t.db -t t --mode append --create"
    pipe-run -q -- "$line"
    pipe-run -q -- "$line"
    [ "$(requests .query.since)" = 'null
"24"' ]
    [ "$(sqlite3 t.db 'SELECT count(*), min(id), max(id) FROM t')" = '20|5|24' ]
    rm -r state
    pipe-run -q -- "${line/--param/--initial 24 --param} 2>/dev/null" || true
    [ "$(requests .query.since | tail -n 1)" = '"24"' ]
}

@test "--max-age holds what the server says of its body's age" {
    assert_exit 65 get --max-age 1d "$WEB/modified"
    get --max-age 36500d "$WEB/modified" >out
    [ "$(jq -s length out)" = 3 ]
}

# ---- pages ----

@test "pages by number end at the first empty one" {
    [ "$(get --paginate page "$WEB/page" | ids)" = "$all_ids" ]
    [ "$(requests .query.page | tr '\n' ' ')" = '"1" "2" "3" "4" ' ]
}

@test "pages by offset go on behind what came, also where the server caps them" {
    [ "$(get --paginate offset --page-size 20 "$WEB/offset?cap=7" | ids)" = \
        "$all_ids" ]
    [ "$(requests .query.offset | tr '\n' ' ')" = '"0" "7" "14" "21" "25" ' ]
    [ "$(requests .query.limit | sort -u)" = '"20"' ]
}

@test "pages asked for side by side come in order" {
    [ "$(get --paginate page --parallel 4 --param slow= "$WEB/page" | ids)" = \
        "$all_ids" ]
    [ "$(get --paginate offset --parallel 3 --page-size 4 "$WEB/offset" |
        ids)" = "$all_ids" ]
}

@test "side by side, a server with smaller pages than asked for leaves no gap" {
    assert_exit 65 get --paginate offset --parallel 3 --page-size 10 \
        "$WEB/offset?cap=7"
    grep -F 'smaller pages (--page-size)' err
}

@test "a server that does not know the page's number is found out" {
    assert_exit 65 get --paginate page "$WEB/page?ignore="
    grep -F "does the server know the parameter 'page'" err
}

@test "pages by Link header, next URL and cursor" {
    [ "$(get --paginate link "$WEB/link" | ids)" = "$all_ids" ]
    [ "$(get --paginate next --next-at /next "$WEB/next" | jq -c '.items[]' |
        ids)" = "$all_ids" ]
    [ "$(get --paginate cursor --cursor-at /meta/next "$WEB/cursor" |
        jq -c '.items[]' | ids)" = "$all_ids" ]
    [ "$(get --paginate cursor --cursor-at /meta/next --body '{"after":{page}}' \
        "$WEB/cursor" | jq -c '.items[]' | ids)" = "$all_ids" ]
}

@test "the records of a page are where --records says, and counted there" {
    pipe-extract --help | grep -q -- --records || skip 'no --records here'
    [ "$(get --records /items --paginate next --next-at /next "$WEB/next" |
        ids)" = "$all_ids" ]
    [ "$(get --records /items --paginate offset --page-size 10 --parallel 2 \
        --total-at /total "$WEB/offset?promise=25" | ids)" = "$all_ids" ]
    assert_exit 75 get --records /items --paginate offset --total-at /total \
        "$WEB/offset?promise=30"
}

@test "pages that lead back to one before end with 65" {
    assert_exit 65 get --paginate link "$WEB/link?loop="
    grep -F 'round in circles' err
    assert_exit 65 get --paginate cursor --cursor-at /meta/next \
        "$WEB/cursor?loop="
    grep -F 'round in circles' err
}

@test "more pages than --max-pages, or larger ones than --max-page, end with 65" {
    assert_exit 65 get --paginate page --max-pages 2 "$WEB/page"
    assert_exit 65 get --paginate page --page-size 500 --max-page 1K "$WEB/page"
    [ "$(get --paginate page --max-pages 4 "$WEB/page" | ids)" = "$all_ids" ]
}

@test "a total ends the pages, and fewer records than promised fail with 75" {
    [ "$(get --paginate next --next-at /next --total-at /none "$WEB/next" |
        jq -c '.items[]' | ids)" = "$all_ids" ]
    assert_exit 75 get --paginate next --next-at /next --total-at /items/1/id \
        "$WEB/next?at=20"
    grep -F 'the server promised 21' err
}

@test "a page that is no JSON, or has a cursor that is none, fails with 65" {
    assert_exit 65 get --paginate next --next-at /next "$WEB/html"
    assert_exit 65 get --paginate cursor --cursor-at /items "$WEB/cursor"
    assert_exit 65 get --paginate next --next-at /items/0/id "$WEB/next?at=10"
}

@test "a page that is a part fails with 65, one without content is the last" {
    assert_exit 65 get --paginate link "$WEB/status?is=206"
    [ ! -s out ]
    assert_exit 0 get --paginate cursor --cursor-at /next "$WEB/status?is=204"
    [ ! -s out ]
}

# ---- politeness ----

@test "429, 500 and lost connections are tried again" {
    [ "$(get "$WEB/flaky?key=a&faults=429,500,reset,503&after=0" | ids)" = \
        "$all_ids" ]
    [ "$(requests | wc -l)" = 5 ]
    [ "$(get --paginate page --page-size 30 --max-pages 2 \
        --param faults=cut,reset --param key=b --retries 2 "$WEB/flaky" 2>err |
        ids)" = "$all_ids" ] || grep -F 'same as the one before' err
}

@test "what no other try changes is not tried again" {
    assert_exit 66 get "$WEB/nothing"
    assert_exit 78 get "$WEB/flaky?key=c&faults=400,400"
    [ "$(requests | wc -l)" = 2 ]
}

@test "--retries and --retry-for end it: 75 for 429, 69 for 5xx" {
    assert_exit 75 get --retries 1 "$WEB/flaky?key=d&faults=429,429,429&after=0"
    [ "$(requests | wc -l)" = 2 ]
    assert_exit 69 get --retries 0 "$WEB/flaky?key=e&faults=500"
    assert_exit 69 get --retry-for 2s "$WEB/flaky?key=f&faults=503&after=3600"
    grep -F 'asks to wait for 3600 s' err
}

@test "Retry-After is waited for, as seconds and as a date" {
    get "$WEB/flaky?key=g&faults=429&after=2" >/dev/null
    [ "$(requests .t | jq -s '.[1] - .[0] >= 2')" = true ]
    LOG_AT=$(wc -l <"$WEB_LOG")
    get --param "after=$(date -u -d '3 seconds' '+%a, %d %b %Y %T GMT')" \
        "$WEB/flaky?key=h&faults=503" >/dev/null
    [ "$(requests .t | jq -s '.[1] - .[0] >= 1.5')" = true ]
}

@test "--rate spreads requests evenly" {
    get --paginate page --page-size 5 --parallel 3 --rate 20/s "$WEB/page" |
        ids >out
    [ "$(cat out)" = "$all_ids" ]
    [ "$(requests .t | jq -s '[range(1; length) as $i | .[$i] - .[$i - 1]] |
        add / length > 0.04')" = true ]
    assert_exit 64 get --rate 0/s "$WEB/page"
    assert_exit 64 get --rate 5/d "$WEB/page"
}

@test "a server that says nothing is given up after --http-timeout, with 75" {
    assert_exit 75 get --http-timeout 200ms --retries 0 "$WEB/silent?s=2"
    grep -F 'time ran out' err
}

@test "SIGTERM ends waiting for a server at once" {
    pipe-extract --allow-private "$WEB/silent?s=20" 3>&- >out 2>err &
    pid=$!
    within 5 test "$(requests | wc -l)" = 1 || true
    sleep 0.3
    kill "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" = 143 ]
}

# ---- nothing that is cut short looks whole ----

@test "a body cut short of its length or within its chunks fails with 75" {
    assert_exit 75 get --retries 0 "$WEB/cut/length"
    assert_exit 75 get --retries 0 "$WEB/cut/chunks"
    grep -F truncated err
}

@test "no end of trailers behind a body fails with 65" {
    assert_exit 65 get "$WEB/trailers"
    assert_exit 65 get --paginate link "$WEB/trailers"
}

@test "a body that only the connection's end ends is refused unless allowed" {
    assert_exit 78 get "$WEB/close"
    grep -F -- --allow-close-delimited err
    [ "$(get --allow-close-delimited "$WEB/close" | jq -s length)" = 2 ]
}

@test "a download that breaks off is read on where it did" {
    get "$WEB/ranges?key=r1" | jq -r .n >out
    seq 0 999 | cmp - out
    [ "$(requests '.headers | [.range, .["if-range"]]' | tail -n 1)" != \
        '[null,null]' ]
}

@test "a download that broke off is not continued with another version" {
    assert_exit 75 get "$WEB/ranges?key=r2&change="
    grep -F 'has changed since' err
    assert_exit 75 get "$WEB/ranges?key=r3&weak="
    assert_exit 75 get "$WEB/ranges?key=r4&plain="
    assert_exit 75 get "$WEB/ranges?key=r5&short="
    [ "$(jq -s 'map(.v) | unique | length' out)" = 1 ]
}

@test "an encoding that was not asked for is refused" {
    assert_exit 65 get "$WEB/brotli"
}

# ---- whom we talk to ----

@test "loopback is refused without --allow-private, by any of its names" {
    assert_exit 77 pipe-extract "$WEB/page"
    grep -F -- --allow-private err
    port=${WEB##*:}
    assert_exit 77 pipe-extract "http://localhost:$port/page"
    assert_exit 77 pipe-extract "http://0x7f000001:$port/page"
    assert_exit 77 pipe-extract "http://[::ffff:127.0.0.1]:$port/page"
    [ -z "$(requests)" ]
}

@test "a next link to another origin is refused, and without credentials where allowed" {
    export T=s3cret
    assert_exit 77 get --auth bearer --token env:T --paginate link \
        "$WEB/link?to=$OTHER/page"
    grep -F -- "--allow-origin $OTHER" err
    [ "$(wc -l <"$OTHER_LOG")" = "$OTHER_AT" ]
    get --auth bearer --token env:T --header 'X-Mine: 1' --paginate link \
        --allow-origin "$OTHER" "$WEB/link?to=$OTHER/page" >/dev/null
    tail -n 1 "$OTHER_LOG" | jq -e '.headers | (has("authorization") or
        has("x-mine")) | not'
    requests .headers.authorization | grep -F s3cret
}

@test "a redirect is followed within its origin only" {
    [ "$(get "$WEB/redirect?to=/page" | jq -s length)" = 10 ]
    assert_exit 77 get "$WEB/redirect?to=$OTHER/page"
    [ "$(get --allow-origin "$OTHER" "$WEB/redirect?to=$OTHER/page" |
        jq -s length)" = 10 ]
    assert_exit 65 get "$WEB/redirect?to=file:///etc/passwd"
    assert_exit 65 get "$WEB/spin"
}

@test "an expired certificate, and one nobody vouches for, fail with 78" {
    assert_exit 78 get --ca "$BATS_FILE_TMPDIR/old.pem" "$OLD/page"
    grep -F 'expired' err
    assert_exit 78 get "$SAFE/page"
    get --ca "$BATS_FILE_TMPDIR/good.pem" "$SAFE/page" >out
    [ "$(jq -s length out)" = 10 ]
}

@test "nobody there is 69" {
    assert_exit 69 get --retries 0 http://127.0.0.1:1/
    assert_exit 69 get --retries 0 http://does-not-exist.invalid/
}

# ---- credentials ----

@test "bearer, basic, netrc and API keys are shown" {
    export T=s3cret
    printf s3cret >token && chmod 600 token
    get --auth bearer --token env:T "$WEB/bearer" >out
    get --auth bearer --token file:token "$WEB/bearer" >>out
    get --auth basic --user ann --token env:T "$WEB/basic" >>out
    printf 'machine 127.0.0.1 login ann password s3cret\n' >rc && chmod 600 rc
    get --auth basic --netrc rc "$WEB/basic" >>out
    get --auth apikey --token env:T "$WEB/key" >>out
    get --auth apikey --api-key-param k --token env:T "$WEB/key?k=other" >>out
    [ "$(wc -l <out)" = 6 ]
}

@test "a key that goes into the URL is in no message and no dead letter" {
    export T=s3cret
    key=(--auth apikey --api-key-param k --token env:T)
    assert_exit 66 get "${key[@]}" "$WEB/nothing"
    get "${key[@]}" --dlq dlq/ --max-reject 100% --meta "$WEB/bad?x=1" >out 2>>err
    [ "$(cat dlq/* | jq -r .source.uri)" = "$WEB/bad?x=1" ]
    [ "$(jq -s length out)" = 2 ]
    run -1 grep -r s3cret dlq err out
    requests .query.k | grep -F s3cret
    # What looks like one is not shown either.
    assert_exit 66 get "$WEB/nothing?sig=s3cret&x=1"
    grep -F 'sig=***&x=1' err
    run -1 grep s3cret err
}

@test "a proxy is used where it is named, and never from the environment" {
    export http_proxy=$OTHER
    assert_exit 69 get --retries 0 http://api.invalid/page
    [ "$(pipe-extract --http-proxy "$OTHER" http://api.invalid/page |
        jq -s length)" = 10 ]
    assert_exit 77 pipe-extract --http-proxy "$OTHER" "$WEB/page"
    [ -z "$(requests)" ]
    export no_proxy=.invalid WAY=http://ann:s3cret@${OTHER#*//}
    [ "$(pipe-extract --http-proxy env:WAY http://api.invalid/echo |
        jq -r '.headers["proxy-authorization"]')" = 'Basic YW5uOnMzY3JldA==' ]
    WAY='http://ann:s3cret@[bad' assert_exit 69 pipe-extract --retries 0 \
        --http-proxy env:WAY http://api.invalid/echo
    run -1 grep -F s3cret err
    WAY='gopher://ann:s3cret@a' assert_exit 69 pipe-extract --retries 0 \
        --http-proxy env:WAY http://api.invalid/echo
    run -1 grep -F s3cret err
    [ "$(pipe-extract --http-proxy "$OTHER" http://api.invalid/page |
        jq -s length)" = 10 ]
}

@test "a token is not in ps while it is used" {
    export T=s3cret
    pipe-extract --allow-private --auth bearer --token env:T "$WEB/silent?s=2" \
        3>&- >out &
    pid=$!
    sleep 0.5
    tr '\0' ' ' <"/proc/$pid/cmdline" >seen
    grep -F pipe-extract seen
    run -1 grep -F s3cret seen
    wait "$pid"
}

@test "wrong credentials are 77, a file that others may read too" {
    export T=wrong
    assert_exit 77 get --auth bearer --token env:T "$WEB/bearer"
    printf s3cret >token && chmod 644 token
    assert_exit 77 get --auth bearer --token file:token "$WEB/bearer"
    printf 'machine 127.0.0.1 login ann password s3cret\n' >rc && chmod 644 rc
    assert_exit 77 get --auth basic --netrc rc "$WEB/basic"
}

@test "secrets on the command line are refused" {
    assert_exit 64 get --header 'Authorization: Bearer s3cret' "$WEB/bearer"
    assert_exit 64 get "http://ann:s3cret@127.0.0.1/"
    assert_exit 64 get "$WEB/key?api_key=s3cret"
    assert_exit 64 get "$WEB/key?key=1&API_Key=s3cret"
    assert_exit 64 get --param Api_key=s3cret "$WEB/key"
    assert_exit 64 get --http-proxy "http://ann:s3cret@${OTHER#*//}" "$WEB/page"
    assert_exit 64 get --http-proxy "ann:s3cret@${OTHER#*//}" "$WEB/page"
    assert_exit 64 get --auth bearer --token s3cret "$WEB/bearer"
    run -1 grep -F s3cret err
    [ -z "$(requests)" ]
}

@test "credentials are not shown over plain HTTP unless private networks are allowed" {
    export T=s3cret
    assert_exit 64 pipe-extract --auth bearer --token env:T http://a.test/
    grep -F 'plain HTTP' err
}

@test "OAuth 2: a token is fetched once, and anew when it is not taken any more" {
    export T=s3cret
    oauth=(--auth oauth2 --client-id cli:ent --token env:T)
    get "${oauth[@]}" --token-url "$WEB/token" --scope 'a b' --paginate page \
        "$WEB/oauth" | ids >out
    [ "$(cat out)" = "$all_ids" ]
    [ "$(requests 'select(.path == "/token") | .body')" = \
        '"grant_type=client_credentials&scope=a%20b"' ]
    LOG_AT=$(wc -l <"$WEB_LOG")
    get "${oauth[@]}" --token-url "$WEB/token?uses=2" --paginate page \
        "$WEB/oauth" | ids >out
    [ "$(cat out)" = "$all_ids" ]
    [ "$(requests 'select(.path == "/token") | 1' | wc -l)" = 2 ]
    LOG_AT=$(wc -l <"$WEB_LOG")
    get "${oauth[@]}" --token-url "$WEB/token?lives=1" --paginate page \
        --rate 2/s "$WEB/oauth" | ids >out
    [ "$(cat out)" = "$all_ids" ]
    [ "$(requests 'select(.path == "/token") | 1' | wc -l)" -gt 1 ]
    export T=wrong
    assert_exit 77 get "${oauth[@]}" --token-url "$WEB/token" "$WEB/oauth"
}

# ---- options ----

@test "options that do not go together are refused" {
    while read -r line; do
        # shellcheck disable=SC2086 # words
        assert_exit 64 get $line "$WEB/page" || fail "$line"
    done <<'END'
--paginate cursor
--paginate next
--paginate page --next-at /a
--paginate link --parallel 2
--paginate offset --parallel 2
--page-size 5
--parallel 2
--token env:A
--auth bearer
--auth oauth2 --token env:A
--auth basic --user a
--api-key-header A
--auth apikey --token env:A --api-key-header A --api-key-param b
--paginate cursor --cursor-at a..b
--header nonsense
--param nonsense
--method HEAD
END
    assert_exit 64 get --method $'GET / HTTP/1.1\r\nX-Evil: 1\r\nX:' "$WEB/page"
    assert_exit 64 get --method '' "$WEB/page"
    assert_exit 64 get --header $'X: 1\r\nX-Evil: 1' "$WEB/page"
    [ -z "$(requests)" ]
}
