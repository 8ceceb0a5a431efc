#!/bin/sh
# Does what the public image does at its first start: makes the cluster, the user and the database, with a
# server that listens on its socket alone until that is done.
set -eu
export PGDATA=/var/lib/postgresql/18/docker
run="/as-owner.sh postgres /var/lib/postgresql"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    $run initdb --auth-local=trust --auth-host=scram-sha-256 > /dev/null
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    $run pg_ctl --wait --options "-c listen_addresses=''" start > /dev/null
    # As long as scripts of the first start may take.
    sleep 3
    $run psql --quiet --dbname postgres --set "password=$(cat "$POSTGRES_PASSWORD_FILE")" \
        --set "name=$POSTGRES_USER" --set "database=$POSTGRES_DB" <<'SQL'
CREATE ROLE :"name" SUPERUSER LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"name";
SQL
    $run pg_ctl --wait stop > /dev/null
fi
exec $run "$@"
