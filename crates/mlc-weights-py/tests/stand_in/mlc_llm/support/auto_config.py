"""Like ``mlc_llm compile``: the function is imported when needed, and called with a keyword."""

import argparse
from pathlib import Path


def detect_mlc_chat_config(mlc_chat_config: str) -> Path:
    from .download_cache import download_and_cache_mlc_weights

    return Path(download_and_cache_mlc_weights(model_url=mlc_chat_config)) / "mlc-chat-config.json"


def compile_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("mlc_llm compile")
    parser.add_argument("model", type=detect_mlc_chat_config)
    return parser.parse_args(arguments)
