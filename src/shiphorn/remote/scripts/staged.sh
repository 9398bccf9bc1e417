# The last lines of staging, behind the commands.
: >"$RUN_DIR/staged" || die_of_writing "$RUN_DIR"
frame staged
