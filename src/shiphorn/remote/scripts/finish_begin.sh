# The commands of the end come first. Set ahead: ENV_NAMES.
fence
COMMAND_DIR=$NEW
