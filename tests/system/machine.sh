#!/bin/sh
# machine.sh DIRECTORY ROOT
#
# Runs one disposable machine: a real systemd in a container, over a copy-on-write
# view of ROOT. machine.ts starts it as the first process of fresh pid
# and mount namespaces, and controls it through its stdin and stdout:
#
#   prints "prepared"  the tree at DIRECTORY/root may be changed
#   reads a line       boots it
#   reads EOF          kills the machine and removes everything
#
# EOF arrives when the test closes the pipe or dies.
set -eu

directory=$1
lower=$2

# At its end it kills every process that it sees, so it needs a pid namespace.
[ $$ -eq 1 ] || exit 1

cgroups=
take_away() {
  # -1: every other process. A killed process leaves its cgroup a moment later.
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

cd "$directory"
mount -t tmpfs -o mode=0755 machine .
cd "$directory"
# systemd-nspawn keeps locks and sockets here: not in the host's.
hidden=/run/systemd
[ -d "$hidden" ] || hidden=/run
mount -t tmpfs -o mode=0755 machine "$hidden"

# A new cgroup below the current one, in each hierarchy that systemd
# manages, so that concurrent machines and the host stay separate.
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
mount -t overlay -o "lowerdir=$lower",upperdir=upper,workdir=work machine root
# Concurrent writes of the host's programs would show there.
mount -t tmpfs -o mode=0700 machine root/root
mount -t tmpfs -o mode=1777 machine root/var/tmp
echo "# nobody else reads this" >root/root/.profile

# Hides the host's settings from the machine: its systemd's configuration, enabled
# units, SysV scripts, disks, and our own settings and programs if installed.
: >root/etc/machine-id
: >root/etc/fstab
rm -rf root/etc/crypttab root/etc/systemd root/etc/default/ipc-*
for prefix in root/usr root/usr/local; do
  rm -rf $prefix/libexec/ipc $prefix/lib/systemd/*/ipc-*
done
mkdir root/etc/systemd
( cd root/etc/systemd && mkdir system system-generators journald.conf.d )
ln -s /dev/null root/etc/systemd/system-generators/systemd-sysv-generator
# No line of a test may be lost to the rate limit, or outlive the machine.
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
