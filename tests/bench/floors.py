"""The least a task can cost here: `python -m tests.bench.floors FLOOR ARGUMENTS…`.

Nothing of csgrepo is used. What is written is flushed to the disk, as csgrepo has it.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.training_loop import QUIET_S, lost_during, work

BLOCK = 1024 * 1024


def hash_of(source: str) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(BLOCK))
    with open(source, "rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def copied(source: str, target: str) -> None:
    """Copy within the kernel, where it can."""
    with open(source, "rb", buffering=0) as reader, open(target, "xb", buffering=0) as writer:
        left = os.fstat(reader.fileno()).st_size
        while left:
            if hasattr(os, "copy_file_range"):
                left -= os.copy_file_range(reader.fileno(), writer.fileno(), left)
            else:
                left -= writer.write(reader.read(BLOCK))
        os.fsync(writer.fileno())


def hash_and_copy(folder: str, *sources: str) -> None:
    """One file after the other: SHA-256 in one thread, a copy in the kernel in another."""
    for number, source in enumerate(sources):
        thread = threading.Thread(target=hash_of, args=(source,))
        thread.start()
        copied(source, f"{folder}/{number}")
        thread.join()


def one_thread(folder: str, *sources: str) -> None:
    """One file after the other, one block after the other: read, hashed, written."""
    buffer = memoryview(bytearray(BLOCK))
    for number, source in enumerate(sources):
        digest = hashlib.sha256()
        with open(source, "rb", buffering=0) as reader, open(f"{folder}/{number}", "xb") as writer:
            while count := reader.readinto(buffer):
                digest.update(buffer[:count])
                writer.write(buffer[:count])
            writer.flush()
            os.fsync(writer.fileno())


def train_beside_curl(source: str, url: str) -> dict[str, float]:
    """Train while curl sends the file, and see what the loop loses to that."""
    quiet = work(QUIET_S)
    send = ["curl", "-sSf", "-o", os.devnull, "-T", source, url]
    with subprocess.Popen(send) as process:
        push_s, lost = lost_during(lambda: process.poll() is None, quiet)
    if process.returncode:
        raise SystemExit("curl could not send the file")
    return {"push": push_s, "lost": lost}


def receive(url: str, target: str) -> None:
    """Receive a file, hash and write it, all three at once."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", parts.path)
    answer = connection.getresponse()
    free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
    full: queue.SimpleQueue[tuple[bytearray, int] | None] = queue.SimpleQueue()
    for _ in range(4):
        free.put(bytearray(BLOCK))
    digest = hashlib.sha256()

    def keep() -> None:
        with open(target, "xb", buffering=0) as writer:
            while item := full.get():
                view = memoryview(item[0])[: item[1]]
                digest.update(view)
                writer.write(view)
                free.put(item[0])
            os.fsync(writer.fileno())

    thread = threading.Thread(target=keep)
    thread.start()
    while count := answer.readinto(buffer := free.get()):
        full.put((buffer, count))
    full.put(None)
    thread.join()
    connection.close()
    if digest.hexdigest() != Path(parts.path).name:
        raise SystemExit("the server sent something else")


FLOORS: dict[str, Callable[..., dict[str, float] | None]] = {
    floor.__name__: floor for floor in (hash_and_copy, one_thread, receive, train_beside_curl)
}


def main() -> None:
    floor, *arguments = sys.argv[1:]
    began = time.perf_counter()
    said = FLOORS[floor](*arguments) or {}
    sys.stdout.write("\n" + json.dumps({"seconds": time.perf_counter() - began, **said}) + "\n")


if __name__ == "__main__":
    main()
