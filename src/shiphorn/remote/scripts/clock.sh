# Answer each ping with the time.
while IFS=' ' read -r word; do
    [ "$word" = ping ] || break
    frame clock "$(now)"
done
