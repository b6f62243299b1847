#!/usr/bin/env bats
# How long an alert takes from the record that raises it, through a pipeline
# that stays open. Timed, so not among the fast tests.
load ../helper

@test "from record in to alert out it takes less than 100 ms, 500 times" {
    local i sent took worst=0 all=0 REPLY
    mkfifo fifo.in fifo.out
    bash -c "pipe-aggregate -g customer_id --window trailing:30d --time created_at \
        -a 'tickets=count()' -a \"high=count(CASE WHEN priority = 'high' THEN 1 END)\" \
        --having 'tickets >= 3 OR high >= 2' |
        pipe-transform --set \"alert = 'customer ' || customer_id\"" \
        <fifo.in >fifo.out 2>err &
    exec {to}>fifo.in {from}<fifo.out
    for ((i = 0; i < 1000; i++)); do
        # Each customer's second ticket of high priority raises an alert.
        sent=${EPOCHREALTIME/./}
        printf '{"ticket_id":"T%d","customer_id":"c%d","priority":"high","created_at":%d}\n' \
            $i $((i / 2)) $((1767225600 + i * 60)) >&"$to"
        ((i % 2)) || continue
        IFS= read -r -t 10 -u "$from" || fail "no alert" "$(cat err)"
        took=$((${EPOCHREALTIME/./} - sent))
        [[ $REPLY == *"\"customer_id\":\"c$((i / 2))\",\"tickets\":2,"* ]]
        ((took > worst)) && worst=$took
        all=$((all + took))
    done
    exec {to}>&- {from}<&-
    wait
    echo "# mean $((all / 500)) us, longest $worst us" >&3
    ((worst < 100000))
}
