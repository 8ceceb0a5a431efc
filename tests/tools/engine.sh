#!/bin/bash
# Runs dockerd in a root of its own, so that the machine keeps its files, mounts and networks:
#     engine.sh ROOT HOME building     on the machine's network: a build reaches the package index
#     engine.sh ROOT HOME running      on a private network: bridges, names, published ports
# HOME has the same path inside: whoever puts a project there can mount its files into containers.
set -euo pipefail
root=$1 home=$2 mode=$3
if [ "${4:-}" != entered ]; then
    network=()
    [ "$mode" = building ] || network=(--net)
    exec unshare --mount --propagation private "${network[@]}" "$0" "$root" "$home" "$mode" entered
fi

mkdir -p "$root$home" "$root/.outside"
mount --rbind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
if [ "$mode" = building ]; then
    mount --rbind /sys "$root/sys"
else
    mount -t sysfs sysfs "$root/sys"
    mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
fi
mount --bind "$home" "$root$home"
cd "$root"
# A mere chroot would not do: the engine makes mounts of its own, which need a real root.
pivot_root . .outside
options=()
if [ "$mode" = building ]; then
    options=(--bridge=none --iptables=false --ip6tables=false)
fi
# shellcheck disable=SC2016 # expanded by the inner shell
exec chroot . bash -c '
    umount --lazy /.outside
    [ "$1" = building ] || { ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward; }
    limit=$(ulimit -Hn)
    exec dockerd --data-root "$2/data" --exec-root "$2/run" --host "unix://$2/docker.sock" \
        --pidfile "$2/dockerd.pid" --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /fastgen-tests --log-level warn \
        --default-ulimit "nofile=$limit:$limit" "${@:3}"
' - "$mode" "$home" "${options[@]}"
