# What systemd says of a unit. Set ahead: UNIT.
command -v systemctl >/dev/null 2>&1 || {
    echo 'systemctl is not installed there'
    exit 75
}
exec systemctl show --property=LoadState --property=ActiveState --property=NRestarts -- "$UNIT"
