# Take back what this deploy made, unless the host runs it.
fence
look
kill_commands "$RUN_DIR"
rm -f "$HORN/current.$RUN" "$HORN/incoming.$RUN"
if [ "$LIVE" = "$RELEASE" ]; then
    frame kept
    exit 0
fi
read_line "$MARK"
if [ "$LINE" = "$RUN" ]; then
    discard "$NEW"
    rm -f "$MARK"
fi
# What its commands printed so far says why it had to be taken back.
undo_number=0
while [ -f "$RUN_DIR/commands/stage-$undo_number/out" ]; do
    undo_at=$RUN_DIR/commands/stage-$undo_number
    undo_code=- undo_ms=0
    if [ -f "$undo_at/status" ]; then IFS=' ' read -r undo_code undo_ms <"$undo_at/status"; fi
    frame_output "$undo_at/out" command stage "$undo_number" "$undo_code" "$undo_ms" 1
    undo_number=$((undo_number + 1))
done
empty_trash
# It stays for whoever asks again: this answer may be lost with the deployer.
trim_runs
frame undone
