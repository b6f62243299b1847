#!/usr/bin/env bats
# What every command holds to, one loop over all of $BIN_DIR/pipe-*.
#
# A new command needs one row here. KIND says what can be asked of it:
#   stream  reads records, writes them as they come
#   total   reads records, writes when it has seen them all
#   sink    reads records, writes none
#   other   no stream on stdin
# ARGS are a valid call in a folder that prepare() has filled.
load helper

table() {
    cat <<'END'
pipe-extract    stream  --format ndjson -
pipe-validate   stream  -s any.json
pipe-dedup      stream  -k id
pipe-transform  stream  --where true
pipe-join       stream  ref.json -k id
pipe-aggregate  total   -a count()
pipe-profile    total
pipe-load       sink    sqlite:t.db -t t --mode append --create
pipe-dlq        other   list --dlq letters.ndjson
pipe-run        other   -- true
pipe-wait       other   --once .
pipe-report     other   history
END
}

prepare() {
    echo '{}' >any.json
    echo '{"id":0,"joined":true}' >ref.json
    : >letters.ndjson
    printf '{"id":1,"a":"x"}\n{"id":2,"a":"y"}\n' >two.ndjson
}

setup() {
    pipe_setup
    fails=$BATS_TEST_TMPDIR/fails
    : >"$fails"
}

# each 'KIND...' FUNCTION: runs it for each command of these kinds, in a folder
# of its own, with $tool, $kind and $args set; then fails if wrong() was called.
each() {
    local kinds=" $1 " check=$2 name row n=0
    while read -r name kind row; do
        if [ ! -x "$BIN_DIR/$name" ] || [[ $kinds != *" $kind "* ]]; then
            continue
        fi
        tool=$name
        read -ra args <<<"$row"
        mkdir "$BATS_TEST_TMPDIR/$name"
        cd "$BATS_TEST_TMPDIR/$name" || return 1
        prepare
        "$check"
        n=$((n + 1))
    done < <(table)
    ((n > 0)) || fail "no command of kind $1 is built"
    [ ! -s "$fails" ] || fail "$(cat "$fails")"
}

wrong() {
    printf '%s: %s\n' "$tool" "$*" >>"$fails"
    [ ! -s err ] || head -c 500 err | sed 's/^/    stderr: /' >>"$fails"
}

# with ARG...: sets $line to the valid call with more arguments, before "--"
# where there is one.
with() {
    local word done=
    line=()
    for word in "${args[@]}"; do
        [[ $word == -- ]] && line+=("$@") && done=1
        line+=("$word")
    done
    [ "$done" ] || line+=("$@")
}

# call ARG...: the valid call with more arguments; leaves out, err and $code.
call() {
    local line
    code=0
    with "$@"
    "$tool" "${line[@]}" >out 2>err || code=$?
}

want_code() {
    ((code == $1)) || wrong "exit $code, wanted $1: $2"
}

want_err() {
    grep -qE -- "$1" err || wrong "stderr does not say '$1': $2"
}

want_no_out() {
    [ ! -s out ] || wrong "wrote to stdout: $1"
}

# want_counts READ REJECTED WHAT: as the json log of the last call has them.
want_counts() {
    grep -qE "\"read\":$1,.*\"rejected\":$2," err ||
        wrong "not $1 read and $2 rejected: $3"
}

@test "every command has a row in this table" {
    for path in "$BIN_DIR"/pipe-*; do
        [ -x "$path" ] || continue
        # A script has a parser of its own and tests of its own.
        head -c 2 "$path" | grep -q '#!' && continue
        tool=${path##*/}
        table | grep -q "^$tool " || wrong "is not in the table"
    done
    [ ! -s "$fails" ] || fail "$(cat "$fails")"
}

# ---- the command line

check_help() {
    local option
    for option in --help -h; do
        code=0
        "$tool" $option >out 2>err || code=$?
        want_code 0 "$option"
        [ -s err ] && wrong "$option wrote to stderr"
        head -n 1 out | grep -q "^Usage: $tool " ||
            wrong "$option does not begin with Usage: $tool"
        grep -qE '.{81}|[ ]$' out &&
            wrong "$option: a line of over 80 columns, or with a space at its end"
    done
    "$tool" --help >/dev/full 2>err && wrong "--help to a full disk is no error"
    return 0
}
@test "--help prints the usage on stdout, within 80 columns" {
    each 'stream total sink other' check_help
}

check_version() {
    code=0
    "$tool" --version >out 2>err || code=$?
    want_code 0 --version
    grep -qxE "$tool \(pipeutils\) [0-9]+\.[0-9]+\.[0-9]+" out ||
        wrong "--version prints '$(cat out)'"
}
@test "--version prints name and version" {
    each 'stream total sink other' check_version
}

check_unknown() {
    local option
    for option in --no-such-option --no-such-option=1 '-%'; do
        call "$option" <two.ndjson
        want_code 64 "$option"
        want_err "unknown option ${option%=*}" "$option"
        want_no_out "$option"
        [ "$(wc -l <err)" = 1 ] || wrong "$option: more than one line on stderr"
    done
}
@test "an unknown option is refused by its name" {
    each 'stream total sink other' check_unknown
}

check_abbreviated() {
    local option
    for option in --hel --versio --verb --run-i=x --pipelin=x; do
        call $option <two.ndjson
        want_code 64 "$option"
        want_err "unknown option ${option%=*}" "$option"
    done
}
@test "an abbreviated long option is refused" {
    each 'stream total sink other' check_abbreviated
}

check_contradiction() {
    call -q -v <two.ndjson
    want_code 64 "-q -v"
    want_err 'quiet.*verbose' "-q -v"
    call --run-id a --run-id b <two.ndjson
    want_code 64 "--run-id twice"
    want_err 'run-id.*twice' "--run-id twice"
}
@test "contradictory and repeated options are refused" {
    each 'stream total sink other' check_contradiction
}

check_values() {
    local option
    for option in --quiet=yes --date=2026-02-30 --date=tomorrow --tz=Mars/Base \
        --log=xml; do
        call "$option" <two.ndjson
        want_code 64 "$option"
        option=${option%=*}
        want_err "${option#--}" "$option"
    done
    code=0
    "$tool" --run-id >out 2>err || code=$?
    want_code 64 "--run-id without a value"
    want_err 'run-id.*needs a value' "--run-id without a value"
}
@test "a value that makes no sense is refused by the option's name" {
    each 'stream total sink other' check_values
}

check_limit_values() {
    local option
    for option in --max-record=1 --max-record=12X --max-record=-5 \
        --max-depth=0 --max-reject=101% --max-reject=-1 --max-reject=1.5 \
        --min-sample=few --pipeline=../etc; do
        call "$option" <two.ndjson
        want_code 64 "$option"
        option=${option%%=*}
        want_err "${option#--}" "$option"
        want_no_out "$option"
    done
}
@test "limits are checked before anything is read" {
    each 'stream total sink' check_limit_values
}

check_environment() {
    code=0
    PIPE_LOG=xml "$tool" "${args[@]}" <two.ndjson >out 2>err || code=$?
    want_code 64 "PIPE_LOG=xml"
    want_err 'PIPE_LOG' "PIPE_LOG=xml"
    code=0
    with --log text
    PIPE_LOG=xml "$tool" "${line[@]}" <two.ndjson >out 2>err || code=$?
    want_code 0 "PIPE_LOG=xml --log text"
}
@test "a variable stands in for its option and is named when it is wrong" {
    each 'stream total sink other' check_environment
}

check_completion() {
    "$tool" --help=completion >completion.bash 2>err
    bash -n completion.bash || wrong "completion is no bash"
    bash -c '
        source ./completion.bash
        COMP_WORDS=('"$tool"' --versi) COMP_CWORD=1
        $(complete -p '"$tool"' | sed "s/.*-F \([^ ]*\).*/\1/")
        [ "${COMPREPLY[*]}" = --version ]' 2>err || wrong "--versi is not completed"
    bash -c '
        source ./completion.bash
        COMP_WORDS=('"$tool"' --log j) COMP_CWORD=2
        $(complete -p '"$tool"' | sed "s/.*-F \([^ ]*\).*/\1/")
        [ "${COMPREPLY[*]}" = json ]' 2>err || wrong "--log j is not completed"
}
@test "bash completion knows options and choices" {
    each 'stream total sink other' check_completion
}

# ---- the stream in

check_empty() {
    : >empty
    call --log json <empty
    want_code 0 "empty input"
    want_counts 0 0 "empty input"
}
@test "an empty input is fine" {
    each 'stream total sink' check_empty
}

check_silent() {
    call <two.ndjson
    want_code 0 "two records"
    [ ! -s err ] || wrong "not silent on success"
}
@test "success is silent on stderr" {
    each 'stream total sink other' check_silent
}

check_spellings() {
    printf '{"id":1}\n{"id":2}' >whole
    printf '{"id":1}\r\n{"id":2}\r\n' >crlf
    printf '\xef\xbb\xbf{"id":1}\n{"id":2}\n' >bom
    printf '\n{"id":1}\n  \n\t\r\n{"id":2}\n\n' >blank
    local name
    for name in whole crlf bom blank; do
        rm -f t.db
        call --log json <$name
        want_code 0 "$name"
        want_counts 2 0 "$name"
        [ "$kind" != stream ] || printf '{"id":1}\n{"id":2}\n' | cmp -s - out ||
            wrong "$name: wrote $(head -c 200 out | cat -A)"
    done
}
@test "CRLF, BOM, blank lines and a last line without line feed are accepted" {
    each 'stream total sink' check_spellings
}

check_cut() {
    local whole='{"id":2,"a":"xyz"}' n
    for ((n = 1; n < ${#whole}; n++)); do
        printf '{"id":1}\n%s' "${whole:0:n}" >cut.ndjson
        rm -rf t.db letters
        call --dlq letters/ --max-reject 100% <cut.ndjson
        want_code 65 "last line cut to ${whole:0:n}"
        want_err 'truncated' "last line cut to ${whole:0:n}"
        [ ! -e letters ] || [ -z "$(ls -A letters)" ] ||
            wrong "cut line became a dead letter"
    done
}
@test "a last line that is cut off is exit 65 and never a dead letter" {
    each 'stream total sink' check_cut
}

# A bad line between two good ones: rejected with this code.
check_bad_line() {
    local want=$1
    shift
    printf '{"id":1}\n' >bad
    cat line >>bad
    printf '\n{"id":2}\n' >>bad
    rm -rf t.db letters
    call --dlq letters/ --max-reject 1 --log json "$@" <bad
    want_code 0 "$want with --max-reject 1"
    want_counts 3 1 "$want"
    grep -rqsF "\"code\":\"$want\"" letters || wrong "no dead letter says $want"
    rm -rf t.db
    call "$@" <bad
    want_code 65 "$want by default"
    want_err "line 2.*$want" "$want by default"
}
check_bad_lines() {
    printf '{"id":3' >line && check_bad_line not_json
    printf '{"id":01}' >line && check_bad_line not_json
    printf '{"id":3}}' >line && check_bad_line not_json
    printf '{"id":3}{"id":4}' >line && check_bad_line not_json
    printf '[1,2]' >line && check_bad_line not_object
    printf '"id"' >line && check_bad_line not_object
    printf '{"id":"a\0b"}' >line && check_bad_line nul_byte
    printf '\0' >line && check_bad_line nul_byte
    printf '{"id":"\xff"}' >line && check_bad_line invalid_utf8
    printf '{"id":"\xc0\xaf"}' >line && check_bad_line invalid_utf8
    printf '{"id":"\xed\xa0\x80"}' >line && check_bad_line invalid_utf8
    printf '{"id":3,"a":"%0100d"}' 0 >line && check_bad_line too_long --max-record 64
    printf '{"id":3,"a":[[[]]]}' >line && check_bad_line too_deep --max-depth 3
}
@test "a line that is no record is rejected with line number and code" {
    each 'stream total sink' check_bad_lines
}

check_at_the_limit() {
    local record end
    printf -v record '{"id":1,"a":"%046d"}' 0 # 61 bytes
    for end in '' '\n' '\r\n'; do
        printf '%s%b' "$record" "$end" >exact
        rm -f t.db
        call --max-record 61 --log json <exact
        want_code 0 "61 bytes of 61 and '$end'"
        want_counts 1 0 "61 bytes of 61 and '$end'"
        rm -f t.db
        call --max-record 60 --log json <exact
        want_code 65 "61 bytes of 60 and '$end'"
    done
    printf '{"id":1,"a":[[]]}\n' >deep
    rm -f t.db
    call --max-depth 3 --log json <deep
    want_code 0 "depth 3 of 3"
}
@test "a record of exactly the limit passes, one byte more does not" {
    each 'stream total sink' check_at_the_limit
}

check_long_line() {
    # 40 MB in one line, in bounded memory: the limit is 16 MiB.
    { printf '{"id":1,"a":"'; head -c 40000000 /dev/zero | tr '\0' x
        printf '"}\n{"id":2}\n'; } >long
    [ "$FLAVOUR" = asan ] || ulimit -v 400000
    call --max-reject 1 --log json <long
    want_code 0 "40 MB line"
    want_counts 2 1 "40 MB line"
    rm -f long
}
@test "a line far beyond the limit is rejected in bounded memory" {
    each 'stream total sink' check_long_line
}

check_deep() {
    { printf '{"id":1,"a":'; head -c 100000 /dev/zero | tr '\0' '['
        printf '\n{"id":2}\n'; } >deep
    call --max-reject 1 --log json <deep
    want_code 0 "100,000 brackets"
    want_counts 2 1 "100,000 brackets"
}
@test "100,000 opening brackets are rejected" {
    each 'stream total sink' check_deep
}

check_escapes() {
    printf '{"\x1b[31m":1}\n{"id":"\x1b]0;x\x07"\n' >evil
    call <evil
    want_code 65 "escape sequences in the data"
    grep -q $'[\x1b\x07]' err && wrong "raw control bytes on stderr"
    return 0
}
@test "control bytes of the data never reach the terminal" {
    each 'stream total sink' check_escapes
}

# ---- rejects

check_all_rejected() {
    printf '1\n2\n3\n' >none
    call --max-reject 99% --min-sample 1000 <none
    want_code 65 "all rejected"
    rm -f t.db
    call --max-reject 100% <none
    [ "$tool" = pipe-load ] || want_code 0 "all rejected under --max-reject 100%"
}
@test "a run that rejected every record fails unless 100% is allowed" {
    each 'stream total sink' check_all_rejected
}

check_shown() {
    { for i in $(seq 25); do echo "[$i]"; done; cat two.ndjson; } >many
    call --max-reject 25 <many
    want_code 0 "25 rejects allowed"
    [ "$(grep -c 'line [0-9]*:' err)" = 10 ] ||
        wrong "not 10 rejects on stderr without a DLQ"
    rm -f t.db
    call --max-reject 24 <many
    want_code 65 "25 rejects of 24 allowed"
    want_err 'max-reject is 24' "25 rejects of 24 allowed"
}
@test "without a DLQ the first ten rejects are shown" {
    each 'stream total sink' check_shown
}

check_share() {
    # 5 of 100 is within the default of 5%, 6 of 100 is not.
    make_orders 95 >five && seq 5 >>five
    call --dlq letters/ <five
    want_code 0 "5% with a DLQ"
    rm -rf t.db letters
    make_orders 94 >six && seq 6 >>six
    call --dlq letters/ <six
    want_code 65 "6% with a DLQ"
    want_err '5%' "6% with a DLQ"
    # The share is judged from --min-sample on.
    rm -rf t.db letters
    { seq 3; make_orders 5; } >few
    call --dlq letters/ <few
    want_code 0 "3 of 8 before the sample is large enough"
}
@test "with a DLQ 5% may be rejected, judged from 100 records on" {
    each 'stream total sink' check_share
}

check_state() {
    # A state that cannot be: below a file.
    : >file
    code=0
    PIPE_STATE=$PWD/file/state "$tool" "${args[@]}" --pipeline p \
        <two.ndjson >out 2>err || code=$?
    ((code == 73 || code == 77 || code == 74)) ||
        wrong "exit $code with a state that cannot be made"
    want_no_out "with a state that cannot be made"
    [ ! -e t.db ] || wrong "opened its target before the state was known good"
    code=0
    env -u PIPE_STATE -u STATE_DIRECTORY -u XDG_STATE_HOME -u HOME \
        "$tool" "${args[@]}" --pipeline p <two.ndjson >out 2>err || code=$?
    want_code 78 "no place for state"
}
@test "a state directory that cannot be used fails before anything is read" {
    each 'stream total sink' check_state
}

check_read_only_state() {
    mkdir -m 555 ro
    code=0
    PIPE_STATE=$PWD/ro "${as_user[@]}" "$tool" "${args[@]}" --pipeline p \
        <two.ndjson >out 2>err || code=$?
    ((code == 73 || code == 77)) || wrong "exit $code with a read-only state"
    want_no_out "read-only state"
}
@test "a read-only state directory fails before anything is read" {
    as_user=()
    if [ "$(id -u)" = 0 ]; then
        # Root without the right to override permissions.
        as_user=(setpriv "--bounding-set=-dac_override,-dac_read_search")
        "${as_user[@]}" true || skip "root may write to read-only folders here"
    fi
    each 'stream total sink' check_read_only_state
}

# ---- metrics and lineage

check_observed() {
    code=0
    PIPE_METRICS=metrics PIPE_LINEAGE=events "$tool" "${args[@]}" \
        <two.ndjson >out 2>err || code=$?
    want_code 0 "PIPE_METRICS and PIPE_LINEAGE"
    [ ! -s err ] || wrong "not silent with metrics and lineage"
    grep -qxF "pipeline_runs_total{pipeline=\"\",stage=\"$tool\",status=\"success\"} 1" \
        "metrics/$tool.prom" || wrong "no run in metrics/$tool.prom"
    grep -qF "pipeline_stage_records_total{pipeline=\"\",stage=\"$tool\",outcome=\"out\"} 2" \
        "metrics/$tool.prom" || wrong "not 2 records in metrics/$tool.prom"
    [ "$(grep -o '"eventType":"[A-Z]*"' events | tr -d '\n')" = \
        '"eventType":"START""eventType":"COMPLETE"' ] ||
        wrong "not START and COMPLETE: $(cut -c 1-80 events)"
    printf '{"id":1}\n{"id":' >cut.ndjson
    rm -f t.db
    call --metrics metrics --lineage events <cut.ndjson
    want_code 65 "cut input with metrics and lineage"
    grep -qxF "pipeline_runs_total{pipeline=\"\",stage=\"$tool\",status=\"failed\"} 1" \
        "metrics/$tool.prom" || wrong "no failed run in metrics/$tool.prom"
    tail -n 1 events | grep -q '"eventType":"FAIL"' || wrong "no FAIL event"
}
@test "a run is told to metrics and lineage, good or failed" {
    each 'stream total sink' check_observed
}

check_unobservable() {
    local option
    for option in --lineage=ftp://h/x --lineage=http://a:b@h/ --lineage= --metrics=; do
        call "$option" <two.ndjson
        want_code 64 "$option"
        option=${option%%=*}
        want_err "${option#--}" "$option"
        want_no_out "$option"
    done
    call --metrics two.ndjson --lineage two.ndjson/x <two.ndjson
    want_code 0 "metrics and lineage that cannot be written"
}
@test "metrics and lineage that cannot be are refused, or only told" {
    each 'stream total sink' check_unobservable
}

# ---- the stream out

check_full() {
    code=0
    "$tool" "${args[@]}" <two.ndjson >/dev/full 2>err || code=$?
    want_code 74 "/dev/full"
    want_err "stdout.*No space left" "/dev/full"
}
@test "a full disk is exit 74" {
    each 'stream total' check_full
}

check_closed_stdout() {
    code=0
    "$tool" "${args[@]}" <two.ndjson >&- 2>err || code=$?
    want_code 74 "stdout closed"
}
@test "a closed stdout is exit 74" {
    each 'stream total' check_closed_stdout
}

check_closed_stdin() {
    code=0
    "$tool" "${args[@]}" <&- >out 2>err || code=$?
    want_code 74 "stdin closed"
    want_err stdin "stdin closed"
    want_no_out "stdin closed"
}
@test "a closed stdin is exit 74, not an empty input" {
    each 'stream total sink' check_closed_stdin
}

check_reader_gone() {
    { sleep 0.3; cat two.ndjson; } | {
        code=0
        "$tool" "${args[@]}" 2>err || code=$?
        echo $code >code
    } | true
    code=$(cat code)
    want_code 141 "reader gone before the first byte"
    [ ! -s err ] || wrong "not quiet when its reader has gone"
}
@test "a reader that has gone ends a stage quietly by SIGPIPE" {
    each 'stream total' check_reader_gone
}

check_head() {
    seq -f '{"id":%.0f}' 100000000 | {
        code=0
        timeout 60 "$tool" "${args[@]}" 2>err || code=$?
        echo $code >code
    } | head -c 1 >out
    code=$(cat code)
    want_code 141 "| head -c 1"
    [ "$(cat out)" = '{' ] || wrong "| head -c 1 saw '$(cat out)'"
    [ ! -s err ] || wrong "not quiet behind head"
}
@test "head ends an endless stream" {
    each stream check_head
}

check_flow() {
    # What is there is handed on before the next record comes.
    mkfifo in
    "$tool" "${args[@]}" <in >out 2>err &
    local pid=$!
    exec 7>in
    cat two.ndjson >&7
    within 5 test -s out || wrong "holds records back while its input waits"
    exec 7>&-
    wait $pid || wrong "failed"
}
@test "records are handed on when the input has nothing more for now" {
    each stream check_flow
}

# ---- -o FILE

check_output_file() {
    call <two.ndjson
    cp out want
    call -o file <two.ndjson
    want_code 0 "-o file"
    want_no_out "-o file"
    cmp -s want file || wrong "-o file differs from stdout"
    call -o no/such/folder <two.ndjson
    ((code == 73 || code == 66)) || wrong "exit $code for -o in no folder"
    code=0
    "$tool" "${args[@]}" -o 'day-{date}' --date 2026-01-31 <two.ndjson || code=$?
    [ -s day-2026-01-31 ] || wrong "-o does not expand {date}"
    call -o 'day-{date}' <two.ndjson
    want_code 64 "-o with {date} and no --date"
}
@test "-o writes what stdout would have been" {
    each 'stream total' check_output_file
}

check_output_failed() {
    echo old >file
    printf '{"id":1}\n{"id":' >cut.ndjson
    call -o file <cut.ndjson
    want_code 65 "cut input"
    [ "$(cat file)" = old ] || wrong "-o touched the file in a failed run"
    [ -z "$(find . -name '.file.*')" ] || wrong "-o left a temporary file"
    call -o new <cut.ndjson
    [ ! -e new ] || wrong "-o made a file in a failed run"
}
@test "-o leaves an old file alone when the run fails" {
    each 'stream total' check_output_failed
}

# ---- signals

# end_by SIGNAL CODE ARG...: sends it while the command waits for its input.
end_by() {
    local signal=$1 want=$2 pid
    shift 2
    rm -rf in t.db
    mkfifo in
    env --default-signal=INT,TERM,HUP "$tool" "${args[@]}" "$@" \
        <in >out 2>err &
    pid=$!
    exec 7>in
    cat two.ndjson >&7
    sleep 0.2
    kill -"$signal" $pid
    if ! within 5 eval "! kill -0 $pid 2>/dev/null"; then
        wrong "still there 5 s after SIG$signal"
        kill -9 $pid
    fi
    code=0
    wait $pid || code=$?
    exec 7>&-
    want_code "$want" "SIG$signal"
}

check_signals() {
    end_by TERM 143
    end_by INT 130
    end_by HUP 129
    [ ! -s err ] || wrong "not quiet when a signal ends it"
}
@test "SIGTERM, SIGINT and SIGHUP end a waiting stage by that signal" {
    each 'stream total sink' check_signals
}

check_signal_leaves_nothing() {
    end_by TERM 143 -o file
    [ ! -e file ] || wrong "-o file was made by a run that was stopped"
    [ -z "$(find . -name '.file.*')" ] || wrong "a temporary file is left"
}
@test "a stage that is stopped leaves no file behind" {
    each 'stream total' check_signal_leaves_nothing
}

check_stop_blocked() {
    # The reader does not read: the stage hangs in write(2).
    mkfifo pipe
    exec 8<>pipe
    seq -f '{"id":%.0f}' 1000000 >many
    env --default-signal=TERM "$tool" "${args[@]}" <many >pipe 2>err &
    local pid=$!
    sleep 0.3
    kill -TERM $pid
    within 5 eval "! kill -0 $pid 2>/dev/null" || {
        wrong "still there 5 s after SIGTERM while its reader is slow"
        kill -9 $pid
    }
    code=0
    wait $pid || code=$?
    exec 8<&-
    want_code 143 "SIGTERM while its reader is slow"
}
@test "SIGTERM ends a stage that waits for its reader" {
    each stream check_stop_blocked
}

check_ignored() {
    # nohup: what the caller ignores stays ignored.
    mkfifo in
    env --ignore-signal=HUP "$tool" "${args[@]}" <in >out 2>err &
    local pid=$!
    exec 7>in
    cat two.ndjson >&7
    sleep 0.2
    kill -HUP $pid
    sleep 0.1
    exec 7>&-
    code=0
    wait $pid || code=$?
    want_code 0 "SIGHUP under nohup"
}
@test "a signal that the caller ignores stays ignored" {
    each 'stream total sink' check_ignored
}

# ---- upstream

check_upstream() {
    printf '{"id":1}\n{"id":' >cut.ndjson
    pipe-transform --where true <cut.ndjson 2>/dev/null | {
        code=0
        "$tool" "${args[@]}" >out 2>err || code=$?
        echo $code >code
    }
    code=$(cat code)
    want_code 65 "upstream failed with 65"
    want_err 'upstream failed' "upstream failed with 65"
}
@test "a stage behind one that failed fails with its code" {
    [ -x "$BIN_DIR/pipe-transform" ] || skip "pipe-transform is not built"
    each 'stream total sink' check_upstream
}

check_killed() {
    mkfifo in
    rm -f t.db
    {
        echo "$BASHPID" >upstream
        exec pipe-transform --where true <in 2>/dev/null
    } | {
        code=0
        "$tool" "${args[@]}" >out 2>err || code=$?
        echo $code >code
    } &
    exec 7>in
    cat two.ndjson >&7
    sleep 0.3
    kill -KILL "$(cat upstream)"
    exec 7>&-
    within 5 test -s code || wrong "does not end behind a killed upstream"
    code=$(cat code)
    want_code 75 "upstream killed"
    want_err 'upstream died' "upstream killed"
}
@test "a stage behind one that was killed fails with 75" {
    [ -x "$BIN_DIR/pipe-transform" ] || skip "pipe-transform is not built"
    each 'stream total sink' check_killed
}

# ---- the terminal

check_progress() {
    run_in_pty "{ cat two.ndjson; sleep 0.6; cat two.ndjson; } |
        $tool ${args[*]@Q} -o out.ndjson" >screen || true
    grep -q 'records' screen || wrong "no progress on a terminal"
    run_in_pty "{ cat two.ndjson; sleep 0.6; cat two.ndjson; } |
        $tool ${args[*]@Q} -q -o out.ndjson" >screen || true
    ! grep -q 'records' screen || wrong "progress under -q"
}
@test "a terminal shows progress, and not under -q" {
    each 'stream total' check_progress
}
