# Write the record, and make room. Set ahead: KEEP, LOG_LINE.
look
if [ "$LIVE" != "$RELEASE" ]; then
    die SH419 'the link was switched back' "$CURRENT names ${LIVE:-nothing}, not $RELEASE." "Find what else deploys to $BASE."
fi
# How long the log was ahead of the line tells whether the line was written.
read_line "$RUN_DIR/logging"
log_bytes=0
if [ -f "$BASE/revisions.log" ]; then log_bytes=$(($(wc -c <"$BASE/revisions.log"))); fi
if [ -z "$LINE" ]; then
    LINE=$log_bytes
    printf '%s\n' "$LINE" >"$RUN_DIR/logging.new" && mv -f "$RUN_DIR/logging.new" "$RUN_DIR/logging" || die_of_writing "$RUN_DIR"
fi
if [ "$log_bytes" -le "$LINE" ]; then
    printf '%s\n' "$LOG_LINE" >>"$BASE/revisions.log" || die_of_writing "$BASE/revisions.log"
fi
read_line "$RUN_DIR/previous"
previous=$LINE
# spare: whether a release stays, however many there are.
spare() {
    [ "$1" = "$LIVE" ] || [ "$1" = "$previous" ] || [ -f "$HORN/unfinished/$1" ] || in_use "$1"
}

is_good() {
    [ ! -f "$HORN/unproven/$1" ]
}

# What went wrong makes room first, but takes none from what ended well: the last ones of that stay,
# whatever else has to.
rm -f "$HORN/unproven/$RELEASE"
list_releases
count=0 good=0
for name in $KEPT; do
    count=$((count + 1))
    if is_good "$name"; then good=$((good + 1)); fi
done
for name in $KEPT; do
    [ "$count" -gt "$KEEP" ] || break
    if is_good "$name" || spare "$name"; then continue; fi
    discard "$RELEASES/$name"
    rm -f "$HORN/unproven/$name"
    count=$((count - 1))
done
for name in $KEPT; do
    [ "$good" -gt "$KEEP" ] || break
    [ -d "$RELEASES/$name" ] && is_good "$name" || continue
    good=$((good - 1))
    spare "$name" || discard "$RELEASES/$name"
done
empty_trash
trim_runs
tell_live
