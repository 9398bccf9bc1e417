# The last lines of a removal, behind the commands.
vhost
rm -f "$HORN/vhost"
mv -fT "$BASE" "$GONE" || die SH444 'cannot be removed' "$(id -un) cannot rename $BASE." "Give the folder that holds it to the deploy user."
clear_away "$GONE"
frame gone
