#!/usr/bin/env bats
# What is in scripts/ and is no tool: the shop's generator and the set-up.
load helper

setup() {
    pipe_setup
    PATH=$REPO/scripts:$PATH
}

# ---- gen-shop

@test "gen-shop writes the same bytes on every machine" {
    local table
    for table in orders tickets events; do
        gen-shop -n 2000 -t "$table" | md5sum
        gen-shop -n 2000 -t "$table" --csv --seed 7 | md5sum
    done >sums
    assert_file sums "1b702c0b6e4bcfabb39781070c5e3fe4  -
9e9401492918272f590e5ab05759b7cc  -
8c10b804ca73e78a5e3103cfb5bf4d52  -
31e5df5290ff578e90bb90121c8b8db8  -
2e7dbcc511620f1ffac6920fcd9ee9a3  -
41bb6d433902d5934d2763dab9b9f13a  -"
}

@test "gen-shop: one record in 100 is bad, one in 10 repeats an id, exactly" {
    local n
    for n in 100 101 999 12345; do
        gen-shop -n "$n" -v >orders 2>manifest
        [ "$(wc -l <orders)" = "$n" ]
        [ "$(jq '"\(.bad) \(.repeated)"' manifest)" = \
            "\"$((n / 100)) $((n / 10))\"" ]
        # Every order has its id, also those cut in the middle.
        [ "$(cut -d'"' -f 4 orders | sort | uniq -d | wc -l)" -gt 0 ]
        [ "$(cut -d'"' -f 4 orders | sort -u | wc -l)" = $((n - n / 10)) ]
    done
}

@test "gen-shop: the bad are of every kind" {
    gen-shop -n 800 -v >orders 2>manifest
    jq -e '.bad_kinds | length == 8 and all(. == 1)' manifest
    [ "$(jq -Rc 'try (fromjson | select(has("customer_id") | not)) catch empty' \
        orders | wc -l)" = 1 ]
    # By UTF-8's rules one line is none.
    [ "$(LC_ALL=C.UTF-8 grep -cavx '.*' orders)" = 1 ]
    [ "$(grep -acv '}$' orders)" = 1 ]
}

@test "gen-shop: --bad and --repeat choose the shares" {
    gen-shop -n 1000 --bad 0 --repeat 0 >orders
    jq -es 'length == 1000 and (map(.order_id) | unique | length) == 1000' orders
    gen-shop -n 1000 --bad 20 --repeat 30 -v 2>manifest >orders
    jq -e '.bad == 200 and .repeated == 300 and .unique == 500' manifest
}

@test "gen-shop: the total is the sum of the items, in 2 decimals" {
    gen-shop -n 500 --bad 0 >orders
    [ "$(grep -cE '"total_amount":[0-9]+\.[0-9]{2},' orders)" = 500 ]
    jq -es 'all((.total_amount * 100 | round) ==
        (.items | map(.qty * .price * 100) | add | round))' orders
}

@test "gen-shop: shops of two dates share no order, and keep to their days" {
    gen-shop -n 300 --bad 0 --date 2024-02-28 --days 2 >one
    gen-shop -n 300 --bad 0 --date 2024-02-29 --days 2 >two
    [ "$(jq -r .order_date one | sort -u | xargs)" = "2024-02-28 2024-02-29" ]
    [ "$(jq -r .order_date two | sort -u | xargs)" = "2024-02-29 2024-03-01" ]
    [ -z "$(sort <(jq .order_id one | sort -u) <(jq .order_id two | sort -u) |
        uniq -d)" ]
}

@test "gen-shop: --dir writes three tables and what is in them" {
    mkdir shop
    gen-shop -n 1000 --dir shop
    [ "$(wc -l <shop/orders.ndjson)" = 1000 ]
    [ "$(wc -l <shop/tickets.ndjson)" = 100 ]
    [ "$(wc -l <shop/events.ndjson)" = 500 ]
    [ "$(jq -r .table shop/manifest.ndjson | xargs)" = "orders tickets events" ]
}

@test "gen-shop: CSV has one row a record and the flat fields" {
    gen-shop -n 1000 --bad 0 >orders
    gen-shop -n 1000 --bad 0 --csv >orders.csv
    [ "$(head -n 1 orders.csv)" = order_id,customer_id,order_date,status,country,channel,total_amount,updated_at ]
    diff <(jq -r '[.order_id, .customer_id, .order_date, .status, .country,
        .channel, .updated_at] | join(",")' orders) \
        <(tail -n +2 orders.csv | cut -d, -f 1-6,8)
}

@test "gen-shop: wrong values are 64, a full disk is 74" {
    local args
    while read -r args; do
        # shellcheck disable=SC2086 # words
        assert_exit 64 gen-shop $args
        [ -s err ] && [ ! -s out ]
    done <<'END'
-n -1
-n 1x
--table people
--date 2023-02-29
--days 0
--bad 60 --repeat 40
operand
--nosuch
END
    run -74 bash -c 'gen-shop -n 1000 >/dev/full'
}

# ---- setup

# Stands in for dpkg and apt: a file in have/ is an installed package; calls
# are noted. apt-get fails where the file `broken` is.
stub_apt() {
    mkdir stub have
    cat >stub/dpkg-query <<'END'
#!/bin/sh
for package; do :; done
[ -e "$HAVE/$package" ] && echo installed
END
    cat >stub/apt-get <<'END'
#!/bin/sh
echo "$DEBIAN_FRONTEND $*" >>"$HAVE/../calls"
echo "much to say"
[ ! -e "$HAVE/../broken" ] || { echo "E: no network"; exit 100; }
END
    printf '#!/bin/sh\nexec "$@"\n' >stub/sudo
    chmod +x stub/*
    HAVE=$PWD/have PATH=$PWD/stub:$PATH
    export HAVE
    # All that it could want, in its own words.
    : >broken
    "$REPO/scripts/setup" >/dev/null 2>want || true
    rm -f broken calls
    sed -n 's/^setup: installing //p' want | tr ' ' '\n' >packages
    [ "$(wc -l <packages)" -gt 15 ]
}

@test "setup leaves a complete machine alone, without a word or the network" {
    stub_apt
    xargs -I{} touch have/{} <packages
    assert_exit 0 "$REPO/scripts/setup"
    assert_file out ""
    assert_file err ""
    [ ! -e calls ]
}

@test "setup installs just what is missing, after one update, and asks nothing" {
    stub_apt
    xargs -I{} touch have/{} <packages
    rm have/libcsv-dev have/jq
    assert_exit 0 "$REPO/scripts/setup"
    assert_file out ""
    assert_file err "setup: installing libcsv-dev jq"
    [ "$(wc -l <calls)" = 2 ]
    grep -q '^noninteractive .* update$' calls
    grep -q '^noninteractive .* install --no-install-recommends libcsv-dev jq$' \
        calls
}

@test "setup says why it could not install" {
    stub_apt
    : >broken
    assert_exit 69 "$REPO/scripts/setup"
    grep -qx 'E: no network' err
    grep -qx 'setup: apt-get update failed' err
}

@test "the real packages of setup are named as this machine has them" {
    command -v dpkg-query >/dev/null || skip "no dpkg here"
    stub_apt
    local package
    while read -r package; do
        /usr/bin/dpkg-query -W "$package" >/dev/null || fail "$package"
    done <packages
}

# ---- README.md

@test "what README.md shows is what happens" {
    # Its console blocks, as examples of a page; each runs in a shell of its own.
    export HOME=$PWD PIPE_DLQ=rejected/
    {
        echo '.Sh EXAMPLES'
        cat <<'END'
.\" setup: ln -s "$REPO/scripts" "$REPO/tests" .
END
        awk '/^```console$/ { print ".Bd -literal"; on = 1; next }
            /^```$/ { if (on) print ".Ed"; on = 0; next }
            on { gsub(/\\/, "\\e"); print }' "$REPO/README.md"
    } >readme.in
    "$REPO/tests/lib/examples" readme.in >tap || fail "$(cat tap)"
    [ "$(grep -c '^ok' tap)" -gt 6 ] || fail "$(cat tap)"
    [ "$(grep -c '^not ok' tap)" = 0 ] || fail "$(cat tap)"
}

@test "README.md says how to build, and where the tools are, before it uses them" {
    local line
    # shellcheck disable=SC2016 # as it stands there
    line=$(awk '/^```/ { exit } { print }' "$REPO/README.md" |
        grep -o '`scripts/setup && make && PATH=[^`]*`')
    line=${line//\`/}
    # What setup and make do is for others to test.
    # shellcheck disable=SC2317 # called by the line
    (
        cd "$REPO"
        scripts/setup() { :; }
        make() { :; }
        eval "$line"
        [[ $PATH == "$REPO/build/release/bin:"* ]]
    )
    make -C "$REPO" -pn FLAVOUR=release 2>/dev/null >rules || true
    grep -q 'build/release/bin/pipe-extract:' rules
}

@test "README.md's crontab loads yesterday, as cron would run it" {
    local data=$PWD/data yesterday line
    yesterday=$(date -d yesterday +%F)
    mkdir data
    cp "$REPO/tests/shop/order.schema.json" data
    gen-shop -n 1000 --date "$yesterday" --days 1 >"data/orders-$yesterday.ndjson"
    awk '/^```/ { on = /crontab/; next } on' "$REPO/README.md" |
        sed "s|/data/|$data/|g; s|^PATH=|&$BIN_DIR:|
            s|/var/lib/pipeutils|$PWD/state|" >table
    line=$(grep -c '^15 2' table)
    [ "$line" = 1 ]
    # cron sets the variables, makes \% a %, and gives the rest to sh.
    {
        grep -E '^[A-Z_]+=' table | sed 's/^/export /'
        sed -nE 's/^15 2 \* \* \* //p' table | sed 's/\\%/%/g'
    } >job
    assert_exit 0 env -i HOME="$PWD" sh job
    assert_file out ""
    assert_file err ""
    [ "$(sqlite3 data/shop.db 'SELECT day, count(*) FROM orders GROUP BY day')" = \
        "$yesterday|990" ]
    assert_exit 0 env -i HOME="$PWD" sh job
    [ "$(sqlite3 data/shop.db 'SELECT count(*) FROM orders')" = 990 ]
    [ -n "$(ls state/dlq/orders)" ]
}
