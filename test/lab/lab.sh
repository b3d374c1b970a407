#!/usr/bin/env bash
# The lab: a guest with real kernel RDMA, for machines whose own kernel has none. KVM is used where it works, and is not
# needed.
#
#   lab.sh build              makes the guest's kernel from Debian's packages, once; says what is missing
#   lab.sh run [-t SECONDS] [-o DIRECTORY] COMMAND…
#                             boots, runs the command in the guest and ends with its status; one argument is shell text.
#                             -t: how long, with booting, 600 unless told; -o: kept as $OUT in the guest
#   lab.sh test [FILE…]       type-checks the lab's tests here and runs them, or those of FILE, in one guest; arguments
#                             that begin with "-" are deno test's
#   lab.sh clean              deletes every kernel but the one in use
#
# The guest sees this machine's files at their paths, with its programs, the checkout and Deno's cache; what it writes is
# forgotten, but for $OUT. Its network is in guest/setup.sh. It ends with 124 when the time is up and with 125 when the
# guest goes down.
#
# LAB_ACCEL=kvm|tcg  instead of trying        LAB_MEMORY=MiB  of the guest, 4096 unless told
# LAB_MIRROR=URL     of Debian's packages     XDG_CACHE_HOME  kernels are below verbena/lab in it
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/verbena/lab
PATH=$PATH:/usr/sbin:/sbin

# What builds the kernel, what boots it, and the stock RDMA programs that tests run against.
packages=(
  debian-archive-keyring gcc libc6-dev make xz-utils kmod cpio busybox-static
  qemu-system-x86 iproute2 util-linux
  ibverbs-providers ibverbs-utils rdmacm-utils perftest libnl-genl-3-200 cifs-utils
  tshark
)

say() { echo "lab: $*" >&2; }

give_up() { # status, reason
  say "$2"
  exit "$1"
}

usage() {
  sed -nE '2,/^set /{/^#/s/^# ?//p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

install_packages() {
  [ "$(uname -m)" = x86_64 ] || give_up 1 "made for x86-64 only, this is $(uname -m)"
  command -v dpkg-query >/dev/null || give_up 1 "needs Debian or a relative: no dpkg-query"
  local missing=() package
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local install="apt-get install --no-install-recommends ${missing[*]}"
  [ "$(id -u)" -eq 0 ] || give_up 1 "packages are missing: sudo $install"
  say "$install"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qqy install --no-install-recommends "${missing[@]}"; } >/dev/null ||
    give_up 1 "apt-get could not install ${missing[*]}"
}

# What a kernel's directory has in its name, so that another recipe makes another kernel.
recipe() {
  cat "$here/build.sh" "$here/guest/init" | sha256sum | cut -c 1-12
}

# The directory of the newest kernel that today's recipe made; nothing when there is none.
find_kernel() {
  local made
  for made in "$cache"/*-"$(recipe)"/kernel; do
    if [ -f "$made" ]; then dirname "$made"; fi
  done | sort -V | tail -n 1
}

lock_cache() {
  mkdir -p "$cache"
  exec {lock}>"$cache/lock"
  flock -n "$lock" || { say "waiting for another build"; flock "$lock"; }
}

build() {
  install_packages
  lock_cache
  kernel=$(find_kernel)
  if [ -z "$kernel" ]; then
    local fresh=$cache/building
    rm -rf "$fresh"
    # nothing that it starts keeps the lock
    "$here/build.sh" "$fresh" {lock}>&- || give_up 1 "the kernel could not be built"
    kernel=$cache/$(cat "$fresh/kernel")-$(recipe)
    mv "$fresh" "$kernel"
    say "built $kernel"
  fi
  exec {lock}>&-
}

# Whether the guest gets as far as its initramfs under KVM: a /dev/kvm that opens may still not run a kernel. Asked once
# a boot of this machine.
kvm_works() {
  [ -w /dev/kvm ] || return 1
  local memo answer=no probe
  memo=$kernel/kvm-$(cat /proc/sys/kernel/random/boot_id)
  if [ ! -f "$memo" ]; then
    probe=$(timeout 10 qemu-system-x86_64 -accel kvm -cpu host "${machine[@]}" -serial stdio \
      -append "console=ttyS0 panic=-1 lab.probe" </dev/null 2>&1 | tr -d '\0') || true
    [[ $probe == *"lab: up"* ]] && answer=yes
    rm -f "$kernel"/kvm-*
    echo "$answer" >"$memo"
    [ "$answer" = yes ] || say "/dev/kvm is there and runs no kernel: emulating"
  fi
  [ "$(cat "$memo")" = yes ]
}

# The variables a command may need from here.
environment() {
  local name
  for name in $(compgen -e); do
    case $name in
      PATH | HOME | LANG | LC_* | TZ | XDG_* | CI | NO_COLOR | REQUIRE_CAPABILITIES | DENO_* | VERBENA_* | LAB_*)
        declare -p "$name"
        ;;
    esac
  done
}

run() {
  local limit=600 output=
  OPTIND=1
  while getopts :t:o: option; do
    case $option in
      t) limit=$OPTARG ;;
      o) mkdir -p "$OPTARG" && output=$(cd "$OPTARG" && pwd) ;;
      *) usage ;;
    esac
  done
  shift $((OPTIND - 1))
  [ $# -gt 0 ] && [[ $limit =~ ^[1-9][0-9]*$ ]] || usage
  build

  scratch=$(mktemp -d "${TMPDIR:-/tmp}/verbena-lab.XXXXXX")
  trap 'stop; rm -rf "$scratch"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  cp "$here/guest/setup.sh" "$scratch/setup.sh"
  if [ $# -eq 1 ]; then echo "$1"; else printf '%q ' "$@"; fi >"$scratch/command"
  {
    environment
    printf 'lab_directory=%q lab_modules=%q lab_programs=%q lab_output=%q lab_one_stream=%q\n' \
      "$PWD" "$kernel/lib/modules" "$kernel/ksmbd-tools/usr/sbin" "$output" \
      "$([ /proc/self/fd/1 -ef /proc/self/fd/2 ] && echo yes)"
  } >"$scratch/environment"
  mkfifo "$scratch/stdout" "$scratch/stderr"
  : >"$scratch/kernel.log"

  local machine=(
    -smp 2 -m "${LAB_MEMORY:-4096}" -nodefaults -display none -no-reboot
    -kernel "$kernel/vmlinuz" -initrd "$kernel/initramfs"
  )
  case ${LAB_ACCEL:-$(kvm_works && echo kvm)} in
    kvm) machine+=(-accel kvm -cpu host) ;;
    # Emulation pays for every feature that programs find and use: Deno is a fifth slower with -cpu max. Without rdrand
    # getrandom(2) waits 10 s for the kernel's first entropy.
    *) machine+=(-accel tcg,thread=multi,tb-size=1024 -cpu Nehalem,+rdrand,+aes,+pclmulqdq) ;;
  esac
  local share=security_model=none
  local shares=(
    -virtfs "local,path=/,mount_tag=host,$share,readonly=on,multidevs=remap"
    -virtfs "local,path=$scratch,mount_tag=lab,$share"
  )
  [ -n "$output" ] && shares+=(-virtfs "local,path=$output,mount_tag=output,$share")

  # An emulated kernel that patches itself as it boots now and then meets its own half-made patch.
  local attempt
  for attempt in 1 2 3; do
    boot
    [ ! -f "$scratch/booted" ] && [ "$attempt" -lt 3 ] && grep -aq 'Kernel panic' "$scratch/kernel.log" || break
    say "the guest's kernel panicked as it booted: once more"
    stop
  done
  local down=yes
  kill -0 "$qemu" 2>/dev/null && down=no
  # what the guest wrote is out when its readers have ended
  stop
  if [ -f "$scratch/status" ]; then
    tell "the guest's kernel complained" "$(complaints)"
    exit "$(cat "$scratch/status")"
  fi
  if [ "$down" = yes ]; then
    tell "the guest's last words" "$(cat "$scratch/qemu.log" && kernel_log | tail -n 50)"
    give_up 125 "the guest went down before the command ended"
  fi
  tell "the guest's kernel complained" "$(complaints)"
  give_up 124 "the command had not ended after $limit s, and was ended (-t gives it more)"
}

# Starts the guest and waits until it has ended or the time is up. Its variables are those of run.
boot() {
  cat "$scratch/stdout" &
  cat "$scratch/stderr" >&2 &
  # it dies with this shell, however that ends
  setpriv --pdeathsig KILL qemu-system-x86_64 "${machine[@]}" "${shares[@]}" \
    -append "console=ttyS0 panic=-1 oops=panic mitigations=off nokaslr" -serial "file:$scratch/kernel.log" \
    -device virtio-serial-pci \
    -chardev "file,id=stdout,path=$scratch/stdout" -device virtserialport,chardev=stdout,name=stdout \
    -chardev "file,id=stderr,path=$scratch/stderr" -device virtserialport,chardev=stderr,name=stderr \
    </dev/null >"$scratch/qemu.log" 2>&1 &
  qemu=$!
  sleep "$limit" &
  timer=$!
  wait -n "$qemu" "$timer" || true
}

kernel_log() {
  [ ! -f "$scratch/kernel.log" ] || tr -d '\r\0' <"$scratch/kernel.log"
}

# What may have misled the command.
complaints() {
  kernel_log | grep -E 'WARNING: |BUG: |lockup|blocked for more than' | tail -n 5
}

# Says what, and the lines it is about; nothing when there are none.
tell() { # what, lines
  [ -z "$2" ] || { say "$1:" && sed 's/^/  /' <<<"$2" >&2; }
}

# Ends qemu and the timer, and waits for all that was started.
stop() {
  kill "${timer:-}" "${qemu:-}" 2>/dev/null || true
  # readers that no qemu ever came to wait for one still
  : <>"$scratch/stdout" <>"$scratch/stderr"
  wait || true
}

test_in_guest() {
  build
  cd "$root"
  local files=() options=() argument
  for argument in "$@"; do
    case $argument in -*) options+=("$argument") ;; *) files+=("$argument") ;; esac
  done
  [ ${#files[@]} -gt 0 ] || files=(test/lab/)
  deno check --quiet "${files[@]}" || give_up 1 "the tests do not type-check"
  # a guest without its devices, or tshark, fails rather than skips
  export REQUIRE_CAPABILITIES=${REQUIRE_CAPABILITIES:-rxe,siw,tshark}
  options+=(--no-check --cached-only -P=lab --sanitize-ops --sanitize-resources)
  run -t 3600 deno test "${options[@]}" "${files[@]}"
}

clean() {
  lock_cache
  local kept directory
  kept=$(find_kernel)
  for directory in "$cache"/building "$cache"/*-amd64-*; do
    [ "$directory" = "$kept" ] || rm -rf "$directory"
  done
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
  build) build && echo "$kernel" ;;
  run) run "$@" ;;
  test) test_in_guest "$@" ;;
  clean) clean ;;
  *) usage ;;
esac
