"""One client of a hub under load: what it does next, and whether the answer is right."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests

TIMEOUT_S = 600
LARGE = {"weights.bin": 2_000_000, "模型 [1].bin": 300_000, "small.bin": 1_000}
SMALL = {"config.json": b'{"layers": 2}\n', "docs/说明.txt": "你好\n".encode() * 40}


def content(seed: object, size: int) -> bytes:
    return random.Random(f"soak-{seed}").randbytes(size)


_lasting = functools.cache(content)  # making it again costs more than fetching it


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, and its owner's token.

    Attributes:
        url: the hub.
        owner: its namespace.
        token: the owner's.
        name: its name.
    """

    url: str
    owner: str
    token: str
    name: str

    @property
    def repo_id(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def git_url(self) -> str:
        parts = urlsplit(self.url)
        return (
            f"{parts.scheme}://{self.owner}:{self.token}@{parts.netloc}/models/{self.repo_id}.git"
        )

    @property
    def files(self) -> dict[str, bytes]:
        """What its branch main holds, but for the first commit's."""
        large = {name: _lasting(f"{self.owner}-{name}", size) for name, size in LARGE.items()}
        return {**large, **SMALL}

    def fill(self, folder: Path) -> None:
        """Make it on the hub and push its files."""
        headers = {"Authorization": f"Bearer {self.token}"}
        body = {"name": self.name}
        made = requests.post(
            f"{self.url}/api/v1/models", json=body, headers=headers, timeout=TIMEOUT_S
        )
        made.raise_for_status()
        work = Work(folder / f"fill-{self.owner}")
        work.clone(self)
        work.commit(self.files, "files")
        work.git("push", "--quiet", "origin", "HEAD:main")
        shutil.rmtree(work.folder)


@dataclass(slots=True)
class Work:
    """A clone of stock git, in a HOME of its own."""

    folder: Path

    def git(self, *args: str, cwd: Path | None = None) -> str:
        home = self.folder.parent
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LFS_SKIP_SMUDGE": "1" if "--no-checkout" in args else "0",
            "LC_ALL": "C.UTF-8",
        }
        settings = {
            "user.name": "Soak",
            "user.email": "soak@localhost",
            "filter.lfs.clean": "git-lfs clean -- %f",
            "filter.lfs.smudge": "git-lfs smudge -- %f",
            "filter.lfs.process": "git-lfs filter-process",
            "filter.lfs.required": "true",
            "gc.auto": "0",
            "maintenance.auto": "false",
        }
        config = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        done = subprocess.run(
            ["git", *config, *args],
            cwd=cwd or self.folder,
            env=environment,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        if done.returncode:
            raise RuntimeError(f"git {args[0]}: {done.stderr.decode(errors='replace')[-800:]}")
        return done.stdout.decode().removesuffix("\n")

    def clone(self, place: Place, *options: str) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.git(
            "clone", "--quiet", *options, place.git_url, str(self.folder), cwd=self.folder.parent
        )

    def commit(self, files: dict[str, bytes], message: str) -> str:
        for name, data in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("lfs", "install", "--local", "--force")  # the hook that uploads the objects
        return self.git("rev-parse", "HEAD")


@dataclass(slots=True)
class Client:
    """One client: it reads a repository that several read, and writes branches of its own.

    Attributes:
        number: tells it from the others.
        place: the repository.
        folder: where it may write.
        random: decides what it does.
        bytes_moved: how many bytes it compared.
    """

    number: int
    place: Place
    folder: Path
    random: random.Random
    bytes_moved: int = 0
    _session: requests.Session = field(default_factory=requests.Session)
    _turn: int = 0
    _pushed: tuple[str, dict[str, bytes]] = ("", {})
    _written: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {self.place.token}"

    def next(self) -> tuple[str, Callable[[], None]]:
        """Return the name of what comes next, and how it is done."""
        self._turn += 1
        choices: dict[str, tuple[int, Callable[[], None]]] = {
            "download": (26, self._download),
            "range": (18, self._range),
            "small": (20, self._small),
            "look": (22, self._look),
            "commit": (8, self._commit),
            "push": (4, self._push),
            "clone": (2, self._clone),
        }
        weights = [weight for weight, _ in choices.values()]
        name = self.random.choices(list(choices), weights)[0]
        return name, choices[name][1]

    def compare(self) -> None:
        """Read everything it wrote, once more, at the end."""
        for name, data in self._written.items():
            self._same(self._read(f"rest-{self.number}", name), data)
        tip, files = self._pushed
        if tip:
            ref = f"refs/heads/git/{self.number}"
            listed = self._at("work").git("ls-remote", self.place.git_url, ref)
            _must(listed.split()[0] == tip, f"{ref} is {listed}, not {tip}")
            for name, data in files.items():
                self._same(self._read(tip, name), data)

    def _download(self) -> None:
        name = self.random.choice(list(LARGE))
        self._same(self._read("main", name), self.place.files[name])

    def _small(self) -> None:
        name = self.random.choice(list(SMALL))
        self._same(self._read("main", name), SMALL[name])

    def _range(self) -> None:
        name = self.random.choice(list(LARGE))
        first = self.random.randrange(LARGE[name])
        last = self.random.randrange(first, LARGE[name])
        answer = self._get(self._address("main", name), Range=f"bytes={first}-{last}")
        _must(answer.status_code == 206, f"a range was answered with {answer.status_code}")
        self._same(answer.content, self.place.files[name][first : last + 1])

    def _look(self) -> None:
        api = f"{self.place.url}/api/v1/models/{self.place.repo_id}"
        mapped = f"{self.place.url}/hf/api/models/{self.place.repo_id}"
        paths: dict[str, Callable[[requests.Response], bool]] = {
            api: lambda answer: answer.json()["data"]["path"] == self.place.repo_id,
            f"{api}/branches": lambda answer: any(
                branch["name"] == "main" for branch in answer.json()["data"]
            ),
            f"{api}/commits?ref=main": lambda answer: answer.json()["data"]["total"] == 2,
            f"{api}/tree?ref=main": lambda answer: (
                {file["path"]: file["size"] for file in answer.json()["data"]}.items()
                >= LARGE.items()
            ),
            f"{mapped}?blobs=true": lambda answer: (
                {file["rfilename"] for file in answer.json()["siblings"]} >= self.place.files.keys()
            ),
            f"{self.place.url}/hf/api/whoami-v2": lambda answer: (
                answer.json()["name"] == self.place.owner
            ),
            f"{self.place.url}/models/{self.place.repo_id}": lambda answer: "soak" in answer.text,
        }
        url = self.random.choice(list(paths))
        _must(paths[url](self._get(url)), f"{urlsplit(url).path} told something else")

    def _commit(self) -> None:
        """Upload an object and commit its pointer with a small file, over HTTP alone."""
        seed = f"rest-{self.number}-{self._turn}"
        large, small = content(seed, self.random.randrange(1, 400_000)), seed.encode()
        oid = hashlib.sha256(large).hexdigest()
        pointer = (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(large)}\n"
        )
        self._upload(oid, large)
        files = {"w.bin": (pointer.encode(), large), "n.txt": (small, small)}
        if not self._written:
            self._branch()
        body = {
            "message": seed,
            "files": [
                {"path": path, "action": "create", "content": base64.b64encode(kept).decode()}
                for path, (kept, _) in files.items()
            ],
        }
        api = f"{self.place.url}/api/v1/models/{self.place.repo_id}"
        self._post(f"{api}/commit/rest-{self.number}", body)
        self._written = {path: data for path, (_, data) in files.items()}
        self._same(self._read(f"rest-{self.number}", "w.bin"), large)

    def _branch(self) -> None:
        body = {
            "message": "begin",
            "branch": "main",
            "new_branch": f"rest-{self.number}",
            "content": base64.b64encode(b"begun\n").decode(),
        }
        api = f"{self.place.url}/api/v1/models/{self.place.repo_id}"
        self._post(f"{api}/raw/begun-{self.number}.txt", body)

    def _upload(self, oid: str, data: bytes) -> None:
        lfs = f"{self.place.url}/models/{self.place.repo_id}.git/info/lfs/objects/batch"
        body = {"operation": "upload", "objects": [{"oid": oid, "size": len(data)}]}
        actions = self._post(lfs, body).json()["objects"][0]["actions"]
        upload, verify = actions["upload"], actions["verify"]
        put = self._session.put(
            upload["href"], data=data, headers=upload["header"], timeout=TIMEOUT_S
        )
        _must(put.status_code == 200, f"PUT of an object: {put.status_code} {put.text[:300]}")
        self._post(verify["href"], {"oid": oid, "size": len(data)})

    def _push(self) -> None:
        """Commit a large and a small file with stock git and git-lfs, and push."""
        work = self._at("work")
        if not work.folder.exists():
            work.clone(self.place, "--depth=1", "--no-checkout")
            work.git("reset", "--quiet", "--soft", "origin/main")
            work.git("read-tree", "--empty")
            attributes = work.git("show", "origin/main:.gitattributes") + "\n"
            (work.folder / ".gitattributes").write_text(attributes)
        seed = f"git-{self.number}-{self._turn}"
        files = {
            "w.bin": content(seed, self.random.randrange(1, 400_000)),
            "notes.txt": seed.encode(),
        }
        tip = work.commit(files, seed)
        work.git("push", "--quiet", "origin", f"HEAD:refs/heads/git/{self.number}")
        self._pushed = tip, files
        self._same(self._read(tip, "w.bin"), files["w.bin"])

    def _clone(self) -> None:
        work = self._at(f"clone-{self._turn}")
        work.clone(self.place, "--depth=1", "--branch=main")
        for name, data in self.place.files.items():
            self._same((work.folder / name).read_bytes(), data)
        shutil.rmtree(work.folder)

    def _at(self, name: str) -> Work:
        return Work(self.folder / name)

    def _address(self, ref: str, name: str) -> str:
        return f"{self.place.url}/csg/{self.place.repo_id}/resolve/{ref}/{quote(name)}"

    def _read(self, ref: str, name: str) -> bytes:
        return self._get(self._address(ref, name)).content

    def _get(self, url: str, **headers: str) -> requests.Response:
        answer = self._session.get(url, headers=headers, timeout=TIMEOUT_S)
        path = urlsplit(url).path
        _must(answer.status_code in {200, 206}, f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def _post(self, url: str, body: object) -> requests.Response:
        answer = self._session.post(url, json=body, timeout=TIMEOUT_S)
        path = urlsplit(url).path
        _must(answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def _same(self, got: bytes, wanted: bytes) -> None:
        self.bytes_moved += len(wanted)
        _must(got == wanted, f"{len(got)} bytes came that are not the {len(wanted)} expected")


def _pointer(oid: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n".encode()


def _must(right: bool, words: str) -> None:
    if not right:
        raise AssertionError(words)
