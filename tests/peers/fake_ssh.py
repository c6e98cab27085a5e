"""An ssh that goes nowhere: it runs the host's command here. `fake_ssh.py <settings> <arguments>`.

The settings are a JSON file: `root` (the host's repositories), `log` (every command is written
there), `authenticate` (what `git-lfs-authenticate` answers), `refuse` (words to end with), and
`impatient` (a file; while it is there the host hangs up on whoever says nothing).
"""

from __future__ import annotations

import json
import os
import select
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

TAKES_VALUE = "BbcDEeFIiJLlmOoPpQRSWw"  # ssh(1)
HUNG_UP = 255


def host_and_command(arguments: list[str]) -> tuple[str, list[str]]:
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-G":  # git asks whether this is OpenSSH
            sys.exit(0)
        if len(option) == 2 and option[1] in TAKES_VALUE:
            rest.pop(0)
    return rest[0], shlex.split(" ".join(rest[1:]))


def serve(command: list[str], settings: dict[str, Any]) -> int:
    program, path = command[0], command[1]
    if program == "git-lfs-authenticate":
        answer = settings["authenticate"]
        sys.stdout.write(json.dumps(answer) if isinstance(answer, dict) else answer)
        return 0 if isinstance(answer, dict) else 1
    if program not in {"git-upload-pack", "git-receive-pack"}:
        sys.stderr.write(f"no such command: {program}\n")
        return 127
    folder = Path(settings["root"]) / path.lstrip("/")
    status = relay([*program.split("-", 1), str(folder)], settings.get("impatient"))
    if status == HUNG_UP:
        note(settings, ["", "hung up"])
    return status


def relay(command: list[str], impatient: str | None) -> int:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ends = {0: process.stdin.fileno(), process.stdout.fileno(): 1}
        sources = list(ends)
        while process.stdout.fileno() in sources:
            ready = select.select(sources, [], [], 0.05 if impatient else None)[0]
            if not ready and impatient and os.path.exists(impatient):
                process.kill()
                sys.stderr.write("Connection to host closed by remote host.\n")
                return HUNG_UP
            for source in ready:
                data = os.read(source, 65536)
                if data:
                    os.write(ends[source], data)
                else:
                    sources.remove(source)
                    if source == 0:
                        process.stdin.close()
        return process.wait()


def note(settings: dict[str, Any], words: list[str]) -> None:
    with Path(settings["log"]).open("a") as log:
        log.write(json.dumps(words) + "\n")


def main() -> int:
    settings = json.loads(Path(sys.argv[1]).read_text())
    host, command = host_and_command(sys.argv[2:])
    note(settings, [host, *command])
    if settings.get("refuse"):
        sys.stderr.write(settings["refuse"] + "\n")
        return 255
    return serve(command, settings)


if __name__ == "__main__":
    sys.exit(main())
