# The file by which a web server answers for an endpoint. Set ahead: VHOST_FILE, VHOST_TEST, VHOST_RELOAD, and
# VHOST_TEXT, in which @BASE@ stands for the deploy directory; without a text the file goes away.
# What the server refuses is taken back; what a shell has left behind that was killed meanwhile, too.
VHOST_DIR=${VHOST_FILE%/*}
VHOST_NAME=${VHOST_FILE##*/}

# vhost_lock: one at a time changes the files. What another one tries must not look like this one's fault.
vhost_lock() {
    [ -d "$VHOST_DIR" ] && [ -w "$VHOST_DIR" ] ||
        die SH440 'no place for a vhost' "$(id -un) cannot write to $VHOST_DIR, or it is not there." \
            "Make it, give it to the deploy user, and include its files in the config of the web server."
    (: >>"$VHOST_DIR/.shiphorn.lock") 2>/dev/null && command -v flock >/dev/null 2>&1 ||
        die SH440 'no place for a vhost' "$VHOST_DIR/.shiphorn.lock cannot be locked." \
            "Is it another user's? Is flock (util-linux) installed?"
    exec 9>>"$VHOST_DIR/.shiphorn.lock"
    vhost_tries=0
    until flock -n 9; do
        vhost_tries=$((vhost_tries + 1))
        [ "$vhost_tries" -lt 600 ] || die SH440 'the vhosts are busy' "Something has held $VHOST_DIR/.shiphorn.lock for a minute." "See what does: fuser $VHOST_DIR/.shiphorn.lock"
        sleep 0.1
    done
}

# vhost_take_back NAME: a file as it was.
vhost_take_back() {
    if [ -f "$VHOST_DIR/.$1.before" ]; then mv -f "$VHOST_DIR/.$1.before" "$VHOST_DIR/$1"; else rm -f "$VHOST_DIR/$1"; fi
    rm -f "$VHOST_DIR/.$1.unproven"
}

# vhost_sweep: take back what was never proven; whether there was any is in SWEPT.
vhost_sweep() {
    SWEPT=
    set +f
    for vhost_at in "$VHOST_DIR"/.*.unproven; do
        if [ -f "$vhost_at" ]; then
            SWEPT=1
            vhost_at=${vhost_at##*/.}
            vhost_take_back "${vhost_at%.unproven}"
        fi
    done
    set -f
}

# vhost_asks COMMAND: run it, with what it says in a line as SAID.
vhost_asks() {
    SAID=$(PATH=$PATH:/usr/sbin:/sbin /bin/sh -c "$1" 2>&1 </dev/null 9>&-)
    vhost_code=$?
    SAID=$(printf '%s' "$SAID" | tail -n 4 | tr '\n' ' ' | head -c 500)
    return "$vhost_code"
}

# vhost_fill: the text for this host in WANTED.
vhost_fill() {
    WANTED=
    vhost_rest=$VHOST_TEXT
    [ -n "$VHOST_TEXT" ] || return 0
    case $BASE in
        *[!A-Za-z0-9._/@%+=:,~-]*)
            die SH440 'no path for a vhost' "$BASE holds characters that the config of a web server may take for anything else." \
                "Choose a \"deploy_to\" of letters, digits and . _ / @ % + = : , ~ -"
            ;;
    esac
    while case $vhost_rest in *@BASE@*) true ;; *) false ;; esac do
        WANTED=$WANTED${vhost_rest%%@BASE@*}$BASE
        vhost_rest=${vhost_rest#*@BASE@}
    done
    WANTED=$WANTED$vhost_rest
}

# vhost_is TEXT: whether the file holds it, or with "" is not there.
vhost_is() {
    if [ -z "$1" ]; then [ ! -e "$VHOST_FILE" ]; else [ -f "$VHOST_FILE" ] && [ "$(cat "$VHOST_FILE")" = "${1%"$NL"}" ]; fi
}

vhost() {
    vhost_fill
    # Without a file there is nothing to take away; it need not have a folder any more.
    if [ -z "$WANTED" ] && [ ! -e "$VHOST_FILE" ] && [ ! -e "$VHOST_DIR/.$VHOST_NAME.unproven" ]; then return 0; fi
    vhost_lock
    vhost_sweep
    if [ -z "$SWEPT" ] && vhost_is "$WANTED" && [ -f "$HORN/vhost" ] && [ "$(cat "$HORN/vhost")" = "${WANTED%"$NL"}" ]; then
        exec 9>&-
        return 0
    fi
    # Of two faults the other one's is told as such.
    vhost_asks "$VHOST_TEST" ||
        die SH442 'the web server refuses its config' "Before anything was changed, $VHOST_TEST said: $SAID" \
            "Put the config of the web server in order on the host, and deploy again."
    vhost_new=$VHOST_DIR/.$VHOST_NAME.new
    vhost_before=$VHOST_DIR/.$VHOST_NAME.before
    rm -f "$vhost_before"
    if [ -f "$VHOST_FILE" ]; then
        cp -p "$VHOST_FILE" "$vhost_new" && mv -f "$vhost_new" "$vhost_before" || die_of_writing "$VHOST_DIR"
    fi
    : >"$VHOST_DIR/.$VHOST_NAME.unproven" || die_of_writing "$VHOST_DIR"
    if [ -n "$WANTED" ]; then
        printf '%s' "$WANTED" >"$vhost_new" && mv -f "$vhost_new" "$VHOST_FILE" || die_of_writing "$VHOST_DIR"
    else
        rm -f "$VHOST_FILE"
    fi
    if ! vhost_asks "$VHOST_TEST"; then
        vhost_take_back "$VHOST_NAME"
        # nginx reloads some time after it was told to: it may have met this file for another one's reload.
        SWEPT=$SAID
        vhost_asks "$VHOST_RELOAD"
        SAID=$SWEPT
        die SH441 'the web server refuses the vhost' "$VHOST_TEST said: $SAID" \
            "What was there before is there again. See \"vhost\" of \"endpoints\" in the config."
    fi
    if ! vhost_asks "$VHOST_RELOAD"; then
        vhost_take_back "$VHOST_NAME"
        die SH443 'the web server does not reload' "$VHOST_RELOAD said: $SAID" \
            "May the deploy user do that? Does the web server run?"
    fi
    # It is proven first: what was there before must not come back.
    rm -f "$VHOST_DIR/.$VHOST_NAME.unproven"
    rm -f "$vhost_before"
    if [ -d "$HORN" ]; then printf '%s' "$WANTED" >"$HORN/vhost.new" && mv -f "$HORN/vhost.new" "$HORN/vhost"; fi
    exec 9>&-
}
