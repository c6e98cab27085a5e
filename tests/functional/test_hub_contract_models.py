"""What is told of models and datasets from their own files, and the filters of their lists."""

from __future__ import annotations

import json
import time

import pytest

from tests.functional.rest import Api, b64, said
from tests.functional.test_hub_contract_lists import names

# api.md names these for every model; what has no meaning on one machine has the value of "none".
ALWAYS = {
    "widget_type": "",
    "status": "",
    "scores": None,
    "enable_inference": True,
    "enable_finetune": True,
    "enable_evaluation": True,
    "disable_inference_reason": "",
    "disable_finetune_reason": "",
    "disable_evaluation_reason": "",
    "sensitive_check_status": "Pass",
    "mirror_last_updated_at": "0001-01-01T00:00:00Z",
    "mirror_task_status": "",
    "xnet_enabled": False,
    "xnet_migration_status": "",
    "xnet_migration_progress": 0,
    "arch_allowed": True,
    "hf_path": "",
    "ms_path": "",
    "csg_path": "",
}


def safetensors(dtype: str, *shapes: list[int]) -> bytes:
    """Return a file that begins like one of weights; what follows the header does not matter."""
    header = {
        f"layer-{n}": {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}
        for n, shape in enumerate(shapes)
    }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def put_weights(api: Api, base: str, content: bytes, name: str = "model.safetensors") -> None:
    api.put_file(base, name, b"", original_content=b64(content))


def until(api: Api, path: str, wanted: list[str], **query: object) -> None:
    """Ask until the background work that the question begins has been done."""
    deadline = time.monotonic() + 60
    while (found := sorted(names(api("GET", path, params=query)))) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_a_model_says_what_its_files_say(wanda: Api):
    base = wanda.create("told", license="mit")
    before = wanda.get(base)
    assert {key: before[key] for key in ALWAYS} == ALWAYS
    assert before["readme"] == "\n---\nlicense: mit\n---\n\t"
    assert before["metadata"] == {
        "model_params": 0,
        "tensor_type": "",
        "architecture": "",
        "mini_gpu_memory_gb": 0,
        "mini_gpu_finetune_gb": 0,
        "model_type": "",
        "class_name": "",
    }
    config = {"architectures": ["BertForMaskedLM"], "model_type": "bert"}
    wanda.put_file(base, "config.json", json.dumps(config).encode())
    put_weights(wanda, base, safetensors("BF16", [1000, 1000], [500_000]), "a.safetensors")
    put_weights(wanda, base, safetensors("BF16", [500_000]), "b.safetensors")
    after = wanda.get(base)["metadata"]
    assert after == {
        "model_params": 0.002,
        "tensor_type": "BF16",
        "architecture": "BertForMaskedLM",
        "mini_gpu_memory_gb": pytest.approx(4e6 * 1.2 / 1024**3, abs=0.001),
        "mini_gpu_finetune_gb": 0,
        "model_type": "bert",
        "class_name": "BertForMaskedLM",
    }
    (listed,) = wanda("GET", f"/api/v1/user/{wanda.name}/models").json()["data"]
    assert {key: listed[key] for key in ALWAYS} == ALWAYS
    assert "readme" not in listed


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        (2**63).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (10**4).to_bytes(8, "little") + b"[" * 10**4,
        safetensors("F16", [-5]),
        safetensors("WORD", [5]),
        safetensors("F16", [10**30, 10**30])[:-1] + b" ",
    ],
)
def test_weights_that_are_none_do_no_harm(wanda: Api, content):
    base = wanda.create("odd")
    put_weights(wanda, base, content)
    wanda.put_file(base, "config.json", b'{"architectures": {}, "model_type": 5}')
    found = wanda.get(base)["metadata"]
    assert (found["model_params"], found["architecture"], found["model_type"]) == (0, "", "")


def test_a_dataset_has_its_type_and_its_price(wanda: Api):
    base = wanda.create("plain", "datasets")
    paid = wanda.create("paid", "datasets", dataset_type="commercial", price=7)
    shown = wanda.get(base)
    assert (shown["dataset_type"], shown["price"], shown["related_dataset_id"]) == ("normal", 0, 0)
    assert (shown["is_for_sale"], shown["user_purchased"], shown["forked"]) == (False,) * 3
    shown = wanda.get(paid)
    assert (shown["dataset_type"], shown["price"]) == ("commercial", 7)
    assert wanda("PUT", paid, json={"dataset_type": "normal"}).status_code == 200
    assert wanda.get(paid)["dataset_type"] == "normal"
    assert said(wanda("PUT", paid, json={"dataset_type": "stolen"})) == (400, "REQ-ERR-6")


def test_datasets_by_type_size_and_purchase(wanda: Api):
    path = f"/api/v1/user/{wanda.name}/datasets"
    small, large = wanda.create("small", "datasets"), wanda.create("large", "datasets")
    wanda.put_file(large, "w.bin", b"", original_content=b64(b"x" * 50_000))
    wanda("PUT", large, json={"dataset_type": "commercial"})
    del small

    def found(**query: object) -> list[str]:
        return sorted(names(wanda("GET", path, params=query)))

    assert found(dataset_type="normal") == ["small"]
    assert found(dataset_type="commercial") == ["large"]
    assert found(user_purchased="true") == []
    until(wanda, path, ["large", "small"], repo_size_max=10**9)
    assert found(repo_size_min=40_000) == ["large"]
    assert found(repo_size_min=1, repo_size_max=40_000) == ["small"]
    for query in ({"dataset_type": "x"}, {"repo_size_min": "x"}, {"repo_size_max": -1}):
        assert said(wanda("GET", path, params=query)) == (400, "REQ-ERR-6")


def test_models_by_base_parameters_and_whether_they_run(wanda: Api, stranger: Api):
    path = f"/api/v1/user/{wanda.name}/models"
    base = wanda.create("base")
    hidden = wanda.create("hidden", private=True)
    wanda.create("tuned", base_model=f"{wanda.name}/base")
    wanda.create("secret-tuned", base_model=f"{wanda.name}/hidden")
    number, secret = wanda.get(base)["repository_id"], wanda.get(hidden)["repository_id"]

    def found(api: Api, **query: object) -> list[str]:
        return sorted(names(api("GET", path, params=query)))

    tree = "base_model:{}:{}".format
    assert found(stranger, model_tree=tree("finetune", number)) == ["tuned"]
    assert found(wanda, model_tree=tree("finetune", secret)) == ["secret-tuned"]
    assert found(stranger, model_tree=tree("finetune", secret)) == []
    assert found(wanda, model_tree=tree("quantized", number)) == []
    assert found(wanda, model_tree=tree("finetune", 10**14)) == []
    assert said(wanda("GET", path, params={"model_tree": "x"})) == (400, "REQ-ERR-6")

    put_weights(wanda, base, safetensors("F32", [3_000_000]))
    every = ["base", "hidden", "secret-tuned", "tuned"]
    until(wanda, path, every, model_params_max=10)
    until(wanda, path, ["base"], model_params_min=0.002)
    assert found(wanda, model_params_min=0.004) == []
    assert found(wanda, list_serverless="true") == []
