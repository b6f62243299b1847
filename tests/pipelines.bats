#!/usr/bin/env bats
# Whole pipelines: the demo, the sample shop and real data, each against counts
# that come from elsewhere than our tools.
load helper

setup() {
    pipe_setup
    set -o pipefail
}

# shop N [OPTION...]: the sample shop's orders in orders.ndjson, its manifest.
shop() {
    "$REPO/scripts/gen-shop" --records "$1" --table orders --dir . "${@:2}"
}

# truth JQ: a figure of the manifest.
truth() {
    jq -r "$1" manifest.ndjson
}

# ended STAGE JQ: a figure of the line which a stage logged at its end.
ended() {
    jq -r "select(.event == \"end\" and .stage == \"$1\") | $2" log
}

@test "the demo runs from nothing to a table that agrees with the generator" {
    "$REPO/scripts/demo" 3000 demo >out 2>err || fail "$(tail -n 5 out err)"
    [ ! -s err ]
    cd demo
    # The demo compares by itself; this is another look at the same things.
    cp stages.ndjson log
    [ "$(jq -s 'map(select(.event == "end")) | length' log)" = 8 ]
    [ "$(ended pipe-extract .read)" = 3000 ]
    [ "$(ended pipe-dedup .duplicates)" = "$(truth 'select(.table == "orders") |
        .repeated')" ]
    [ "$(ended pipe-load .out)" = "$(sqlite3 shop.db \
        'SELECT count(*) FROM customers')" ]
    [ "$(sqlite3 shop.db 'SELECT sum(total_revenue), sum(order_count)
        FROM customers')" = "$(truth 'select(.table == "orders") | .keep_first |
        "\(.revenue_cents)|\(.orders)"')" ]
    # 30 bad records, each once though the pipeline ran twice; 4 replayed.
    [ "$(PIPE_STATE=state pipe-dlq stats --pipeline customer-analytics \
        --format json | jq -s 'map(.open + .replayed) | add')" = 30 ]
    grep -q 'nothing changed' ../out
    grep -qE '^ +teleported\|4$' ../out
}

@test "the demo's figures are those of a computation over the same file" {
    need_command jq gawk
    "$REPO/scripts/demo" 3000 demo >out || fail "$(tail -n 5 out)"
    cd demo
    sqlite3 -separator ' ' shop.db "SELECT customer_id, order_count,
        total_revenue, first_order, last_order, lifetime_days, estimated_value,
        days_since_last, p95_order_value FROM customers ORDER BY customer_id" >have
    # Money in whole cents; value = total * days * 2 / 365, half a cent up.
    # What customer and total are is taken from the text, as written.
    grep -vf <(printf '%s\n' '"total_amount":-' '"total_amount":null' \
        '"total_amount":"' '"status":"teleported"' '"order_date":"2024-02-30"') \
        orders.ndjson | grep '"customer_id":' | grep 'Z"}$' |
        LC_ALL=C grep -v "$(printf 'w\xffb')" |
        TZ=UTC gawk -F'"' '!seen[$4]++ && $16 != "cancelled" {
            match($0, /"total_amount":[0-9]+\.[0-9][0-9]/)
            cents = substr($0, RSTART + 15, RLENGTH - 15)
            sub(/\./, "", cents)
            n[$8]++; total[$8] += cents; each[$8][n[$8]] = cents + 0
            if (!($8 in from) || $12 < from[$8]) from[$8] = $12
            if (!($8 in to) || $12 > to[$8]) to[$8] = $12
        }
        # On the line between two ranks, which are 20 steps apart.
        function p95(v, n,    at, low) {
            asort(v)
            at = 19 * (n - 1)
            low = int(at / 20) + 1
            at = 20 * v[low] + at % 20 * (low < n ? v[low + 1] - v[low] : 0)
            return int((at * 2 + 20) / 40)
        }
        function day(d) { gsub(/-/, " ", d); return mktime(d " 0 0 0") / 86400 }
        END {
            for (c in n) {
                life = day(to[c]) - day(from[c]) + 1
                print c, n[c], total[c], from[c], to[c], life,
                    int((total[c] * life * 4 + 365) / 730),
                    day("2025-01-01") - day(to[c]), p95(each[c], n[c])
            }
        }' | sort >want
    [ -s want ]
    diff want have

    # Tickets: the good ones by the dead letters, which have the bad ones whole.
    jq -r '.raw // (.raw_b64 | @base64d)' state/dlq/tickets/*.ndjson >bad
    LC_ALL=C grep -vxFf bad tickets.ndjson | jq -r '[.ticket_id, .customer_id] |
        @tsv' | sort -u | cut -f 2 | sort | uniq -c |
        awk '{ print $2, $1 }' >tickets
    sqlite3 -separator ' ' shop.db 'SELECT customer_id, tickets FROM customers
        WHERE tickets > 0 ORDER BY 1' >have
    [ -s have ]
    join tickets <(cut -d ' ' -f 1 want) >want-tickets
    diff want-tickets have
}

@test "with the last version of each order kept, the sums are the last ones" {
    shop 4000
    pipe-validate -s "$REPO/tests/shop/order.schema.json" --dlq letters -q <orders.ndjson |
        pipe-dedup -k order_id --keep last |
        pipe-transform --where "status <> 'cancelled'" |
        pipe-aggregate -a 'orders=count(), revenue=sum(total_amount)' \
            -a 'customers=distinct(customer_id)' >sums
    assert_file sums "$(truth '.keep_last | "\(.orders) \(.revenue_cents)" +
        " \(.customers)"' | sed -E \
        's/(.*) (.*)(..) (.*)/{"orders":\1,"revenue":\2.\3,"customers":\4}/')"
}

@test "tickets and events: every bad record is rejected, every repeat found" {
    local table
    for table in ticket event; do
        "$REPO/scripts/gen-shop" -n 4000 --table "${table}s" --dir .
        pipe-validate -s "$REPO/tests/shop/$table.schema.json" --log json \
            --dlq "$table.letters" <"${table}s.ndjson" 2>log |
            pipe-dedup -k "${table}_id" --log json >"$table" 2>>log
        [ "$(ended pipe-validate .rejected)" = "$(truth .bad)" ]
        [ "$(ended pipe-dedup .duplicates)" = "$(truth .repeated)" ]
        [ "$(wc -l <"$table")" = "$(truth .unique)" ]
        [ "$(wc -l <"$table.letters")" = "$(truth .bad)" ]
    done
}

@test "dead letters hold the exact bytes of what the generator spoilt" {
    shop 4000
    pipe-extract orders.ndjson --dlq letters -q |
        pipe-validate -s "$REPO/tests/shop/order.schema.json" --dlq letters \
            -q >good
    jq -rj 'if .raw_b64 then .raw_b64 | @base64d else .raw end, "\n"' \
        <(grep -v raw_b64 letters) >bad
    jq -r '.raw_b64 // empty' letters | while read -r line; do
        base64 -d <<<"$line"
        echo
    done >>bad
    # Together they are the input, to the byte.
    LC_ALL=C sort good bad >together
    LC_ALL=C sort orders.ndjson | cmp - together
}

# ---- real data: 20 days of an online shop

# The rows of all files in the table r of want.db, by another reader of CSV.
import_retail() {
    local file
    {
        echo 'CREATE TABLE r(InvoiceNo TEXT, StockCode TEXT, Description TEXT,
            Quantity INTEGER, InvoiceDate TEXT, UnitPrice TEXT, CustomerID TEXT,
            Country TEXT);'
        for file in "$DATA"/*.csv; do
            echo ".import --csv --skip 1 '$file' r"
        done
        # Whole cents; no price has more places.
        echo "CREATE VIEW ok AS SELECT DISTINCT *, substr(InvoiceDate, 1, 10)
                AS day, CAST(round(UnitPrice * 100) AS INTEGER) AS cents FROM r
            WHERE CustomerID <> '' AND Quantity > 0 AND UnitPrice + 0 > 0;"
    } | sqlite3 want.db
}

retail_schema() {
    cat >retail.schema.json <<'END'
{
  "type": "object",
  "required": ["InvoiceNo", "CustomerID", "Quantity", "UnitPrice", "Country"],
  "properties": {
    "CustomerID": { "type": "string", "minLength": 1 },
    "Quantity": { "type": "integer", "minimum": 1 },
    "UnitPrice": { "type": "number", "exclusiveMinimum": 0 }
  }
}
END
}

@test "online retail: revenue by country and day is right to the last cent" {
    need_data online-retail
    retail_schema
    import_retail
    PIPE_LOG=json
    export PIPE_LOG
    pipe-extract "$DATA/*.csv" 2>log |
        pipe-validate --coerce -s retail.schema.json --dlq letters/ \
            --max-reject 50% 2>>log |
        pipe-dedup 2>>log |
        pipe-transform --set 'revenue=Quantity * UnitPrice' \
            --set 'day=date(InvoiceDate)' 2>>log >sales.ndjson
    local load=(pipe-load sqlite:have.db --mode append --create
        --decimal revenue=scaled:2)
    local sums='revenue=sum(revenue), units=sum(Quantity), lines=count()'
    sums+=', invoices=distinct(InvoiceNo)'
    local by table
    for by in 'Country, day' Country day; do
        table=${by/*, */both}
        pipe-aggregate -g "${by/ /}" -a "$sums" <sales.ndjson 2>>log |
            "${load[@]}" -t "$table" 2>>log
    done

    local sums_sql='sum(Quantity * cents), sum(Quantity), count(*),
        count(DISTINCT InvoiceNo)'
    for by in 'Country, day' Country day; do
        sqlite3 want.db "SELECT $by, $sums_sql FROM ok GROUP BY $by
            ORDER BY $by" >want
        table=${by/*, */both}
        sqlite3 have.db "SELECT $by, revenue, units, lines, invoices
            FROM $table ORDER BY $by" >have
        [ -s want ]
        diff want have
    done

    # And the counts on the way.
    [ "$(ended pipe-extract '"\(.read) \(.out)"')" = "42481 42481" ]
    [ "$(ended pipe-validate .out)" = "$(sqlite3 want.db "SELECT count(*) FROM r
        WHERE CustomerID <> '' AND Quantity > 0 AND UnitPrice + 0 > 0")" ]
    [ "$(ended pipe-dedup .out)" = "$(sqlite3 want.db \
        'SELECT count(*) FROM ok')" ]
    [ "$(cat letters/*.ndjson | wc -l)" = "$(ended pipe-validate .rejected)" ]
    jq -es 'map(select(.event == "end")) | length == 10 and
        all(.read == .out + .rejected + .filtered + .duplicates)' log
}

@test "online retail: all stages as one job make what SQL makes of the same rows" {
    need_data online-retail
    retail_schema
    import_retail
    cat >markets.csv <<'END'
name,market
United Kingdom,home
Germany,"the ""continent"""
France,"the ""continent"""
EIRE,islands
END
    cat >job <<'END'
pipe-extract "$DATA/*.csv" |
    pipe-validate --coerce -s retail.schema.json --max-reject 50% |
    pipe-transform --where "Country <> 'Norway'" \
        --set 'revenue=Quantity * UnitPrice' --set 'day=date(InvoiceDate)' |
    pipe-join markets.csv -k Country=name --miss drop |
    pipe-dedup |
    pipe-aggregate -g market,day -a 'revenue=sum(revenue), units=sum(Quantity)' \
        -a 'lines=count(), customers=count(distinct CustomerID)' \
        -a 'middle=percentile_disc(revenue, 0.5)' |
    pipe-load sqlite:have.db -t sales --mode replace --all --create \
        --decimal revenue=scaled:2 --decimal middle=scaled:2
END
    export DATA
    local run=(pipe-run --pipeline retail --log json -- "$(cat job)")
    assert_exit 0 "${run[@]}"
    assert_file out ""
    mv err log

    sqlite3 want.db "CREATE TEMP TABLE sold AS SELECT *, Quantity * cents AS v,
            CASE Country WHEN 'United Kingdom' THEN 'home' WHEN 'EIRE'
                THEN 'islands' ELSE 'the \"continent\"' END AS market
            FROM ok WHERE Country IN ('United Kingdom', 'Germany', 'France',
                'EIRE');
        CREATE TEMP TABLE middle AS SELECT market, day, min(v) AS v FROM (
                SELECT market, day, v, cume_dist() OVER (PARTITION BY market,
                    day ORDER BY v) AS share FROM sold)
            WHERE share >= 0.5 GROUP BY market, day;
        SELECT market, day, sum(sold.v), sum(Quantity), count(*),
            count(DISTINCT CustomerID), middle.v
            FROM sold JOIN middle USING (market, day) GROUP BY market, day
            ORDER BY market, day" >want
    sqlite3 have.db 'SELECT market, day, revenue, units, lines, customers, middle
        FROM sales ORDER BY market, day' >have
    [ -s want ]
    diff want have

    # Every stage passed on what the next one read, and none lost a record.
    local order='"extract", "validate", "transform", "join", "dedup",
        "aggregate", "load"'
    jq -es "map(select(.event == \"end\")) as \$ends |
        [$order | . as \$name | \$ends[] | select(.stage == \"pipe-\" + \$name)] |
        length == 7 and
        all(.read == .out + .rejected + .filtered + .duplicates) and
        [.[:5][].out] == [.[1:6][].read]" log >/dev/null || fail "$(cat log)"
    [ "$(ended pipe-load .read)" = "$(wc -l <want)" ]
    [ "$(ended pipe-dedup .out)" = "$(awk -F'|' '{ n += $5 } END { print n }' want)" ]

    # The same again is nothing new; with a stage that fails nothing is loaded.
    assert_exit 0 "${run[@]}"
    [ "$(sqlite3 have.db 'SELECT count(*) FROM _pipe_loads')" = 1 ]
    rm have.db
    assert_exit 65 pipe-run --pipeline retail -- \
        "$(sed 's/--max-reject 50%/--max-reject 5%/' job)"
    [ ! -e have.db ] || [ -z "$(sqlite3 have.db .tables)" ]
}

@test "online retail: cast at the source or while validating is the same" {
    need_data online-retail
    retail_schema
    pipe-extract "$DATA/*.csv" |
        pipe-validate --coerce -s retail.schema.json --max-reject 50% -q >one \
            2>/dev/null
    pipe-extract --schema retail.schema.json "$DATA/*.csv" |
        pipe-validate -s retail.schema.json --max-reject 50% -q >two 2>/dev/null
    [ -s one ]
    cmp one two
}

@test "online retail: a backfill loads each day, and says which have no file" {
    need_data online-retail
    import_retail
    export DATA
    # shellcheck disable=SC2016 # for pipe-backfill to expand
    local run=(pipe-backfill -j 2 --from 2010-12-01 --to 2010-12-07 --
        'pipe-extract --types Quantity=integer,UnitPrice=number \
            "$DATA/{date}.csv" |
            pipe-load "sqlite:$PWD/days.db" -t sales --mode replace \
                --partition day={date} --create --lock-timeout 1m')
    assert_exit 65 "${run[@]}" # there was no business on Saturday 4 December
    [ "$(awk '$2 == "failed" { print $1, $3 }' out)" = "2010-12-04 66" ]
    [ "$(awk '$2 == "done"' out | wc -l)" = 6 ]
    sqlite3 days.db 'SELECT day, count(*), sum(Quantity) FROM sales
        GROUP BY day' >have
    sqlite3 want.db "SELECT substr(InvoiceDate, 1, 10) AS day, count(*),
        sum(Quantity) FROM r WHERE day <= '2010-12-07' GROUP BY day" >want
    diff want have
    # Again, by force: every day replaces itself.
    assert_exit 65 pipe-backfill --reprocess all "${run[@]:1}"
    sqlite3 days.db 'SELECT day, count(*), sum(Quantity) FROM sales
        GROUP BY day' | diff want -
}
