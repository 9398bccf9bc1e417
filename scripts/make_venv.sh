#!/bin/sh
# make_venv.sh FOLDER [GROUP]: a virtual environment with shiphorn, editable, and a dependency group.
set -eu
folder=$1 group=${2:-}
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "shiphorn needs Python 3.11 or newer; $python is $("$python" -V). Set PYTHON." >&2
    exit 1
}
if ! [ -x "$folder/bin/python" ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        # Debian keeps this part of Python in a package of its own.
        package=python3-venv
        as_root=
        [ "$(id -u)" = 0 ] || as_root="sudo -n"
        $as_root apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
            { $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends "$package"; } >/dev/null 2>&1 ||
            { echo "Python's venv is missing. Install it once: sudo apt-get install $package" >&2; exit 1; }
    fi
    "$python" -m venv "$folder"
    "$folder/bin/pip" install --quiet --upgrade 'pip>=25.1'
fi
"$folder/bin/pip" install --quiet --editable . ${group:+--group "$group"}
