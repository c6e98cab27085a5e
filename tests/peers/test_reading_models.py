"""transformers, datasets, pandas and Dask read what is on the hub through csgrepo."""

from __future__ import annotations

import csv
import io
import json

import pytest
from safetensors.numpy import save

from csgrepo.server import Hub
from tests.conftest import Account
from tests.peers.hub_user import HubUser, Raised, need
from tests.peers.test_hub_transformers import CONFIG, tensors, tokenizer
from tests.stock import StockGit

AUTO = """
from csgrepo.integrations import transformers as ours
import transformers as theirs
config = ours.AutoConfig.from_pretrained(asked["repo_id"])
tokenizer = ours.AutoTokenizer.from_pretrained(asked["repo_id"], revision=asked["revision"])
result = {
    "config": config.to_dict(),
    "ids": tokenizer("the hub speaks 模型").input_ids,
    "kind": type(config).__module__,
    "lacking": [name for name in dir(theirs) if name.startswith("Auto") and name not in dir(ours)],
}
"""
UNKNOWN = """
from csgrepo.integrations.transformers import AutoNoSuchThing
"""
SPEAK = """
import torch
from csgrepo.integrations.transformers import AutoModelForCausalLM, local_folder
from transformers import AutoModelForCausalLM as Plain
words = torch.tensor([[1, 2, 3, 4]])
ours = AutoModelForCausalLM.from_pretrained(asked["repo_id"])
plain = Plain.from_pretrained(local_folder(asked["repo_id"]))
result = {
    "ours": ours(words).logits.tolist(),
    "plain": plain(words).logits.tolist(),
}
"""
FRAMES = """
import pandas, dask.dataframe
where = {"endpoint": asked["endpoint"], "token": asked["token"]}
name = f"csg://datasets/{asked['repo_id']}@main/data/part-*.parquet"
one = f"csg://datasets/{asked['repo_id']}@main/data/part-0.parquet"
result = {
    "pandas": int(pandas.read_parquet(one, storage_options=where)["n"].sum()),
    "dask": int(dask.dataframe.read_parquet(name, storage_options=where)["n"].sum().compute()),
}
"""
WRITTEN = """
import dask.dataframe, pandas, pyarrow.parquet
where = {"endpoint": asked["endpoint"], "token": asked["token"]}
name = f"csg://datasets/{asked['repo_id']}@main"
frame = pandas.DataFrame({"n": range(1000)})
frame.to_parquet(f"{name}/one.parquet", storage_options=where)
dask.dataframe.from_pandas(frame, npartitions=2).to_parquet(f"{name}/many", storage_options=where)
again = dask.dataframe.read_parquet(f"{name}/many", storage_options=where)
result = int(again["n"].sum().compute())
"""
ROWS = """
from csgrepo.integrations.datasets import load_dataset
result = load_dataset(asked["repo_id"], split="train")["n"][:]
"""


@pytest.fixture
def user(hub: Hub, account: Account, stock_lfs: StockGit) -> HubUser:
    variables = {
        "CSGHUB_ENDPOINT": hub.url,
        "CSGHUB_TOKEN": account.token,
        "HF_HUB_OFFLINE": "1",  # what csgrepo did not fetch is not fetched at all
    }
    return HubUser(hub, account.name, account.token, stock_lfs, variables)


@pytest.fixture
def model(user: HubUser) -> str:
    need("transformers")
    repo_id = user.create(private=True)
    files = {
        "config.json": json.dumps(CONFIG).encode(),
        "model.safetensors": save(tensors(), {"format": "pt"}),
        "pytorch_model.bin": b"a pickle that nobody wants",
        "tokenizer.json": tokenizer(),
        "tokenizer_config.json": b'{"tokenizer_class": "PreTrainedTokenizerFast"}',
    }
    user.push(repo_id, files)
    return repo_id


def bytes_asked_for(user: HubUser, repo_id: str) -> set[str]:
    name = repo_id.split("/")[1]
    return {
        request.path.rpartition("/")[2]
        for request in user.hub.requests
        if f"/{name}/resolve/" in request.path and request.method == "GET"
    }


def test_config_and_tokenizer_are_read_without_the_weights(user: HubUser, model: str) -> None:
    found = user.python(AUTO, repo_id=model, revision="main")

    assert {name: found["config"][name] for name in CONFIG} == CONFIG
    assert (found["ids"], found["lacking"]) == ([1, 2, 3, 4], [])
    assert found["kind"].startswith("transformers.")
    asked = bytes_asked_for(user, model)
    assert "config.json" in asked
    assert not asked & {"model.safetensors", "pytorch_model.bin"}
    user.variables["CSGHUB_OFFLINE"] = "1"
    before = len(user.hub.requests)
    assert user.python(AUTO, repo_id=model, revision="main") == found
    assert not [r for r in user.hub.requests[before:] if model.split("/")[1] in r.path]


def test_class_that_transformers_lacks_is_an_import_error(user: HubUser) -> None:
    need("transformers")
    with pytest.raises(Raised) as caught:
        user.python(UNKNOWN)
    assert caught.value.kind == "ImportError"


def test_model_speaks_as_from_a_local_folder(user: HubUser, model: str) -> None:
    need("torch")
    found = user.python(SPEAK, repo_id=model)

    assert found["ours"] == found["plain"]
    assert len(found["ours"][0]) == 4
    assert "pytorch_model.bin" not in bytes_asked_for(user, model)


def table(first: int) -> bytes:
    import pandas

    sink = io.BytesIO()
    pandas.DataFrame({"n": range(first, first + 1000)}).to_parquet(sink)
    return sink.getvalue()


def test_pandas_and_dask_read_a_dataset_in_place(user: HubUser) -> None:
    need("pandas", "pyarrow", "dask")
    repo_id = user.create("dataset", private=True)
    user.push(repo_id, {f"data/part-{n}.parquet": table(1000 * n) for n in range(3)}, "dataset")

    found = user.python(FRAMES, repo_id=repo_id, endpoint=user.hub.url, token=user.token)

    assert found == {"pandas": sum(range(1000)), "dask": sum(range(3000))}


def test_pandas_and_dask_write_a_dataset(user: HubUser) -> None:
    need("pandas", "pyarrow", "dask")
    import pandas

    repo_id = user.create("dataset", private=True)

    found = user.python(WRITTEN, repo_id=repo_id, endpoint=user.hub.url, token=user.token)

    assert found == sum(range(1000))
    held = user.held(repo_id, "dataset")
    assert list(pandas.read_parquet(io.BytesIO(held.pop("one.parquet")))["n"]) == [*range(1000)]
    assert set(held) == {"many/part.0.parquet", "many/part.1.parquet"}


def test_datasets_reads_a_dataset(user: HubUser) -> None:
    need("datasets")
    text = io.StringIO()
    csv.writer(text).writerows([["n"], [1], [2]])
    repo_id = user.create("dataset", private=True)
    user.push(repo_id, {"train.csv": text.getvalue().encode()}, "dataset")

    assert user.python(ROWS, repo_id=repo_id) == [1, 2]
