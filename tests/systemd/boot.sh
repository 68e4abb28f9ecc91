# SPDX-License-Identifier: Apache-2.0
#
# Started by machine.py as PID 1 of new namespaces, with a folder of the host's and a terminal: makes a file tree in which
# nothing else of the host's can be written, puts the folder's programs, units and settings in place, and becomes systemd.
set -e
folder=$1
terminal=$2
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd /run/lock /run/machine /run/etc
mount --bind "$folder" /run/machine
cp -a /etc/. /run/etc/
mount -o remount,bind,ro /
mount --bind /run/etc /etc
for private in /opt /var/lib /var/cache /var/log /var/tmp /tmp; do
  mount -t tmpfs -o mode=755 tmpfs "$private"
done
chmod 1777 /tmp /var/tmp
# Copied, not bound: files of a plugin must be root's, whoever built them.
mkdir -p /opt/darkroom
cp -r --no-preserve=ownership /run/machine/install/. /opt/darkroom/
chmod -R go-w,a+rX /opt/darkroom
mkdir -p /etc/darkroom /etc/credstore
chmod 700 /etc/credstore
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount --bind "$terminal" /dev/console
# Among themselves, not with the host: what a helper of systemd mounts, credentials above all, must be seen by all.
mount --make-rshared /
export container=unshare SYSTEMD_UNIT_PATH=/run/machine/units SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=info
exec /lib/systemd/systemd --system --unit=machine.target --log-target=console --show-status=0 </dev/null
