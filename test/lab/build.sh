#!/usr/bin/env bash
# build.sh DIRECTORY: makes the lab's kernel there from Debian's packages, as any user. Leaves
#
#   kernel      its version          vmlinuz     the kernel
#   initramfs   guest/init and the modules that every guest has
#   lib/modules its modules, with siw and with ksmbd and cifs that speak SMB Direct, none of which Debian builds
#   ksmbd-tools ksmbd's programs, unpacked: as a package they would remove samba, which other tests want
#
# Packages come from $LAB_MIRROR (http://deb.debian.org) through an apt of their own, so that the machine's release and
# its apt's state do not matter; Debian's signature on them is checked.
set -euo pipefail

series=6.12
suite=bookworm-security
tools_suite=trixie # bookworm's know no durable handles
mirror=${LAB_MIRROR:-http://deb.debian.org}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
target=$(cd "$1" && pwd)
work=$target/work

say() { echo "lab: $*" >&2; }

# An apt that knows one suite and touches nothing outside $work.
privately() {
  local command=$1
  shift
  "$command" -q -o Dir::State="$work/apt/state" -o Dir::State::status="$work/apt/status" \
    -o Dir::Cache="$work/apt/cache" -o Dir::Etc::SourceList="$work/apt/sources" -o Dir::Etc::SourceParts=/dev/null \
    -o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User= -o Acquire::Languages=none \
    -o Acquire::Retries=3 "$@"
}

prepare_apt() { # archive, suite
  mkdir -p "$work"/apt/{state/lists/partial,cache/archives/partial}
  : >"$work/apt/status"
  echo "deb [signed-by=$keyring] $mirror/$1 $2 main" >"$work/apt/sources"
  privately apt-get update >"$work/apt/log" 2>&1 || { cat "$work/apt/log" >&2; return 1; }
}

# The newest kernel of the series, as package names have it, and the version of its packages.
newest_kernel() {
  local package=linux-image-$series-amd64
  kernel=$(privately apt-cache depends "$package" | sed -nE '0,/.*Depends: linux-image-(.*-amd64)$/s//\1/p')
  version=$(privately apt-cache show --no-all-versions "$package" | sed -nE 's/^Version: //p')
  [ -n "$kernel" ] && [ -n "$version" ] || { say "$mirror $suite has no $package"; return 1; }
}

download() {
  mkdir -p "$work/packages"
  cd "$work/packages"
  local flavourless=${kernel%-amd64}
  privately apt-get download "linux-image-$kernel=$version" "linux-headers-$kernel=$version" \
    "linux-headers-$flavourless-common=$version" "linux-kbuild-$flavourless=$version" \
    "linux-source-$series=$version" >"$work/apt/log" 2>&1 || { cat "$work/apt/log" >&2; return 1; }
}

unpack() {
  local package
  for package in "$work"/packages/linux-{image,headers,kbuild}-*.deb; do dpkg-deb -x "$package" "$work/root"; done
  # the headers of a flavour name their common half by an absolute path
  sed -i "s|/usr/src/|$work/root/usr/src/|" "$work/root/usr/src/linux-headers-$kernel/Makefile"
  local top=linux-source-$series
  mkdir -p "$work/source"
  dpkg-deb --fsys-tarfile "$work"/packages/linux-source-*.deb | tar -xO "./usr/src/$top.tar.xz" |
    tar -xJ -C "$work/source" --strip-components=1 --wildcards "$top/drivers/infiniband/sw/siw" "$top/fs/smb" \
      "$top/fs/nls" "$top/scripts/asn1_compiler.c" "$top/include/linux/asn1*"
}

compile() { # directory, then make's variables
  local headers=$work/root/usr/src/linux-headers-$kernel compiler
  compiler=$(command -v gcc-12 || command -v gcc)
  make -s -C "$headers" M="$work/source/$1" CC="$compiler" -j"$(nproc)" "${@:2}" modules >"$work/make.log" 2>&1 || { tail -n 40 "$work/make.log" >&2; return 1; }
}

compile_modules() {
  cd "$work/source"
  gcc -O2 -Iinclude -o asn1_compiler scripts/asn1_compiler.c
  local grammar
  for grammar in fs/smb/{client,server}/*.asn1; do ./asn1_compiler "$grammar" "$grammar.c" "$grammar.h"; done
  # what Debian's configuration leaves out is told to make, which chooses objects, and to the compiler
  compile drivers/infiniband/sw/siw CONFIG_RDMA_SIW=m
  compile fs/smb/server CONFIG_SMB_SERVER=m CONFIG_SMB_SERVER_SMBDIRECT=y KCFLAGS=-DCONFIG_SMB_SERVER_SMBDIRECT=1
  compile fs/smb/client CONFIG_CIFS=m CONFIG_CIFS_SMB_DIRECT=y KCFLAGS=-DCONFIG_CIFS_SMB_DIRECT=1
}

install_modules() {
  mv "$work/root/boot/vmlinuz-$kernel" "$target/vmlinuz"
  rm -rf "$target/lib"
  mkdir -p "$target/lib"
  mv "$work/root/lib/modules" "$target/lib/modules"
  local modules=$target/lib/modules/$kernel module
  mkdir "$modules/updates"
  for module in drivers/infiniband/sw/siw/siw fs/smb/server/ksmbd fs/smb/client/cifs; do
    strip --strip-debug -o "$modules/updates/${module##*/}.ko" "$work/source/$module.ko"
    rm -f "$modules/kernel/$module".ko*
  done
  depmod -b "$target" "$kernel"
}

unpack_tools() {
  cd "$work/packages"
  privately apt-get download ksmbd-tools >"$work/apt/log" 2>&1 || { cat "$work/apt/log" >&2; return 1; }
  dpkg-deb -x ksmbd-tools_*.deb "$target/ksmbd-tools"
}

make_initramfs() {
  local tree=$work/initramfs module name
  mkdir -p "$tree"/{bin,modules,proc,sys,dev,host,layer,root}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  cp "$here/guest/init" "$tree/init"
  chmod +x "$tree/init"
  for module in virtio_pci 9pnet_virtio 9p overlay virtio_console dummy veth ib_uverbs rdma_ucm rdma_rxe siw; do
    modprobe -d "$target" -S "$kernel" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
    name=$(basename "${module%.xz}")
    case $module in *.xz) xz -dc "$module" ;; *) cat "$module" ;; esac >"$tree/modules/$name"
    echo "$name" >>"$tree/modules/order"
  done
  (cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$target/initramfs"
}

prepare_apt debian-security "$suite"
newest_kernel
say "fetching Debian's $kernel (280 MB)"
download
unpack
say "compiling siw, ksmbd and cifs"
compile_modules
install_modules
make_initramfs
prepare_apt debian "$tools_suite"
unpack_tools
rm -rf "$work"
echo "$kernel" >"$target/kernel"
