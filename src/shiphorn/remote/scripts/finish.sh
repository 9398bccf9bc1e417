# Write the record, and make room. Set ahead: KEEP, LOG_LINE.
look
if [ "$LIVE" != "$RELEASE" ]; then
    die SH419 'the link was switched back' "$CURRENT names ${LIVE:-nothing}, not $RELEASE." "Find what else deploys to $BASE."
fi
if [ ! -f "$RUN_DIR/logged" ]; then
    printf '%s\n' "$LOG_LINE" >>"$BASE/revisions.log" && : >"$RUN_DIR/logged" || die_of_writing "$BASE/revisions.log"
fi
read_line "$RUN_DIR/previous"
previous=$LINE
list_releases
count=0
for name in $KEPT; do count=$((count + 1)); done
for name in $KEPT; do
    [ "$count" -gt "$KEEP" ] || break
    if [ "$name" = "$LIVE" ] || [ "$name" = "$previous" ] || [ -f "$HORN/unfinished/$name" ]; then continue; fi
    discard "$RELEASES/$name"
    count=$((count - 1))
done
runs=$(ls -t "$HORN/runs")
count=0
for name in $runs; do
    count=$((count + 1))
    [ "$count" -le 20 ] || rm -rf "$HORN/runs/$name"
done
tell_live
