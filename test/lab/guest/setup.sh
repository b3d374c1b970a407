# The guest's first process once its root is there: makes what tests assume, runs the command, switches the guest off.
#
#   10.7.0.1/24       dummy0, with rxe0 (RoCE)
#   192.168.77.1/24   veth0, with siw0 (iWARP); its other end is veth1 192.168.77.2 in namespace "peer", a plain TCP host
set -eu
. /run/lab/environment
export PATH=$PATH:/usr/sbin:/sbin:$lab_programs
exec </dev/null >/dev/console 2>&1
: >/run/lab/booted

shut_down() {
  sync
  echo o >/proc/sysrq-trigger
  sleep infinity
}
trap shut_down EXIT

mount_places() {
  mkdir -p /dev/pts /dev/shm
  mount -t devpts devpts /dev/pts
  mount -t tmpfs shm /dev/shm
  mount -t debugfs debugfs /sys/kernel/debug
  mount --bind "$lab_modules" /lib/modules
  export OUT=/run/output
  mkdir "$OUT"
  [ -z "$lab_output" ] || mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 output "$OUT"
}

# Interfaces get their IPv6 addresses at once, so that RDMA devices have all their GIDs when they are made. dummy0 comes
# with its module.
make_network() {
  echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
  hostname lab
  echo "127.0.1.1 lab" >>/etc/hosts
  ip netns add peer
  ip -batch - <<'END'
link set lo up
address add 10.7.0.1/24 dev dummy0
link set dummy0 up
link add veth0 type veth peer name veth1 netns peer
address add 192.168.77.1/24 dev veth0
link set veth0 up
END
  ip -n peer -batch - <<'END'
link set lo up
address add 192.168.77.2/24 dev veth1
link set veth1 up
END
  rdma link add rxe0 type rxe netdev dummy0
  rdma link add siw0 type siw netdev veth0
}

# The device node of the virtio port of this name, whose other end lab.sh reads.
port() {
  local name
  for name in /sys/class/virtio-ports/*/name; do
    if [ "$(cat "$name")" = "$1" ]; then basename "$(dirname "$name")"; fi
  done
}

# A port can be opened once only, so the command gets pipes: its children may open /dev/stdout again.
open_streams() {
  mkfifo /run/stdout /run/stderr
  cat /run/stdout >"/dev/$(port stdout)" &
  readers=($!)
  exec {stdout}>/run/stdout
  if [ "$lab_one_stream" = yes ]; then
    exec {stderr}>&"$stdout"
  else
    cat /run/stderr >"/dev/$(port stderr)" &
    readers+=($!)
    exec {stderr}>/run/stderr
  fi
}

# Ends what the command left behind, which would hold its output open.
end_others() {
  local process
  for process in /proc/[0-9]*; do
    process=${process#/proc/}
    case " $$ ${readers[*]} " in *" $process "*) ;; *) kill -KILL "$process" || true ;; esac
  done 2>/dev/null
}

mount_places
make_network
open_streams
ulimit -l unlimited
ulimit -n 65536
status=0
cd "$lab_directory"
setsid bash /run/lab/command >&"$stdout" 2>&"$stderr" {stdout}>&- {stderr}>&- || status=$?
echo "$status" >/run/lab/status
end_others
exec {stdout}>&- {stderr}>&-
# what hangs in the kernel cannot be ended and would hold the output open for ever
(sleep 10; shut_down) &
wait "${readers[@]}"
