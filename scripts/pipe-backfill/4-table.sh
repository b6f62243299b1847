
# ---- what is shown

# The table of all dates, in the order in which they run.
print_table() {
    local key i width=10
    for key in "${keys[@]}"; do ((${#key} <= width)) || width=${#key}; done
    printf '%-*s  %-8s  %4s  %7s\n' "$width" date outcome exit seconds
    for key in "${keys[@]}"; do
        printf '%-*s  %-8s  %4s  %7s\n' "$width" "$key" \
            "${outcome[$key]:-not-run}" "${status[$key]:--}" \
            "${seconds[$key]:--}"
    done
}

print_plan() {
    local i why width=10
    for i in "${keys[@]}"; do ((${#i} <= width)) || width=${#i}; done
    printf '%-*s  %-4s  %-25s  %s\n' "$width" date plan start end
    for i in "${!keys[@]}"; do
        is_wanted "${keys[i]}" && why=run
        [[ $why == run ]] || why=skip
        printf '%-*s  %-4s  %-25s  %s\n' "$width" "${keys[i]}" "$why" \
            "${starts[i]}" "${ends[i]}"
    done
}

# 0 if every date is finished that was to be run, 75 if all that failed may work
# later, else 65.
verdict() {
    local key result=0
    for key in "${keys[@]}"; do
        case ${outcome[$key]:-not-run} in
        done | skipped | left) ;;
        failed)
            case ${status[$key]} in
            69 | 75) ((result)) || result=75 ;;
            *) result=65 ;;
            esac
            ;;
        *) ((result)) || result=75 ;;
        esac
    done
    return "$result"
}

# ---- the live table: on a terminal, while dates run, in place

FAILED_SHOWN=5

start_live() {
    [[ -t 2 && -z ${given[quiet]-} && ${TERM:-dumb} != dumb ]] || return 0
    live=1 began_all=$SECONDS resized=1
    trap 'resized=1' WINCH
}

# Lines and columns of the terminal.
fit_live() {
    local size
    resized=
    size=$(stty size <&2 2>/dev/null) || size=
    rows=${size% *} columns=${size#* }
    ((${rows:-0} > 0)) || rows=${LINES:-24}
    ((${columns:-0} > 0)) || columns=${COLUMNS:-80}
}

# Takes the live table away, for a line of another kind.
erase() {
    [[ -z ${drawn-} ]] || printf '\033[%dA\r\033[J' "$drawn" >&2
    drawn=
}

clock_text() { # SECONDS
    printf -v clock '%d:%02d:%02d' $(($1 / 3600)) $(($1 / 60 % 60)) $(($1 % 60))
}

# Adds a row for a date to `lines`.
live_row() { # KEY
    local text
    printf -v text '%-10s  %-8s  %4s  %7s' "$1" "${outcome[$1]}" \
        "${status[$1]:--}" "${seconds[$1]:-$((SECONDS - ${began[$1]:-SECONDS}))}"
    lines+=("$text")
}

# Counts, the dates that run, those that failed last; no more than fit.
draw() {
    local key clock text over=0 line left
    local -A n=([done]=0 [skipped]=0 [left]=0 [failed]=0 [running]=0 [stopped]=0)
    local -a lines=() failed=()
    [[ -n $live ]] || return 0
    [[ -z $resized ]] || fit_live
    for key in "${!outcome[@]}"; do
        ((n[${outcome[$key]}] += 1))
        case ${outcome[$key]} in
        running) ((${#lines[@]} >= rows - 3)) || live_row "$key" ;;
        failed) failed+=("$key") ;;
        esac
    done
    ((over = n[done] + n[skipped] + n[left] + n[failed] + n[stopped]))
    printf -v text '%d of %d' "$over" "${#keys[@]}"
    for key in running 'done' failed skipped left stopped; do
        ((n[$key] == 0)) || text+=", ${n[$key]} $key"
    done
    clock_text $((SECONDS - began_all))
    text+="  $clock"
    left=$((${#keys[@]} - over))
    if ((n[done] > 0 && left > 0)); then
        clock_text $(((SECONDS - began_all) * left / n[done]))
        text+=", $clock left"
    fi
    ((${#failed[@]} <= FAILED_SHOWN)) || failed=("${failed[@]: -FAILED_SHOWN}")
    for key in "${failed[@]}"; do
        ((${#lines[@]} >= rows - 3)) || live_row "$key"
    done
    if ((${#lines[@]})); then
        mapfile -t lines < <(printf '%s\n' "${lines[@]}" | sort)
        printf -v line '%-10s  %-8s  %4s  %7s' date outcome exit seconds
        lines=("$line" "${lines[@]}")
    fi
    lines=("$text" "${lines[@]}")
    text=
    for line in "${lines[@]}"; do text+=${line:0:columns-1}$'\033[K\n'; done
    printf '%s' "${drawn:+$'\033['${drawn}A$'\r'}$text"$'\033[J' >&2
    drawn=${#lines[@]}
}
