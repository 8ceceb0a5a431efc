#!/bin/sh
# Certificates of the site, in the directory where nginx reads them.
#   certificate.sh placeholder   a self-signed one, when there is none yet: nginx needs one to start
#   certificate.sh keep          gets the real one through the HTTP challenge and renews it for ever
#   certificate.sh install       certbot's hook: takes over what it got
set -eu
target=/etc/nginx/certificates
webroot=/var/www/acme
nginx_user=101

hand_over() {
    chown "$nginx_user" "$target/privkey.new" "$target/fullchain.new"
    # The key first: nginx is told by the change of the certificate.
    mv "$target/privkey.new" "$target/privkey.pem"
    mv "$target/fullchain.new" "$target/fullchain.pem"
}

placeholder() {
    [ ! -s "$target/fullchain.pem" ] || return 0
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj "/CN=$DOMAIN" -addext "subjectAltName=DNS:$DOMAIN" \
        -keyout "$target/privkey.new" -out "$target/fullchain.new"
    hand_over
}

take_over() {
    umask 077
    cp "$RENEWED_LINEAGE/privkey.pem" "$target/privkey.new"
    cp "$RENEWED_LINEAGE/fullchain.pem" "$target/fullchain.new"
    hand_over
}

keep() {
    trap 'exit 0' TERM INT
    while :; do
        # Does nothing while the certificate is good for a third of its life; after a failure the
        # next try is in an hour, as authorities limit them.
        pause=43200
        certbot certonly --non-interactive --agree-tos --register-unsafely-without-email \
            --keep-until-expiring --server "$ACME_SERVER" --webroot --webroot-path "$webroot" \
            --domain "$DOMAIN" --deploy-hook "sh $0 install" || pause=3600
        sleep "$pause" &
        wait $!
    done
}

case ${1:-} in
placeholder) placeholder ;;
keep) keep ;;
install) take_over ;;
*)
    echo "usage: certificate.sh placeholder|keep|install" >&2
    exit 2
    ;;
esac
