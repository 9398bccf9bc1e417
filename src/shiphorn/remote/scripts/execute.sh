# Run one command now, and keep nothing. Set ahead: IN_CURRENT, ENV_NAMES.
COMMAND_DIR=$HOME
if [ "$IN_CURRENT" = 1 ]; then
    look
    [ "$KIND" = release ] || die SH417 'nothing is deployed' "$CURRENT does not name a release." "Deploy first, or see: horn doctor"
    COMMAND_DIR=$CURRENT/
fi
RUN_DIR=$(mktemp -d) || die_of_writing "${TMPDIR:-/tmp}"
trap 'kill_commands "$RUN_DIR"; rm -rf "$RUN_DIR"' EXIT
# Not every sh runs that trap when a signal ends it. A lost connection hangs up, or, with OpenSSH, only
# leaves nobody to write to: so there is something to write about once a second.
trap 'exit 129' HUP INT TERM PIPE
FOLLOW_BEAT=1
