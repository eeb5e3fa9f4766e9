"""The hook that runs :func:`install` in every Python process, for processes that MLC-LLM starts.

It consists of three small files among the installed packages, which only ``python -m mlc_weights hook enable`` writes.
It is active if ``MLC_WEIGHTS_PYTHON_HOOK`` is 1, and imports this package only then. It never keeps Python from
starting, even if the package is missing.
"""

from __future__ import annotations

import site
import sysconfig
from pathlib import Path

_NAME = "mlc_weights_hook"

_MODULE = """\
# Written by `python -m mlc_weights hook enable`; `hook disable` removes it.
import os


def start():
    if os.environ.get("MLC_WEIGHTS_PYTHON_HOOK") != "1":
        return
    try:
        import mlc_weights

        mlc_weights.install()
    except Exception:
        # The package may be gone; Python starts all the same.
        pass
"""

_FILES = {
    f"{_NAME}.py": _MODULE,
    # For Python up to 3.14.
    f"{_NAME}.pth": (
        f'import os; os.environ.get("MLC_WEIGHTS_PYTHON_HOOK") == "1" and __import__("{_NAME}").start()\n'
    ),
    # From 3.15 on (PEP 829), which then ignores that line.
    f"{_NAME}.start": f"{_NAME}:start\n",
}


def enable() -> Path:
    """Writes the hook, and returns its folder.

    Raises:
        OSError: the folder of installed packages is not writable.
    """
    folder = _folder()
    for name, text in _FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def disable() -> Path:
    """Removes the hook, if it exists, and returns its folder."""
    folder = _folder()
    # First the line that runs the others.
    for name in sorted(_FILES, key=lambda name: name.endswith(".py")):
        (folder / name).unlink(missing_ok=True)
    return folder


def status() -> tuple[bool, Path]:
    """Whether the hook exists, and its folder."""
    folder = _folder()
    return all((folder / name).is_file() for name in _FILES), folder


def _folder() -> Path:
    """The folder of this package, if Python looks for hooks there; otherwise that of installed packages."""
    own = Path(__file__).resolve().parent.parent
    known = [*site.getsitepackages(), site.getusersitepackages()]
    return own if own in [Path(folder).resolve() for folder in known] else Path(sysconfig.get_path("purelib"))
