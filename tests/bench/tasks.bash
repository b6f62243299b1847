# shellcheck shell=bash
# tasks: each names its input, a filter that makes outputs comparable, our
# command and the peers'. A command reads $IN and writes to stdout, or into the
# database $DB, which a query reads back for the comparison. $CHECK is --print
# where outputs are compared and empty where a command is timed: for peers that
# write nothing in the race.
#
# shellcheck disable=SC2016 # filters are expanded where they run
# shellcheck disable=SC2034 # settings are read by run, which reads this file
# shellcheck disable=SC2154 # and sets top

TASKS=(pass fields csv validate dedup aggregate percentiles profile transform join
    load-sqlite upsert-sqlite load-postgresql upsert-postgresql postgres-read
    flow kafka
    gunzip unzstd memory linear spill pipes)

export SCHEMA=$top/tests/shop/order.schema.json
export COLUMNS_SQL='order_id TEXT, customer_id TEXT, order_date TEXT,
    status TEXT, country TEXT, channel TEXT, total_amount REAL, updated_at TEXT'

# DuckDB is told the columns and types, and not to make timestamps of text, so
# that it need neither guess nor convert; nested items stay JSON.
export FLAT_TYPES="order_id: 'VARCHAR', customer_id: 'VARCHAR',
    order_date: 'VARCHAR', status: 'VARCHAR', country: 'VARCHAR',
    channel: 'VARCHAR', total_amount: 'DOUBLE', updated_at: 'VARCHAR'"
export ORDER_TYPES="${FLAT_TYPES/updated_at:/items: \'JSON\', updated_at:}"
export NDJSON="format = 'newline_delimited'"
# Whole lines as one column, and written again as they are.
export LINES="auto_detect = false, header = false, delim = e'\\x01', quote = '',
    escape = ''"
export AS_LINES="(FORMAT csv, HEADER false, DELIMITER e'\\x01', QUOTE '',
    ESCAPE '')"

task_pass() {
    input clean
    compare 'jq -cS .'
    ours <<'END'
pipe-validate -s <(echo {}) <$IN
END
    duckdb 2 1 <<'END'
bench-duckdb $t "COPY (FROM read_json('$IN', $NDJSON,
    columns = {$ORDER_TYPES})) TO '/dev/stdout' (FORMAT json)"
END
    # Checks each line and writes it as it was: no columns.
    duckdb '2 raw' '1 raw' <<'END'
bench-duckdb $t "COPY (SELECT json FROM read_ndjson_objects('$IN'))
    TO '/dev/stdout' $AS_LINES"
END
    peer 'simdjson DOM' bench-simdjson <<'END'
bench-simdjson dom $IN $CHECK
END
    peer jq <<'END'
jq -c . <$IN
END
    peer mlr <<'END'
mlr --ijsonl --ojsonl cat <$IN
END
}

task_fields() {
    input clean
    compare "jq -c '[.orders, .last_customer, .last_order, .last_country,
        (.revenue * 100 | round)]'"
    ours <<'END'
pipe-aggregate -a 'orders=count(order_id), last_customer=max(customer_id)' \
    -a 'last_order=max(order_date), last_country=max(country)' \
    -a 'revenue=sum(total_amount)' <$IN
END
    duckdb 2 1 <<'END'
bench-duckdb $t "COPY (SELECT count(order_id) AS orders,
    max(customer_id) AS last_customer, max(order_date) AS last_order,
    max(country) AS last_country, sum(total_amount) AS revenue
    FROM read_json('$IN', $NDJSON, columns = {order_id: 'VARCHAR',
        customer_id: 'VARCHAR', order_date: 'VARCHAR', country: 'VARCHAR',
        total_amount: 'DOUBLE'})) TO '/dev/stdout' (FORMAT json)"
END
    peer 'simdjson on-demand' bench-simdjson <<'END'
bench-simdjson fields $IN
END
}

task_csv() {
    input csv
    compare 'jq -cS .'
    ours <<'END'
pipe-extract --format csv - <$IN
END
    duckdb 2 1 <<'END'
bench-duckdb $t "COPY (FROM read_csv('$IN', auto_detect = false, header = true,
    delim = ',', quote = '\"', columns = {${FLAT_TYPES/DOUBLE/VARCHAR}}))
    TO '/dev/stdout' (FORMAT json)"
END
    peer mlr <<'END'
mlr -S --icsv --ojsonl cat <$IN
END
    # There are no quotes in this input, so that awk may do without CSV.
    peer gawk <<'END'
gawk -F, 'NR == 1 { for (i = 1; i <= NF; i++) name[i] = "\"" $i "\":\""; next }
    {
        line = "{"
        for (i = 1; i <= NF; i++)
            line = line (i > 1 ? "," : "") name[i] $i "\""
        print line "}"
    }' <$IN
END
    # Parses and writes nothing.
    compare "jq -c '[.[]]'"
    peer libcsv bench-libcsv <<'END'
bench-libcsv $CHECK <$IN
END
}

# One input line in a hundred is bad; a peer that stops at the first is no peer.
# Good and bad lines are counted in each timed run, where both are kept.
task_validate() {
    input orders
    compare 'jq -cS .'
    tally 'echo $(jq .out) $(wc -l <$DB.dlq)'
    ours <<'END'
pipe-validate -s $SCHEMA --dlq $DB.dlq --log json <$IN
END
    tally 'echo $(<$DB.good) $(cat $DB.dlq* | wc -l)'
    duckdb 2 '2 casts' <<'END'
bench-duckdb $t "$(split_by_${how:-types})" \
    "COPY (SELECT line FROM r WHERE good) TO '/dev/stdout' $AS_LINES" \
    "COPY (SELECT line FROM r WHERE NOT good) TO '$DB.dlq' $AS_LINES" \
    "COPY (SELECT csv_line FROM reject_errors) TO '$DB.dlq2' $AS_LINES" \
    "COPY (SELECT count(*) FROM r WHERE good) TO '$DB.good' $AS_LINES"
END
    tally 'echo $(cat) $(wc -l <$DB.dlq)'
    peer ajv bench-ajv <<'END'
bench-ajv $SCHEMA $DB.dlq <$IN
END
    # Stops at lines that are not JSON, and is spared them. Tells good from bad,
    # but writes neither: in the check we pick the lines that it calls good.
    input jsonl
    tally 'gawk -v dropped=$(wc -l <$IN.dlq) "/^[0-9]+ validated, / {
        print \$3, \$5 + dropped }" $DB.log'
    peer 'sourcemeta --fast' bench-jsonschema <<'END'
bench-jsonschema validate --fast --format-assertion --continue \
    ${CHECK:+--verbose} $SCHEMA $IN 2>$DB.log
(($? == 2)) || exit # is what it says of bad lines
[[ -z $CHECK ]] || gawk 'FNR < NR { if (FNR in good) print; next }
    /^ok: .* \(entry #[0-9]+\)$/ { sub(/.*#/, ""); good[$0 + 0] }' $DB.log $IN
END
    input orders
    tally ''
    peer jq <<'END'
jq -Rc 'try (fromjson | select(
    (.order_id | type == "string" and test("^O[0-9]{8}-[0-9]{7,}$")) and
    (.customer_id | type == "string" and length > 0) and
    (.order_date | type == "string" and (. as $d | try
        (strptime("%Y-%m-%d") | mktime | strftime("%Y-%m-%d") == $d)
        catch false)) and
    (.status | IN("pending", "processing", "shipped", "completed",
        "cancelled", "returned")) and
    (.country | length == 2) and
    (.channel | IN("web", "app", "store", "phone")) and
    (.total_amount | type == "number" and . >= 0) and
    (.items | type == "array" and all(.qty >= 1 and .price > 0))
    )) catch empty' <$IN
END
}

# The order schema in DuckDB: makes the table r of all lines, each with the
# verdict and the columns that the flow goes on with. Lines that are not UTF-8
# come into the table reject_errors.
split_sql() {
    cat <<END
CREATE TEMP TABLE r AS SELECT line, order_id, customer_id, order_date,
    total_amount, coalesce($1 AND
        regexp_full_match(order_id, 'O[0-9]{8}-[0-9]{7,}') AND
        length(customer_id) >= 1 AND
        TRY_CAST(order_date AS DATE) IS NOT NULL AND
        status IN ('pending', 'processing', 'shipped', 'completed',
            'cancelled', 'returned') AND
        coalesce(length(country) = 2, true) AND
        coalesce(channel IN ('web', 'app', 'store', 'phone'), true) AND
        total_amount >= 0 AND
        (updated_at IS NULL OR TRY_CAST(updated_at AS TIMESTAMP) IS NOT NULL),
        false) AS good
FROM ($2
    FROM (SELECT line, json_transform(TRY_CAST(line AS JSON), '$3') AS s
        FROM read_csv('$IN', columns = {line: 'VARCHAR'}, $LINES,
            store_rejects = true)))
END
}

# Types as the schema has them: values are looked at as JSON before they are
# cast.
split_by_types() {
    local name select='SELECT line, s.items,'
    local types="len(list_filter(items, lambda i: coalesce(
            json_type(i.sku) = 'VARCHAR' AND
            json_type(i.qty) = 'UBIGINT' AND
            TRY_CAST(i.qty AS BIGINT) >= 1 AND
            json_type(i.price) IN ('UBIGINT', 'DOUBLE') AND
            TRY_CAST(i.price AS DOUBLE) > 0, false))) = len(items)"
    local shape='"items": [{"sku": "JSON", "qty": "JSON", "price": "JSON"}]'
    for name in order_id customer_id order_date status country channel \
        updated_at; do
        select+=" (s.$name ->> '\$') AS $name, json_type(s.$name) AS ${name}_is,"
        types+=" AND coalesce(${name}_is, 'VARCHAR') = 'VARCHAR'"
        shape+=", \"$name\": \"JSON\""
    done
    select+=' TRY_CAST(s.total_amount AS DOUBLE) AS total_amount,
        json_type(s.total_amount) AS total_amount_is'
    types+=" AND total_amount_is IN ('BIGINT', 'UBIGINT', 'DOUBLE')"
    split_sql "$types" "$select" "{$shape, \"total_amount\": \"JSON\"}"
}

# What people write: values are cast, so that "12" is a number and 1.5 items are
# 2. Less work, and no harm on this input.
split_by_casts() {
    split_sql "len(list_filter(items, lambda i: coalesce(i.sku IS NOT NULL AND
            i.qty >= 1 AND i.price > 0, false))) = len(items)" \
        'SELECT line, unnest(s)' '{
            "order_id": "VARCHAR", "customer_id": "VARCHAR",
            "order_date": "VARCHAR", "status": "VARCHAR",
            "country": "VARCHAR", "channel": "VARCHAR",
            "total_amount": "DOUBLE",
            "items": [{"sku": "VARCHAR", "qty": "BIGINT", "price": "DOUBLE"}],
            "updated_at": "VARCHAR"}'
}
export -f split_sql split_by_types split_by_casts

task_dedup() {
    input clean
    compare 'jq -cS .'
    ours <<'END'
pipe-dedup -k order_id <$IN
END
    # The quickest of five ways to say it (window, DISTINCT ON, semi-join, a
    # second pass over the keys).
    duckdb 2 1 <<'END'
bench-duckdb $t "COPY (SELECT unnest(r) FROM (
    SELECT min(n) AS n, arg_min(r, n) AS r FROM (
        SELECT r, row_number() OVER () AS n FROM read_json('$IN', $NDJSON,
            columns = {$ORDER_TYPES}) AS r)
    GROUP BY r.order_id) ORDER BY n) TO '/dev/stdout' (FORMAT json)"
END
    peer mlr <<'END'
mlr --ijsonl --ojsonl head -n 1 -g order_id <$IN
END
    # On the raw text: not a JSON parser.
    peer 'gawk (raw)' <<'END'
gawk -F'"' '!seen[$4]++' <$IN
END
}

# Peers add in binary: sums compare to the cent, and so do averages once they
# are multiplied by the count again.
task_aggregate() {
    input clean
    compare "jq -c '[.customer_id, .order_count,
        (.total_revenue * 100 | round),
        (.avg_order_value * .order_count * 100 | round),
        .first_order, .last_order]' | sort"
    ours <<'END'
pipe-aggregate -g customer_id -a 'order_count=count()' \
    -a 'total_revenue=sum(total_amount), avg_order_value=avg(total_amount)' \
    -a 'first_order=min(order_date), last_order=max(order_date)' <$IN
END
    duckdb 2 1 <<'END'
bench-duckdb $t "COPY (SELECT customer_id, count(*) AS order_count,
    sum(total_amount) AS total_revenue, avg(total_amount) AS avg_order_value,
    min(order_date) AS first_order, max(order_date) AS last_order
    FROM read_json('$IN', $NDJSON, columns = {customer_id: 'VARCHAR',
        order_date: 'DATE', total_amount: 'DOUBLE'})
    GROUP BY customer_id) TO '/dev/stdout' (FORMAT json)"
END
    peer mlr <<'END'
mlr --ijsonl --ojsonl \
    stats1 -a count,sum,mean,min,max -f total_amount,order_date -g customer_id \
    then cut -x -r -f '^order_date_(count|sum|mean)$,^total_amount_m(in|ax)$' \
    then rename total_amount_count,order_count,total_amount_sum,total_revenue \
    then rename total_amount_mean,avg_order_value \
    then rename order_date_min,first_order,order_date_max,last_order <$IN
END
    peer jq <<'END'
jq -sc 'group_by(.customer_id)[] | {
    customer_id: .[0].customer_id, order_count: length,
    total_revenue: (map(.total_amount) | add),
    avg_order_value: ((map(.total_amount) | add) / length),
    first_order: (map(.order_date) | min),
    last_order: (map(.order_date) | max)}' <$IN
END
    peer sqlite3 <<'END'
sqlite3 :memory: 'CREATE TABLE t(j)' '.mode ascii' '.separator "\037" "\n"' \
    ".import $IN t" '.mode list' "
    SELECT json_object('customer_id', c, 'order_count', count(*),
        'total_revenue', sum(a), 'avg_order_value', avg(a),
        'first_order', min(d), 'last_order', max(d))
    FROM (SELECT j ->> 'customer_id' AS c, j ->> 'total_amount' AS a,
        j ->> 'order_date' AS d FROM t) GROUP BY c"
END
}

# Percentiles between two values lie on the line between them: compared to a
# millionth, since peers compute that in binary.
task_percentiles() {
    able 'pipe-aggregate -a "p = percentile(x, 0.5)"' || return
    input clean
    compare "jq -c '[.country, ((.p50, .p95, .p99) * 1000000 | round)]' | sort"
    ours <<'END'
pipe-aggregate -g country -a 'p50=percentile(total_amount,0.5)' \
    -a 'p95=percentile(total_amount,0.95), p99=percentile(total_amount,0.99)' \
    <$IN
END
    # Three quantiles of one list are quicker than three functions.
    duckdb 2 1 <<'END'
bench-duckdb $t "COPY (SELECT country, q[1] AS p50, q[2] AS p95, q[3] AS p99
    FROM (SELECT country, quantile_cont(total_amount, [0.5, 0.95, 0.99]) AS q
        FROM read_json('$IN', $NDJSON, columns = {country: 'VARCHAR',
            total_amount: 'DOUBLE'}) GROUP BY country))
    TO '/dev/stdout' (FORMAT json)"
END
    peer mlr <<'END'
mlr --ijsonl --ojsonl stats1 -i -a p50,p95,p99 -f total_amount -g country \
    then rename -r '^total_amount_(.*)$,\1' <$IN
END
}

# Ours looks into the items too; DuckDB, told the columns, is spared them, and
# where it guesses takes them as one value.
task_profile() {
    able 'pipe-profile' || return
    input clean
    compare "jq -c 'if .profile then .fields[] | select(.path[:5] != \"items\") |
            [.path, .of - .null - .missing, (.strings // .numbers | .min, .max)]
        else [.column_name, .count, .min, .max] | select(.[0] != \"items\")
        end | map(tostring | tonumber? // .[:10])' | sort"
    ours <<'END'
pipe-profile <$IN
END
    duckdb 2 1 <<'END'
bench-duckdb $t "COPY (FROM (SUMMARIZE SELECT * FROM read_json('$IN', $NDJSON,
    columns = {$FLAT_TYPES}))) TO '/dev/stdout' (FORMAT json)"
END
    duckdb '2 guess' '1 guess' <<'END'
bench-duckdb $t "COPY (FROM (SUMMARIZE SELECT * FROM read_json_auto('$IN')))
    TO '/dev/stdout' (FORMAT json)"
END
}

task_transform() {
    input clean
    compare 'jq -cS .'
    ours <<'END'
pipe-transform --where "status <> 'cancelled'" --set 'twice=total_amount*2' \
    --set "origin=country || '/' || channel" <$IN
END
    peer jq <<'END'
jq -c 'select(.status != "cancelled") | .twice = .total_amount * 2 |
    .origin = .country + "/" + .channel' <$IN
END
    peer mlr <<'END'
mlr --ijsonl --ojsonl filter '$status != "cancelled"' \
    then put '$twice = $total_amount * 2;
        $origin = $country . "/" . $channel' <$IN
END
    duckdb 2 1 <<'END'
bench-duckdb $t "COPY (SELECT *, CAST(total_amount * 2 AS DOUBLE) AS twice,
    country || '/' || channel AS origin FROM read_json('$IN', $NDJSON,
    columns = {$ORDER_TYPES}) WHERE status <> 'cancelled')
    TO '/dev/stdout' (FORMAT json)"
END
}

# Every order has its customer. Peers may write in any order.
task_join() {
    able 'pipe-join /dev/null -k id' || return
    input joined
    compare 'jq -cS . | sort'
    ours <<'END'
pipe-join $REF -k customer_id <$IN
END
    duckdb 2 1 <<'END'
bench-duckdb $t 'SET preserve_insertion_order = false' "COPY (
    SELECT o.*, c.* EXCLUDE (customer_id) FROM read_json('$IN', $NDJSON,
        columns = {$ORDER_TYPES}) AS o JOIN read_json('$REF', $NDJSON,
        columns = {customer_id: 'VARCHAR', name: 'VARCHAR',
            segment: 'VARCHAR', home: 'VARCHAR', since: 'VARCHAR'}) AS c
        USING (customer_id)) TO '/dev/stdout' (FORMAT json)"
END
    peer mlr <<'END'
mlr --ijsonl --ojsonl join -j customer_id -f $REF <$IN
END
}

task_load-sqlite() {
    input flat
    database 'SELECT count(*), count(DISTINCT order_id), min(customer_id),
        max(updated_at), sum(CAST(round(total_amount * 100) AS INTEGER)) FROM t'
    ours <<'END'
pipe-load sqlite:$DB -t t --mode append --create <$IN
END
    peer 'sqlite3 (json)' <<'END'
sqlite3 $DB 'CREATE TEMP TABLE j(j)' '.mode ascii' '.separator "\037" "\n"' \
    ".import $IN j" "CREATE TABLE t($COLUMNS_SQL);
    INSERT INTO t SELECT j ->> 'order_id', j ->> 'customer_id',
        j ->> 'order_date', j ->> 'status', j ->> 'country', j ->> 'channel',
        j ->> 'total_amount', j ->> 'updated_at' FROM j"
END
    peer 'mlr|sqlite3' <<'END'
mlr --ijsonl --ocsv cat <$IN | sqlite3 $DB "CREATE TABLE t($COLUMNS_SQL)" \
    '.import --csv --skip 1 /dev/stdin t'
END
    input csv
    peer 'sqlite3 (.import)' <<'END'
sqlite3 $DB "CREATE TABLE t($COLUMNS_SQL)" ".import --csv --skip 1 $IN t"
END
    # Values that are ready, one statement, one transaction: what is left is
    # SQLite.
    input packed
    peer 'bare C loop' bench-sqlite <<'END'
bench-sqlite append $DB <$IN
END
}

task_upsert-sqlite() {
    input flat
    database 'SELECT count(*), count(DISTINCT order_id), min(customer_id),
        max(updated_at), sum(CAST(round(total_amount * 100) AS INTEGER)) FROM t'
    ours <<'END'
pipe-load sqlite:$DB -t t --mode upsert -k order_id --create <$IN
END
    input csv
    peer 'sqlite3 (temporary table)' <<'END'
sqlite3 $DB "CREATE TABLE t(${COLUMNS_SQL/TEXT/TEXT NOT NULL PRIMARY KEY})" \
    "CREATE TEMP TABLE s($COLUMNS_SQL)" ".import --csv --skip 1 $IN s" \
    'INSERT INTO t SELECT * FROM s WHERE true ON CONFLICT(order_id) DO UPDATE
    SET customer_id = excluded.customer_id, order_date = excluded.order_date,
    status = excluded.status, country = excluded.country,
    channel = excluded.channel, total_amount = excluded.total_amount,
    updated_at = excluded.updated_at'
END
    input packed
    peer 'bare C loop' bench-sqlite <<'END'
bench-sqlite upsert $DB <$IN
END
}

# Into a table that is there, from text that is ready for COPY.
export QUERY_PG='SELECT count(*), count(DISTINCT order_id), min(customer_id),
    max(updated_at), sum(total_amount) FROM t'

task_load-postgresql() {
    input flat
    server "${COLUMNS_SQL/REAL/NUMERIC}"
    database "$QUERY_PG"
    ours <<'END'
pipe-load $URL -t t --mode append <$IN
END
    input tsv
    peer 'psql (copy)' <<'END'
psql -Xqc '\copy t FROM PSTDIN' <$IN
END
}

# Of a key that comes twice the last row stays.
task_upsert-postgresql() {
    input flat
    local columns=${COLUMNS_SQL/REAL/NUMERIC}
    server "${columns/TEXT/TEXT PRIMARY KEY}"
    database "$QUERY_PG"
    ours <<'END'
pipe-load $URL -t t --mode upsert -k order_id <$IN
END
    input tsv
    peer 'psql (staging table)' <<'END'
psql -Xq1 -c "CREATE TEMP TABLE s(${COLUMNS_SQL/REAL/NUMERIC})" \
    -c '\copy s FROM PSTDIN' -c 'INSERT INTO t SELECT DISTINCT ON (order_id) *
    FROM s ORDER BY order_id, s.ctid DESC ON CONFLICT(order_id) DO UPDATE
    SET customer_id = excluded.customer_id, order_date = excluded.order_date,
    status = excluded.status, country = excluded.country,
    channel = excluded.channel, total_amount = excluded.total_amount,
    updated_at = excluded.updated_at' <$IN
END
}

# A table's rows as JSON, which psql has the server write. The tap, which takes
# minutes for all, has a twentieth of them.
task_postgres-read() {
    input tsv
    server "${COLUMNS_SQL/REAL/NUMERIC}"
    filled=1
    compare 'jq -cS "if .type then .record // empty else . end" | sort'
    ours <<'END'
pipe-extract $URL --table t
END
    also 'pipeutils -j 2' <<'END'
pipe-extract $URL --table t --split ctid -j 2
END
    peer 'psql (row_to_json)' <<'END'
psql -Xqc 'COPY (SELECT row_to_json(t) FROM t) TO STDOUT'
END
    input tsv $((RECORDS / 20))
    peer 'Singer tap' bench-tap-postgres jq <<'END'
bench-tap-postgres
END
}

# Partitions come in any order.
task_kafka() {
    input clean
    broker || return 0
    compare sort
    ours <<'END'
pipe-extract kafka://$KAFKA/$TOPIC
END
    peer kcat <<'END'
kcat -q -C -b $KAFKA -t $TOPIC -o beginning -e
END
}

# Five processes of ours; dead letters are counted too, where a peer keeps them.
task_flow() {
    input orders
    database 'SELECT count(*), min(customer_id), max(customer_id),
        sum(order_count), sum(CAST(round(total_revenue * 100) AS INTEGER)),
        sum(CAST(round(avg_order_value * order_count * 100) AS INTEGER)),
        min(first_order), max(last_order) FROM t'
    compare 'cat; cat $DB.dlq* | wc -l'
    ours <<'END'
pipe-extract --format ndjson - --dlq $DB.dlq -q <$IN |
    pipe-validate -s $SCHEMA --dlq $DB.dlq -q |
    pipe-dedup -k order_id |
    pipe-aggregate -g customer_id -a 'order_count=count()' \
        -a 'total_revenue=sum(total_amount), avg_order_value=avg(total_amount)' \
        -a 'first_order=min(order_date), last_order=max(order_date)' |
    pipe-load sqlite:$DB -t t --mode upsert -k customer_id --create \
        --decimal avg_order_value=text
END
    duckdb 2 1 '2 casts' <<'END'
bench-duckdb $t "$(split_by_${how:-types})" \
    "COPY (SELECT line FROM r WHERE NOT good) TO '$DB.dlq' $AS_LINES" \
    "COPY (SELECT csv_line FROM reject_errors) TO '$DB.dlq2' $AS_LINES" \
    "COPY (SELECT customer_id, count(*), sum(total_amount), avg(total_amount),
        min(order_date), max(order_date) FROM r
        WHERE rowid IN (SELECT min(rowid) FROM r WHERE good GROUP BY order_id)
        GROUP BY customer_id) TO '/dev/stdout' (FORMAT csv, HEADER false)" |
    sqlite3 $DB 'CREATE TABLE t(customer_id TEXT PRIMARY KEY,
        order_count INTEGER, total_revenue REAL, avg_order_value REAL,
        first_order TEXT, last_order TEXT)' '.import --csv /dev/stdin t'
END
    compare cat
    peer 'jq|mlr|sqlite3' <<'END'
jq -Rr 'try (fromjson | select(
    (.customer_id | type == "string") and
    (.total_amount | type == "number" and . >= 0) and
    (.status | IN("pending", "processing", "shipped", "completed",
        "cancelled", "returned")) and
    (.channel | IN("web", "app", "store", "phone")) and
    (.order_date | test("-02-30$") | not)) |
    [.order_id, .customer_id, .total_amount, .order_date] | @tsv)
    catch empty' <$IN |
    mlr --itsv --implicit-csv-header --ocsv head -n 1 -g 1 \
        then stats1 -a count,sum,mean,min,max -f 3,4 -g 2 \
        then cut -o -f 2,3_count,3_sum,3_mean,4_min,4_max |
    sqlite3 $DB 'CREATE TABLE t(customer_id TEXT PRIMARY KEY,
        order_count INTEGER, total_revenue REAL, avg_order_value REAL,
        first_order TEXT, last_order TEXT)' \
        '.import --csv --skip 1 /dev/stdin t'
END
}

# We check each record besides, on another thread than the one that inflates.
# The libraries alone do nothing else, from memory to memory.
task_gunzip() {
    local library
    input gzip
    ours <<'END'
pipe-extract --format ndjson - <$IN
END
    for library in isa-l libdeflate zlib; do
        peer "$library alone" "bench-inflate-$library" \
            <<<"bench-inflate-$library \$IN \$CHECK"
    done
    peer igzip <<'END'
igzip -dc <$IN
END
    peer pigz <<'END'
pigz -dc <$IN
END
    peer gzip <<'END'
gzip -dc <$IN
END
}

task_unzstd() {
    input zstd
    ours <<'END'
pipe-extract --format ndjson - <$IN
END
    peer zstd <<'END'
zstd -dcq <$IN
END
}

# What the two tasks below look at; $1 is a word behind each name.
streaming_commands() { # RECORDS WORD
    input clean "$1"
    also "pass$2" <<'END'
pipe-validate -s <(echo {}) <$IN
END
    also "fields$2" <<'END'
pipe-aggregate -a 'count(order_id), max(customer_id), max(order_date)' \
    -a 'max(country), sum(total_amount)' <$IN
END
    input csv "$1"
    also "csv$2" <<'END'
pipe-extract --format csv - <$IN
END
}

# Not a race: the peak of these has to stay below a limit on any input.
task_memory() {
    local validate='pipe-validate -s $SCHEMA --dlq $DB.dlq -q <$IN'
    limit_mib=32
    streaming_commands "$RECORDS" ''
    streaming_commands $((RECORDS * 4)) ' 4x'
    input orders
    also validate <<<"$validate"
    input orders $((RECORDS * 4))
    also 'validate 4x' <<<"$validate"
    limit_mib=64
    input orders
    also pipe-extract <<'END'
pipe-extract --format ndjson - --dlq $DB.dlq -q <$IN
END
    also pipe-load <<'END'
pipe-load sqlite:$DB -t t --mode append --create --dlq $DB.dlq \
    -q <$IN
END
}

# Not a race either: a record of a large input may not cost more processor time
# than one of a small input. $linear is the most that it may differ, in percent.
task_linear() {
    local times
    linear=10
    for times in 1 4 16; do
        streaming_commands $((RECORDS * times / 4)) " ${times}x"
    done
}

# More keys than fit into memory, at 1, 4 and 16 times as many: no race. What
# comes out is checked by bench-keys, which makes the keys too and is not
# measured. SPILL_KEYS is the largest number of keys; 100000000 and 256M are the
# figures that we claim.
task_spill() {
    local keys=${SPILL_KEYS:-10000000} memory=${SPILL_MEMORY:-32M}
    local command=() what times first_cost
    [[ -z ${SMOKE-} ]] || keys=200000 memory=1M
    build "$here/keys.c" "$dir/keys"
    for what in dedup sum; do
        command=(pipe-dedup -k k --memory "$memory")
        [[ $what == dedup ]] ||
            command=(pipe-aggregate -g k -a 'sum(v)' --memory "$memory")
        first_cost=''
        for times in 1 4 16; do
            spill_once $((keys * times / 16)) || break
        done
    done
}

# Sets first_cost at the first call; uses what task_spill has.
spill_once() { # KEYS
    local wall cpu peak code limit
    "$dir/keys" "$1" |
        TMPDIR=$dir/scratch "$measure" "$dir/took" "${command[@]}" 2>"$dir/err" |
        "$dir/keys" "$1" "$what" 2>>"$dir/err" || {
        die "$task: ${command[*]} over $1 keys: $(head -n 3 "$dir/err")"
        return 1
    }
    read -r wall cpu peak code <"$dir/took"
    limit=$(numfmt --from=iec "$memory")
    ((peak * 1024 <= limit + (32 << 20))) ||
        die "$task: ${command[0]}: $((peak / 1024)) MiB with --memory $memory"
    first_cost=${first_cost:-$(gawk "BEGIN { print $cpu / $1 }")}
    gawk -v task="$task" -v tool="${command[0]} ${times}x" -v n="$1" \
        -v wall="$wall" -v cpu="$cpu" -v kib="$peak" -v first="$first_cost" \
        -v tsv="$results" 'BEGIN {
        records = n + int(n / 10)
        bytes = records * 31
        printf "%-12s %-18s %8.1f %10.0f %8.3f %8.3f %8.1f\n", task, tool,
            bytes / wall / 1e6, records / wall, wall, cpu, kib / 1024
        printf "# spill: %-18s %10d keys, %6.1f ns/record, %.2f times that" \
            " of 1x\n", tool, n, cpu / records * 1e9, cpu / n / first
        printf "%s\t%s\t%.4f\t%.4f\t%.1f\t%.0f\t%d\t\t\n", task, tool,
            wall, cpu, bytes / wall / 1e6, records / wall, kib >>tsv }'
}

# Four of our processes in a row, with sizes of pipes and writes put in the place
# of ours.
pipe_chain() { # PIPE_KIB WRITE_KIB
    also "$1 KiB, by $2" <<END
export LD_PRELOAD=\$PIPESIZE PIPE_KIB=$1 WRITE_KIB=$2
pipe-validate -s <(echo {}) <\$IN | pipe-validate -s <(echo {}) |
    pipe-validate -s <(echo {}) | pipe-validate -s <(echo {})
END
}

# No race either.
task_pipes() {
    local kib
    input clean
    for kib in 64 128 256 512 1024; do
        pipe_chain "$kib" 256
    done
    pipe_chain 1024 64
    pipe_chain 1024 128
}
