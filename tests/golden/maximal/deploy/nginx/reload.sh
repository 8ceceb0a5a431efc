#!/bin/sh
# Starts nginx, and makes it read the certificate again when that has changed.
set -eu
certificate=/etc/nginx/certificates/fullchain.pem

watch() {
    seen=$(stat -c %Y "$certificate")
    while sleep 30; do
        now=$(stat -c %Y "$certificate")
        if [ "$now" != "$seen" ]; then
            nginx -s reload && seen=$now
        fi
    done
}

watch &
exec nginx -g 'daemon off;'
