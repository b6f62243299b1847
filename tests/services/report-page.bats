#!/usr/bin/env bats
# The page of pipe-report, as a browser shows it. Screenshots stay in the test's
# folder: light.png, dark.png, phone.png.
load ../helper

# browse FILE ARG...: the page in a headless browser without a network.
browse() {
    HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME="" XDG_CACHE_HOME="" timeout 60 chromium --headless=new --no-sandbox --disable-gpu \
        --hide-scrollbars --disable-dev-shm-usage \
        --user-data-dir="$BATS_TEST_TMPDIR/profile" \
        --host-resolver-rules='MAP * ~NOTFOUND' "${@:2}" \
        "file://$BATS_TEST_TMPDIR/$1" 2>browser.log
}

# runs PIPELINE: forty nights of it, of which some failed.
runs() {
    local d day
    for d in {0..39}; do
        day=$(date -u -d "2026-01-01 + $d days" +%F)
        jq -nc --arg p "$1" --arg day "$day" --argjson d "$d" '
            (if $d % 13 == 7 or $d == 39 then "failed" else "ok" end) as $o |
            {v: 1, outcome: $o, exit: (if $o == "ok" then 0 else 65 end),
             run_id: "run-\($d)", pipeline: $p, date: $day, command: "a | b",
             message: (if $o == "ok" then null else "<img src=x onerror=alert(1)> & \u001b[31m" end),
             started: "\($day)T02:15:00Z", ended: "\($day)T02:1\(6 + $d % 3):00Z",
             seconds: (60 * (1 + $d % 3)), attempts: [{outcome: $o}],
             stages: [{stage: "pipe-extract", stdout: 1, read: (1000 + $d), out: 990, rejected: $d},
                      {stage: "pipe-load", stdin: 1, read: 990, out: 990, rejected: 0}],
             loads: [{target: "sqlite:/data/shop.db", table: $p, rows: (990 + $d), committed: ($o == "ok")}]}'
    done
}

setup() {
    pipe_setup
    need_command chromium
    mkdir -p state conf
    runs orders >state/runs.ndjson
    runs '<script>document.title="owned"</script>' >>state/runs.ndjson
    echo '{"schedule":"15 2 * * *","sla":"2m","owner":"<b>me</b>","runbook":"javascript:alert(1)","expected":{"duration":"5m"}}' >conf/orders.json
    echo '{"freshness":"1d","upstream":["orders"],"runbook":"https://wiki.example.org/x?a=1&b=2"}' >conf/late-one.json
    printf 'bad\n{}\n' | pipe-transform --pipeline orders --max-reject 100% --where true >/dev/null
    pipe-report html --config conf --now 2026-02-10T00:00:00Z -o page.html
}

@test "the page shows what is wrong, charts, SLA, letters, lineage, runs" {
    browse page.html --dump-dom >dom
    grep -q '<title>3 of 3 pipelines are not well</title>' dom
    grep -q 'was to be done by 2026-02-09 02:17:00' dom
    (($(grep -o '<figure class="chart">' dom | wc -l) == 8))
    (($(grep -o '<path class="bad dot"' dom | wc -l) > 4))
    grep -q 'of the last 14 kept' dom
    grep -q 'late by 1m 00s' dom
    grep -q '<span class="badge bad">missed</span>' dom
    grep -q 'not_json' dom
    grep -q '<svg class="dag"' dom
    grep -q '>late-one<' dom
    grep -q 'run-39' dom
}

@test "nothing that data holds is obeyed" {
    browse page.html --dump-dom >dom
    run ! grep -q 'owned</title>' dom
    run ! grep -qiE '<script|<img|<b>me|href="javascript|onerror=.*<p>$' dom
    grep -qF '&lt;script&gt;document.title=' dom
    grep -qF '&lt;img src=x onerror=alert(1)&gt; &amp; \x1b[31m' dom
    grep -qF '&lt;b&gt;me&lt;/b&gt;' dom
    grep -qF 'href="https://wiki.example.org/x?a=1&amp;b=2"' dom
    run ! grep -q $'\033' page.html
}

@test "the page needs nothing from elsewhere" {
    # What a page can fetch: none of it is there, and its policy forbids it.
    run ! grep -qiE '<(script|link|img|iframe|object|embed|video|audio|base)[ >]' page.html
    run ! grep -qiE '@import|url\([^#]|<[^>]*[[:space:]](src|srcset|poster)=' page.html
    grep -q "default-src 'none'; style-src 'unsafe-inline'" page.html
    browse page.html --log-net-log="$PWD/net.json" --dump-dom >dom
    [ -s net.json ]
    run ! grep -q 'wiki.example.org' net.json
}

# probe WIDTH: how wide the page wants to be in a frame that is WIDTH wide. A
# page beside it measures, for the page itself runs no script.
probe() {
    cat >probe.html <<END
<!doctype html><body style="margin:0"><iframe id="f" src="page.html"
style="width:$1px;height:3000px;border:0"></iframe><script>
document.getElementById("f").onload = function () {
    var d = this.contentDocument.documentElement;
    document.body.setAttribute("data-wide", d.scrollWidth);
    var far = 0;
    d.querySelectorAll("body *").forEach(function (e) {
        if (!e.closest(".scroll") && !e.closest("svg") && !e.closest("thead"))
            far = Math.max(far, e.getBoundingClientRect().right);
    });
    document.body.setAttribute("data-far", Math.ceil(far));
};
</script>
END
    browse probe.html --allow-file-access-from-files --window-size=1400,3000 \
        --virtual-time-budget=5000 --dump-dom |
        sed -nE 's/.*data-wide="([0-9]+)".*data-far="([0-9]+)".*/\1 \2/p'
}

@test "nothing is wider than a phone of 360 pixels, or than a screen" {
    for width in 360 768 1280; do
        read -r wide far < <(probe $width)
        ((wide == width)) || fail "at $width the page is $wide wide"
        ((far > width / 2 && far <= width)) || fail "at $width something ends at $far"
    done
}

# luminance PNG: of the pixel in its upper left corner, from 0 to 255, by the
# filter bytes and the first pixel of an 8 bit RGB(A) image.
corner() {
    python3 - "$1" <<'END'
import struct, sys, zlib
b = open(sys.argv[1], "rb").read()
assert b[:8] == b"\x89PNG\r\n\x1a\n"
at, data = 8, b""
while at < len(b):
    n, kind = struct.unpack(">I4s", b[at:at + 8])
    if kind == b"IHDR":
        width, height, depth, colour = struct.unpack(">IIBB", b[at + 8:at + 18])
    if kind == b"IDAT":
        data += b[at + 8:at + 8 + n]
    at += 12 + n
assert depth == 8 and colour in (2, 6)
px = zlib.decompress(data)[1:4]
print(width, height, sum(px) // 3)
END
}

@test "it is light or dark as the reader wishes, and as the switch says" {
    need_command python3
    browse page.html --window-size=1280,1600 --screenshot=light.png
    browse page.html --window-size=1280,1600 --blink-settings=preferredColorScheme=0 --screenshot=dark.png
    sed 's/id="auto" checked/id="auto"/; s/id="dark"/id="dark" checked/' page.html >chosen.html
    browse chosen.html --window-size=1280,1600 --screenshot=chosen.png
    browse page.html --window-size=500,2400 --screenshot=phone.png
    read -r width height light < <(corner light.png)
    ((width == 1280 && height > 1000 && light > 200))
    read -r _ _ chosen < <(corner chosen.png)
    ((chosen < 60)) || fail "chosen dark, the corner is $chosen"
    read -r _ _ dark < <(corner dark.png)
    ((dark < 60)) || fail "the browser is dark, the corner is $dark"
}

# events LINE...: "JOB INPUT OUTPUT" each, of a run that ended well.
events() {
    local line job in out
    for line; do
        read -r job in out <<<"$line"
        jq -nc --arg j "$job" --arg i "$in" --arg o "$out" '
            {eventType: "COMPLETE", eventTime: "2026-02-09T02:16:00Z",
             run: {runId: $j}, job: {namespace: "default", name: $j},
             inputs: [{namespace: "file", name: $i}],
             outputs: [{namespace: "sqlite:///data/shop.db", name: $o}]}'
    done
}

# boxes: how far right and down the boxes of the drawing reach.
boxes() {
    sed -nE 's/.*<svg class="dag" width="([0-9]+)" height="([0-9]+)".*/\1 \2/p' "$1"
}

@test "what feeds what is drawn of lineage events, from sources to tables" {
    events 'orders /in/orders.csv sales' 'dbt /in/fx.csv mart' >state/lineage.ndjson
    pipe-report html --config conf --now 2026-02-10T00:00:00Z -o page.html
    browse page.html --dump-dom >dom
    grep -q '<title>/in/ orders.csv</title>' dom
    grep -q '<title>sqlite:///data/shop.db sales</title>' dom
    grep -q '<title>dbt</title>' dom
    # Of what was loaded events say more: it is not drawn a second time.
    run ! grep -q '<title>sqlite:/data/shop.db orders</title>' dom
    pipe-report html --config conf --now 2026-02-10T00:00:00Z -o page.html orders
    grep -q 'orders.csv' page.html
    run ! grep -q 'fx.csv' page.html
}

@test "names in lineage events are not obeyed" {
    events '<script>document.title="owned"</script> /in/"><img/src=x> </svg><b>me' |
        jq -c '.outputs[0].namespace = "\u001b[31m<i>"' >state/lineage.ndjson
    pipe-report html --config conf --now 2026-02-10T00:00:00Z -o page.html
    browse page.html --dump-dom >dom
    run ! grep -qiE 'owned</title>|<script|<img|<b>me|<i>' dom
    run ! grep -q $'\033' page.html
    grep -qF '&lt;/svg&gt;&lt;b&gt;me' dom
}

@test "a circle does not push the drawing far away" {
    for i in {1..60}; do
        jq -nc --arg j "j$i" --arg d "$i" '
            {eventType: "COMPLETE", eventTime: "2026-02-09T02:16:00Z",
             run: {runId: $j}, job: {namespace: "default", name: $j},
             inputs: [{namespace: "w", name: $d}], outputs: [{namespace: "w", name: $d}]}'
    done >state/lineage.ndjson
    pipe-report html --config conf --now 2026-02-10T00:00:00Z -o page.html
    read -r wide _ < <(boxes page.html)
    ((wide < 1500)) || fail "the drawing is $wide wide"
}

@test "a graph of very many datasets is cut, and says so; those watched stay" {
    awk 'BEGIN { for (i = 0; i < 20000; i++)
        printf "{\"eventType\":\"COMPLETE\",\"eventTime\":\"2026-02-09T00:00:00Z\"," \
            "\"run\":{\"runId\":\"r%d\"},\"job\":{\"namespace\":\"n\",\"name\":\"j%d\"}," \
            "\"inputs\":[{\"namespace\":\"w\",\"name\":\"d%d\"}]," \
            "\"outputs\":[{\"namespace\":\"w\",\"name\":\"d%d\"}]}\n", i, i, i, (i * 7 + 1) % 20000
        }' >state/lineage.ndjson
    events 'orders /in/orders.csv sales' >>state/lineage.ndjson
    timeout 20 pipe-report html --config conf --now 2026-02-10T00:00:00Z -o page.html
    grep -q 'There is more than fits here' page.html
    grep -q '<title>/in/ orders.csv</title>' page.html
    (($(grep -o '<g class="[a-z ]*"><title>' page.html | wc -l) <= 500))
}

@test "a page is made without events, be they torn, elsewhere or not to be read" {
    printf 'x\n{"eventType":' >state/lineage.ndjson
    assert_exit 0 pipe-report html --config conf -o page.html
    PIPE_LINEAGE=$PWD/nosuch assert_exit 0 pipe-report html --config conf -o page.html
    assert_file err ""
    PIPE_LINEAGE=http://127.0.0.1:9 assert_exit 0 pipe-report html --config conf -o page.html
    PIPE_LINEAGE=$PWD/conf assert_exit 0 pipe-report html --config conf -o page.html
}
