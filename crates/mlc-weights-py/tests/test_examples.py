"""Runs the examples, changed only in the models' names."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable

import pytest

from conftest import SLOW, TINY

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_script(home: Path, python: Callable[..., str]) -> None:
    said = python(str(EXAMPLES / "download.py"), TINY, "HF://test/other")
    assert said.splitlines() == [str(home / "model_weights/hf/test" / name) for name in ("tiny", "other")]


def test_the_notebook(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    names: dict[str, Any] = {}
    exec(code.replace("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC", TINY), names)
    names["mlc_weights"].uninstall()
    assert names["model"].path == home / "model_weights/hf/test/tiny"
    assert "test/tiny" in capsys.readouterr().out


@pytest.mark.usefixtures("slow_hub")
def test_the_server_answers_while_it_gets_ready() -> None:
    # The system hands out higher ports, so that no other test's server takes it meanwhile.
    port = random.randrange(20_000, 32_000)
    command = [sys.executable, str(EXAMPLES / "server.py"), str(port), SLOW]
    with subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            early = health(port)
            assert early[0] == 503, early
            assert server.stdout.readline() == "ready\n"
            assert health(port)[0] == 200
        finally:
            server.kill()


def health(port: int) -> tuple[int, str]:
    """The server's response, once it listens."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except urllib.error.URLError:
            continue
