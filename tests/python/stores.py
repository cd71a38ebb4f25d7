"""Runs one object store until standard input ends: stores.py seaweedfs|moto|gcs.

Prints `ready PORT` when it answers on 127.0.0.1. Standard input ends when the test that holds it ends,
in whatever way, so no store outlives its test. SeaweedFS takes the key `stele` with the secret
`stele-secret`; moto takes any.
"""
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

START_SECONDS = 90
BIN = pathlib.Path(sys.executable).parent


def free_ports(count):
    """Ports that nothing listens on; all held at once so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def seaweedfs(folder):
    identity = {
        "name": "stele",
        "credentials": [{"accessKey": "stele", "secretKey": "stele-secret"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    names = ["master", "volume", "filer", "s3"]
    ports = free_ports(2 * len(names))
    flags = [f"-{name}.port={port}" for name, port in zip(names, ports)]
    flags += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[len(names):])]
    command = [
        BIN / "weed", "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
        "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={config}", "-volume.max=2000",
        # Its own limit is a hundredth of the disk: below that it takes no write and answers none.
        "-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=64MiB", *flags,
    ]
    return command, ports[3]


def moto(_folder):
    port = free_ports(1)[0]
    return [BIN / "moto_server", "-H", "127.0.0.1", "-p", str(port)], port


def gcs(_folder):
    port = free_ports(1)[0]
    return [sys.executable, "-B", pathlib.Path(__file__).parent / "gcs_mock.py", str(port)], port


def answers(port):
    """True when something on the port speaks HTTP and does not say that it is not ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def die_with_parent():
    """In the child: Linux kills it when this process ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main():
    with tempfile.TemporaryDirectory(prefix="stele-store-") as name:
        folder = pathlib.Path(name)
        command, port = {"seaweedfs": seaweedfs, "moto": moto, "gcs": gcs}[sys.argv[1]](folder)
        log = folder / "log"
        with log.open("wb") as out:
            child = subprocess.Popen(
                [os.fspath(part) for part in command], stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
            )
        try:
            end = time.monotonic() + START_SECONDS
            while not answers(port):
                if child.poll() is not None or time.monotonic() > end:
                    sys.exit(f"{command[0]} does not answer on port {port}:\n{log.read_text(errors='replace')[-4000:]}")
                time.sleep(0.1)
            print("ready", port, flush=True)
            sys.stdin.read()
        finally:
            child.kill()
            child.wait()


if __name__ == "__main__":
    main()
