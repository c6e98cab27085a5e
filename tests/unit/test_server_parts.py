"""The embedded hub's parts that need neither git nor sockets."""

import hashlib
import sqlite3
import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

import pytest

pytest.importorskip("starlette")

from csgrepo.errors import InvalidInput
from csgrepo.server.accounts.users import Access, Accounts
from csgrepo.server.faults.faults import Answer, Faults
from csgrepo.server.http.record import Record, Request, shown_path
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs.signing import Signer
from csgrepo.server.lfs.storage import ObjectStore
from csgrepo.server.records.database import Database
from csgrepo.server.repos.catalogue import Catalogue
from csgrepo.server.repos.initial import first_files
from csgrepo.server.repos.kinds import Kind


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "hub.sqlite3")
    yield database
    database.close()


def test_signed_paths_are_valid_until_they_expire():
    signer = Signer(b"key")
    url = urlsplit(signer.sign("/_objects/模 x", {"id": "1"}))
    query = dict(parse_qsl(url.query))
    assert signer.valid("/_objects/模 x", query)
    assert not Signer(b"other").valid("/_objects/模 x", query)
    assert not signer.valid("/_objects/other", query)
    assert not signer.valid("/_objects/模 x", {**query, "id": "2"})
    assert not signer.valid("/_objects/模 x", {**query, "more": "2"})
    assert not signer.valid("/_objects/模 x", {})
    old = dict(parse_qsl(urlsplit(signer.sign("/a", {}, lifetime_s=-1)).query))
    assert not signer.valid("/a", old)


def test_tokens_are_kept_as_digests(database, tmp_path):
    accounts = Accounts(database)
    token = accounts.add_user("wanda", "w@example.com")
    assert len(token) == 32
    assert int(token, 16)
    assert accounts.user_of_token(token).email == "w@example.com"
    again = accounts.add_user("wanda")
    assert accounts.user_of_token(again).email == "w@example.com"
    assert accounts.user_of_token(token).id == accounts.user_of_token(again).id
    assert accounts.user_of_token(token.upper()) is None
    assert accounts.user_of_token("") is None
    assert accounts.user_of_token("\udcff\0") is None
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("hub.sqlite3*"))
    assert token.encode() not in stored
    assert hashlib.sha256(token.encode()).digest() in stored


@pytest.mark.parametrize("name", ["", "..", "a/b", "-a", "a b", "模", "a\n"])
def test_a_name_that_is_no_namespace_is_refused(database, name):
    with pytest.raises(InvalidInput):
        Accounts(database).add_user(name)


def test_roles_come_from_belonging(database):
    accounts = Accounts(database)
    accounts.add_user("wanda")
    accounts.add_user("gromit")
    accounts.add_organization("team", {"wanda": "admin", "gromit": "read"})
    wanda, gromit = accounts.user("wanda"), accounts.user("GROMIT")
    assert accounts.role(wanda, "team") is Access.ADMIN
    assert accounts.role(gromit, "team") is Access.READ
    assert accounts.role(gromit, "wanda") is Access.NONE
    assert accounts.role(None, "team") is Access.NONE
    assert accounts.role(wanda, "Wanda") is Access.NONE  # spelling counts, as on a real hub
    accounts.add_organization("team", {"gromit": "write"})
    assert accounts.role(gromit, "team") is Access.WRITE
    for taken in ("wanda", "Team"):
        with pytest.raises(InvalidInput, match="taken"):
            accounts.add_organization(taken, {})
    with pytest.raises(InvalidInput):
        accounts.add_organization("team", {"nobody": "read"})


def test_a_repository_whose_files_cannot_be_placed_is_not_entered(database):
    accounts, catalogue = Accounts(database), Catalogue(database)
    accounts.add_user("wanda")
    facts = {
        "creator_id": accounts.user("wanda").id,
        "private": False,
        "nickname": "",
        "description": "",
        "license_name": "",
        "default_branch": "main",
    }

    def fail(_: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        catalogue.create(Kind.MODEL, "wanda", "m1", **facts, place=fail)
    assert catalogue.find(Kind.MODEL, "wanda", "m1") is None
    placed = []
    made = catalogue.create(Kind.MODEL, "wanda", "m1", **facts, place=placed.append)
    assert placed == [made.id]
    assert catalogue.find(Kind.MODEL, "WANDA", "M1") == made
    assert catalogue.find(Kind.DATASET, "wanda", "m1") is None
    with pytest.raises(Refusal) as refused:
        catalogue.create(Kind.MODEL, "wanda", "M1", **facts, place=placed.append)
    assert (refused.value.status, refused.value.code) == (400, "SPACE-ERR-1")


def test_a_failed_change_is_undone(database):
    def add_twice() -> None:
        with database.change() as connection:
            connection.execute("INSERT INTO namespaces VALUES ('a', 'user', '1')")
            connection.execute("INSERT INTO namespaces VALUES ('A', 'user', '2')")

    with pytest.raises(sqlite3.IntegrityError):
        add_twice()
    assert database.rows("SELECT * FROM namespaces") == []


@pytest.mark.parametrize(
    "oid", ["", "..", "a" * 63, "A" * 64, "a" * 65, "a" * 64 + "\n", "../" * 22]
)
def test_only_object_ids_become_paths(tmp_path, oid):
    store = ObjectStore(tmp_path / "lfs", tmp_path)
    assert store.path(1, oid) is None
    assert store.size(1, oid) is None


def test_an_object_appears_whole_or_not_at_all(tmp_path):
    arriving = tmp_path / "arriving"
    arriving.mkdir()
    store = ObjectStore(tmp_path / "lfs", arriving)
    oid = hashlib.sha256(b"abcdef").hexdigest()
    incoming = store.receive()
    incoming.take(b"abc")
    assert store.size(1, oid) is None
    incoming.take(b"def")
    assert (incoming.oid, incoming.size) == (oid, 6)
    incoming.keep(store.path(1, oid))
    incoming.drop()
    assert store.size(1, oid) == 6
    assert store.size(2, oid) is None
    dropped = store.receive()
    dropped.take(b"abc")
    dropped.drop()
    assert list(arriving.iterdir()) == []


def test_faults_strike_in_order_and_are_counted():
    faults = Faults()
    first = faults.add("get", r"/a/", Answer(500), times=1, skip=1)
    second = faults.add("*", r"/a/", Answer(503), times=None)
    struck = [faults.strike("GET", "/a/b") for _ in range(3)]
    assert struck == [second.effect, first.effect, second.effect]
    assert faults.strike("GET", "/b/") is None
    assert (first.hits, second.hits) == (1, 2)
    faults.clear()
    assert faults.strike("GET", "/a/b") is None


def test_a_record_is_a_list_of_frozen_requests():
    record = Record()
    one = Request("GET", "/a", 200, 0, 5, authorized=False)
    record.add(one)
    assert (len(record), record[0], record[-1:], list(record)) == (1, one, [one], [one])
    assert one in record
    with pytest.raises(AttributeError):
        one.status = 500
    record.clear()
    assert len(record) == 0


def test_shown_paths_hide_tokens_and_control_characters():
    assert shown_path(f"/api/v1/token/{'a' * 32}") == "/api/v1/token/****"
    assert shown_path("/a\nGET /b") == "/a?GET /b"


@pytest.mark.parametrize("kind", list(Kind))
def test_first_files_track_weights(kind):
    files = first_files(kind, "apache-2.0")
    assert files["README.md"] == b"\n---\nlicense: apache-2.0\n---\n\t"
    lines = files[".gitattributes"].decode().splitlines()
    assert "*.bin filter=lfs diff=lfs merge=lfs -text" in lines
    assert len(lines) == len(set(lines))
    assert any("*.wav" in line for line in lines) == (kind in {Kind.DATASET, Kind.PROMPT})


def test_without_its_extra_the_hub_says_what_to_install():
    code = (
        "import sys\n"
        "sys.modules['uvicorn'] = None  # as if it were not installed\n"
        "import csgrepo.server\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "InvalidInput" in last
    assert "pip install 'csgrepo[hub]'" in last


def test_importing_the_package_loads_no_server():
    code = "import csgrepo.server, sys; print({'uvicorn', 'starlette'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
