#!/bin/sh
# Stands for the script of this name in MariaDB's image: over TCP, so that it fails until the first start is done.
exec mariadb-admin --silent --protocol=tcp --host=127.0.0.1 --connect-timeout=3 ping
