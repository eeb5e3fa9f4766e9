"""``python -m mlc_weights hook enable|disable|status``."""

from __future__ import annotations

import argparse
import sys

from . import _hook

_VARIABLE = "MLC_WEIGHTS_PYTHON_HOOK"


def main() -> int:
    """Runs the command line, and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m mlc_weights",
        description="Looks after the hook by which processes that MLC-LLM starts get their models through mlc_weights. "
        "Models are looked after by the command mlc-weights.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    hook = commands.add_parser("hook", help=f"the hook for processes that have {_VARIABLE}=1")
    hook.add_argument(
        "action",
        choices=("enable", "disable", "status"),
        help="write it among the installed packages, remove it, or say whether it is there",
    )
    action = parser.parse_args().action
    try:
        print(_report(action))
    except OSError as error:
        print(f"error: cannot {action} the hook: {error}", file=sys.stderr)
        return 1
    return 0


def _report(action: str) -> str:
    if action == "enable":
        return f"enabled in {_hook.enable()}; active where {_VARIABLE}=1"
    if action == "disable":
        return f"disabled in {_hook.disable()}"
    is_enabled, folder = _hook.status()
    return f"{'enabled' if is_enabled else 'not enabled'} in {folder}; active where {_VARIABLE}=1"


if __name__ == "__main__":
    sys.exit(main())
