# The last line of a flip, behind the restart commands.
frame restarted
