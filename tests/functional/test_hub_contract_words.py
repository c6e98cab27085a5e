"""What refusals say, in which language, and where their words stay as they are."""

from __future__ import annotations

import pytest

from csgrepo.server.http.languages import CHINESE
from csgrepo.server.http.refusal import WORDS
from tests.functional.rest import Api


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        (None, "Record not found in database"),
        ("", "Record not found in database"),
        ("zh-CN", "数据库中没有该记录"),
        ("zh", "数据库中没有该记录"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "数据库中没有该记录"),
        ("fr, ZH-cn;q=0.8, en;q=0.5", "数据库中没有该记录"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "Record not found in database"),
        ("zh;q=0, en;q=0.1", "Record not found in database"),
        ("zh;q=x, fr", "Record not found in database"),
        ("*", "Record not found in database"),
        (",;=q" * 1000, "Record not found in database"),
    ],
)
def test_a_refusal_speaks_the_clients_language(nobody: Api, accepted, words):
    headers = {} if accepted is None else {"Accept-Language": accepted}
    answer = nobody("GET", "/api/v1/models/no/such-model", headers=headers)
    assert answer.json()["msg"] == f"SYS-ERR-3: {words}"
    assert answer.json()["code"] == "SYS-ERR-3"
    assert answer.json()["context"] == {"repo_type": "model", "path": "no/such-model"}


def test_what_has_no_code_and_what_is_no_rest_keep_their_words(wanda: Api):
    headers = {"Accept-Language": "zh-CN"}
    base = wanda.create("words")
    missing = wanda("GET", f"{base}/raw/no", headers=headers)
    assert missing.json() == {"msg": "not found"}
    per = wanda("GET", f"{base}/commits?per=0", headers=headers)
    assert per.json() == {"msg": "REQ-ERR-6: Invalid request parameter"}
    mapped = wanda("GET", "/hf/api/models/no/such-model", headers=headers)
    assert mapped.json()["msg"] == "SYS-ERR-3: Record not found in database"
    refs = wanda("GET", "/models/no/such.git/info/refs?service=git-upload-pack", headers=headers)
    assert refs.json()["msg"] == "SYS-ERR-3: Record not found in database"


def test_success_is_not_translated(wanda: Api):
    base = wanda.create("well")
    answer = wanda("GET", base, headers={"Accept-Language": "zh-CN"})
    assert answer.json()["msg"] == "OK"


def test_every_code_that_has_words_has_chinese_ones():
    assert not WORDS.keys() - CHINESE.keys()
    assert all(not words.isascii() for words in CHINESE.values())
