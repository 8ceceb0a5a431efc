#!/bin/sh
# Deploys the image that was built or pulled: the replicas are replaced one after the other. nginx
# hears of it before one stops, as a server that stops cuts off the connections that it has not accepted.
set -eu
cd "$(dirname "$0")/.."
upstream=deploy/nginx/upstream.conf
usual=$(cat "$upstream")

compose() {
    docker compose --file compose.yaml "$@"
}

reload() {
    compose exec nginx nginx -s reload
    # Until the processes of before have answered what they were still sent (keepalive_min_timeout).
    sleep 6
}

as_usual() {
    printf '%s\n' "$usual" > "$upstream"
    reload
}

# Lets nginx ask every replica but one. Docker's name server knows each by the start of its id.
leave_out() {
    replicas=
    for replica in $(compose ps --quiet app); do
        if [ "$replica" != "$1" ]; then
            replicas="$replicas server $(printf %.12s "$replica"):8000\\1;"
        fi
    done
    printf '%s\n' "$usual" | sed "s/server app:8000\\(.*\\);/$replicas/; s/ resolve;/;/g" > "$upstream"
    reload
}

compose run --rm migrate
trap as_usual EXIT
running=$(compose ps --quiet app)
more=$(($(echo "$running" | wc -l) + 1))
for old in $running; do
    # The plan counts the connections of one more.
    compose up --detach --wait --no-deps --no-recreate --scale "app=$more" app
    leave_out "$old"
    docker stop "$old"
    docker rm "$old"
done
# The other services, where they have changed.
compose up --detach --wait
