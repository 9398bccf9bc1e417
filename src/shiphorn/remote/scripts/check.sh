# Make some looks at the health of the application, and tell what each said. Set ahead: ENV_NAMES.
OUTPUT_LIMIT=1048576
look
RUN_DIR=$(mktemp -d) || exit 1
trap 'kill_commands "$RUN_DIR"; rm -rf "$RUN_DIR"' EXIT
# A connection that is lost ends the shell by a signal, and not every shell does the above then.
trap 'exit 1' HUP INT PIPE TERM

# check_by NUMBER LIMIT [IN_RELEASE]: run $COMMAND, and tell its status, time, whether it was stopped, and
# what it printed.
check_by() {
    COMMAND_AT=$RUN_DIR/commands/check-$1
    COMMAND_DIR=/
    if [ "${3:-}" = in-release ]; then
        COMMAND_DIR=$CURRENT/
        if [ "$KIND" != release ]; then
            frame check "$1" 127 0 0
            return 0
        fi
    fi
    # In subshells: neither ends the other looks. What is printed meanwhile is told at the end.
    ( command_start "$2" '' ) >/dev/null
    ( command_follow check "$1" ) >/dev/null
    check_code=75 check_ms=0 check_late=0
    if [ -f "$COMMAND_AT/status" ]; then IFS=' ' read -r check_code check_ms <"$COMMAND_AT/status"; fi
    if [ -f "$COMMAND_AT/late" ]; then check_late=1; fi
    # Nothing of it stays, not even what only waits for the limit: there is another look soon.
    read_line "$COMMAND_AT/pid"
    [ -z "$LINE" ] || kill -KILL "-$LINE" 2>/dev/null
    frame_output "$COMMAND_AT/out" check "$1" "$check_code" "$check_ms" "$check_late"
}

# check_process NUMBER FILE: tell the pid in a file, and when that process started; status 1 if it is gone.
check_process() {
    case $2 in
        '~/'*) check_file=$HOME/${2#'~/'} ;;
        /*) check_file=$2 ;;
        *) check_file=$BASE/$2 ;;
    esac
    if [ ! -r "$check_file" ]; then
        frame check "$1" 127 0 0
        return 0
    fi
    read_line "$check_file"
    check_pid=${LINE##* }
    START=
    case $check_pid in '' | *[!0-9]*) ;; *) start_of "$check_pid" ;; esac
    DATA=$check_pid$NL$START
    if [ -n "$START" ]; then frame check "$1" 0 0 0; else frame check "$1" 1 0 0; fi
}
