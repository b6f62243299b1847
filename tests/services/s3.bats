#!/usr/bin/env bats
# Objects as sources and targets, against a server that checks signatures.
load ../helper
load s3

setup_file() { s3_start; }
teardown_file() { s3_stop; }
setup() {
    pipe_setup
    s3_need
}
teardown() { s3_teardown; }

# ---- reading

@test "an object is read; its name says format and compression" {
    printf 'id,name\n1,Zo\xc3\xab\n' | gzip >a.csv.gz
    s3_put a.csv.gz in/a.csv.gz
    assert_exit 0 pipe-extract s3://lake/in/a.csv.gz
    assert_file out '{"id":"1","name":"Zoë"}'
    assert_file err ''
}

@test "all objects below a prefix are read in the order of their keys, but those for tools" {
    for i in b/1 a _SUCCESS .hidden b/_tmp/x c; do
        echo "{\"key\":\"$i\"}" >o
        s3_put o "in/$i"
    done
    assert_exit 0 pipe-extract --format ndjson s3://lake/in/
    assert_file out '{"key":"a"}
{"key":"b/1"}
{"key":"c"}'
    assert_exit 0 pipe-extract --format ndjson s3://lake
    assert_file out '{"key":"a"}
{"key":"b/1"}
{"key":"c"}'
}

@test "a glob's wildcards do not go beyond a slash" {
    for i in 2026-01/x1.ndjson 2026-01/y.ndjson 2026-02/x2.ndjson 2026-02/z/x3.ndjson 2025-12/x.ndjson; do
        echo "{\"key\":\"$i\"}" >o
        s3_put o "logs/$i"
    done
    assert_exit 0 pipe-extract 's3://lake/logs/2026-*/x[0-9].ndjson'
    assert_file out '{"key":"2026-01/x1.ndjson"}
{"key":"2026-02/x2.ndjson"}'
}

@test "keys with every kind of character are signed, listed and read" {
    local key
    for key in 'a b+c' 'ü€' 'x=1&y=2' "it's" '100%' 'a%20b' '~(1)!' 'semi;colon,@:$'; do
        echo '{"a":1}' | pipe-load s3://lake/odd -t t --mode replace --all --create -q --on-unknown accept
        mkdir -p "$BUCKET/odd/$key"
        cp "$BUCKET"/odd/t/part-*.ndjson "$BUCKET/odd/$key/o.ndjson"
        assert_exit 0 pipe-extract "s3://lake/odd/$key/"
        assert_file out '{"a":1}'
        rm -r "$BUCKET/odd"
    done
}

@test "a listing of several pages is read to its end" {
    mkdir -p "$BUCKET/many"
    local i
    for ((i = 0; i < 2345; i++)); do
        printf '{"i":%d}\n' "$i" >"$BUCKET/many/$(printf %05d "$i").ndjson"
    done
    pipe-extract s3://lake/many/ >out
    [ "$(wc -l <out)" = 2345 ]
    [ "$(tail -n 1 out)" = '{"i":2344}' ]
}

@test "what is not there is 66, a bucket too" {
    assert_exit 66 pipe-extract s3://lake/none.csv
    assert_file err "pipe-extract: there is no object 's3://lake/none.csv'"
    assert_exit 66 pipe-extract s3://lake/none/
    assert_file err "pipe-extract: no object is below 's3://lake/none/'"
    assert_exit 66 pipe-extract 's3://lake/*.csv'
    assert_file err "pipe-extract: no object matches 's3://lake/*.csv'"
    assert_exit 66 pipe-extract s3://pond/
    grep -q "NoSuchBucket" err
}

@test "a wrong secret is 77, and appears nowhere" {
    export AWS_SECRET_ACCESS_KEY=wrong-secret-1
    assert_exit 77 pipe-extract s3://lake/a.csv
    grep -q "cannot read 's3://lake/a.csv': SignatureDoesNotMatch" err
    echo '{"a":1}' >in
    assert_exit 77 pipe-load s3://lake/w -t t --mode append --create <in
    [ "$(grep -c wrong-secret-1 err)" = 0 ]
    [ ! -e "$BUCKET/w" ]
}

@test "credentials come from ~/.aws/credentials, which nobody else may read" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    export HOME=$PWD AWS_PROFILE=etl
    echo '{"a":1}' >o
    s3_put o in/o.ndjson
    assert_exit 78 pipe-extract s3://lake/in/o.ndjson
    grep -q 'no credentials for S3' err
    mkdir .aws
    printf '[etl]\naws_access_key_id = testkey\naws_secret_access_key = testsecret\n' >.aws/credentials
    chmod 644 .aws/credentials
    assert_exit 77 pipe-extract s3://lake/in/o.ndjson
    chmod 600 .aws/credentials
    assert_exit 0 pipe-extract s3://lake/in/o.ndjson
    assert_file out '{"a":1}'
}

@test "the endpoint is an option or the environment's; a bad one is 64, none there 69" {
    local url=$AWS_ENDPOINT_URL
    unset AWS_ENDPOINT_URL
    echo '{"a":1}' >o
    s3_put o in/o.ndjson
    assert_exit 0 pipe-extract --s3-endpoint "$url/" --s3-path-style s3://lake/in/o.ndjson
    assert_exit 64 pipe-extract --s3-endpoint ftp://host s3://lake/in/o.ndjson
    assert_exit 64 pipe-extract --s3-endpoint "http://u:secret@127.0.0.1" s3://lake/in/o.ndjson
    assert_exit 64 pipe-extract s3://x/o.ndjson
    assert_exit 69 pipe-extract --s3-endpoint http://127.0.0.1:1 s3://lake/in/o.ndjson
}

@test "a read goes on where its connection was cut, byte for byte" {
    make_orders 300000 >in.ndjson
    gzip -k1 in.ndjson # 3 MB
    s3_put in.ndjson.gz in/big.ndjson.gz
    s3_faults 'cut:900000@GET /lake/in/big' 'cut:700000@bytes=' \
        'cut:0@bytes=' 'cut:200@bytes='
    assert_exit 0 pipe-extract s3://lake/in/big.ndjson.gz
    cmp in.ndjson out
    [ "$(grep -c cut: faults)" = 4 ]
}

@test "an object that changes while it is read fails the run with 75" {
    make_orders 60000 >in.ndjson
    s3_put in.ndjson in/big.ndjson
    s3_faults 'cut:900000@GET /lake/in/big' 'late:700@bytes='
    pipe-extract s3://lake/in/big.ndjson >out 2>err &
    local reader=$!
    within 10 grep -q cut: faults
    make_orders 70000 >in2.ndjson
    s3_put in2.ndjson in/big.ndjson
    local status=0
    wait "$reader" || status=$?
    [ "$status" = 75 ]
    grep -q 'was changed while it was read' err
}

@test "a server that is busy or loses connections is asked again" {
    echo '{"a":1}' >o
    s3_put o in/o.ndjson
    s3_faults 'busy@list-type' 'busy@list-type' 'dead@list-type' 'busy@GET /lake/in/o'
    assert_exit 0 pipe-extract s3://lake/in/
    assert_file out '{"a":1}'
    [ "$(grep -c @ faults)" = 4 ]
}

@test "a server that stays busy is 75 after some tries" {
    s3_faults busy@GET busy@GET busy@GET busy@GET busy@GET busy@GET busy@GET
    assert_exit 75 pipe-extract s3://lake/in/
    grep -q 'SlowDown: Please reduce your rate.' err
    [ "$(grep -c busy@GET faults)" = 6 ]
}

@test "--s3-new leaves out what is committed, and takes what has changed" {
    assert_exit 64 pipe-extract --s3-new s3://lake/in/
    load_new() {
        pipe-run -q --pipeline p -- '
            pipe-extract --s3-new --resume-from sqlite:t.db s3://lake/in/ |
                pipe-load sqlite:t.db -t t --mode append --create --allow-empty'
    }
    echo '{"a":1}' >o
    s3_put o in/1.ndjson
    s3_put o in/2.ndjson
    sqlite3 t.db 'CREATE TABLE other (x)'
    load_new
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 2 ]
    echo '{"a":3}' >o
    s3_put o in/3.ndjson
    echo '{"a":22}' >o
    s3_put o in/2.ndjson
    load_new
    [ "$(sqlite3 t.db 'SELECT group_concat(a) FROM t')" = 1,1,22,3 ]
    load_new
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 4 ]
}

# ---- loading

@test "a load becomes one object, which says whose it is; the same again changes nothing" {
    make_orders 1000 >in.ndjson
    assert_exit 0 pipe-load s3://lake/wh -t orders --mode append --create <in.ndjson
    assert_file err ''
    s3_objects >first
    [ "$(grep -c part- first)" = 1 ]
    cmp in.ndjson "$BUCKET/$(grep part- first)"
    assert_exit 0 pipe-load s3://lake/wh -t orders --mode append <in.ndjson
    grep -q 'was loaded on .* already: nothing changed' err
    s3_objects | diff first -
    pipe-extract s3://lake/wh/orders/ | cmp - in.ndjson
}

@test "the same run id with other records is refused by append, done by replace" {
    echo '{"a":1}' | pipe-load s3://lake/wh -t t --mode append --create --run-id r1 -q --on-unknown accept
    echo '{"a":2}' >in
    assert_exit 65 pipe-load s3://lake/wh -t t --mode append --run-id r1 <in
    grep -q "with other records" err
    assert_exit 0 pipe-load s3://lake/wh -t t --mode replace --all --run-id r1 <in
    pipe-extract s3://lake/wh/t/ | cmp - in
}

@test "a table that is not there is made with --create only" {
    echo '{"a":1}' >in
    assert_exit 78 pipe-load s3://lake/wh -t t --mode append <in
    grep -q -- "--create makes it" err
    [ -z "$(s3_objects)" ]
}

@test "a load larger than a part is sent in parts, in bounded memory" {
    make_orders 400000 >in.ndjson # 33 MB
    /usr/bin/time -f %M -o memory \
        pipe-load s3://lake/wh -t t --mode append --create <in.ndjson
    cat "$BUCKET"/wh/t/part-*.ndjson | cmp - in.ndjson
    jq -e '.objects[0].parts | length > 3' "$BUCKET"/wh/t/_pipe_loads/*1.json
    [ "$FLAVOUR" != release ] || [ "$(cat memory)" -lt 40000 ]
}

@test "objects are compressed as asked, and read back" {
    make_orders 5000 >in.ndjson
    pipe-load s3://lake/wh -t g --mode append --create --compress gzip <in.ndjson
    pipe-load s3://lake/wh -t z --mode append --create --compress zstd <in.ndjson
    zcat "$BUCKET"/wh/g/part-*.ndjson.gz | cmp - in.ndjson
    zstdcat "$BUCKET"/wh/z/part-*.ndjson.zst | cmp - in.ndjson
    pipe-extract s3://lake/wh/g/ | cmp - in.ndjson
}

@test "replace of a partition leaves its new objects and those of others" {
    part() {
        pipe-load s3://lake/wh -t t --mode replace --partition "day=$1" --create --on-unknown accept
    }
    echo '{"a":1}' | part 2026-01-01
    echo '{"a":2,"day":"2026-01-02"}' | part 2026-01-02
    echo '{"a":3}' | part 2026-01-01
    cat "$BUCKET"/wh/t/day=2026-01-01/* >out
    assert_file out '{"a":3}'
    cat "$BUCKET"/wh/t/day=2026-01-02/* >out
    assert_file out '{"a":2,"day":"2026-01-02"}'
    # None at all, too.
    part 2026-01-01 </dev/null || [ $? = 75 ]
    pipe-load s3://lake/wh -t t --mode replace --partition day=2026-01-01 \
        --allow-empty --on-unknown accept </dev/null
    pipe-extract s3://lake/wh/t/ >out
    assert_file out '{"a":2,"day":"2026-01-02"}'
}

@test "a record of another partition is rejected; tables do not mix layouts" {
    echo '{"a":1,"day":"x"}' >in
    assert_exit 65 pipe-load s3://lake/wh -t t --mode replace --partition day=y --create <in
    grep -q wrong_partition err
    pipe-load s3://lake/wh -t t --mode replace --partition day=x --create <in
    assert_exit 78 pipe-load s3://lake/wh -t t --mode append --run-id z <in
    grep -q 'is partitioned by \["day"\], this load by \[\]' err
}

@test "what the target cannot do is refused early" {
    echo '{"a":1}' >in
    assert_exit 64 pipe-load s3://lake/wh -t t --mode upsert -k a --create <in
    assert_exit 64 pipe-load s3://lake/wh -t t --mode append --create --partition-by a <in
    assert_exit 64 pipe-load s3://lake/wh -t t --mode append --create --format csv <in
    assert_exit 64 pipe-load s3://lake/wh -t _t --mode append --create <in
    assert_exit 64 pipe-load s3:lake -t t --mode append --create <in
    [ -z "$(s3_objects)" ]
}

@test "a dry run writes nothing" {
    make_orders 100 >in.ndjson
    assert_exit 0 pipe-load --dry-run s3://lake/wh -t t --mode append --create <in.ndjson
    grep -q 'would load 100 records' err
    [ -z "$(s3_objects)" ]
}

@test "a load whose upstream dies leaves nothing to be seen, nor an upload" {
    make_orders 200000 >in.ndjson
    (pipe-extract <(cat in.ndjson; sleep 60) | pipe-load s3://lake/wh -t t --mode append --create 2>err) &
    local job=$!
    within 20 compgen -G "$BUCKET/.mpus-*/t/part-*-1" >/dev/null
    pkill -9 -P "$job" pipe-extract
    local status=0
    wait "$job" || status=$?
    [ "$status" = 75 ]
    [ "$(s3_objects | grep -vc _conditional)" = 0 ]
    [ -z "$(find "$BUCKET" -path "*/.mpus-*" -type f)" ]
}

@test "a loader killed in the middle leaves nothing to be seen; again it is whole" {
    make_orders 200000 >in.ndjson
    (cat in.ndjson; exec sleep 60) | pipe-load s3://lake/wh -t t --mode append --create -q &
    within 20 compgen -G "$BUCKET/.mpus-*/t/part-*-1" >/dev/null
    kill -9 "$!"
    wait "$!" 2>/dev/null || true
    pkill -P $$ sleep || true
    [ "$(s3_objects | grep -vc _conditional)" = 0 ]
    pipe-load s3://lake/wh -t t --mode append --create -q <in.ndjson
    pipe-extract s3://lake/wh/t/ | cmp - in.ndjson
}

# A loader that is killed when the proxy holds a request back.
killed_at() {
    s3_faults "late:5000@$1"
    pipe-load s3://lake/wh -t t --mode "${2-append}" ${3+"$3"} --create -q <in.ndjson 3>&- &
    local loader=$!
    within 20 grep -q late: faults
    kill -9 "$loader"
    wait "$loader" 2>/dev/null || true
    s3_teardown
    AWS_ENDPOINT_URL=http://127.0.0.1:$S3_PORT
}

@test "killed before its row is written a load does not count; again it is whole" {
    make_orders 100 >in.ndjson
    killed_at 'PUT /lake/wh/t/_pipe_loads/00000000000000000001.json'
    [ "$(s3_objects | grep -vc _conditional)" = 0 ]
    assert_exit 0 pipe-load s3://lake/wh -t t --mode append --create <in.ndjson
    assert_file err ''
    pipe-extract s3://lake/wh/t/ | cmp - in.ndjson
}

@test "killed between its row and its object a load is brought to its end by the next" {
    make_orders 100 >in.ndjson
    killed_at 'POST /lake/wh/t/part-' # first to create it: nothing counts
    [ "$(s3_objects | grep -c part-)" = 0 ]
    s3_faults 'late:5000@<CompleteMultipartUpload>'
    pipe-load s3://lake/wh -t t --mode append --create -q <in.ndjson 3>&- &
    local loader=$!
    within 20 grep -q late: faults
    kill -9 "$loader"
    wait "$loader" 2>/dev/null || true
    s3_teardown
    AWS_ENDPOINT_URL=http://127.0.0.1:$S3_PORT
    [ "$(s3_objects | grep -c part-)" = 0 ]
    # The same run: it is done, and nothing twice.
    assert_exit 0 pipe-load s3://lake/wh -t t --mode append <in.ndjson
    grep -q 'already: nothing changed' err
    pipe-extract s3://lake/wh/t/ | cmp - in.ndjson
}

@test "killed between its object and the end of a replace: another load ends it first" {
    echo '{"old":1}' >old
    pipe-load s3://lake/wh -t t --mode append --create -q <old
    make_orders 100 >in.ndjson
    killed_at 'DELETE /lake/wh/t/part-' replace --all
    [ "$(s3_objects | grep -c part-)" = 2 ]
    echo '{"new":1}' >new
    pipe-load s3://lake/wh -t t --mode append -q <new
    pipe-extract s3://lake/wh/t/ | sort >out
    cat in.ndjson new | sort | cmp - out
    [ "$(s3_objects | grep -c loaded)" = 3 ]
}

@test "an answer that is lost on the way does no harm, whichever" {
    make_orders 100 >in.ndjson
    s3_faults 'lost@POST /lake/wh/t/part-' 'lost@partNumber=1' \
        'lost@00000000000000000001.json' 'lost@<CompleteMultipartUpload>' \
        'lost@.loaded'
    assert_exit 0 pipe-load s3://lake/wh -t t --mode append --create <in.ndjson
    [ "$(grep -c lost@ faults)" = 5 ]
    pipe-extract s3://lake/wh/t/ | cmp - in.ndjson
    [ "$(s3_objects | grep -c 'json$')" = 2 ]
}

# The server looks whether there is an object and then writes it: not in one
# step, as S3 does. That is what the proxy adds.
@test "loads at the same time are numbered one by one, and none is lost" {
    local i pids=()
    s3_faults 'one@if-none-match: *'
    echo '{"i":0}' | pipe-load s3://lake/wh -t t --mode append --create -q --on-unknown accept
    for i in 1 2 3 4 5 6; do
        echo "{\"i\":$i}" >in.$i
        pipe-load s3://lake/wh -t t --mode append -q <in.$i 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    pipe-extract s3://lake/wh/t/ | jq -r .i | sort >out
    seq 0 6 | cmp - out
    [ "$(s3_objects | grep -c 'json$')" = 14 ]
    ls "$BUCKET"/wh/t/_pipe_loads/*7.json
}

@test "one run started twice at once is loaded once" {
    local i pids=()
    s3_faults 'one@if-none-match: *'
    echo '{"i":0}' | pipe-load s3://lake/wh -t t --mode append --create -q --on-unknown accept
    make_orders 100 >in.ndjson
    for i in 1 2 3 4; do
        pipe-load s3://lake/wh -t t --mode append -q <in.ndjson 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    pipe-extract s3://lake/wh/t/ | grep -c customer >out
    assert_file out 100
}

@test "a row that is none stops the load, naming it; nothing else is touched" {
    make_orders 10 >in.ndjson
    pipe-load s3://lake/wh -t t --mode append --create -q <in.ndjson
    echo '{"v":1,"pipeline":"","run_id":"x","partition":"","mode":"append","objects":[],"removes":["in/other"]}' >row
    echo '{"a":1}' >o
    s3_put o in/other
    s3_put row wh/t/_pipe_loads/00000000000000000002.json
    make_orders 20 >in.ndjson
    assert_exit 78 pipe-load s3://lake/wh -t t --mode append <in.ndjson
    grep -q "row 2 in 'wh/t/_pipe_loads/' is no row of a load" err
    [ -e "$BUCKET/in/other" ]
}

@test "pipe-run commits a load into S3 only when all of the pipeline is well" {
    make_orders 100 >in.ndjson
    run pipe-run -q --pipeline p -- 'pipe-extract in.ndjson | { cat; false; } |
        pipe-load s3://lake/wh -t t --mode append --create -q'
    [ "$status" != 0 ]
    [ "$(s3_objects | grep -c part-)" = 0 ]
    pipe-run -q --pipeline p -- 'pipe-extract in.ndjson | cat |
        pipe-load s3://lake/wh -t t --mode append --create -q'
    pipe-extract s3://lake/wh/t/ | cmp - in.ndjson
}

# ---- waiting

@test "pipe-wait: an object that is put is waited for, a wrong key is 77 at once" {
    assert_exit 75 pipe-wait --once s3://lake/late/x.csv
    assert_file err "pipe-wait: 's3://lake/late/x.csv' is not there"
    echo id >o
    (
        sleep 1
        s3_put o late/x.csv
    ) </dev/null >/dev/null 2>&1 3>&- &
    assert_exit 0 pipe-wait --interval 200ms --timeout 30s s3://lake/late/x.csv
    assert_exit 75 pipe-wait --once --min-size 1K s3://lake/late/x.csv
    assert_file err "pipe-wait: 's3://lake/late/x.csv' has 3 of 1024 bytes"
    AWS_SECRET_ACCESS_KEY=wrong assert_exit 77 pipe-wait --timeout 30s \
        s3://lake/late/x.csv
}
