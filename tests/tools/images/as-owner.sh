#!/bin/sh
# as-owner.sh USER DIRECTORY COMMAND...: gives a new volume to the user and runs the command as that one.
set -eu
user=$1 directory=$2
shift 2
if [ "$(id -u)" = 0 ]; then
    chown "$user" "$directory"
    exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
fi
exec "$@"
