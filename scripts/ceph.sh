#!/usr/bin/env bash
# Runs a Ceph object gateway (an S3 store used in production) for the tests, from Debian packages.
#
#   scripts/ceph.sh install            install missing packages with apt-get (needs root or sudo)
#   scripts/ceph.sh start DIR [PORT]   start one monitor, one OSD in a sparse file and one gateway, with data in DIR.
#                                      Prints the endpoint [default PORT: a free one]
#   scripts/ceph.sh stop DIR           stop the gateway of DIR
#
# The S3 user is minioadmin / minioadmin, the default of Milvus and of Milvus Backup. A second user, otheradmin /
# otheradmin, belongs to another tenant, whose buckets have names of their own. The daemons do not authenticate
# each other; all of them listen on 127.0.0.1 only.
set -euo pipefail

packages=(ceph-mon ceph-osd radosgw ceph-common curl)
programs=(ceph-mon ceph-osd radosgw radosgw-admin ceph monmaptool curl)

install() {
  local program
  for program in "${programs[@]}"; do
    command -v "$program" >/dev/null || { "$(dirname "$0")/apt-install" "${packages[@]}"; return; }
  done
}

# write_config DIR PORT MONITOR_PORT CLUSTER_ID
write_config() {
  cat >"$1/ceph.conf" <<CONF
[global]
fsid = $4
mon initial members = a
mon host = v1:127.0.0.1:$3
public network = 127.0.0.0/8
ms bind ipv4 = true
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
mon data = $1/mon
osd data = $1/osd
run dir = $1/run
admin socket = $1/run/\$name.asok
pid file = $1/run/\$name.pid
log file = $1/log/\$name.log
crash dir = $1/log
# one copy of everything, a few placement groups per pool
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default pg num = 8
osd pool default pg autoscale mode = off
mon max pg per osd = 2000
# The monitor refuses to start on a disk that is 95 % full [default: 5], however many GB are left.
mon data avail warn = 1
mon data avail crit = 0
osd crush chooseleaf type = 0
# This script places the OSD. Otherwise the OSD reports its location to the monitor as soon as it is connected,
# sometimes before it knows its cluster; the monitor then rejects it ("wrong fsid") and the OSD exits.
osd class update on start = false
osd crush update on start = false
# Without this, a stall of the machine marks the only OSD as down, and it never answers again.
osd heartbeat grace = 3600
[osd]
osd objectstore = bluestore
bluestore block create = true
bluestore block size = 21474836480
bluestore fsck on mount = false
osd memory target = 1073741824
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$2 tcp_nodelay=1
rgw dns name = localhost
rgw thread pool size = 64
rgw dynamic resharding = false
rgw enable usage log = false
CONF
}

# wait_for SECONDS COMMAND...: repeats the command until it succeeds
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "ceph: gave up waiting for: $*" >&2; return 1; }
    sleep 0.2
  done
}

is_taken() { (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Prints the first of two free ports for the gateway and the monitor, below the range of outgoing connections.
free_ports() {
  local port
  for ((port = 20480; port < 20980; port += 2)); do
    is_taken "$port" || is_taken $((port + 1)) || { echo "$port"; return; }
  done
}

osd_is_up() { ceph osd stat | grep -q '1 up'; }

# Tries to start a new store up to three times, because a daemon gives up if the machine stalls.
start() {
  local dir=$1 attempts=3 attempt
  install
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  [ ! -e "$dir/ready" ] || attempts=1
  # Keep the lock until the gateway listens, so that two starts on one machine never choose the same ports.
  exec 8>"${TMPDIR:-/tmp}/ceph-ports-$UID.lock"
  flock --timeout 600 8
  for ((attempt = 1; attempt <= attempts; attempt++)); do
    if bash "$0" attempt "$dir" "${2:-}" 2>"$dir/start.log" 8>&-; then
      echo "http://127.0.0.1:$(cat "$dir/port")"
      return
    fi
    # The daemons print a lot, so show their output only if they failed.
    echo "ceph: attempt $attempt of $attempts to start failed:" >&2
    tail -n 20 "$dir/start.log" >&2
    # A daemon writes its errors (level -1) to its log file, and to stderr only sometimes.
    grep -hs -A 1 -e ' -1 ' "$dir"/log/*.log | tail -n 20 >&2 || true
    df -h "$dir" >&2
    stop "$dir"
  done
  return 1
}

# Makes one attempt, which ends at the first command that fails.
attempt() {
  local dir=$1 port=${2:-} fresh= cluster_id osd_id
  if [ ! -e "$dir/ready" ]; then
    fresh=yes
    rm -rf "$dir"/{mon,osd,run,log,monmap}
    mkdir -p "$dir"/{mon,osd,run,log}
    port=${port:-$(free_ports)}
    echo "$port" >"$dir/port"
    cluster_id=$(cat /proc/sys/kernel/random/uuid)
    write_config "$dir" "$port" $((port + 1)) "$cluster_id"
  fi
  port=$(cat "$dir/port")
  export CEPH_CONF=$dir/ceph.conf
  if [ -n "$fresh" ]; then
    monmaptool --create --addv a "[v1:127.0.0.1:$((port + 1))]" --fsid "$cluster_id" "$dir/monmap" >/dev/null
    ceph-mon -i a --mkfs --monmap "$dir/monmap"
  fi
  ceph-mon -i a >/dev/null
  if [ -n "$fresh" ]; then
    osd_id=$(cat /proc/sys/kernel/random/uuid)
    wait_for 60 ceph osd new "$osd_id"
    ceph-osd -i 0 --mkfs --osd-uuid "$osd_id"
    ceph osd crush add osd.0 1.0 root=default host=h0 >/dev/null
  fi
  ceph-osd -i 0 >/dev/null
  wait_for 60 osd_is_up
  radosgw -n client.rgw >/dev/null
  wait_for 120 curl --silent --output /dev/null "127.0.0.1:$port"
  if [ -n "$fresh" ]; then
    radosgw-admin -n client.rgw user create --uid=tests --display-name=tests \
      --access-key=minioadmin --secret=minioadmin >/dev/null
    radosgw-admin -n client.rgw user create --uid=tests --tenant=other --display-name=other \
      --access-key=otheradmin --secret=otheradmin >/dev/null
    touch "$dir/ready"
  fi
}

stop() {
  local dir=$1 name pid
  for name in client.rgw osd.0 mon.a; do
    pid=$(cat "$dir/run/$name.pid" 2>/dev/null) || continue
    # Skip a process id that another program uses by now.
    grep -qs "ceph\|radosgw" "/proc/$pid/cmdline" || continue
    kill "$pid" 2>/dev/null || continue
    timeout 10 tail --pid="$pid" -f /dev/null || kill -9 "$pid" 2>/dev/null || true
    rm -f "$dir/run/$name.pid"
  done
}

case "${1:-}" in
  install) install ;;
  start) start "$2" "${3:-}" ;;
  attempt) attempt "$2" "${3:-}" ;;
  stop) stop "$2" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
