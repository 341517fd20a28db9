"""What is read of a model's folder, without loading a model."""

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import ModelError
from monitor.scoring.models import ModelFolder, open_folder


def folder(path: Path, **files: Any) -> str:
    """Make a folder such as sentence-transformers saves; keyword arguments are the JSON files to change."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "model.safetensors").write_bytes(b"weights")
    contents = {
        "modules": [
            {"type": "sentence_transformers.models.Transformer", "path": ""},
            {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
        ],
        "config": {"model_type": "bert", "max_position_embeddings": 512},
        "sentence_bert_config": {"max_seq_length": 256},
    }
    for name, content in (contents | files).items():
        (path / f"{name}.json").write_text(json.dumps(content))
    return str(path)


def prompts(found: ModelFolder) -> tuple[str, str]:
    return found.query_prompt, found.passage_prompt


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("multilingual-e5-small", ("query: ", "passage: ")),
        ("multilingual-e5-base", ("query: ", "passage: ")),
        ("e5-large-v2", ("query: ", "passage: ")),
        ("multilingual-e5-large-instruct", ("", "")),
        ("bge-small-en-v1.5", ("Represent this sentence for searching relevant passages: ", "")),
        ("bge-m3", ("", "")),
        ("nomic-embed-text-v1.5", ("search_query: ", "search_document: ")),
        ("gte-multilingual-base", ("", "")),
        ("LaBSE", ("", "")),
        ("paraphrase-multilingual-MiniLM-L12-v2", ("", "")),
    ],
)
def test_families_that_declare_no_prompts_are_known_by_name(
    tmp_path: Path, name: str, expected: tuple[str, str]
) -> None:
    assert prompts(open_folder(folder(tmp_path / name))) == expected


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"query": "q: ", "passage": "p: "}, ("q: ", "p: ")),
        ({"query": "q: ", "document": "d: "}, ("q: ", "d: ")),
        ({"query": "", "document": "", "search_query": "sq ", "search_document": "sd "}, ("sq ", "sd ")),
        ({"retrieval.query": "rq ", "retrieval.passage": "rp "}, ("rq ", "rp ")),
        ({"query": "q: "}, ("q: ", "")),
        ({"classification": "c: "}, ("", "")),
        ({}, ("", "")),
    ],
)
def test_prompts_are_those_that_the_model_declares(
    tmp_path: Path, declared: dict[str, str], expected: tuple[str, str]
) -> None:
    found = open_folder(folder(tmp_path, config_sentence_transformers={"prompts": declared}))
    assert prompts(found) == expected


def test_what_a_model_declares_wins_over_its_family_and_a_setting_over_both(tmp_path: Path) -> None:
    path = folder(tmp_path / "e5-small-v2", config_sentence_transformers={"prompts": {"query": "q: "}})
    assert prompts(open_folder(path)) == ("q: ", "")
    assert prompts(open_folder(path, query_prompt="", passage_prompt="p: ")) == ("", "p: ")


def test_vectors_are_told_apart_by_whatever_changes_them(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    variants = [
        open_folder(path, query_prompt=query, passage_prompt=passage, max_tokens=length)
        for query in ("", "a: ")
        for passage in ("", "a: ")
        for length in (None, 128)
    ]
    assert len({found.identity for found in variants}) == len(variants)
    assert {found.weights for found in variants} == {variants[0].identity}
    (tmp_path / "model" / "model.safetensors").write_bytes(b"others")
    assert open_folder(path).identity != variants[0].identity


@pytest.mark.parametrize(
    ("files", "wanted", "expected"),
    [
        ({}, None, 256),
        ({}, 100, 100),
        ({}, 512, 512),
        ({"sentence_bert_config": {}, "tokenizer_config": {"model_max_length": 128}}, None, 128),
        ({"sentence_bert_config": {}, "tokenizer_config": {"model_max_length": 10**30}}, None, 512),
        ({"sentence_bert_config": {}, "config": {}}, None, None),
        (
            {
                "sentence_bert_config": {},
                "config": {"model_type": "xlm-roberta", "max_position_embeddings": 514},
            },
            None,
            512,
        ),
        (
            {
                "sentence_bert_config": {"max_seq_length": 8192},
                "config": {"model_type": "bert", "max_position_embeddings": 512},
            },
            None,
            512,
        ),
    ],
)
def test_a_text_is_read_as_far_as_the_model_reads(
    tmp_path: Path, files: dict[str, Any], wanted: int | None, expected: int | None
) -> None:
    assert open_folder(folder(tmp_path, **files), max_tokens=wanted).max_tokens == expected


def test_more_than_the_model_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"max_tokens 513: this model reads 512 word pieces at most"):
        open_folder(folder(tmp_path), max_tokens=513)
