#!/bin/sh
# Makes the secrets that are missing in deploy/secrets; those that exist are kept.
set -eu
cd "$(dirname "$0")/secrets"
# Containers read the files as other users; nobody else on this machine passes the directory.
chmod 700 .

random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

keep() {
    if [ ! -s "$1" ]; then
        printf '%s' "$2" > "$1"
        echo "made deploy/secrets/$1"
    fi
    chmod 444 "$1"
}

password=$(random)
keep cache_url "redis://default:$password@cache:6379/0"
# The server's list of users: one, with everything allowed, as the network is the service's own.
keep cache_users "user default on >$(sed 's|redis://default:\(.*\)@.*|\1|' cache_url) ~* &* +@all"
keep database_password "$(random)"
keep database_url "postgresql://demo:$(cat database_password)@database:5432/demo"
keep queue_url "amqp://service:$(random)@broker:5672/"
keep queue_users "default_user = service
default_pass = $(sed 's|.*service:\(.*\)@.*|\1|' queue_url)
"
keep grafana_password "$(random)"
