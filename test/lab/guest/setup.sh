# The guest's first process once its root is there: makes what tests assume, runs the command, switches the guest off.
#
#   10.7.0.1/24       dummy0, with rxe0 (RoCE)
#   192.168.77.1/24   veth0, with siw0 (iWARP); its other end is veth1 192.168.77.2 in namespace "peer", a plain TCP host
set -u
. /run/lab/environment
exec </dev/null

shut_down() {
  sync
  echo o >/proc/sysrq-trigger
  sleep infinity
}

mount_places() {
  mkdir -p /dev/pts /dev/shm
  mount -t devpts devpts /dev/pts
  mount -t tmpfs shm /dev/shm
  mount -t debugfs debugfs /sys/kernel/debug
  mount --bind "$lab_modules" /lib/modules
  export OUT=/run/output
  mkdir "$OUT"
  [ -z "$lab_output" ] || mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 output "$OUT"
}

# Interfaces get their IPv6 addresses at once, so that RDMA devices have all their GIDs when they are made.
make_network() {
  echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
  hostname lab
  echo "127.0.1.1 lab" >>/etc/hosts
  ip link set lo up
  ip link add dummy0 type dummy
  ip address add 10.7.0.1/24 dev dummy0
  ip link set dummy0 up
  ip netns add peer
  ip link add veth0 type veth peer name veth1 netns peer
  ip address add 192.168.77.1/24 dev veth0
  ip link set veth0 up
  ip -n peer link set lo up
  ip -n peer address add 192.168.77.2/24 dev veth1
  ip -n peer link set veth1 up
  rdma link add rxe0 type rxe netdev dummy0
  rdma link add siw0 type siw netdev veth0
}

# The device node of the virtio port of this name: lab.sh reads its other end.
port() {
  local name
  for name in /sys/class/virtio-ports/*/name; do
    [ "$(cat "$name")" = "$1" ] && basename "$(dirname "$name")"
  done
}

# A port can be opened once; the command gets pipes, which its children may open again.
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
    case " $$ ${readers[*]} " in *" $process "*) ;; *) kill -KILL "$process" ;; esac
  done 2>/dev/null
}

{
  mount_places
  for module in virtio_console ib_uverbs rdma_ucm rdma_rxe siw; do modprobe "$module"; done
  make_network
} >/dev/console 2>&1
open_streams
ulimit -l unlimited
ulimit -n 65536
cd "$lab_directory" || exit
setsid bash /run/lab/command >&"$stdout" 2>&"$stderr" {stdout}>&- {stderr}>&-
echo $? >/run/lab/status
end_others
exec {stdout}>&- {stderr}>&-
# what hangs in the kernel cannot be ended
(sleep 10; shut_down) &
wait "${readers[@]}"
shut_down
