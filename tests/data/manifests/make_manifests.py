#!/usr/bin/env python3
"""Writes the manifests of two made-up models beside this script, in the form that TVM's writer gives them.

The models do not exist: layer sizes are plausible, digests are those of the file names. What is true to
life is the form: key names and their order, indentation, how tensors are packed into shards (up to 32 MiB;
one of half that or more has a shard of its own), and that files of 2023 carry no md5sum.
Run it without arguments; the result is the same every time. Python 3.11 or later, standard library only.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SHARD_BYTES = 32 << 20
WIDTH = {"uint32": 4, "float16": 2, "float32": 4}


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: list[int]
    dtype: str

    @property
    def nbytes(self) -> int:
        size = WIDTH[self.dtype]
        for extent in self.shape:
            size *= extent
        return size


def quantized(name: str, rows: int, columns: int) -> list[Tensor]:
    """A matrix in four bits a weight (eight to a word) with one scale for every 32."""
    return [
        Tensor(f"{name}.q_weight", [rows, columns // 8], "uint32"),
        Tensor(f"{name}.q_scale", [rows, columns // 32], "float16"),
    ]


def tensors(layers: int, hidden: int, inner: int, vocabulary: int) -> list[Tensor]:
    found = quantized("model.embed_tokens", vocabulary, hidden)
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        found.append(Tensor(f"{prefix}.input_layernorm.weight", [hidden], "float16"))
        found += quantized(f"{prefix}.mlp.down_proj", hidden, inner)
        found += quantized(f"{prefix}.mlp.gate_up_proj", 2 * inner, hidden)
        found.append(Tensor(f"{prefix}.post_attention_layernorm.weight", [hidden], "float16"))
        found.append(Tensor(f"{prefix}.self_attn.c_attn.bias", [2 * hidden], "float16"))
        found += quantized(f"{prefix}.self_attn.c_attn", 2 * hidden, hidden)
        found += quantized(f"{prefix}.self_attn.o_proj", hidden, hidden)
    found.append(Tensor("model.norm.weight", [hidden], "float16"))
    return found


def packed(found: list[Tensor]) -> list[list[Tensor]]:
    """The tensors by shard."""
    shards: list[list[Tensor]] = []
    open_shard: list[Tensor] = []
    for tensor in found:
        if tensor.nbytes >= SHARD_BYTES // 2:
            shards.append([tensor])
            continue
        if sum(t.nbytes for t in open_shard) + tensor.nbytes > SHARD_BYTES:
            shards.append(open_shard)
            open_shard = []
        open_shard.append(tensor)
    return [*shards, open_shard] if open_shard else shards


def record(index: int, shard: list[Tensor], form: str, digests: bool) -> dict:
    path = f"params_shard_{index}.bin"
    entries, offset = [], 0
    for tensor in shard:
        entries.append(
            {
                "name": tensor.name,
                "shape": tensor.shape,
                "dtype": tensor.dtype,
                "format": form,
                "nbytes": tensor.nbytes,
                "byteOffset": offset,
            }
        )
        offset += tensor.nbytes
    fields = {"dataPath": path, "format": "raw-shard", "nbytes": offset, "records": entries}
    if digests:
        fields["md5sum"] = hashlib.md5(path.encode()).hexdigest()
    return fields


def write(name: str, text: str) -> None:
    (HERE / name).write_text(text)


def current() -> None:
    found = tensors(layers=24, hidden=2048, inner=5632, vocabulary=96000)
    records = [
        record(index, shard, "f32-to-bf16", digests=True)
        for index, shard in enumerate(packed(found))
    ]
    total = sum(entry["nbytes"] for entry in records)
    metadata = {
        "ParamSize": len(found),
        "ParamBytes": float(total),
        "BitsPerParam": 4.5,
    }
    write("current.tensor-cache.json", json.dumps({"metadata": metadata, "records": records}, indent=4))
    pointers = [
        (entry["dataPath"], hashlib.sha256(entry["dataPath"].encode()).hexdigest(), entry["nbytes"])
        for entry in records
    ]
    pointers.append(("tokenizer.json", hashlib.sha256(b"tokenizer.json").hexdigest(), 7_031_645))
    write(
        "current.lfs-pointers.txt",
        "".join(f"{path} {oid} {size}\n" for path, oid, size in sorted(pointers)),
    )
    config = {
        "version": "0.1.0",
        "model_type": "example",
        "quantization": "q4f16_1",
        "model_config": {"hidden_size": 2048, "num_hidden_layers": 24, "vocab_size": 96000},
        "context_window_size": 8192,
        "tokenizer_files": ["tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"],
        "tokenizer_info": {"token_postproc_method": "byte_level"},
        "conv_template": {"name": "chatml", "stop_token_ids": [2]},
        "eos_token_id": [2],
    }
    write("current.mlc-chat-config.json", json.dumps(config, indent=2))


def of_2023() -> None:
    named = tensors(layers=36, hidden=2560, inner=6912, vocabulary=50432)
    found = [Tensor(f"param_{index}", tensor.shape, tensor.dtype) for index, tensor in enumerate(named)]
    records = [
        record(index, shard, "raw", digests=False) for index, shard in enumerate(packed(found))
    ]
    text = json.dumps({"metadata": {"ParamSize": len(found)}, "records": records}, indent=4)
    write("2023.ndarray-cache.json", text)


if __name__ == "__main__":
    current()
    of_2023()
