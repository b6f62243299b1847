#!/usr/bin/env bats
# pipe-load into file:DIR: partitions, formats, all or nothing, once.
load ../helper

# Loads stdin into table t of lake.
put() {
    pipe-load file:lake -t t --create "$@"
}

# All data of a folder, in the order of the files' names.
data() {
    find "${1:-lake/t}" -name 'part-*' | LC_ALL=C sort | while read -r f; do
        case $f in
        *.gz) gzip -dc "$f" ;;
        *.zst) zstd -dcq "$f" ;;
        *) cat "$f" ;;
        esac
    done
}

# Nothing of a load under way is left.
no_rest() {
    [ -z "$(find lake -name '.pipe-*' -o -name '*.tmp')" ] ||
        fail "left: $(find lake -name '.pipe-*')"
}

three() {
    printf '%s\n' '{"id":1, "v":1.10,"d":"x"}' '{"id":2,"v":0.1e1,"d":"y"}' \
        '{"id":3,"d":"x"}' >in
}

# ---- append

@test "append writes the records byte for byte, with _SUCCESS and a ledger" {
    three
    put --mode append --run-id r1 <in
    cmp <(data) in
    [ -e lake/t/_SUCCESS ]
    [ "$(jq -r 'select(.state=="loaded")|"\(.run_id) \(.mode) \(.rows_loaded)"' lake/t/_pipe_loads.ndjson)" = 'r1 append 3' ]
    no_rest
}

@test "the same run again changes nothing; other input under its id is refused" {
    three
    put --mode append --run-id r1 <in
    run -0 put --mode append --run-id r1 <in
    [[ $output == *"already: nothing changed"* ]]
    cmp <(data) in
    echo '{"id":9}' >other
    run -65 put --mode append --run-id r1 <other
    cmp <(data) in
    put --mode append --run-id r2 <other
    [ "$(data | wc -l)" = 4 ]
    no_rest
}

@test "the same run four times at once: once" {
    make_orders 20000 >in
    for _ in 1 2 3 4; do
        put --mode append -q <in &
    done
    wait
    cmp <(data) in
    [ "$(grep -c '"loaded"' lake/t/_pipe_loads.ndjson)" = 1 ]
    no_rest
}

@test "ten different loads at once: each is there once" {
    for i in 1 2 3 4 5 6 7 8 9 10; do
        echo "{\"id\":$i}" >in$i
        put --mode append -q --lock-timeout 60s <in$i &
    done
    wait
    [ "$(data | jq .id | sort -n | tr '\n' ' ')" = '1 2 3 4 5 6 7 8 9 10 ' ]
    no_rest
}

# ---- partitions

@test "--partition-by makes a folder a value, named as Hive does" {
    printf '%s\n' '{"c":"a/b"}' '{"c":"50%"}' '{"c":null}' '{}' '{"c":""}' \
        '{"c":7.0}' '{"c":7}' '{"c":"7"}' '{"c":true}' '{"c":"é x"}' \
        '{"c":1.50}' '{"c":15e-1}' '{"c":"\u0001"}' '{"c":-0.020}' '{"c":1e3}' >in
    put --mode append --partition-by c <in
    diff - <(cd lake/t && ls -d c=*) <<'END'
c=%01
c=-0.02
c=1.5
c=1000
c=50%25
c=7
c=__HIVE_DEFAULT_PARTITION__
c=a%2Fb
c=true
c=é x
END
    [ "$(data 'lake/t/c=7' | wc -l)" = 3 ]
    [ "$(data 'lake/t/c=__HIVE_DEFAULT_PARTITION__' | wc -l)" = 3 ]
    [ "$(find lake/t -name _SUCCESS | wc -l)" = 11 ]
    no_rest
}

@test "several partition columns nest, --partition first" {
    printf '%s\n' '{"id":1,"c":"DE","d":"2026-01-31"}' '{"id":2,"c":"FR"}' >in
    put --mode append --partition 'd={date}' --date 2026-01-31 --partition-by c <in
    [ "$(cd lake/t && find . -name 'part-*' -printf '%h\n' | sort | tr '\n' ' ')" = './d=2026-01-31/c=DE ./d=2026-01-31/c=FR ' ]
    [ -e lake/t/d=2026-01-31/_SUCCESS ] && [ -e lake/t/d=2026-01-31/c=DE/_SUCCESS ]
}

@test "more partitions than files are open at once, each whole" {
    seq 1 1300 | sed "s/.*/{\"id\":&}/" | jq -c '{id,p:(.id%260)}' >in
    for how in '' '--compress gzip' '--compress zstd'; do
        rm -rf lake
        # shellcheck disable=SC2086
        put --mode append --partition-by p $how <in
        [ "$(find lake/t -name 'p=*' | wc -l)" = 260 ]
        cmp <(data | jq .id | sort -n) <(seq 1 1300)
        # in the order of the input within a partition
        [ "$(data lake/t/p=7 | jq .id | tr '\n' ' ')" = '7 267 527 787 1047 ' ]
        no_rest
    done
}

@test "a record of another partition is rejected, one without the column is not" {
    printf '%s\n' '{"d":"x"}' '{"d":"y"}' '{"n":1}' '{"d":null}' >in
    run -0 put --mode append --partition d=x --max-reject 2 <in
    [[ $output == *wrong_partition* ]]
    [ "$(data lake/t/d=x)" = $'{"d":"x"}\n{"n":1}' ]
}

@test "values that lead elsewhere are refused, as partition and in records" {
    printf '%s\n' '{"d":"../../etc/x"}' '{"d":".."}' '{"d":"a/../b"}' '{"d":"\u0000"}' \
        '{"d":"\ud800"}' '{"d":[1]}' '{"d":"__HIVE_DEFAULT_PARTITION__"}' \
        "{\"d\":\"$(printf 'x%.0s' {1..300})\"}" '{"d":"ok"}' >in
    run -0 put --mode append --partition-by d --max-reject 8 <in
    [ "$(grep -c partition_value <<<"$output")" = 8 ]
    [ "$(cd lake/t && ls -d d=*)" = d=ok ]
    : >empty
    run -64 put --mode replace --partition d=../../etc/x <empty
    run -64 pipe-load file:lake -t ../t --mode append --create <empty
    run -64 pipe-load file:lake -t .t --mode append --create <empty
    run -64 pipe-load file:lake -t _t --mode append --create <empty
    run -64 pipe-load file:lake -t a/b --mode append --create <empty
}

@test "a symlinked partition or table folder is refused, what it leads to stands" {
    mkdir -p lake/t elsewhere
    echo keep >elsewhere/part-old.ndjson
    ln -s "$PWD/elsewhere" lake/t/d=x
    echo '{"d":"x"}' >in
    run -78 put --mode append --partition-by d <in
    run -78 put --mode replace --partition d=x <in
    [[ $output == *"symbolic link"* ]]
    run -78 put --mode replace --all <in
    [ "$(cat elsewhere/part-old.ndjson)" = keep ]
    [ "$(ls elsewhere)" = part-old.ndjson ]
    [ -z "$(find lake -name 'part-*')" ]
    ln -s "$PWD/elsewhere" lake/u
    run -78 pipe-load file:lake -t u --mode append <in
    no_rest
}

# ---- replace

@test "replace leaves other partitions, and zero records empty its own" {
    printf '%s\n' '{"id":1,"d":"x"}' '{"id":2,"d":"y"}' >in
    put --mode append --partition-by d <in
    echo '{"id":3}' >new
    put --mode replace --partition d=x <new
    [ "$(data lake/t/d=x)" = '{"id":3}' ]
    [ "$(data lake/t/d=y)" = '{"id":2,"d":"y"}' ]
    : >empty
    put --mode replace --partition d=x <empty
    [ -z "$(data lake/t/d=x)" ] && [ -e lake/t/d=x/_SUCCESS ]
    put --mode replace --partition d=new <empty
    [ -e lake/t/d=new/_SUCCESS ]
    [ -n "$(data lake/t/d=y)" ]
    no_rest
}

@test "replace --all leaves only the new partitions, and files that are no data" {
    printf '%s\n' '{"d":"x"}' '{"d":"y"}' >in
    put --mode append --partition-by d <in
    echo notes >lake/t/_notes
    echo hidden >lake/t/d=y/.keep
    echo '{"d":"z"}' >in
    put --mode replace --all --partition-by d <in
    [ "$(data)" = '{"d":"z"}' ]
    [ ! -e lake/t/d=x ] && [ -e lake/t/_notes ] && [ -e lake/t/d=y/.keep ]
    [ ! -e lake/t/d=y/_SUCCESS ]
    put --mode replace --all --format csv <in
    [ "$(data)" = $'d\nz' ]
    : >empty
    put --mode replace --all <empty
    [ -z "$(data)" ] && [ -e lake/t/_SUCCESS ]
    no_rest
}

@test "the same replace again is a no-op until another load covers it" {
    echo '{"id":1}' >a
    echo '{"id":2}' >b
    put --mode replace --partition d=x --run-id a <a
    run -0 put --mode replace --partition d=x --run-id a <a
    [[ $output == *"nothing changed"* ]]
    put --mode replace --partition d=x --run-id b <b
    put --mode replace --partition d=x --run-id a <a
    [ "$(data)" = '{"id":1}' ]
    put --mode replace --partition d=x --run-id a <b
    [ "$(data)" = '{"id":2}' ]
}

@test "an input that was appended, or replaced one partition, replaces all" {
    echo '{"id":1}' >a
    echo '{"id":2}' >b
    put --mode append <a
    put --mode append <b
    put --mode replace --all <b
    [ "$(data)" = '{"id":2}' ]
    put --mode replace --all --partition-by id --run-id again <b
    rm -r lake
    put --mode replace --partition d=x <a
    put --mode replace --partition d=y <b
    put --mode replace --all --partition-by d <b
    [ "$(data)" = '{"id":2}' ]
}

@test "rejects beyond the limit: nothing changes, _SUCCESS stays" {
    echo '{"id":1}' >in
    put --mode append <in
    printf '{"id":2}\n{bad}\n' >bad
    run -65 put --mode replace --all <bad
    cmp <(data) in
    [ -e lake/t/_SUCCESS ]
    no_rest
}

# ---- formats

@test "CSV: header, quotes, null and empty, numbers' text, nested JSON" {
    printf '%s\n' '{"a":"x,y","b":"say \"hi\"","c":1.50}' \
        '{"c":1e400,"b":null,"a":""}' '{"a":"two\nlines","b":{"k": [1]}}' \
        '{"a":"é\u00e9","c":123456789012345678901234567890}' >in
    put --mode append --format csv <in
    diff - <(data) <<'END'
a,b,c
"x,y","say ""hi""",1.50
"",,1e400
"two
lines","{""k"": [1]}",
éé,,123456789012345678901234567890
END
}

@test "CSV: --columns chooses and orders, unknown fields are rejected" {
    printf '%s\n' '{"a":1}' '{"b":2,"a":3}' '{"z":1}' >in
    run -0 put --mode append --format csv --columns b,a --max-reject 1 <in
    [[ $output == *"no column 'z'"*unknown_column* ]]
    [ "$(data)" = $'b,a\n,1\n2,3' ]
    rm -rf lake
    run -0 put --mode append --format csv --max-reject 2 <in
    [ "$(data)" = $'a\n1' ]
}

@test "CSV: a rejected first record does not shape the file, a row is never blank" {
    printf '%s\n' '{"x":"\ud800"}' '{"a":null}' '{"a":1}' >in
    run -0 put --mode append --format csv --max-reject 1 <in
    [[ $output == *lone_surrogate* ]]
    [ "$(data)" = $'a\n""\n1' ]
}

@test "CSV read back by pipe-extract is what was loaded" {
    make_orders 500 >in
    put --mode append --format csv --compress gzip --partition-by country <in
    pipe-extract 'lake/t/country=*/*.csv.gz' | jq -c 'map_values(tostring)' | sort >have
    jq -c 'map_values(tostring)' in | sort >want
    # jq spells 1.10 as 1.1: the numbers' text is compared without it
    jq -r .customer have | sort | cmp - <(jq -r .customer want | sort)
    grep -oE '"amount":[0-9.]+' in | cut -d: -f2 | sort >want
    pipe-extract 'lake/t/country=*/*.csv.gz' | grep -oE '"amount":"?[0-9.]+' | grep -oE '[0-9.]+' | sort | cmp - want
}

@test "compressed files are whole and named after what they are" {
    make_orders 3000 >in
    put --mode append --compress gzip <in
    ls lake/t/part-*.ndjson.gz
    gzip -t lake/t/*.gz
    cmp <(data) in
    rm -rf lake
    put --mode append --compress zstd <in
    zstd -tq lake/t/*.ndjson.zst
    cmp <(data) in
}

@test "another format or other partition columns than the table's: 78" {
    echo '{"d":"x"}' >in
    put --mode append <in
    run -78 put --mode append --run-id 2 --format csv <in
    run -78 put --mode append --run-id 2 --partition-by d <in
    put --mode append --run-id 2 --compress gzip <in
    put --mode replace --all --partition-by d <in
    run -78 put --mode append --run-id 3 <in
    no_rest
}

# ---- what is refused, locks, dry run

@test "usage: modes, options and tables that are not for files" {
    : >in
    run -64 pipe-load file:lake -t t --mode upsert -k id --create <in
    run -64 pipe-load file: -t t --mode append --create <in
    run -64 pipe-load file:lake -t t --mode append --decimal a=text --create <in
    run -64 pipe-load file:lake -t t --mode append --columns a --create <in
    run -64 pipe-load file:lake -t t --mode append --partition-by a,a --create <in
    run -64 pipe-load sqlite:t.db -t t --mode append --format csv --create <in
    run -64 pipe-load file:lake -t t --mode replace --create <in
    [ ! -e lake ]
}

@test "a folder that is not there: 66, a table that is not there: 78, --create makes both" {
    echo '{"a":1}' >in
    run -66 pipe-load file:lake -t t --mode append <in
    mkdir lake
    run -78 pipe-load file:lake -t t --mode append <in
    [ -z "$(ls -A lake)" ]
    run -73 pipe-load file:no/such/lake -t t --mode append --create <in
    run -73 pipe-load file:in -t t --mode append --create <in
}

@test "a dry run and a load that comes to nothing leave nothing" {
    echo '{"a":1,"d":"x"}' >in
    run -0 put --mode append --partition-by d --compress zstd --dry-run <in
    [[ $output == *"would load 1 records"* ]]
    [ ! -e lake ]
    printf '{"a":1}\n{bad}\n' >bad
    run -65 put --mode append <bad
    [ ! -e lake ]
    put --mode append --run-id r <in
    cp -r lake before
    run -0 put --mode replace --all --dry-run <in
    diff -r lake before
    run -0 put --mode append --run-id r --dry-run <in
    [[ $output == *"nothing changed"* ]]
}

@test "a ledger held by another: 75 within the limit" {
    echo '{"a":1}' >in
    put --mode append <in
    (
        flock 9
        sleep 3
    ) 9<>lake/t/_pipe_loads.ndjson &
    sleep 0.3
    run -75 timeout 3 pipe-load file:lake -t t --mode append --run-id 2 --lock-timeout 200ms <in
    [[ $output == *"another load holds table 't'"* ]]
    wait
    no_rest
}

@test "SIGTERM in the middle of a load: 143, and nothing is left" {
    { make_orders 5000; sleep 5; } | pipe-load file:lake -t t --create --mode append -q &
    pid=$!
    within 5 test -e lake/t
    sleep 0.3
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    [ $status = 143 ]
    [ ! -e lake ]
}

@test "a read-only table: refused before anything is read" {
    [ "$(id -u)" != 0 ] || skip "root may write anywhere"
    mkdir -p lake/t
    chmod a-w lake/t
    run -77 timeout 5 pipe-load file:lake -t t --mode append < <(sleep 30)
    chmod u+w lake/t
}

@test "a full disk: 74, and nothing is left" {
    make_orders 20000 >in
    echo '{"id":1}' >old
    put --mode append <old
    # A file of this process may be no longer than 200 KiB: EFBIG stands in.
    run -74 bash -c "trap '' XFSZ; ulimit -f 200; exec pipe-load file:lake -t t --mode append <in"
    cmp <(data) old
    no_rest
}

# ---- what a dead load leaves

@test "a load that was begun is completed by the next one, whoever that is" {
    printf '%s\n' '{"id":1,"d":"x"}' '{"id":2,"d":"y"}' >in
    put --mode append --partition-by d <in
    echo '{"id":3,"d":"x"}' >new
    put --mode replace --partition d=x --run-id new <new
    # Back to the moment behind the row "begun", one file renamed already.
    load=$(jq -r 'select(.run_id=="new" and .state=="loaded").load' lake/t/_pipe_loads.ndjson)
    sed -i '$d' lake/t/_pipe_loads.ndjson
    mkdir -p "lake/t/.pipe-$load/data/d=x"
    mv "lake/t/d=x/part-$load.ndjson" "lake/t/.pipe-$load/data/d=x/part-$load.ndjson.tmp"
    rm lake/t/_SUCCESS lake/t/d=x/_SUCCESS
    echo '{"id":9}' >lake/t/d=x/part-old.ndjson
    echo '{"id":4,"d":"y"}' >further
    put --mode replace --partition d=y <further
    [ "$(data)" = $'{"id":3,"d":"x"}\n{"id":4,"d":"y"}' ]
    [ "$(find lake -name _SUCCESS | wc -l)" = 3 ]
    [ "$(grep -c '"state":"loaded"' lake/t/_pipe_loads.ndjson)" = 3 ]
    # and its own run finds that it is done
    run -0 put --mode append --run-id new --partition d=x <new
    no_rest
}

@test "a torn end of the ledger is cut, a damaged line is refused" {
    echo '{"a":1}' >in
    put --mode append --run-id 1 <in
    printf '{"v":1,"state":"beg' >>lake/t/_pipe_loads.ndjson
    put --mode append --run-id 2 <in
    [ "$(data | wc -l)" = 2 ]
    jq -e . lake/t/_pipe_loads.ndjson >/dev/null
    sed -i '2s/.*/garbage/' lake/t/_pipe_loads.ndjson
    run -78 put --mode append --run-id 3 <in
    [[ $output == *"line 2 of '_pipe_loads.ndjson'"* ]]
    run -0 put --mode append --run-id 3 --dry-run <in || true
    [ "$(data | wc -l)" = 2 ]
    no_rest
}

@test "staged files of a dead load are swept, those of a live one stay" {
    echo '{"a":1}' >in
    put --mode append <in
    mkdir -p lake/t/.pipe-00000000000000aa/data/d=x
    echo x >lake/t/.pipe-00000000000000aa/data/d=x/part-1.ndjson.tmp
    { cat in; sleep 2; } | pipe-load file:lake -t t --mode append -q --run-id slow --on-unknown accept &
    within 5 bash -c '[ "$(ls -d lake/t/.pipe-* | grep -vc 00aa)" = 1 ]'
    put --mode append --run-id quick <in
    [ ! -e lake/t/.pipe-00000000000000aa ]
    wait
    [ "$(data | wc -l)" = 3 ]
    no_rest
}

@test "an unfinished load whose staged files are gone is refused, not guessed" {
    echo '{"a":1}' >in
    put --mode append <in
    sed -i '$d' lake/t/_pipe_loads.ndjson
    run -78 put --mode append --run-id 2 <in
    [[ $output == *cannot\ open\ folder\ \'.pipe-* ]]
}
