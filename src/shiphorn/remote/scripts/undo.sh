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
empty_trash
rm -rf "$RUN_DIR"
frame undone
