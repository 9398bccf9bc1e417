#!/bin/sh
# Install the programs that the tests run against. Without root or sudo it says what is left out;
# where nothing may be left out (CI is set) that is a failure.
set -eu
cd "$(dirname "$0")"
missing=
while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done <debian_packages.txt
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || { echo "This is no Debian; have these programs:$missing" >&2; exit 0; }

as_root=
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=sudo
    elif [ -n "${CI:-}" ]; then
        echo "Neither root nor sudo: cannot install$missing" >&2
        exit 1
    else
        echo "Neither root nor sudo: tests that need one of these programs are left out:$missing" >&2
        echo "Install them once: sudo apt-get install$missing" >&2
        exit 0
    fi
fi
echo "Installing$missing"
# Debian would start a PostgreSQL of its own where it is new; the tests start theirs.
no_cluster=/etc/postgresql-common/createcluster.d/shiphorn-tests.conf
$as_root mkdir -p "${no_cluster%/*}"
echo 'create_main_cluster = off' | $as_root tee "$no_cluster" >/dev/null
trap '$as_root rm -f "$no_cluster"' EXIT
# shellcheck disable=SC2086
{ $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing; } >/dev/null
