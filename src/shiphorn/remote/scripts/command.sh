# Commands of people: run at most once, outlive the connection, can be found again.
# Set ahead: ENV_NAMES, and HORN_ENV_<NAME> for each.

# The supervisor is the leader of its own session: a lost connection does not reach it. It gets the
# command on stdin, since argv can be read by everybody. Its status is written by one rename.
# Output goes to a file and not through a pipe: what the command leaves running may go on writing to it.
# Of a flood a head and a tail stay; the file is cut short while the command runs, at its end for good.
# It begins only with the whole command and as the one that made `begun`: where a connection broke at
# just this moment there may be a second supervisor, and not even a first one is sure.
SUPERVISOR='
trap : TERM HUP USR1
at=$HORN_AT; limit=$HORN_LIMIT; as=$HORN_AS; half=$(((HORN_KEEP - 1024) / 2)); most=$((HORN_KEEP * 4)); total=0; cut=0
unset HORN_AT HORN_LIMIT HORN_AS HORN_KEEP
body=$(cat)
case $body in *?horn-end) body=${body%?horn-end} ;; *) exit ;; esac
clock_ms() { ns=$(date +%s%N); case $ns in *[!0-9]*) echo "$(date +%s)000" ;; *) echo "${ns%??????}" ;; esac; }
begun=$(clock_ms)
if [ -r "/proc/$$/stat" ]; then
    start=$(cat "/proc/$$/stat"); set -- ${start##*) }; start=${20}
else
    start=$(ps -o lstart= -p "$$")
fi
mkdir "$at/begun" 2>/dev/null || exit
printf "%s\n%s\n" "$$" "$start" >"$at/pid.new" && mv -f "$at/pid.new" "$at/pid" || exit
# Its place is taken ahead and written over: how a command ended is told from a full disk, too.
printf "%-31s\n" "" >"$at/status.new"
end() { printf "%-31s\n" "$1 $(($(clock_ms) - begun))" 1<>"$at/status.new" && mv -f "$at/status.new" "$at/status"; }
measure() { size=$(($(wc -c <"$at/out"))); }
# A hole in the file loses nothing of its end. Where there is no making one the file begins anew, and what
# is written between the copy of its tail and that is lost.
shorten() {
    measure
    [ "$((size - cut))" -gt "$most" ] || return 0
    if fallocate -p -o "$half" -l "$((size - 2 * half))" "$at/out" 2>/dev/null; then cut=$size; return 0; fi
    [ -f "$at/head" ] || head -c "$half" "$at/out" >"$at/head"
    tail -c "$half" "$at/out" >"$at/tail"
    : >"$at/out"
    total=$((total + size)) cut=0
}
join() {
    printf "\n[... %s bytes left out ...]\n" "$((total + size - 2 * half))"
    if [ "$total" != 0 ] && [ "$size" -lt "$half" ]; then
        tail -c "$((half - size))" "$at/tail"
        printf "\n[... some more may be left out here ...]\n"
    fi
    tail -c "$half" "$at/out"
}
if [ -n "$as" ]; then
    (printf "%s" "$body" | sudo -n -u "$as" -- /bin/sh -c "eval \"\$(cat)\" </dev/null"; echo "$?" >"$at/code") >>"$at/out" 2>&1 &
else
    (printf "%s" "$body" | /bin/sh -c "eval \"\$(cat)\" </dev/null"; echo "$?" >"$at/code") >>"$at/out" 2>&1 &
fi
job=$!
(
    trap "" TERM HUP USR1
    left=$((limit * 100)) naps=0 seen=0
    while [ "$left" -gt 0 ]; do
        if [ "$naps" -lt 4 ]; then nap=0.25 took=25; else nap=1 took=100; fi
        sleep "$nap"
        [ -f "$at/status" ] && exit
        kill -0 "$$" || kill -0 "$job" || exit
        naps=$((naps + 1)) left=$((left - took))
        measure
        # A flood is looked at more often until it ends.
        if [ "$size" -lt "$seen" ]; then seen=0; fi
        if [ "$((size - seen))" -gt "$most" ]; then naps=0 seen=$size; kill -USR1 "$$"; fi
    done
    : >"$at/late"
    kill -TERM "-$$"
    sleep 5
    # What ignores the first signal may be all that is left; this loop keeps the group from being another.
    [ -f "$at/status" ] || end 124
    kill -KILL "-$$"
) >/dev/null 2>&1 &
# A signal ends the wait early: what counts is that the job is gone, and what it wrote last.
wait "$job"; code=$?
while kill -0 "$job" 2>/dev/null; do shorten; wait "$job"; code=$?; done
[ ! -s "$at/code" ] || read -r code <"$at/code"
measure
if [ "$((total + size))" -gt "$((2 * half + 1024))" ]; then
    [ -f "$at/head" ] || head -c "$half" "$at/out" >"$at/head"
    join >>"$at/head"
    cat "$at/head" >"$at/out"
    rm -f "$at/head" "$at/tail"
fi
end "$code"
'

# command_at MOMENT NUMBER LIMIT REPEATABLE USER: run $COMMAND in $COMMAND_DIR, unless it ran already.
command_at() {
    COMMAND_AT=$RUN_DIR/commands/$1-$2
    command_again=0
    if [ -f "$COMMAND_AT/status" ]; then
        command_again=1
    elif command_is_alive; then
        command_follow "$1" "$2"
    elif [ -d "$COMMAND_AT/begun" ] && [ "$4" = 0 ]; then
        die SH421 "$1 command was interrupted" "\"$COMMAND\" was interrupted, and how it ended is not known." \
            "Look at what it did. If it may run twice, mark it repeatable; else deploy again once it is in order."
    else
        [ "$4" = 0 ] || rm -rf "$COMMAND_AT"
        command_start "$3" "$5"
        command_follow "$1" "$2"
    fi
    command_report "$1" "$2" "$3" "$command_again"
}

# command_is_alive: whether somebody works on it; who has just begun is given a moment to say so.
command_is_alive() {
    begun_tries=0
    while ! alive "$COMMAND_AT"; do
        [ -d "$COMMAND_AT/begun" ] && [ ! -f "$COMMAND_AT/pid" ] && [ "$begun_tries" -lt 50 ] || return 1
        begun_tries=$((begun_tries + 1))
        sleep 0.02
    done
}

command_start() {
    if [ -n "$2" ] && ! sudo -n -u "$2" -- true </dev/null >/dev/null 2>&1; then
        die SH424 "sudo to $2 is refused" "$(id -un) may not become $2 with sudo -n." "Allow it in sudoers (NOPASSWD), or leave out \"user\"."
    fi
    mkdir -p "$COMMAND_AT" && : >>"$COMMAND_AT/out" || die_of_writing "$COMMAND_AT"
    command_body=
    if [ -n "$2" ]; then
        # sudo drops the environment, so it goes along with the command.
        command_quoted=$(printf '%s' "$COMMAND_DIR" | sed "s/'/'\\\\''/g")
        command_body="cd '$command_quoted' || exit 1$NL"
        for command_name in $ENV_NAMES; do
            eval "command_value=\$HORN_ENV_$command_name"
            command_quoted=$(printf '%sx' "$command_value" | sed "s/'/'\\\\''/g")
            command_body="$command_body$command_name='${command_quoted%x}'; export $command_name$NL"
        done
    fi
    (
        cd "$COMMAND_DIR" || exit 1
        for command_name in $ENV_NAMES; do
            eval "command_value=\$HORN_ENV_$command_name"
            export "$command_name=$command_value"
        done
        HORN_AT=$COMMAND_AT HORN_LIMIT=$1 HORN_AS=$2 HORN_KEEP=$OUTPUT_LIMIT
        export HORN_AT HORN_LIMIT HORN_AS HORN_KEEP
        unset IFS
        printf '%s\nhorn-end' "$command_body$COMMAND" | setsid /bin/sh -c "$SUPERVISOR" horn-command >/dev/null 2>&1 &
    )
}

# command_follow MOMENT NUMBER: wait for the end; what it prints meanwhile is told about once a second.
command_follow() {
    follow_told=0 follow_next=0 follow_pause=0.01 follow_missing=0
    while [ ! -f "$COMMAND_AT/status" ]; do
        sleep "$follow_pause"
        case $follow_pause in 0.01) follow_pause=0.02 ;; 0.02) follow_pause=0.05 ;; 0.05) follow_pause=0.1 ;; *) follow_pause=0.25 ;; esac
        follow_next=$((follow_next + 1))
        if ! alive "$COMMAND_AT"; then
            # It may not have written its pid yet, or may be between its status and its end.
            follow_missing=$((follow_missing + 1))
            [ -f "$COMMAND_AT/status" ] || [ "$follow_missing" -lt 40 ] ||
                die SH421 "$1 command was interrupted" "\"$COMMAND\" was killed, and how it ended is not known." \
                    "Look at what it did. If it may run twice, mark it repeatable; else deploy again once it is in order."
        fi
        if [ "$((follow_next % 4))" = 0 ]; then
            # Where nobody reads any more, writing ends this shell (see execute.sh).
            [ -z "${FOLLOW_BEAT:-}" ] || printf '\n'
            follow_size=$(($(wc -c <"$COMMAND_AT/out")))
            # Of a flood only the newest is told of: the rest has a hole in it, or is gone.
            [ "$follow_size" -ge "$follow_told" ] || follow_told=0
            [ "$((follow_size - follow_told))" -le 1048576 ] || follow_told=$((follow_size - 65536))
            if [ "$follow_size" -gt "$follow_told" ]; then
                tail -c "+$((follow_told + 1))" "$COMMAND_AT/out" | head -c 65536 >"$COMMAND_AT/new"
                follow_told=$((follow_told + $(wc -c <"$COMMAND_AT/new")))
                frame_output "$COMMAND_AT/new" out "$1" "$2"
            fi
        fi
    done
}

command_report() {
    IFS=' ' read -r report_code report_ms <"$COMMAND_AT/status"
    if [ -f "$COMMAND_AT/late" ]; then report_code=124; fi
    frame_output "$COMMAND_AT/out" command "$1" "$2" "$report_code" "$report_ms" "$4"
    [ "$report_code" != 0 ] || return 0
    report_last=$(tail -n 1 "$COMMAND_AT/out" | head -c 300)
    report_short=$(printf '%s' "$COMMAND" | head -n 1 | head -c 60)
    if [ -f "$COMMAND_AT/late" ]; then
        die SH420 "$1 command took too long: $report_short" "\"$report_short\" was stopped after $3 s." "Give it more time with \"timeout\"."
    fi
    die SH423 "$1 command failed: $report_short" "\"$report_short\" ended with status $report_code: $report_last" \
        "Its whole output: horn logs"
}
