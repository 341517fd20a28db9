"""Makes a model that runs without PyTorch: ``python -m monitor.scoring.convert FOLDER TARGET.xml``.

A process of its own, so that what PyTorch takes of memory goes when it is done. The result is compared with
the original before it is put in its place; one that differs is refused, and the exit code is 1.
"""

import os
import sys

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import openvino
import torch
from sentence_transformers import SentenceTransformer

LEAST_COSINE = 0.999
_PROBES = (
    "Short.",
    "Police arrest five members of a sleeper cell near the border.",
    "A ferry with 120 people on board ran aground off the northern coast on Tuesday; all were brought to "
    "safety by fishing boats, the coast guard said, and an inquiry has been opened into how it went off.",
    "Überschwemmung in Köln: Rhein steigt. 洪水警报。 Наводнение. فيضان.",
)


class _Tokens(torch.nn.Module):
    """The transformer alone: token ids and mask in, a vector per token out."""

    def __init__(self, transformer: torch.nn.Module, *, typed: bool) -> None:
        super().__init__()
        self._transformer = transformer
        self._typed = typed

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        typed = {"token_type_ids": torch.zeros_like(input_ids)} if self._typed else {}
        states = self._transformer(input_ids=input_ids, attention_mask=attention_mask, **typed)
        return states.last_hidden_state  # type: ignore[no-any-return]


def convert(folder: str, target: str) -> float:
    """Convert the model in ``folder``; return the least cosine of its token vectors with the original's."""
    model = SentenceTransformer(
        folder, device="cpu", trust_remote_code=False, model_kwargs={"use_safetensors": True}
    )
    transformer: torch.nn.Module = model[0].auto_model  # type: ignore[assignment]
    transformer.eval()
    typed = getattr(transformer.config, "type_vocab_size", 0) > 0
    module = _Tokens(transformer, typed=typed)
    example = {name: torch.ones(2, 16, dtype=torch.long) for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        converted = openvino.convert_model(module, example_input=example)
    openvino.save_model(converted, target)
    runs = openvino.Core().compile_model(target, "CPU")
    encoded = model.tokenizer(list(_PROBES), padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        expected = module(encoded["input_ids"], encoded["attention_mask"]).numpy()
    found = runs([encoded["input_ids"].numpy(), encoded["attention_mask"].numpy()])[0]
    return least_cosine(expected, found, encoded["attention_mask"].numpy())


def least_cosine(
    expected: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    found: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    mask: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> float:
    """Return the least cosine of the means of ``expected`` and ``found`` (n, tokens, d) under ``mask``."""
    one, other = ((states * mask[:, :, None]).sum(1) for states in (expected, found))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(1) / lengths).min())


if __name__ == "__main__":
    cosine = convert(*sys.argv[1:])
    sys.exit(0 if cosine >= LEAST_COSINE else f"the converted model differs: cosine {cosine:.6f}")
