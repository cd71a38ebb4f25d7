#!/bin/sh
# Names every program that is missing, and where to get it. Usage: check-tools.sh PROGRAM...

missing=0
for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 && continue
    missing=1
    case "$tool" in
    *cargo) hint="install Rust from https://rustup.rs" ;;
    *cc) hint="install a C compiler, such as the package gcc or clang" ;;
    *python*) hint="install Python 3.9 or newer" ;;
    *node | *npm) hint="install Node.js 20.19 or newer, which the page is built with; npm comes with it" ;;
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
    *node)
        command -v "$tool" >/dev/null 2>&1 || continue
        "$tool" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' && continue
        missing=1
        echo "missing: Node.js 20.19 or newer; $tool is $("$tool" --version)" >&2
        ;;
    esac
done
exit $missing
