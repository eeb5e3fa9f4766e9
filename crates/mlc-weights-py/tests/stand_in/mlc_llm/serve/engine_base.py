"""Like the engines: calls an attribute of the module, and reads the returned path at once."""

import json
from typing import Any

from mlc_llm.support import download_cache


def process_model_args(model: str) -> tuple[dict[str, Any], str]:
    path = download_cache.get_or_download_model(model)
    config: dict[str, Any] = json.loads((path / "mlc-chat-config.json").read_text(encoding="utf-8"))
    return config, str(path)
