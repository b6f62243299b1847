#!/usr/bin/env bats
# Expressions as commands take them: exit codes, messages, rejects.

load ../helper

@test "a wrong regular expression is a usage error with a caret below its byte" {
    run -64 --separate-stderr pipe-transform --where "name ~ 'it''s (x'" </dev/null
    [ "${stderr_lines[0]}" = "pipe-transform: --where: regular expression: missing closing parenthesis at byte 17" ]
    [ "${stderr_lines[1]}" = "  name ~ 'it''s (x'" ]
    [ "${stderr_lines[2]}" = "                  ^" ]
    [ -z "$output" ]
}

@test "a wrong unit, zone, field or format is a usage error before any record" {
    local e
    for e in "date_trunc('fortnight', t)" "at_zone(t, 'Mars/Base')" \
        "extract(century FROM t)" "parse_time(t, '%Y %Q')" \
        "format_time(t, '%')" "date_add(t, 1, 'parsec')"; do
        run -64 pipe-transform --set "x = $e" </dev/null
        [[ "$output" == *"^"* ]]
    done
}

@test "a pattern without end rejects its record, and the next one passes" {
    {
        printf '{"s":"%040dx"}\n' 0
        printf '{"s":"ok"}\n'
    } >in
    run -0 --separate-stderr timeout 20 pipe-transform --max-reject 1 \
        --set "m = s ~ '^(0|00)+\$'" <in
    [ "$output" = '{"s":"ok","m":false}' ]
    [[ "$stderr" == *expr_regex* ]]
}

@test "a pattern out of a record that is wrong rejects that record alone" {
    printf '{"s":"a","p":"("}\n{"s":"a","p":"a"}\n' >in
    run -0 --separate-stderr pipe-transform --max-reject 1 --set 'm = s ~ p' <in
    [ "$output" = '{"s":"a","p":"a","m":true}' ]
    [[ "$stderr" == *"line 1"*expr_regex* ]]
}

@test "a key file that others may read is refused, and its key not shown" {
    printf 'hunter2\n' >key
    chmod 640 key
    run -77 pipe-transform --set "p = pseudonymise(s, 'file:key')" </dev/null
    [[ "$output" == *"key file 'key' has mode 0640"* ]]
    [[ "$output" != *hunter2* ]]
}

@test "a key is read once, so that it may go while the run lasts" {
    printf 'hunter2\n' >key
    chmod 600 key
    mkfifo feed
    pipe-transform --set "p = pseudonymise(s, 'file:key')" <feed >out &
    exec 5>feed
    printf '{"s":"a"}\n' >&5
    local i
    for ((i = 0; i < 100 && $(wc -c <out) == 0; i++)); do sleep 0.1; done
    rm key
    printf '{"s":"a"}\n' >&5
    exec 5>&-
    wait $!
    [ "$(wc -l <out)" = 2 ]
    [ "$(sort -u out | wc -l)" = 1 ]
}

@test "a key that is not set is a mistake of the configuration" {
    run -78 env -u PSEUDONYM_KEY pipe-transform \
        --set "p = pseudonymise(s, 'env:PSEUDONYM_KEY')" </dev/null
    [[ "$output" == *"'PSEUDONYM_KEY'"* ]]
}

@test "a key in place of its source is refused and not repeated" {
    run -64 pipe-transform --set "p = pseudonymise(s, 'hunter2')" </dev/null
    [[ "$output" == *"must be 'file:PATH' or 'env:NAME'"* ]]
    [[ "$output" != *hunter2* ]]
}

@test "a reject for a pseudonym does not show the key" {
    printf '{"s":[1]}\n' | {
        run -65 env PSEUDONYM_KEY=hunter2 pipe-transform \
            --set "p = pseudonymise(s, 'env:PSEUDONYM_KEY')"
        [[ "$output" == *expr_type* ]]
        [[ "$output" != *hunter2* ]]
    }
}

@test "pseudonyms are the HMAC-SHA-256 that openssl computes" {
    need_command openssl
    printf 'hunter2' >key
    chmod 600 key
    local want
    want=$(printf 'Zo\303\253' | openssl dgst -sha256 -hmac hunter2 -r | cut -c1-32)
    run -0 pipe-transform --set "p = pseudonymise(s, 'file:key')" \
        <<<'{"s":"Zo\u00eb"}'
    [ "$output" = "{\"s\":\"Zo\\u00eb\",\"p\":\"$want\"}" ]
}

@test "json_parse of a string with line ends keeps a record on its line" {
    run -0 pipe-transform --set 'o = json_parse(s)' <<<'{"s":"{\n\"a\":\r\n[1,\n2]}"}'
    [ "${#lines[@]}" = 1 ]
    [[ "$output" == *'"o":{"a":[1,2]}}' ]]
}

@test "functions give the same on one thread and on several" {
    make_orders 20000 >in
    local set=(--set "a = sha256(customer) ~ '^[0-7]'"
        --set "b = date_trunc('month', date)" --set "c = mask(country || id::text)"
        --set "d = regexp_replace(customer, '[0-9]+', '<\\0>')")
    pipe-transform -j 1 "${set[@]}" <in >one
    pipe-transform -j 4 "${set[@]}" <in >four
    cmp one four
    [ "$(wc -l <one)" = 20000 ]
}
