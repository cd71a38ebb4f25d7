#!/bin/sh
# Names every program that is missing, and where to get it. Usage: check-tools.sh PROGRAM...
# The browser is fetched from the system's own packages, where that is possible.

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    for tool in "$@"; do
        [ "$tool" = chromium ] && ! command -v chromium >/dev/null 2>&1 || continue
        echo "installing chromium, the browser that the page is tested in"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
    done
fi

missing=0
for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 && continue
    missing=1
    case "$tool" in
    *cargo) hint="install Rust from https://rustup.rs" ;;
    *cc) hint="install a C compiler, such as the package gcc or clang" ;;
    *python*) hint="install Python 3.9 or newer" ;;
    node | npm) hint="install Node.js 20 or newer" ;;
    chromium) hint="install the package chromium" ;;
    *) hint="install it" ;;
    esac
    echo "missing: $tool ($hint)" >&2
done

for tool in "$@"; do
    case "$tool" in
    *python*)
        command -v "$tool" >/dev/null 2>&1 || continue
        "$tool" -c 'import venv, ensurepip' 2>/dev/null && continue
        missing=1
        echo "missing: the venv module of $tool (on Debian and Ubuntu: the package python3-venv)" >&2
        ;;
    node)
        command -v node >/dev/null 2>&1 || continue
        node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' && continue
        missing=1
        echo "missing: a newer node ($(node --version) is here; the page's tools need 20.19)" >&2
        ;;
    esac
done
exit $missing
