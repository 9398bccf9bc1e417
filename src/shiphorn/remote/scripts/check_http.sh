# One request, by what the host has. Set ahead: URL, LIMIT, WITH_BODY, and the headers as arguments.
# The last line says what came of it: the answer's status, 000 for none, and curl's own exit status.
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY
if command -v curl >/dev/null 2>&1; then
    for header; do
        shift
        set -- "$@" -H "$header"
    done
    to=/dev/null
    [ "$WITH_BODY" = 0 ] || to=-
    curl -s -o "$to" -w '\nhorn %{http_code}' --max-time "$LIMIT" "$@" "$URL" 2>/dev/null
    printf ' %s\n' "$?"
elif command -v wget >/dev/null 2>&1; then
    for header; do
        shift
        set -- "$@" --header "$header"
    done
    case $(wget --version 2>/dev/null) in
        'GNU Wget'*) set -- -nv --timeout="$LIMIT" --tries=1 --max-redirect=0 --content-on-error "$@" ;;
        # That of busybox: some builds crash on a time limit. We have our own.
        *) set -- -q "$@" ;;
    esac
    {
        said=$(wget -S -O - "$@" "$URL" 2>&1 >&3 | sed -n 's/^ *HTTP\/[0-9.]* \([0-9][0-9]*\).*/\1/p' | tail -n 1)
    } 3>&1
    printf '\nhorn %s 0\n' "${said:-000}"
else
    echo 'neither curl nor wget is installed there'
    exit 75
fi
