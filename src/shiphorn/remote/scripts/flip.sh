# Hold the new link ready, wait for the word, and switch `current` at the instant that it names.
# Set ahead: ENDS (the run that this one takes back, or nothing). Without a RELEASE `current` goes away.

# wait_until NS: one sleep, and no watching of the clock: that would keep other hosts of the same
# machine from their own switch, and gains less than starting `mv` takes.
wait_until() {
    now
    wait_left=$(($1 - NOW))
    [ "$wait_left" -gt 0 ] || return 0
    if [ "$wait_left" -gt 60000000000 ]; then
        rm -f "$LINK"
        die SH414 'the clock jumped' "The agreed instant is $((wait_left / 1000000000)) s away by this host's clock." "Let the host keep its time with NTP, and deploy again."
    fi
    # Thousandths with their zeros: 1042 ms is 1.042 s.
    wait_ms=$((wait_left / 1000000 % 1000 + 1000))
    sleep "$((wait_left / 1000000000)).${wait_ms#1}"
}

# is_switched: whether `current` is what it is meant to be.
is_switched() {
    if [ -n "$RELEASE" ]; then [ "$(readlink "$CURRENT")" = "$NEW" ]; else [ ! -e "$CURRENT" ] && [ ! -L "$CURRENT" ]; fi
}

fence
if [ -n "$ENDS" ]; then
    end_shell "$HORN/runs/$ENDS"
    kill_commands "$HORN/runs/$ENDS"
    rm -f "$HORN/current.$ENDS"
fi
LINK=$HORN/current.$RUN
look
if [ -n "$RELEASE" ] && { [ -f "$MARK" ] && [ ! -f "$RUN_DIR/staged" ] || [ ! -d "$NEW" ]; }; then
    die SH416 'the release is not ready' "$NEW is not there, or not complete." "See what the host keeps: horn releases"
fi
if [ "$LIVE" != "$RELEASE" ]; then
    refuse_current
    [ "$FAILED" = 0 ] || exit 1
    printf '%s\n' "$LIVE" >"$RUN_DIR/previous" || die_of_writing "$RUN_DIR"
    rm -f "$LINK"
    [ -z "$RELEASE" ] || ln -s "$NEW" "$LINK" || die_of_writing "$HORN"
fi
frame armed
word=
IFS=' ' read -r word at || word=
if [ "$word" != go ]; then
    rm -f "$LINK"
    frame disarmed
    exit 0
fi
already=1
if [ "$LIVE" != "$RELEASE" ]; then
    already=0
    fence
    if [ -n "$RELEASE" ]; then
        # Until the deploy ends well, the release is one that clean-ups take first.
        if [ -f "$MARK" ]; then : >"$HORN/unproven/$RELEASE"; fi
        set -- "$LINK" "$CURRENT"
    else
        set -- "$CURRENT" "$HORN/trash/current.$RUN"
    fi
    [ "$at" = now ] || wait_until "$at"
    mv -fT "$1" "$2" || {
        rm -f "$LINK"
        die SH413 'the link could not be switched' "$CURRENT could not be replaced; it is what it was." "It takes a mv that knows -T (GNU or busybox), and the right to write to $BASE."
    }
    now
    is_switched || die SH419 'the link was switched back' "$CURRENT is not what was just written; something else changes it." "Find what else deploys to $BASE."
    rm -f "$HORN/trash/current.$RUN"
    printf '%s\n' "$NOW" >"$RUN_DIR/flipped"
fi
[ -z "$RELEASE" ] || rm -f "$MARK"
read_line "$RUN_DIR/flipped"
flipped_ns=${LINE:-0}
read_line "$RUN_DIR/previous"
frame flipped "$flipped_ns" "${LINE:--}" "$already"
COMMAND_DIR=$NEW
