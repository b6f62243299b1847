#!/usr/bin/env bats
# What PostgreSQL may do to a load: nothing or all, with a code that says
# whether to try again, and once after a re-run.
load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

teardown() {
    umount -l "$PG_DIR/small" 2>/dev/null || true
}

into() { pipe-load "$URL" -t t --on-unknown accept "$@"; }
count() { sql 'SELECT count(*) FROM t'; }

# fails_once WHERE STATE: the table t, whose first row (immediate) or whose
# first commit (deferred) fails by an SQLSTATE, and none after it: a sequence
# is not rolled back.
fails_once() {
    sql "CREATE TABLE t (id int PRIMARY KEY, v int); CREATE SEQUENCE turn;
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        \$\$BEGIN IF nextval('turn') = 1 THEN
            RAISE EXCEPTION 'not this time' USING ERRCODE = '$2'; END IF;
            RETURN NULL; END\$\$"
    case $1 in
    immediate) sql 'CREATE TRIGGER f AFTER INSERT OR UPDATE ON t
        FOR EACH ROW EXECUTE FUNCTION fail()' ;;
    deferred) sql 'CREATE CONSTRAINT TRIGGER f AFTER INSERT OR UPDATE ON t
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()' ;;
    esac
}

@test "a serialization failure, while rows are written or at COMMIT: again from the copy, once" {
    local where mode
    printf '{"id":%d,"v":%d}\n' 1 1 2 2 3 3 >in
    for where in immediate deferred; do
        for mode in append 'upsert -k id' 'insert -k id' 'delete-insert -k id' \
            'replace --all' 'append --batch 2'; do
            sql 'DROP TABLE IF EXISTS t, _pipe_loads; DROP SEQUENCE IF EXISTS turn;
                DROP FUNCTION IF EXISTS fail' 2>/dev/null
            fails_once $where 40001
            # shellcheck disable=SC2086 # mode has options
            run -0 into --mode $mode --run-id r -v <in
            [[ $output == *'read 3 = 3 out + 0 rejected'* ]] || fail "$where $mode" "$output"
            [ "$(sql 'SELECT id, v FROM t ORDER BY 1' | xargs)" = '1|1 2|2 3|3' ]
            [ "$(sql 'SELECT sum(rows_loaded) FROM _pipe_loads')" = 3 ]
            (($(sql 'SELECT last_value FROM turn') > 3)) # it did happen
        done
    done
}

@test "a serialization failure that does not end: 75, nothing" {
    sql "CREATE TABLE t (id int); CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        \$\$BEGIN RAISE EXCEPTION 'never' USING ERRCODE = '40001'; END\$\$;
        CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fail()"
    run -75 into --mode append <<<'{"id":1}'
    [ "$(count)" = 0 ]
    [ "$(sql "SELECT to_regclass('_pipe_loads') IS NULL")" = t ]
}

@test "a resource that the server lacks, or an operator that stops it: 75, nothing" {
    local state
    for state in 53100 53200 53300 57P01 58030 55P03; do
        sql 'DROP TABLE IF EXISTS t, _pipe_loads; DROP SEQUENCE IF EXISTS turn;
            DROP FUNCTION IF EXISTS fail' 2>/dev/null
        fails_once immediate $state
        run -75 into --mode append --run-id r <<<'{"id":1}'
        [[ $output == *'not this time'* ]]
        [ "$(count)" = 0 ]
        into --mode append --run-id r <<<'{"id":1}'
        [ "$(count)" = 1 ]
    done
}

@test "statement_timeout: 75, nothing, and once without it" {
    sql "CREATE TABLE t (id int); CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        \$\$BEGIN PERFORM pg_sleep(current_setting('test.nap')::float); RETURN NEW; END\$\$;
        CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()"
    printf '{"id":%d}\n' 1 2 >in
    PGOPTIONS='-c test.nap=3 -c statement_timeout=300ms' run -75 into --mode append --run-id r <in
    [[ $output == *'statement timeout'* ]]
    [ "$(count)" = 0 ]
    PGOPTIONS='-c test.nap=0' into --mode append --run-id r <in
    [ "$(count)" = 2 ]
}

@test "idle_in_transaction_session_timeout while the input waits: 75, nothing, once after a re-run" {
    sql 'CREATE TABLE t (id int)'
    make_orders 2000 | jq -c '{id}' >in
    mkfifo pipe
    PGOPTIONS='-c idle_in_transaction_session_timeout=300ms' \
        into --mode append --run-id r <pipe 2>err &
    local load=$! status=0
    exec 8>pipe
    head -n 1000 in >&8
    sleep 1.5
    (tail -n +1001 in >&8) 2>/dev/null || true
    exec 8>&-
    wait $load || status=$?
    [ $status = 75 ] || fail "exit $status" "$(cat err)"
    [ "$(count)" = 0 ]
    into --mode append --run-id r <in
    [ "$(count)" = 2000 ]
}

@test "the server ends the session between two batches: what is committed stays, a re-run does the rest" {
    sql 'CREATE TABLE t (id int)'
    make_orders 1000 | jq -c '{id}' >in
    mkfifo pipe
    into --mode append --batch 300 --run-id r <pipe 2>err &
    local load=$! status=0
    exec 8>pipe
    head -n 600 in >&8
    within 20 eval '[ "$(count)" = 600 ]'
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'pipe-load'" >/dev/null
    (tail -n +601 in >&8) 2>/dev/null || true
    exec 8>&-
    wait $load || status=$?
    [ $status = 75 ] || fail "exit $status" "$(cat err)"
    [ "$(count)" = 600 ]
    into --mode append --batch 300 --run-id r <in
    [ "$(sql 'SELECT count(*), count(DISTINCT id) FROM t')" = '1000|1000' ]
}

@test "the server restarts between two batches: a re-run goes on behind them, once" {
    sql 'CREATE TABLE t (id int)'
    make_orders 1000 | jq -c '{id}' >in
    mkfifo pipe
    into --mode append --batch 300 --run-id r <pipe 2>err &
    local load=$! status=0
    exec 8>pipe
    head -n 600 in >&8
    within 20 eval '[ "$(count)" = 600 ]'
    pg_crash
    (tail -n +601 in >&8) 2>/dev/null || true
    exec 8>&-
    wait $load || status=$?
    pg_launch
    [ $status = 75 ] || fail "exit $status" "$(cat err)"
    [ "$(count)" = 600 ]
    into --mode append --batch 300 --run-id r <in
    [ "$(sql 'SELECT count(*), count(DISTINCT id) FROM t')" = '1000|1000' ]
}

@test "the server is killed at random moments of a load: nothing or all, once after a re-run" {
    local i nothing=0 all=0 status load ms
    sql 'CREATE TABLE t (id int)'
    seq 100000 | sed 's/.*/{"id":&}/' >in
    ms=${EPOCHREALTIME/./}
    into --mode append --run-id first <in
    ms=$(((${EPOCHREALTIME/./} - ms) / 1000))
    sql 'TRUNCATE t'
    RANDOM=${KILL_SEED:-42}
    for ((i = 0; i < 8; i++)); do
        into --mode append --run-id "r$i" <in 2>err &
        load=$!
        sleep "$(printf 0.%03d $((RANDOM % ms % 1000)))"
        pg_crash
        # It asks the ledger how it went, for a minute.
        pg_launch
        status=0
        wait $load || status=$?
        case $(sql 'SELECT count(*) FROM t')/$status in
        0/69 | 0/75) nothing=$((nothing + 1)) ;;
        100000/0) all=$((all + 1)) ;;
        *) fail "$(count) rows, exit $status" "$(cat err)" ;;
        esac
        into --mode append --run-id "r$i" <in
        [ "$(sql 'SELECT count(*), count(DISTINCT id) FROM t')" = '100000|100000' ]
        sql 'TRUNCATE t'
    done
    echo "# nothing $nothing, all $all" >&3
    ((nothing > 0))
}

@test "delete-insert by several at once, under any default isolation: one of them, whole" {
    local level i
    sql 'CREATE TABLE t (k int, run int)'
    for level in 'read committed' 'repeatable read' serializable; do
        sql "ALTER DATABASE postgres SET default_transaction_isolation = '$level'; TRUNCATE t"
        for i in 1 2 3 4; do
            seq 500 | sed "s/.*/{\"k\":&,\"run\":$i}/" |
                into --mode delete-insert -k k --run-id "$level$i" --lock-timeout 60s &
        done
        wait
        [ "$(sql 'SELECT count(*), count(DISTINCT k), count(DISTINCT run) FROM t')" = '500|500|1' ] ||
            fail "$level: $(sql 'SELECT run, count(*) FROM t GROUP BY 1' | xargs)"
        [ "$(sql "SELECT count(*) FROM _pipe_loads WHERE run_id LIKE '$level%'")" = 4 ]
    done
    sql 'ALTER DATABASE postgres RESET default_transaction_isolation'
}

@test "a constraint that fails at COMMIT under pipe-run: 65, nothing, the record says so" {
    sql 'CREATE TABLE p (id int PRIMARY KEY);
        CREATE TABLE t (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED)'
    echo '{"id":1}' >in
    assert_exit 65 pipe-run -q --pipeline p -- "pipe-extract --format ndjson in |
        pipe-load '$URL' -t t -m append -q"
    grep -q 'violates foreign key' err
    [ "$(count)" = 0 ]
    [ "$(jq -r '.outcome, .loads[0].committed' "$PIPE_STATE/runs.ndjson" | xargs)" = 'failed false' ]
}

@test "the target's disk is full: nothing, and once when it has room" {
    local space=$PG_DIR/small # where the server may go
    [ $EUID = 0 ] && mkdir "$space" &&
        mount -t tmpfs -o size=1m,mode=700 none "$space" 2>/dev/null ||
        skip 'a small file system cannot be mounted here'
    chown postgres "$space"
    sql "CREATE TABLESPACE small LOCATION '$space'"
    sql 'CREATE TABLE t (id int, pad text) TABLESPACE small'
    seq 40000 | sed 's/.*/{"id":&,"pad":"some words that take room &"}/' >in
    run into --mode append --run-id r <in
    local first=$status
    local rows
    rows=$(count)
    mount -o remount,size=100m "$space"
    into --mode append --run-id r <in
    local later
    later=$(count)
    sql 'DROP TABLE t'
    sql 'DROP TABLESPACE small'
    umount "$space"
    [ "$first/$rows/$later" = 75/0/40000 ] || fail "exit $first, $rows rows, then $later" "$output"
    [[ $output == *'No space left'* ]]
}

@test "memory is limited: the loader refuses cleanly or loads all" {
    need_command prlimit
    [ "$FLAVOUR" != asan ] || skip 'sanitizers reserve terabytes'
    local mib refused=0 loaded=0 status
    sql 'CREATE TABLE t (id int PRIMARY KEY, v text)'
    {
        seq 500 | sed 's/.*/{"id":&}/'
        printf '{"id":501,"v":"%s"}\n' "$(head -c 9000000 /dev/zero | tr '\0' x)"
    } >in
    for ((mib = 6; mib <= 160; mib += 7)); do
        sql 'TRUNCATE t'
        status=0
        prlimit --as=$((mib << 20)) pipe-load "$URL" -t t --on-unknown accept \
            --mode upsert -k id --run-id $mib <in 2>err || status=$?
        case $status/$(count) in
        0/501) loaded=$((loaded + 1)) ;;
        65/0 | 69/0 | 7[0-8]/0 | 127/0) refused=$((refused + 1)) ;;
        *) fail "$mib MiB: exit $status, $(count) rows" "$(cat err)" ;;
        esac
        into --mode upsert -k id --run-id $mib <in
        [ "$(count)" = 501 ]
    done
    echo "# refused $refused, loaded $loaded" >&3
    ((refused > 2 && loaded > 2))
}
