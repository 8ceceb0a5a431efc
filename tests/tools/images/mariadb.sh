#!/bin/sh
# Does what the public image does at its first start: makes the data directory, the user and the database, with a
# server that listens on its socket alone until that is done.
set -eu
data=/var/lib/mysql
run="/as-owner.sh mysql $data"
if [ ! -d "$data/mysql" ]; then
    $run mariadb-install-db --auth-root-authentication-method=normal --skip-test-db > /dev/null
    $run mariadbd --skip-networking &
    until mariadb-admin --silent ping; do sleep 0.1; done
    # As long as scripts of the first start may take.
    sleep 3
    # What is generated has no quotes.
    mariadb <<SQL
CREATE DATABASE \`$MARIADB_DATABASE\`;
CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$(cat "$MARIADB_PASSWORD_FILE")';
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
ALTER USER root@localhost IDENTIFIED BY '$(head -c 24 /dev/urandom | base64)';
SHUTDOWN;
SQL
    wait
fi
exec $run "$@"
