"""Hubs on this machine, and an environment without the user's settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

STAND_IN = Path(__file__).parent / "stand_in"

TINY = "HF://test/tiny"
SLOW = "HF://test/slow"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and the quick hub of `cargo xtask wheel --check`."""
    for name in list(os.environ):
        if name.upper().startswith(("MLC_", "HF_", "HUGGING_FACE_", "XDG_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", _HUBS["MLC_WEIGHTS_TEST_HUB"])
    home = tmp_path / "home"
    monkeypatch.setenv("MLC_LLM_HOME", str(home))
    return home


@pytest.fixture
def slow_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub on which a download takes seconds."""
    monkeypatch.setenv("HF_ENDPOINT", _HUBS["MLC_WEIGHTS_TEST_SLOW_HUB"])


@pytest.fixture
def python() -> Callable[..., str]:
    """Runs code in a separate Python, and returns its output."""

    def run(*arguments: str, **environ: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


_HUBS = {name: os.environ.get(name, "") for name in ("MLC_WEIGHTS_TEST_HUB", "MLC_WEIGHTS_TEST_SLOW_HUB")}


def pytest_configure() -> None:
    if not all(_HUBS.values()):
        pytest.exit("these tests need hubs: run `cargo xtask wheel --debug --check`", returncode=1)
    # A shell starts jobs in the background with SIGINT ignored, which tests and their children would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
