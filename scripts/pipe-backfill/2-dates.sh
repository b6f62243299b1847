
# ---- dates: calendar arithmetic, no clock (Hinnant, chrono-compatible
# low-level date algorithms)

# Sets $day to the days since 1970-01-01.
to_day() { # YEAR MONTH DAY
    local y=$(($1 - ($2 <= 2))) era yoe doy
    ((era = y / 400, yoe = y - era * 400))
    ((doy = (153 * ($2 > 2 ? $2 - 3 : $2 + 9) + 2) / 5 + $3 - 1))
    ((day = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468, 1))
}

# Sets $year and $month, and $date to YYYY-MM-DD.
to_date() { # DAYS
    local z=$(($1 + 719468)) era doe yoe doy mp
    ((era = z / 146097, doe = z - era * 146097))
    ((yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365))
    ((doy = doe - (365 * yoe + yoe / 4 - yoe / 100)))
    ((mp = (5 * doy + 2) / 153, year = yoe + era * 400 + (mp >= 10)))
    ((month = mp < 10 ? mp + 3 : mp - 9))
    printf -v date '%04d-%02d-%02d' "$year" "$month" \
        $((doy - (153 * mp + 2) / 5 + 1))
}

# Sets $length to the days of a month.
to_length() { # YEAR MONTH
    case $2 in
    4 | 6 | 9 | 11) length=30 ;;
    2) length=$(($1 % 4 == 0 && ($1 % 100 != 0 || $1 % 400 == 0) ? 29 : 28)) ;;
    *) length=31 ;;
    esac
}

# Sets $monday to that of a day's week.
to_monday() { # DAYS
    monday=$(($1 - ($1 + 719169) % 7)) # -719169 is one, before all dates
}

# Sets $monday to the first day of a year's week 1, the one with its 4 January
# (ISO 8601).
to_week_1() { # YEAR
    to_day "$1" 1 4
    to_monday "$day"
}

# ---- clocks

# Sets $offset to the seconds that clocks in $tz are ahead of UTC.
offset_at() { # SECONDS
    local t=$1 at
    offset=0
    [[ $tz != UTC ]] || return 0
    ((t == -1 || t == -2)) && t=-3 # which mean "now" to printf
    TZ=$tz printf -v at '%(%C%y%m%d%H%M%S)T' "$t"
    to_day $((10#${at:0:4})) $((10#${at:4:2})) $((10#${at:6:2}))
    ((offset = day * 86400 + 10#${at:8:2} * 3600 + 10#${at:10:2} * 60 + \
        10#${at:12:2} - t, 1))
}

# Sets $change to the first instant behind $1, up to $2, at which the offset is
# not that of $1 any more: there is one such change between them.
find_change() { # LOW HIGH
    local low=$1 high=$2 mid before
    offset_at "$low"
    before=$offset
    while ((high - low > 1)); do
        mid=$(((low + high) / 2))
        offset_at "$mid"
        if ((offset == before)); then low=$mid; else high=$mid; fi
    done
    change=$high
}

# Sets $begin to the instant at which a day begins in $tz: the first of two
# where clocks go back over midnight, the end of the gap where they skip it. No
# zone changes its offset twice in two days.
to_begin() { # DAYS
    local want=$(($1 * 86400)) guess before after
    offset_at "$want"
    guess=$((want - offset))
    offset_at $((guess - 86400))
    before=$offset
    offset_at $((guess + 86400))
    after=$offset
    for begin in $((want - before)) $((want - after)); do
        offset_at "$begin"
        ((begin + offset != want)) || return 0
    done
    find_change $((guess - 86400)) $((guess + 86400))
    begin=$change
}

# Sets $date and $hour to what clocks at an offset show, and $second to the
# seconds within the hour.
to_clock() { # SECONDS OFFSET
    local at=$(($1 + $2)) days
    days=$((at >= 0 ? at / 86400 : -((86399 - at) / 86400)))
    to_date "$days"
    printf -v hour '%02d' $(((at - days * 86400) / 3600))
    second=$(((at - days * 86400) % 3600))
}

# Sets $sign to an offset as +hh:mm, or without what stands between: RFC 3339
# has no seconds in it.
to_sign() { # OFFSET [BETWEEN]
    local minutes=$((${1#-} / 60)) sign_of=+
    (($1 >= 0)) || sign_of=-
    printf -v sign '%s%02d%s%02d' "$sign_of" $((minutes / 60)) "${2-:}" \
        $((minutes % 60))
}

# Sets $time to an instant as RFC 3339.
to_time() { # SECONDS
    local date year month hour second sign
    offset_at "$1"
    ((offset -= offset % 60, 1))
    to_clock "$1" "$offset"
    sign=Z # as the other tools write it, where no zone is named
    [[ -z ${given[tz]-${PIPE_TZ:-}} ]] || to_sign "$offset"
    printf -v time '%sT%s:%02d:%02d%s' "$date" "$hour" $((second / 60)) \
        $((second % 60)) "$sign"
}

# ---- what --from and --to name

# Sets $low and $high, the first day that the text names and the last, and, where
# it is an hour, $at_hour (THH) and $at_sign (its offset, maybe ''). False unless
# it is a date.
read_end() { # TEXT
    local y m d week length monday day
    at_hour='' at_sign=''
    if [[ $1 =~ ^([0-9]{4})-W([0-9]{2})$ ]]; then
        y=$((10#${BASH_REMATCH[1]}))
        week=$((10#${BASH_REMATCH[2]}))
        ((y > 0)) || return 1
        to_week_1 $((y + 1))
        high=$monday
        to_week_1 "$y"
        ((low = monday + 7 * week - 7, high = low < high ? low + 6 : -1))
        ((week > 0 && high >= low))
        return
    fi
    [[ $1 =~ ^([0-9]{4})-([0-9]{2})(-([0-9]{2})(T[0-9]{2}([+-][0-9]{2}:?[0-9]{2})?)?)?$ ]] ||
        return 1
    y=$((10#${BASH_REMATCH[1]}))
    m=$((10#${BASH_REMATCH[2]}))
    d=${BASH_REMATCH[4]:+$((10#${BASH_REMATCH[4]}))}
    at_hour=${BASH_REMATCH[5]:0:3}
    at_sign=${BASH_REMATCH[6]/:/}
    ((y > 0 && m >= 1 && m <= 12)) || return 1
    to_length "$y" "$m"
    ((${d:-1} >= 1 && ${d:-1} <= length)) || return 1
    to_day "$y" "$m" "${d:-1}"
    low=$day
    high=$((${d:+1} + 0 ? day : day + length - 1))
}

# ---- the steps between them: keys, starts, ends

STEPS_MAX=100000

check_count() {
    ((${#keys[@]} <= STEPS_MAX)) || fail 64 "more than $STEPS_MAX dates from\
 ${given[from]} to ${given[to]}"
}

# A step of whole days.
add_days() { # KEY FIRST-DAY DAY-BEHIND
    local begin time
    if [[ ${ended_day-} != "$2" ]]; then
        to_begin "$2"
        to_time "$begin"
        ended=$time
    fi
    keys+=("$1")
    starts+=("$ended")
    to_begin "$3"
    to_time "$begin"
    ends+=("$time")
    ended=$time ended_day=$3
    check_count
}

steps_1d() { # FIRST-DAY LAST-DAY
    local i date year month
    for ((i = $1; i <= $2; i++)); do
        to_date "$i"
        add_days "$date" "$i" $((i + 1))
    done
}

steps_1w() { # FIRST-DAY LAST-DAY
    local i date year month monday key
    to_monday "$1"
    for ((i = monday; i <= $2; i += 7)); do
        to_date $((i + 3)) # a week has the year of its Thursday
        to_week_1 "$year"
        printf -v key '%04d-W%02d' "$year" $(((i - monday) / 7 + 1))
        add_days "$key" "$i" $((i + 7))
    done
}

steps_1mo() { # FIRST-DAY LAST-DAY
    local i date year month length day
    to_date "$1"
    to_day "$year" "$month" 1
    for ((i = day; i <= $2; i += length)); do
        to_date "$i"
        to_length "$year" "$month"
        add_days "${date%-*}" "$i" $((i + length))
    done
}

# Hours from one instant to another: each lasts while clocks show it at one
# offset, so that all are told apart, and none is skipped. Fills begins, labels
# (YYYY-MM-DDTHH) and signs.
list_hours() { # START END
    local t=$1 known=$1 now=0 cut=0 next change offset
    local date year month hour second sign
    while ((t < $2)); do
        if ((t + 3600 > known)); then # is the offset, so far
            offset_at "$t"
            ((now = offset, known = t + 86400, cut = known + 3600))
            offset_at "$known"
            if ((offset != now)); then
                find_change "$t" "$known"
                ((known = change, cut = change))
            fi
        fi
        to_clock "$t" "$now"
        to_sign "$now" ''
        begins+=("$t")
        labels+=("${date}T$hour")
        signs+=("$sign")
        ((count["${date}T$hour"] += 1))
        next=$((t + 3600 - second))
        t=$((next < cut ? next : cut))
        ((${#begins[@]} <= STEPS_MAX + 100)) || break
    done
    begins+=("$t")
}

# Sets $found to the hour that an end names: the first or the last of its name.
find_hour() { # TEXT first|last OPTION
    local i
    found=
    for ((i = 0; i < ${#labels[@]}; i++)); do
        [[ ${labels[i]} == "${1:0:13}" ]] || continue
        [[ -z $at_sign || ${signs[i]} == "$at_sign" ]] || continue
        found=$i
        [[ $2 == last ]] || break
    done
    [[ -n $found ]] ||
        fail 64 "option --$3: clocks do not show '$1' in $tz"
}

# The days before and behind tell what comes twice.
steps_1h() { # FIRST-DAY LAST-DAY
    local -a begins=() labels=() signs=()
    local -A count=()
    local i begin time found start first=0 last at_hour at_sign low high key
    to_begin $(($1 - 1))
    start=$begin
    to_begin $(($2 + 2))
    list_hours "$start" "$begin"
    last=$((${#labels[@]} - 1))
    to_begin "$1"
    while ((begins[first] < begin)); do ((first++)); done
    to_begin $(($2 + 1))
    while ((begins[last] >= begin)); do ((last--)); done
    read_end "${given[from]}"
    [[ -z $at_hour ]] || { find_hour "${given[from]}" first from && first=$found; }
    read_end "${given[to]}"
    [[ -z $at_hour ]] || { find_hour "${given[to]}" last to && last=$found; }
    ((first <= last)) ||
        fail 64 "--from ${given[from]} is later than --to ${given[to]}"
    to_time "${begins[first]}"
    for ((i = first; i <= last; i++)); do
        key=${labels[i]}
        ((count[$key] == 1)) || key+=${signs[i]}
        keys+=("$key")
        starts+=("$time")
        to_time "${begins[i + 1]}"
        ends+=("$time")
    done
    check_count
}

# Fills keys, starts and ends: the steps in which the two ends lie and all
# between them.
list_steps() {
    local option low high at_hour at_sign first last i
    local -a reversed
    for option in from to; do
        [[ -n ${given[$option]+x} ]] || fail 64 "option --$option is required"
        read_end "${given[$option]}" || fail 64 "option --$option:\
 '${given[$option]}' is not a date (YYYY-MM-DD; YYYY-MM-DDThh, YYYY-Www, YYYY-MM)"
        [[ $option == from ]] && first=$low || last=$high
    done
    ((first <= last)) ||
        fail 64 "--from ${given[from]} is later than --to ${given[to]}"
    ((last - first <= 2 * 36525)) || [[ $step == 1w || $step == 1mo ]] ||
        fail 64 "more than $STEPS_MAX dates from ${given[from]} to ${given[to]}"
    "steps_$step" "$first" "$last"
    [[ -n ${given[reverse]-} ]] || return 0
    for i in keys starts ends; do
        local -n list=$i
        reversed=()
        for ((option = ${#list[@]} - 1; option >= 0; option--)); do
            reversed+=("${list[option]}")
        done
        list=("${reversed[@]}")
    done
}
