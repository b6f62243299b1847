# Published data sets with known answers, through pipelines as people write
# them. They are read in place: see need_data in helper.bash.
load helper

# ---- 1brc: samples with their exact output

# brc FILE: what its .out has: {name=min/mean/max, ...} by name, the mean rounded
# half up to a digit.
brc() {
    pipe-extract -f csv -d semicolon --no-header --columns station,temp \
        -t temp=number "$1" |
        pipe-aggregate -g station -a 'min(temp), mean=avg(temp), max(temp)' \
            --sort |
        pipe-transform --set 'mean = floor(mean * 10 + 0.5) * 0.1' \
            --set "line = station || '=' || CAST(min_temp AS STRING) || '/' ||
                CAST(mean AS STRING) || '/' || CAST(max_temp AS STRING)" \
            --set station=MISSING --set min_temp=MISSING --set mean=MISSING \
            --set max_temp=MISSING |
        sed 's/^{"line":"//; s/"}$//' | paste -sd , | sed 's/,/, /g; s/.*/{&}/'
}

@test "1brc: minimum, mean and maximum by station are those published" {
    need_data 1brc
    local in n=0
    for in in "$DATA"/measurements*.txt; do
        brc "$in" >out
        cmp out "${in%.txt}.out" || fail "$in: $(diff out "${in%.txt}.out")"
        n=$((n + 1))
    done
    ((n == $(find "$DATA" -name 'measurements*.out' | wc -l)))
    ((n >= 9))
}

@test "1brc: a mean between two digits is rounded up, below zero too" {
    printf '%s\n' 'a;0.0' 'a;0.1' 'b;0.0' 'b;-0.1' 'c;-1.2' 'c;-1.3' >in
    run -0 brc in
    [ "$output" = '{a=0.0/0.1/0.1, b=-0.1/0.0/0.0, c=-1.3/-1.2/-1.2}' ]
}

# ---- nycflights13: hourly weather at three airports, with the night on which
# the clocks go back

weather() {
    pipe-extract "$DATA/weather.csv.gz" --null NA \
        -t temp=number,wind_gust=number,precip=number
}

@test "nycflights13: keys of local time repeat on the night the clocks go back" {
    need_data nycflights13
    weather >in
    [ "$(wc -l <in)" = 26115 ]
    pipe-dedup -k origin,year,month,day,hour --duplicates twice <in >once
    [ "$(wc -l <once)" = 26112 ]
    run -0 pipe-aggregate -g month,day,hour -a 'n=count()' --sort <twice
    [ "$output" = '{"month":"11","day":"3","hour":"1","n":3}' ]
    # The second of the two hours is the one that goes.
    run -0 pipe-aggregate -g time_hour -a 'n=distinct(origin)' <twice
    [ "$output" = '{"time_hour":"2013-11-03T06:00:00Z","n":3}' ]
}

@test "nycflights13: keys of instants do not repeat" {
    need_data nycflights13
    weather >in
    pipe-dedup -k origin,time_hour <in | cmp - in
    [ "$(pipe-aggregate -g origin,time_hour -a 'n=count()' <in | wc -l)" = 26115 ]
}

@test "nycflights13: the day of an instant is that of the local clock" {
    need_data nycflights13
    local two="CASE WHEN length(%s) = 1 THEN '0' || %s ELSE %s END" month day
    # shellcheck disable=SC2059
    month=$(printf "$two" month month month) day=$(printf "$two" day day day)
    weather | pipe-transform --tz America/New_York \
        --set "clock = year || '-' || $month || '-' || $day" \
        --set 'same = date(time_hour) = clock' |
        pipe-aggregate -g same -a 'n=count()' >out
    [ "$(cat out)" = '{"same":true,"n":26115}' ]
    # In UTC the last five hours of a winter's day are on the next. (Hours are
    # missing too.)
    weather | pipe-transform --where "date(time_hour) = '2013-01-01'" |
        pipe-aggregate -a 'n=count(), last=max(time_hour)' >out
    [ "$(cat out)" = '{"n":52,"last":"2013-01-01T23:00:00Z"}' ]
}

@test "nycflights13: figures by airport are those that sqlite3 has" {
    need_data nycflights13
    need_command sqlite3
    weather | pipe-aggregate -g origin --sort \
        -a 'n=count(), temps=count(temp), gusts=count(wind_gust)' \
        -a 'low=min(temp), high=max(temp)' >out
    zcat "$DATA/weather.csv.gz" >weather.csv
    sqlite3 :memory: '.import --csv weather.csv w' "
        SELECT json_object('origin', origin, 'n', count(*),
            'temps', sum(temp <> 'NA'), 'gusts', sum(wind_gust <> 'NA'),
            'low', min(CAST(nullif(temp, 'NA') AS REAL)),
            'high', max(CAST(nullif(temp, 'NA') AS REAL)))
        FROM w GROUP BY origin ORDER BY origin" >want
    diff out want
}

# ---- online-retail: a month of orders, with returns, repeats and blanks

retail() {
    pipe-extract "$DATA/*.csv" -t Quantity=integer,UnitPrice=number
}

@test "online-retail: revenue by country is exact to the mill" {
    need_data online-retail
    need_command sqlite3
    retail | pipe-transform --set 'line = Quantity * UnitPrice' |
        pipe-aggregate -g Country -a 'mills=sum(line)' --sort |
        pipe-transform --set 'mills = mills * 1000' \
            --set "rest = mills - floor(mills)" --set 'mills = floor(mills)' |
        sed -E 's/,"rest":0(\.0+)?\}$/}/' >out
    local import=() file
    for file in "$DATA"/*.csv; do
        import+=(".import --csv ${#import[@]}.csv o")
        tail -n +2 "$file" >"$((${#import[@]} - 1)).csv"
    done
    # Prices become whole mills by their digits, not by way of a double.
    sqlite3 :memory: 'CREATE TABLE o(InvoiceNo TEXT, StockCode TEXT,
        Description TEXT, Quantity INTEGER, InvoiceDate TEXT, UnitPrice TEXT,
        CustomerID TEXT, Country TEXT)' "${import[@]}" "
        SELECT json_object('Country', Country, 'mills', sum(Quantity *
            CAST(substr(UnitPrice, 1, point - 1) ||
                substr(substr(UnitPrice, point + 1) || '000', 1, 3) AS INTEGER)))
        FROM (SELECT *, instr(UnitPrice || '.', '.') AS point FROM o)
        WHERE length(UnitPrice) - point <= 3
        GROUP BY Country ORDER BY Country" >want
    [ "$(wc -l <want)" -gt 20 ]
    diff out want
}

@test "online-retail: exact repeats are dropped, and each is in the side file" {
    need_data online-retail
    retail >in
    pipe-dedup --duplicates twice <in >once
    LC_ALL=C sort -u in >sorted
    [ "$(wc -l <once)" = "$(wc -l <sorted)" ]
    LC_ALL=C sort once | cmp - sorted
    cat once twice | LC_ALL=C sort >all
    LC_ALL=C sort in | cmp - all
    [ -s twice ]
}

@test "online-retail: returns are the orders that begin with a C" {
    need_data online-retail
    need_command sqlite3
    local returned="InvoiceNo LIKE 'C%'"
    retail >in
    run -0 pipe-transform --where "$returned AND Quantity >= 0" <in
    [ -z "$output" ]
    pipe-transform --where "$returned" <in | wc -l >have
    cat "$DATA"/*.csv | grep -c '^C' >want
    diff have want
}
