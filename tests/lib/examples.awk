# examples: cuts the EXAMPLES of an mdoc page into files dir/N.cmd, N.want,
# N.setup and N.skip.
/^\.Sh / {
    examples = ($0 ~ /^\.Sh EXAMPLES/)
    next
}
!examples {
    next
}
/^\.\\" setup: / {
    setup = setup substr($0, length(".\\\" setup: ") + 1) "\n"
    next
}
/^\.\\" skip: / {
    skip = substr($0, length(".\\\" skip: ") + 1)
    next
}
/^\.Bd .*-literal/ {
    literal = 1
    continued = shown = 0
    next
}
/^\.Ed/ {
    literal = 0
    skip = ""
    next
}
!literal || /^\.\\"/ {
    next
}
{
    line = decode($0)
}
line ~ /^\$ / {
    n++
    put("cmd", substr(line, 3))
    printf "" > (dir "/" n ".want")
    if (skip != "")
        put("skip", skip)
    if (setup != "") {
        printf "%s", setup > (dir "/" n ".setup")
        setup = ""
    }
    continued = shown = 1
    next
}
continued && line ~ /^> / {
    put("cmd", substr(line, 3))
    next
}
shown {
    continued = 0
    put("want", line)
}
END {
    if (setup != "") {
        print "examples.awk: setup without an example behind it" > "/dev/stderr"
        exit 1
    }
}

function put(kind, text)
{
    print text > (dir "/" n "." kind)
}

# The characters that a line of roff stands for.
function decode(s,    out, i, c, name)
{
    out = ""
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c != "\\") {
            out = out c
            continue
        }
        c = substr(s, ++i, 1)
        if (c == "e") {
            out = out "\\"
        } else if (c == "&") {
            continue
        } else if (c == "-" || c == " ") {
            out = out c
        } else if (c == "(") {
            name = substr(s, i + 1, 2)
            i += 2
            if (!(name in chars))
                unknown("\\(" name)
            out = out chars[name]
        } else {
            unknown("\\" c)
        }
    }
    return out
}

function unknown(escape)
{
    printf "examples.awk: %s:%d: escape %s is not known here\n", FILENAME, \
        FNR, escape > "/dev/stderr"
    exit 1
}

BEGIN {
    chars["aq"] = "'"
    chars["dq"] = "\""
    chars["ga"] = "`"
    chars["ha"] = "^"
    chars["ti"] = "~"
    chars["rs"] = "\\"
    chars["at"] = "@"
    chars["sh"] = "#"
    chars["Do"] = "$"
    chars["lB"] = "["
    chars["rB"] = "]"
    chars["hy"] = chars["mi"] = "-"
    chars["ba"] = "|"
}
