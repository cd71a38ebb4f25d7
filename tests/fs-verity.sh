#!/usr/bin/env bash
# `stele serve --fs-verity` on a kernel and a file system that have it: a virtual machine with Debian's kernel and an
# ext4 disk of its own, under emulation, so that neither this machine's kernel nor its rights matter. Minutes.
# Between the machine's two starts bytes of sealed files are changed on its disk. What is checked there: fs-verity/guest.sh.
# Installs what it needs where it may, else names what is missing. Anything not as it should be ends it with an error.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${1:-cargo}
export PATH=$PATH:/usr/sbin:/sbin

[ "$(uname -m)" = x86_64 ] || { echo "fs-verity: the machine that is emulated is an x86_64, and so are the programs" >&2; exit 1; }
declare -A packages=([qemu-system-x86_64]=qemu-system-x86 [busybox]=busybox-static [cpio]=cpio [mkfs.ext4]=e2fsprogs [debugfs]=e2fsprogs [apt-get]=apt [dpkg-deb]=dpkg)
missing=()
for tool in "${!packages[@]}"; do
    command -v "$tool" >/dev/null || missing+=("${packages[$tool]}")
done
if [ ${#missing[@]} != 0 ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: Debian's packages ${missing[*]} (apt-get install them, or run this as root)" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The kernel is only unpacked: nothing of it is installed here.
kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" && /linux-image/ {print $2}' | tail -n 1)
[ -n "$kernel" ] || { echo "missing: linux-image-cloud-amd64 in the lists of apt (apt-get update)" >&2; exit 1; }
(cd "$work" && apt-get -o APT::Sandbox::User=root -qq download "$kernel")
dpkg-deb -x "$work"/linux-image-*.deb "$work/kernel"
grep -q '^CONFIG_FS_VERITY=y' "$work"/kernel/boot/config-*

"$cargo" build --locked --workspace --bins
"$cargo" test --locked --workspace --lib --no-run
stele=$("$cargo" build --locked --workspace --bins --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*\/stele\)".*/\1/p' | tail -n 1)
unit=$("$cargo" test --locked --workspace --lib --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*\/stele_engine-[^"]*\)".*/\1/p' | tail -n 1)

# The disk: the programs with their libraries, and room for data.
root="$work/root"
mkdir -p "$root"/host/{bin,lib} "$root/tmp"
cp tests/fs-verity/guest.sh "$root/host/"
for program in "$stele" "$unit" "$(command -v lsattr)"; do
    name=$(basename "$program")
    strip -o "$root/host/bin/${name%-*}" "$program" 2>/dev/null || cp "$program" "$root/host/bin/${name%-*}"
    ldd "$program" | sed -n 's/.* => \(\/[^ ]*\).*/\1/p' | xargs -r cp -L -n -t "$root/host/lib"
    ldd "$program" | sed -n 's/^[[:space:]]*\(\/[^ ]*ld-[^ ]*\).*/\1/p' | xargs -r -I{} cp -L {} "$root/host/lib/ld.so"
done
truncate -s 1G "$work/disk"
mkfs.ext4 -q -F -O verity -b 4096 -d "$root" "$work/disk"

# What the kernel begins with: busybox, the modules of the disk, and where the libraries are.
start="$work/start"
mkdir -p "$start"/{bin,proc,sys,dev,etc,tmp,lib64,modules,disk}
cp "$(command -v busybox)" "$start/bin/busybox"
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
    find "$work/kernel" -name "$module.ko*" -exec cp {} "$start/modules/" \;
done
ln -s /disk/host/lib/ld.so "$start/lib64/ld-linux-x86-64.so.2"
printf 'root:x:0:0::/:/bin/sh\nstele:x:1000:1000::/:/bin/sh\n' >"$start/etc/passwd"
printf 'root:x:0:\nstele:x:1000:\n' >"$start/etc/group"
cat >"$start/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
    insmod /modules/$module.ko || echo "FAIL: no module $module"
done
ip link set lo up
mount -t ext4 /dev/vda /disk || echo "FAIL: no disk"
export LD_LIBRARY_PATH=/disk/host/lib PATH=/bin:/disk/host/bin
sh /disk/host/guest.sh "$(sed -n 's/.*part=\([a-z]*\).*/\1/p' /proc/cmdline)"
umount /disk
poweroff -f
INIT
chmod +x "$start/init"
(cd "$start" && find . | cpio --quiet -o -H newc) >"$work/initrd"

# One start of the machine; fails where its part did not end well.
machine() {
    echo "fs-verity: the machine starts: $1"
    timeout 1800 qemu-system-x86_64 -accel tcg -cpu max -m 1536 -smp 2 -display none -monitor none -serial stdio -nic none -no-reboot \
        -kernel "$work"/kernel/boot/vmlinuz-* -initrd "$work/initrd" -append "console=ttyS0 quiet panic=-1 no_timer_check part=$1" \
        -drive "file=$work/disk,if=virtio,format=raw" </dev/null | stdbuf -o0 tr -d '\r' | tee "$work/$1.out" | grep -a --line-buffered -E '^(ok|FAIL|note|verdict)' || true
    grep -aqx "verdict: $1 is ok" "$work/$1.out" && ! grep -aq '^FAIL' "$work/$1.out" || {
        tail -n 60 "$work/$1.out" >&2
        echo "fs-verity: FAILED: $1" >&2
        exit 1
    }
}

# Changes one byte of block $2 of a file of the disk, beneath the file system.
change() {
    local block
    block=$(debugfs -R "bmap \"$1\" $2" "$work/disk" 2>/dev/null | awk '{print $1}')
    [ "${block:-0}" -gt 0 ] || { echo "fs-verity: $1 has no block $2" >&2; exit 1; }
    local at=$((block * 4096 + 100)) byte
    byte=$(dd if="$work/disk" bs=1 skip=$at count=1 2>/dev/null | od -An -tu1)
    # shellcheck disable=SC2059
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$work/disk" bs=1 seek=$at conv=notrunc 2>/dev/null
    echo "fs-verity: changed a byte of block $2 of $1 on the disk"
}

machine guarded
data=$(sed -n 's/^note: changed data: //p' "$work/guarded.out")
index=$(sed -n 's/^note: changed index: //p' "$work/guarded.out")
change "$data" 3
change "$index" 0
machine changed
echo "fs-verity: ok"
