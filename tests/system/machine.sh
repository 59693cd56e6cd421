#!/bin/sh
# Holds one throw-away machine: a real systemd in a container, over a copy-on-write
# view of this host's root. machine.ts starts it as the first process of fresh pid
# and mount namespaces, and talks to it through its stdin and stdout:
#
#   prints "prepared"  the tree stands at DIRECTORY/root and may be changed
#   reads a line       boots it
#   reads the end      kills the machine and takes everything away
#
# The end comes when the test closes the pipe, and when the test dies, however it
# dies.
set -eu

directory=$1

fail() {
  echo "machine.sh: $1" >&2
  exit 1
}

# At its end it kills all that it can see, and here that must not be a host.
[ $$ -eq 1 ] || fail "is started by machine.ts, as the first process of a pid namespace"

cgroups=
take_away() {
  # -1 is everything but us. What dies takes a moment to leave its cgroup.
  kill -KILL -1 2>/dev/null || true
  for own in $cgroups; do
    echo $$ >"${own%/*}/cgroup.procs"
    tries=200
    until find "$own" -depth -type d -exec rmdir {} + 2>/dev/null; do
      tries=$((tries - 1))
      [ "$tries" -gt 0 ] || break
      sleep 0.02
    done
  done
  cd /
  umount --recursive --lazy "$directory" 2>/dev/null || true
  rmdir "$directory"
}
trap take_away EXIT

command -v systemd-nspawn >/dev/null ||
  fail "systemd-nspawn is not here; on Debian: apt-get install systemd-container"

cd "$directory"
mount -t tmpfs -o mode=0755 machine .
cd "$directory"
# systemd-nspawn keeps locks and sockets here: not in the host's.
hidden=/run/systemd
[ -d "$hidden" ] || hidden=/run
mount -t tmpfs -o mode=0755 machine "$hidden"

# A cgroup of our own below the one we are in, in each hierarchy that systemd
# manages, so that machines that run side by side, and the host, do not meet.
while IFS=: read -r id controllers path; do
  case $id:$controllers in
  0:)
    mounted=/sys/fs/cgroup
    [ -f "$mounted/cgroup.procs" ] || mounted=$mounted/unified
    ;;
  *:name=systemd) mounted=/sys/fs/cgroup/systemd ;;
  *) continue ;;
  esac
  parent=$mounted${path%/}
  [ -f "$parent/cgroup.procs" ] || continue
  own=$parent/${directory##*/}
  mkdir "$own"
  echo $$ >"$own/cgroup.procs"
  cgroups="$cgroups $own"
done </proc/self/cgroup

mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work machine root
# What the host's programs write there meanwhile would show, as the machine's own.
mount -t tmpfs -o mode=0700 machine root/root
mount -t tmpfs -o mode=1777 machine root/var/tmp
echo "# nobody else reads this" >root/root/.profile

# What the host's administrator set up is not the machine's: how its systemd is
# configured, what is enabled, its SysV scripts, its disks, our own settings and
# programs if they are installed there.
: >root/etc/machine-id
: >root/etc/fstab
rm -rf root/etc/crypttab root/etc/systemd root/etc/default/ipc-*
for prefix in root/usr root/usr/local; do
  rm -rf $prefix/libexec/ipc $prefix/lib/systemd/*/ipc-*
done
mkdir root/etc/systemd
( cd root/etc/systemd && mkdir system system-generators journald.conf.d )
ln -s /dev/null root/etc/systemd/system-generators/systemd-sysv-generator
# Nothing written by a test may be lost to the rate limit, or outlive the machine.
printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n' \
  >root/etc/systemd/journald.conf.d/machine.conf

echo prepared

if read -r _; then
  systemd-nspawn --quiet --directory=root --boot --machine="${directory##*/}" \
    --register=no --keep-unit --private-users=no --private-network \
    --link-journal=no --console=pipe \
    systemd.unit=multi-user.target </dev/null >console 2>&1 &
  cat >/dev/null
fi
