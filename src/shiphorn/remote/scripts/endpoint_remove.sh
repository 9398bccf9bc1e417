# Take an endpoint off a host: its commands, its vhost, its directory. Set ahead: ENDPOINT, ENV_NAMES, VHOST_*.
# Nothing is removed but a directory that a deploy of this very endpoint has made and marked as its own.
GONE=$BASE.gone
case $BASE/ in
    */../* | */./* | *//*) BASE= ;;
esac
case ${BASE#/} in
    "$BASE" | '' | /* | */) BASE= ;;
    */*) ;;
    *) BASE= ;;
esac
if [ -z "$BASE" ] || [ "$BASE" = "$HOME" ]; then
    die SH444 'not the directory of an endpoint' "$DEPLOY_TO is no directory of an endpoint, and is not removed." "See \"deploy_to\" of \"endpoints\" in the config."
fi

# is_mine DIR: whether a deploy of this endpoint has made it.
is_mine() {
    [ -d "$1" ] && [ ! -L "$1" ] || return 1
    read_line "$1/.horn/endpoint"
    [ -n "$ENDPOINT" ] && [ "$LINE" = "$ENDPOINT" ]
}

# clear_away DIR: what says whose it is goes last.
clear_away() {
    clear_found=$(ls -A "$1")
    for clear_name in $clear_found; do
        [ "$clear_name" = .horn ] || empty "$1/$clear_name"
    done
    empty "$1"
    [ ! -e "$1" ] || die SH444 'cannot be removed' "$1 cannot be removed as a whole." "Does something of another user lie in it? Remove it on the host."
}

if is_mine "$GONE"; then clear_away "$GONE"; fi
if [ ! -e "$BASE" ] && [ ! -L "$BASE" ]; then
    vhost
    frame gone
    exit 0
fi
is_mine "$BASE" ||
    die SH444 'not the directory of an endpoint' "$BASE was not made by a deploy of $ENDPOINT, and is not removed." \
        "Look at it on the host; move it aside if it is not needed."
look
COMMAND_DIR=$BASE
[ "$KIND" != release ] || COMMAND_DIR=$CURRENT/
set +f
for remove_at in "$HORN"/runs/*; do
    if [ "$remove_at" != "$RUN_DIR" ] && [ -d "$remove_at" ]; then
        end_shell "$remove_at"
        kill_commands "$remove_at"
    fi
done
set -f
mkdir -p "$RUN_DIR/commands" || die_of_writing "$RUN_DIR"
