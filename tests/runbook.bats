#!/usr/bin/env bats
# pipeutils-runbook(7): each alert has its section, and each section an alert.
load helper

page=$REPO/man/pipeutils-runbook.7.in
rules=$REPO/scripts/share/prometheus/alerts.yml

sections() {
    sed -n 's/^\.Ss \(Pipeline[A-Za-z]*\)$/\1/p' "$page" | sort
}

@test "every alert rule has a section in the runbook, and no section lacks a rule" {
    [ -e "$rules" ] || skip "there are no alert rules in scripts/share/prometheus"
    sed -nE 's/^ *- alert: *([A-Za-z]+) *$/\1/p' "$rules" | sort >alerts
    (($(wc -l <alerts) > 5))
    sections | diff alerts -
}

@test "every trouble that pipe-report check finds is in the runbook" {
    n=0
    for event in $(sed -n '/^\.Ss Check/,/^\.Ss Page/s/^\.It Cm \([a-z_]*\)$/\1/p' \
        "$REPO/man/pipe-report.1.in"); do
        grep -qE "^\.Cm $event( |$)" "$page" || fail "$event is not in the runbook"
        n=$((n + 1))
    done
    ((n == 6))
}

@test "the runbook names only subcommands and options that there are" {
    grep -ohE '(pipe-report|pipe-dlq) [a-z]+' "$page" | sort -u | while read -r tool sub; do
        "$tool" --help | grep -qE "^  $sub " || fail "$tool has no $sub"
    done
    for option in max-attempts code pipeline dlq; do
        pipe-dlq --help | grep -q -- "--$option" || fail "pipe-dlq has no --$option"
    done
    for option in level last include force now; do
        pipe-report --help | grep -q -- "--$option" || fail "pipe-report has no --$option"
    done
}
