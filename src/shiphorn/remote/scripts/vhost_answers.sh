# The last step of a flip: the web server answers for what runs now, and not for what is gone.
[ -n "$RELEASE" ] || VHOST_TEXT=
vhost
