# Answer each ping with the time.
while IFS=' ' read -r word; do
    [ "$word" = ping ] || break
    now
    frame clock "$NOW"
done
