# tap: judges the TAP output of one job.
#
# Variables: name of the job, its exit status, left (file that lists what it
# left behind), sums (file to append "passed failed skipped" to). Prints what
# failed, with everything the job said beside its passed tests, and each skip
# with its reason. A job that dies, that runs fewer tests than planned, that
# leaves files behind or that has no plan counts as one more failure.
/^1\.\.[0-9]+/ {
    planned = substr($1, 4) + 0
    has_plan = 1
    if (planned == 0 && match($0, /# *[Ss][Kk][Ii][Pp] */)) {
        skips[++skipped] = "all: " substr($0, RSTART + RLENGTH)
        planned = 1
    }
    next
}
/^ok / {
    if (match($0, / # [Ss][Kk][Ii][Pp]/)) {
        skipped++
        title = substr($0, 1, RSTART - 1)
        sub(/^ok [0-9]+ (- )?/, "", title)
        reason = substr($0, RSTART + 8)
        gsub(/^[ (]+|\)$/, "", reason)
        skips[skipped] = title ": " (reason == "" ? "no reason given" : reason)
    } else {
        passed++
    }
    next
}
/^not ok / {
    failed++
}
{
    said[++lines] = $0
}
END {
    ran = passed + failed + skipped
    if (status == 124 || status == 137)
        trouble("timed out or was killed")
    else if (!has_plan)
        trouble("ended without a plan, exit " status)
    else if (ran != planned)
        trouble("ran " ran " of " planned " tests, exit " status)
    else if (status != 0 && failed == 0)
        trouble("all tests passed, and yet exit " status)
    while ((getline line < left) > 0)
        trouble("left behind: " line)
    if (failed) {
        printf "\n== %s\n", name
        for (i = 1; i <= lines; i++)
            print said[i]
        for (i = 1; i <= troubles; i++)
            printf "not ok - %s %s\n", name, why[i]
    }
    for (i = 1; i <= skipped; i++)
        printf "skipped: %s: %s\n", name, skips[i]
    printf "%d %d %d\n", passed, failed, skipped >> sums
}
function trouble(text)
{
    failed++
    why[++troubles] = text
}
