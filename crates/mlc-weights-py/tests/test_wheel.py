"""What `pip install` of the wheel installs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import files, metadata
from pathlib import Path

from conftest import TINY


def test_the_command_is_there(home: Path) -> None:
    command = Path(sys.executable).with_name("mlc-weights")
    done = subprocess.run([command, "download", TINY], capture_output=True, text=True, check=True)
    assert done.stdout == f"{home / 'model_weights/hf/test/tiny'}\n"


def test_the_package_says_what_it_is() -> None:
    about = metadata("mlc-weights")
    assert about["Requires-Python"] == ">=3.9"
    assert about["License-Expression"] == "Apache-2.0 OR MIT"
    installed = {str(file) for file in files("mlc-weights") or ()}
    assert {"mlc_weights/py.typed", "mlc_weights/_native.pyi", "mlc_weights/_native.abi3.so"} <= installed
    assert not [file for file in installed if "hook.p" in file and not file.startswith("mlc_weights/")]
