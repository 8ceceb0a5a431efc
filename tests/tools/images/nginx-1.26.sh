#!/bin/sh
# nginx of an older release of Debian, with the libraries of that one.
libraries=$(echo /opt/nginx/usr/lib/*-linux-gnu*)
exec "$libraries"/ld-linux*.so.* --library-path "$libraries" /opt/nginx/usr/sbin/nginx "$@"
