"""A real Orthanc to store objects in."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import program


class Archive:
    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, path: str, body: bytes | None = None, method: str | None = None) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.address + path, data=body, method=method), timeout=30) as answer:
            content: bytes = answer.read()
        return content


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_archive(folder: Path) -> Iterator[Archive]:
    """A real Orthanc with an empty store, without plugins, on this machine alone."""
    found = program("Orthanc")
    port = _free_port()
    settings = {
        "Name": "coread test",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "Plugins": [],
        "HttpServerEnabled": True,
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, str(folder / "orthanc.json")], stdout=log, stderr=log)
    store = Archive(port)
    try:
        for _ in range(300):
            try:
                store.ask("/system")
                break
            except urllib.error.URLError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        else:
            raise AssertionError((folder / "log").read_text())
        yield store
    finally:
        process.terminate()
        process.wait(timeout=30)
