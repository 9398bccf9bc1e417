# Look, and change nothing. Set ahead: SHARED_FILES, SHARED_FROM, NEEDED_BYTES.
fact() {
    DATA=$2
    frame fact "$1"
}

fact home "$HOME"
fact user "$(id -un)"
fact base "$BASE"

nearest=$BASE
while [ ! -e "$nearest" ]; do nearest=${nearest%/*}; nearest=${nearest:-/}; done
exists=
if [ -d "$BASE" ]; then exists=1; fi
fact exists "$exists"
writable=1
for place in "$nearest" "$BASE" "$RELEASES" "$SHARED" "$HORN"; do
    if [ -e "$place" ] && ! { [ -d "$place" ] && [ -w "$place" ] && [ -x "$place" ]; }; then
        writable=0
        fail SH401 'not writable' "$(id -un) cannot write to $place." "Give it to the deploy user: chown $(id -un) $place"
        break
    fi
done
fact writable "$writable"

free_bytes "$BASE"
fact free_bytes "$FREE"
if [ "$FREE" -lt "$NEEDED_BYTES" ]; then
    fail SH402 'disk full' "$BASE has $((FREE / 1000000)) MB free, the release needs $((NEEDED_BYTES / 1000000)) MB." \
        "Make room: old releases, logs; see: df -h"
fi

tools=
for tool in tar gzip zstd dd sha256sum setsid readlink sudo; do
    command -v "$tool" >/dev/null 2>&1 && tools="$tools $tool"
done
fact tools "$tools"
for tool in tar dd sha256sum setsid readlink; do
    case "$tools " in
        *" $tool "*) ;;
        *) fail SH403 "$tool is missing" "The program $tool is not installed, or not on the PATH of $(id -un)." "Install it on the host." ;;
    esac
done
case "$tools " in
    *' gzip '* | *' zstd '*) ;;
    *) fail SH403 'gzip and zstd are missing' 'Neither zstd nor gzip is installed.' 'Install one of them on the host.' ;;
esac

look
refuse_current
fact kind "$KIND"
fact target "$TARGET"
unfinished=
if [ -d "$HORN/unfinished" ]; then unfinished=$(ls "$HORN/unfinished"); fi
fact unfinished "$unfinished"
missing=
case $SHARED_FROM in '~/'*) SHARED_FROM=$HOME/${SHARED_FROM#'~/'} ;; esac
for file in $SHARED_FILES; do
    [ -e "$SHARED/$file" ] || { [ -n "$SHARED_FROM" ] && [ -e "$SHARED_FROM/shared/$file" ]; } || missing=$missing$file$NL
done
missing=${missing%"$NL"}
fact missing_shared_files "$missing"
if [ -n "$missing" ]; then
    fail SH407 'linked file missing' "$SHARED/${missing%%"$NL"*} does not exist." "Put it there once; every release links to it."
fi
read_line "$HORN/fence"
fact fence "$LINE"
tell_live
exit "$FAILED"
