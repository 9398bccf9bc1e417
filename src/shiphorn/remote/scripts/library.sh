# What all scripts share. Set ahead: H (nonce, by the driver), DEPLOY_TO, RUN, TOKEN, RELEASE, DEPLOYER.
# Functions answer in capital variables, not on stdout: a process costs more than all the rest here.
# Names with spaces or globs come apart nowhere: fields end at newlines only, and globs are off.
set -fu
umask 022
NL='
'
IFS=$NL
DATA=
FAILED=0

case $DEPLOY_TO in
    '~') BASE=$HOME ;;
    '~/'*) BASE=$HOME/${DEPLOY_TO#'~/'} ;;
    *) BASE=$DEPLOY_TO ;;
esac
CURRENT=$BASE/current
RELEASES=$BASE/releases
SHARED=$BASE/shared
NEW=$RELEASES/$RELEASE
HORN=$BASE/.horn
RUN_DIR=$HORN/runs/$RUN
MARK=$HORN/unfinished/$RELEASE
OUTPUT_LIMIT=8388608

# frame VERB [ARG...]: a message to the deployer; its data is $DATA.
frame() {
    frame_head=$1
    shift
    frame_tail=
    for frame_arg; do frame_tail="$frame_tail $frame_arg"; done
    printf '\n@horn %s %s %s%s\n%s\n' "$H" "$frame_head" "${#DATA}" "$frame_tail" "$DATA"
    DATA=
}

# fail CODE CAUSE MESSAGE HINT: tell of a problem, and go on. CAUSE is the same on every host.
fail() {
    FAILED=1
    DATA=$2$NL$3$NL$4
    frame fail "$1"
}

die() {
    fail "$@"
    exit 1
}

# now: Unix time in nanoseconds in NOW, 0 where `date` has none.
now() {
    NOW=$(date +%s%N)
    case $NOW in *[!0-9]*) NOW=0 ;; esac
    [ "${#NOW}" -ge 19 ] || NOW=0
}

# read_line FILE: its first line in LINE, or nothing.
read_line() {
    LINE=
    if [ -f "$1" ]; then IFS= read -r LINE <"$1" || :; fi
}

# free_bytes DIR: what the file system of the nearest existing folder has left, in FREE.
free_bytes() {
    free_dir=$1
    while [ ! -d "$free_dir" ]; do free_dir=${free_dir%/*}; free_dir=${free_dir:-/}; done
    free_line=$(df -Pk "$free_dir" 2>/dev/null)
    # Device and mount point may hold spaces; the number before the percentage does not.
    free_line=${free_line#*"$NL"}
    free_line=${free_line%%%*}
    free_line=${free_line% *}
    while case $free_line in *' ') true ;; *) false ;; esac; do free_line=${free_line% }; done
    FREE=$((${free_line##* } * 1024))
}

# look: what `current` is (KIND, TARGET), and which release it names (LIVE).
look() {
    LIVE='' TARGET=''
    if [ -L "$CURRENT" ]; then
        TARGET=$(readlink "$CURRENT")
        case $TARGET in /*) look_at=$TARGET ;; *) look_at=$BASE/$TARGET ;; esac
        if [ ! -d "$CURRENT/" ]; then
            KIND=dangling
        elif is_release "${look_at##*/}" && [ "$look_at" = "$RELEASES/${look_at##*/}" ]; then
            KIND=release LIVE=${look_at##*/}
        elif [ "$(cd "${look_at%/*}" 2>/dev/null && pwd -P)" = "$(cd "$RELEASES" 2>/dev/null && pwd -P)" ]; then
            KIND=release LIVE=${look_at##*/}
        else
            KIND=outside
        fi
    elif [ -d "$CURRENT" ]; then
        KIND='directory'
    elif [ -e "$CURRENT" ]; then
        KIND='file'
    else
        KIND=absent
    fi
}

# refuse_current: a `current` that is not ours to switch, as looked at, is never touched.
refuse_current() {
    refuse_hint="Look at it on the host, move it aside if it is not needed, and deploy again."
    case $KIND in
        directory) fail SH404 'current is a directory' "$CURRENT is a directory, not a link." "$refuse_hint" ;;
        file) fail SH404 'current is a file' "$CURRENT is a file, not a link." "$refuse_hint" ;;
        dangling) fail SH405 'current is a dangling link' "$CURRENT links to $TARGET, which does not exist." "$refuse_hint" ;;
        outside) fail SH406 'current links out of releases' "$CURRENT links to $TARGET, outside of $RELEASES." "$refuse_hint" ;;
    esac
}

# in_use RELEASE: whether a process that we may look at works in it, by its folder or its program.
in_use() {
    if [ -z "${IN_USE:-}" ]; then
        use_top=$(cd "$RELEASES" && pwd -P)
        set +f
        IN_USE=$(ls -l /proc/[0-9]*/cwd /proc/[0-9]*/exe 2>/dev/null)$NL
        set -f
    fi
    case $IN_USE in *"-> $use_top/$1$NL"* | *"-> $use_top/$1/"*) return 0 ;; esac
    return 1
}

# list_releases: the names of all releases in KEPT, a line each, oldest first.
list_releases() {
    KEPT=
    [ -d "$RELEASES" ] || return 0
    list_found=$(ls "$RELEASES")
    for list_name in $list_found; do
        if is_release "$list_name" && [ -d "$RELEASES/$list_name" ] && [ ! -L "$RELEASES/$list_name" ]; then
            KEPT=$KEPT$list_name$NL
        fi
    done
}

is_release() {
    case $1 in *[!0-9]*) return 1 ;; esac
    [ "${#1}" -eq 14 ]
}

# tell_live: what the host runs, as looked at, and keeps.
tell_live() {
    LINE=
    [ -z "$LIVE" ] || read_line "$CURRENT/REVISION"
    DATA=$LINE
    frame live "${LIVE:--}"
    list_releases
    DATA=$KEPT
    frame releases
}

# fence: refuse to work for a deploy that is older than one seen here. A deployer checks this before
# each change; between the check and the change a newer one may come, so the flip checks once more.
fence() {
    fence_token=0 fence_rest=''
    if [ -f "$HORN/fence" ]; then IFS=' ' read -r fence_token fence_rest <"$HORN/fence"; fi
    if [ "$fence_token" -gt "$TOKEN" ]; then
        die SH409 'a newer deploy came' "A newer deploy has taken $BASE: ${fence_rest#* }." "See what it did before you deploy again: horn status"
    fi
    if [ "$fence_token" = "$TOKEN" ] && [ -d "$RUN_DIR/commands" ]; then
        alone
        return 0
    fi
    mkdir -p "$HORN/unfinished" "$HORN/unproven" "$HORN/trash" "$HORN/runs" 2>/dev/null || die_of_writing "$BASE"
    chmod 700 "$HORN"
    if [ "$fence_token" -lt "$TOKEN" ]; then
        printf '%s %s %s\n' "$TOKEN" "$RUN" "$DEPLOYER" >"$HORN/fence.$RUN" && mv -f "$HORN/fence.$RUN" "$HORN/fence" ||
            die_of_writing "$HORN/fence"
        take_over
    fi
    mkdir -p "$RUN_DIR/commands" || die_of_writing "$RUN_DIR"
    alone
}

# take_over: end what still works here for older deploys (a shell that a dead connection left armed, a
# command that nobody waits for), and take away what they had begun to write.
take_over() {
    set +f
    for take_at in "$HORN"/runs/*; do
        if [ "$take_at" != "$RUN_DIR" ] && [ -d "$take_at" ]; then
            end_shell "$take_at"
            kill_commands "$take_at"
        fi
    done
    set +f
    rm -f "$HORN"/current.* "$HORN"/incoming.* "$HORN"/fence.*
    set -f
}

# alone: one shell works for a deploy. One that a lost connection left behind would go on with its
# script, and take what this one writes for its own.
alone() {
    read_line "$RUN_DIR/pid"
    [ "$LINE" != "$$" ] || return 0
    end_shell "$RUN_DIR"
    start_of "$$"
    printf '%s\n%s\n' "$$" "$START" >"$RUN_DIR/pid" || die_of_writing "$RUN_DIR"
}

# end_shell RUN_DIR: end the shell that works for a deploy, unless it is this one.
end_shell() {
    end_tries=0
    while [ "$end_tries" -lt 100 ] && alive "$1" && [ "$alive_pid" != "$$" ]; do
        # It leads a session of its own, by sshd; its commands have others.
        kill -KILL "-$alive_pid" 2>/dev/null || kill -KILL "$alive_pid" 2>/dev/null
        end_tries=$((end_tries + 1))
        sleep 0.02
    done
}

# die_of_writing PATH [BYTES]: say why a write failed, by what can be checked.
die_of_writing() {
    free_bytes "$1"
    if [ "$FREE" -lt "${2:-65536}" ]; then
        die SH402 'disk full' "The disk that holds $1 is full." "Make room: old releases, logs; see: df -h"
    fi
    die SH401 'not writable' "$(id -un) cannot write to $1." "Give it to the deploy user: chown $(id -un)"
}

# trim_runs: what commands of the last 20 deploys printed stays.
trim_runs() {
    trim_found=$(ls -t "$HORN/runs")
    trim_count=0
    for trim_name in $trim_found; do
        trim_count=$((trim_count + 1))
        [ "$trim_count" -le 20 ] || rm -rf "$HORN/runs/$trim_name"
    done
}

# discard PATH: out of sight by one rename, then deleted.
discard() {
    [ -e "$1" ] || [ -L "$1" ] || return 0
    discard_to=$HORN/trash/${1##*/}.$RUN
    empty "$discard_to"
    mv -f "$1" "$discard_to" && empty "$discard_to"
}

# empty_trash: what a shell that was killed had put out of sight.
empty_trash() {
    trash_found=$(ls "$HORN/trash")
    for trash_name in $trash_found; do empty "$HORN/trash/$trash_name"; done
}

empty() {
    rm -rf "$1" 2>/dev/null || { chmod -R u+rwx "$1" 2>/dev/null; rm -rf "$1"; }
}

# start_of PID: when a process started, in START, so that a pid used again is not taken for it.
start_of() {
    if [ -r "/proc/$1/stat" ]; then
        START=
        { IFS= read -r START <"/proc/$1/stat"; } 2>/dev/null
        IFS=' '
        # After the command's name in brackets comes the state (Z is dead), and the start time as the 20th.
        set -- ${START##*) }
        IFS=$NL
        START=${20:-}
        [ "${1:-Z}" != Z ] || START=
    else
        START=$(ps -o lstart= -p "$1" 2>/dev/null)
    fi
}

# alive DIR: whether the process that wrote its pid there still runs: a command's supervisor, or a shell.
alive() {
    [ -f "$1/pid" ] || return 1
    alive_start=
    { read -r alive_pid; read -r alive_start; } <"$1/pid"
    kill -0 "$alive_pid" 2>/dev/null || return 1
    start_of "$alive_pid"
    [ -n "$START" ] && [ "$START" = "$alive_start" ]
}

# kill_commands RUN_DIR: end what is still running for a deploy.
kill_commands() {
    set +f
    for kill_at in "$1"/commands/*; do
        if [ ! -f "$kill_at/status" ] && alive "$kill_at"; then kill -KILL "-$alive_pid" 2>/dev/null; fi
    done
    set -f
}

# frame_output FILE VERB [ARG...]: a message with a file as its data, and its size as the last argument.
# Of a very long one the middle is left out.
frame_output() {
    output_file=$1
    output_total=0
    if [ -s "$1" ]; then output_total=$(($(wc -c <"$1"))); fi
    output_head=$2
    shift 2
    output_tail=
    for output_arg; do output_tail="$output_tail $output_arg"; done
    output_bytes=$output_total
    if [ "$output_total" -gt "$OUTPUT_LIMIT" ]; then
        {
            head -c "$((OUTPUT_LIMIT / 2))" "$output_file"
            printf '\n[... %s bytes left out ...]\n' "$((output_total - OUTPUT_LIMIT))"
            tail -c "$((OUTPUT_LIMIT / 2))" "$output_file"
        } >"$output_file.cut"
        output_file=$output_file.cut
        output_bytes=$(($(wc -c <"$output_file")))
    fi
    printf '\n@horn %s %s %s%s %s\n' "$H" "$output_head" "$output_bytes" "$output_tail" "$output_total"
    # The file may have grown since it was measured.
    if [ "$output_bytes" -gt 0 ]; then head -c "$output_bytes" "$output_file"; fi
    printf '\n'
}
