# Receive, verify and unpack a release, and make it ready. Set ahead: ENCODING, DIGEST, PACKED_BYTES,
# REVISION, SHARED_DIRS, SHARED_FILES, ENV_FILE, ENV_NAMES, ENDPOINT (whose the directory is, or nothing) and
# SHARED_FROM (another deploy directory that shared files are copied from, or nothing).

# own: have the directory of an endpoint bear its mark. It belongs to nobody else: it is removed with it.
own() {
    [ -n "$ENDPOINT" ] || return 0
    read_line "$HORN/endpoint"
    [ "$LINE" != "$ENDPOINT" ] || return 0
    own_found=$(ls -A "$BASE" 2>/dev/null)
    if [ -n "$own_found" ] || [ -L "$BASE" ]; then
        die SH445 'the directory is not free' "$BASE holds something that is not of $ENDPOINT." "Move it aside, or see \"deploy_to\" of \"endpoints\" in the config."
    fi
    own_new=$BASE.new.$RUN
    rm -rf "$own_new"
    mkdir -p "$own_new/.horn" && printf '%s\n' "$ENDPOINT" >"$own_new/.horn/endpoint" && mv -fT "$own_new" "$BASE" ||
        die_of_writing "${BASE%/*}"
}

# bring_shared FILE: a shared file that is missing here is copied from where it is.
bring_shared() {
    [ -n "$SHARED_FROM" ] && [ ! -e "$SHARED/$1" ] && [ -e "$SHARED_FROM/shared/$1" ] || return 0
    bring_to=$SHARED/$1
    mkdir -p "${bring_to%/*}" && cp -Rp "$SHARED_FROM/shared/$1" "$bring_to.new.$RUN" && mv -fT "$bring_to.new.$RUN" "$bring_to" ||
        die_of_writing "$bring_to"
}

# sweep: take away the releases that deploys left which died before their flip. Nothing works on them:
# see `take_over`.
sweep() {
    sweep_found=$(ls "$HORN/unfinished")
    for sweep_name in $sweep_found; do
        read_line "$HORN/unfinished/$sweep_name"
        sweep_run=$LINE
        [ "$sweep_run" != "$RUN" ] || continue
        if [ "$sweep_name" != "$LIVE" ]; then discard "$RELEASES/$sweep_name"; fi
        rm -f "$HORN/unfinished/$sweep_name"
    done
    set +f
    rm -f "$HORN"/current.* "$HORN"/incoming.* "$HORN"/fence.*
    set -f
    empty_trash
}

# receive: the packed release from stdin to a file. `dd` by whole blocks, as busybox knows no count in bytes.
receive() {
    receive_to=$HORN/incoming.$RUN
    {
        receive_blocks=$((PACKED_BYTES / 65536))
        receive_rest=$((PACKED_BYTES % 65536))
        if [ "$receive_blocks" -gt 0 ]; then dd bs=65536 count="$receive_blocks" iflag=fullblock 2>/dev/null; fi &&
            if [ "$receive_rest" -gt 0 ]; then dd bs="$receive_rest" count=1 iflag=fullblock 2>/dev/null; fi
    } >"$receive_to" || die_of_writing "$receive_to" "$PACKED_BYTES"
    receive_sum=$(sha256sum <"$receive_to")
    if [ "${receive_sum%% *}" != "$DIGEST" ]; then
        receive_size=$(($(wc -c <"$receive_to")))
        rm -f "$receive_to"
        free_bytes "$HORN"
        if [ "$receive_size" -lt "$PACKED_BYTES" ] && [ "$FREE" -lt "$PACKED_BYTES" ]; then die_of_writing "$HORN" "$PACKED_BYTES"; fi
        die SH412 'damaged in transit' "The release arrived damaged: $receive_size of $PACKED_BYTES bytes, or other ones." "Deploy again; if it happens again, look at the network and the disk."
    fi
}

unpack() {
    read_line "$MARK"
    if [ "$LINE" = "$RUN" ]; then discard "$NEW"; fi
    if [ -e "$NEW" ] || [ -L "$NEW" ]; then
        die SH411 'release exists already' "$NEW exists, and another deploy made it." "Deploy again: it gets a new release id."
    fi
    mkdir -p "$RELEASES" "$SHARED" && printf '%s\n' "$RUN" >"$MARK" && mkdir "$NEW" || die_of_writing "$RELEASES"
    rm -f "$RUN_DIR/unpack.failed"
    case $ENCODING in
        zstd) unpack_with='zstd' ;;
        *) unpack_with='gzip' ;;
    esac
    # tar's -o: the files belong to whoever unpacks them, also when that is root.
    { "$unpack_with" -dc <"$receive_to" 2>/dev/null || : >"$RUN_DIR/unpack.failed"; } | tar -x -o -f - -C "$NEW" 2>"$RUN_DIR/unpack.said"
    unpack_code=$?
    if [ "$unpack_code" != 0 ] || [ -f "$RUN_DIR/unpack.failed" ]; then
        unpack_said=$(head -n 1 "$RUN_DIR/unpack.said")
        # What was received still takes its place: without it a full disk would not look like one.
        free_bytes "$NEW"
        if [ "$FREE" -lt "$PACKED_BYTES" ]; then die_of_writing "$NEW" "$PACKED_BYTES"; fi
        rm -f "$receive_to"
        die SH418 'cannot be unpacked' "The release could not be unpacked: $unpack_said" "Look at the disk and the file system of $BASE."
    fi
    rm -f "$receive_to"
    printf '%s\n' "$REVISION" >"$NEW/REVISION" || die_of_writing "$NEW"
}

# inside PATH: whether the folder that holds it, links followed, lies in the new release.
inside() {
    inside_parent=$(cd "${1%/*}" 2>/dev/null && pwd -P) || inside_parent=
    inside_top=$(cd "$NEW" && pwd -P)
    case $inside_parent/ in
        "$inside_top"/*) ;;
        *) die SH415 'a shared path leads out of the release' "$1 leads out of the release by a link in the repository." "Take that link out of the repository, or the path out of \"shared\"." ;;
    esac
}

# share PATH: the release's own PATH gives way to a link to the shared one.
share() {
    share_parent=$NEW/$1
    share_parent=${share_parent%/*}
    while [ ! -e "$share_parent" ] && [ ! -L "$share_parent" ]; do share_parent=${share_parent%/*}; done
    inside "$share_parent/."
    share_parent=$NEW/$1
    mkdir -p "${share_parent%/*}" || die_of_writing "$NEW"
    inside "$NEW/$1"
    empty "$NEW/$1"
    ln -s "$SHARED/$1" "$NEW/$1" || die_of_writing "$NEW"
}

link_shared() {
    for path in $SHARED_DIRS; do
        mkdir -p "$SHARED/$path" || die_of_writing "$SHARED/$path"
        share "$path"
    done
    for path in $SHARED_FILES; do
        bring_shared "$path"
        [ -e "$SHARED/$path" ] ||
            die SH407 'linked file missing' "$SHARED/$path does not exist." "Put it there once; every release links to it."
        share "$path"
    done
}

# env_line NAME: NAME=value, as both sh and the dotenv libraries read it.
env_line() {
    eval "env_value=\$HORN_ENV_$1"
    case $env_value in
        '') printf '%s=\n' "$1" ;;
        *[!A-Za-z0-9_./:@%+,=-]*)
            case $env_value in
                *"'"*)
                    env_escaped=$(printf '%sx' "$env_value" | sed 's/[\\"$`]/\\&/g')
                    printf '%s="%s"\n' "$1" "${env_escaped%x}"
                    ;;
                *) printf "%s='%s'\n" "$1" "$env_value" ;;
            esac
            ;;
        *) printf '%s=%s\n' "$1" "$env_value" ;;
    esac
}

write_env() {
    [ -n "$ENV_FILE" ] || return 0
    env_parent=$NEW/$ENV_FILE
    mkdir -p "${env_parent%/*}" || die_of_writing "$NEW"
    inside "$NEW/$ENV_FILE"
    empty "$NEW/$ENV_FILE"
    (
        umask 077
        for env_name in $ENV_NAMES; do env_line "$env_name"; done >"$NEW/$ENV_FILE"
    ) || die_of_writing "$NEW/$ENV_FILE"
}

case $SHARED_FROM in '~/'*) SHARED_FROM=$HOME/${SHARED_FROM#'~/'} ;; esac
own
fence
look
refuse_current
[ "$FAILED" = 0 ] || exit 1
sweep
COMMAND_DIR=$NEW
read_line "$RUN_DIR/unpacked"
if [ "$LINE" = "$DIGEST" ] && [ -d "$NEW" ]; then
    frame have
else
    frame receiving
    receive
    frame received
    unpack
    link_shared
    write_env
    printf '%s\n' "$DIGEST" >"$RUN_DIR/unpacked" || die_of_writing "$RUN_DIR"
    frame unpacked
fi
