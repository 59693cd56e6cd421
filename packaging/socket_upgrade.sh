# shellcheck shell=sh
# An upgrade restarts the sockets whose units it changed; the others keep listening. One
# job restarts a socket with all units that require it: a stop and a start of the socket
# alone would leave them stopped.
records=/run/ipc-server.upgrade

# Before the files change: the text of the active sockets' units, and their paths.
# A unit whose change on disk was not loaded yet counts as changed.
record_sockets() {
  rm -rf "$records"
  mkdir "$records"
  systemctl list-units --plain --no-legend --state=active \
    ipc-server.socket 'ipc-server@*.socket' | while read -r unit _; do
    : >"$records/$unit"
    if [ "$(systemctl show --value --property=NeedDaemonReload "$unit")" = no ]; then
      systemctl cat "$unit" >"$records/$unit"
    fi
    systemctl show --value --property=Listen "$unit" >"$records/$unit.paths"
  done
}

# After systemd has loaded the new units: "$@" restarts a unit.
restart_changed_sockets() {
  for record in "$records"/*.socket; do
    [ -e "$record" ] || continue
    unit=${record##*/}
    if ! systemctl cat "$unit" 2>/dev/null | cmp -s - "$record"; then
      "$@" "$unit" >/dev/null || true
      # systemd removes only the paths that it still knows.
      systemctl show --value --property=Listen "$unit" >"$record"
      grep -vxF -f "$record" "$record.paths" | sed 's/ (.*//' | while read -r path; do
        [ ! -S "$path" ] || rm -f "$path"
      done
    fi
  done
  rm -rf "$records"
}
