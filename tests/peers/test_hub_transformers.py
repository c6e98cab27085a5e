"""transformers and safetensors load a tiny model from the embedded hub, and save one to it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from tests.peers.hub_user import HubUser, need

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "vocab_size": 11,
    "tie_word_embeddings": True,
}
WORDS = ["<unk>", "the", "hub", "speaks", "模型", "and", "is", "heard", "by", "all", "."]
SHAPES = {
    "model.embed_tokens.weight": (11, 8),
    "model.norm.weight": (8,),
    "model.layers.0.input_layernorm.weight": (8,),
    "model.layers.0.post_attention_layernorm.weight": (8,),
    **{f"model.layers.0.self_attn.{name}_proj.weight": (8, 8) for name in "qkvo"},
    "model.layers.0.mlp.gate_proj.weight": (16, 8),
    "model.layers.0.mlp.up_proj.weight": (16, 8),
    "model.layers.0.mlp.down_proj.weight": (8, 16),
}

LOAD = """
from transformers import AutoConfig, AutoTokenizer
config = AutoConfig.from_pretrained(asked["repo_id"])
tokenizer = AutoTokenizer.from_pretrained(asked["repo_id"])
result = {
    "config": config.to_dict(),
    "ids": tokenizer("the hub speaks 模型").input_ids,
    "text": tokenizer.decode([1, 2, 6, 7]),
}
"""
TENSORS = """
from huggingface_hub import hf_hub_download
from safetensors import safe_open
with safe_open(hf_hub_download(asked["repo_id"], "model.safetensors"), framework="np") as file:
    result = {name: file.get_tensor(name).tolist() for name in file.keys()}
"""
SAVE = """
from transformers import AutoConfig, AutoTokenizer
AutoConfig.from_pretrained(asked["source"]).push_to_hub(asked["target"])
AutoTokenizer.from_pretrained(asked["source"]).push_to_hub(asked["target"])
"""
SPEAK = """
import torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(asked["repo_id"])
state = model.state_dict()
logits = model(torch.tensor([[1, 2, 3]])).logits
result = {
    "tensors": {name: state[name].tolist() for name in asked["names"]},
    "shape": list(logits.shape),
    "finite": bool(torch.isfinite(logits).all()),
}
"""
PUSH = """
from transformers import AutoModelForCausalLM
AutoModelForCausalLM.from_pretrained(asked["source"]).push_to_hub(asked["target"])
"""


def tensors() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    return {name: generator.standard_normal(shape, np.float32) for name, shape in SHAPES.items()}


def tokenizer() -> bytes:
    need("tokenizers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: number for number, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made.to_str().encode()


@pytest.fixture
def user(huggingface_user: HubUser) -> HubUser:
    need("transformers")
    return huggingface_user


@pytest.fixture
def model(user: HubUser) -> str:
    """A private model of a few hundred numbers, pushed with stock git and git-lfs."""
    repo_id = user.create(private=True)
    files = {
        "config.json": json.dumps(CONFIG).encode(),
        "model.safetensors": save(tensors(), {"format": "pt"}),
        "tokenizer.json": tokenizer(),
        "tokenizer_config.json": b'{"tokenizer_class": "PreTrainedTokenizerFast"}',
    }
    user.push(repo_id, files)
    assert user.stored_in_lfs(repo_id) == {"model.safetensors"}
    return repo_id


def test_config_and_tokenizer_are_loaded(user: HubUser, model: str) -> None:
    found = user.python(LOAD, repo_id=model)

    assert {name: found["config"][name] for name in CONFIG} == CONFIG
    assert found["ids"] == [1, 2, 3, 4]
    assert found["text"] == "the hub is heard"


def test_tensors_are_the_ones_that_were_pushed(user: HubUser, model: str) -> None:
    found = user.python(TENSORS, repo_id=model)

    assert found.keys() == SHAPES.keys()
    for name, tensor in tensors().items():
        np.testing.assert_array_equal(np.array(found[name], np.float32), tensor)


def test_config_and_tokenizer_are_pushed_to_a_new_repository(user: HubUser, model: str) -> None:
    target = f"{user.name}/saved"

    user.python(SAVE, source=model, target=target)

    assert {"config.json", "tokenizer.json"} <= user.held(target).keys()
    assert user.python(LOAD, repo_id=target)["ids"] == [1, 2, 3, 4]


def test_model_is_loaded_and_computes(user: HubUser, model: str) -> None:
    need("torch")
    found = user.python(SPEAK, repo_id=model, names=list(SHAPES))

    assert (found["shape"], found["finite"]) == ([1, 3, 11], True)
    for name, tensor in tensors().items():
        np.testing.assert_array_equal(np.array(found["tensors"][name], np.float32), tensor)


def test_model_is_pushed_to_a_new_repository(user: HubUser, model: str) -> None:
    need("torch")
    target = f"{user.name}/saved-model"

    user.python(PUSH, source=model, target=target)

    saved = load(user.held(target)["model.safetensors"])
    assert user.stored_in_lfs(target) == {"model.safetensors"}
    for name, tensor in tensors().items():
        np.testing.assert_array_equal(saved[name], tensor)
