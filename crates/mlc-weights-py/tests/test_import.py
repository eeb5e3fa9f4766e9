"""Importing the package has no effects."""

from __future__ import annotations

import json
import pickle
from datetime import datetime
from typing import Callable

import mlc_weights

LOOK = """
import json, os, signal, sys
before = set(sys.modules)
environ = dict(os.environ)
import mlc_weights
print(json.dumps({
    "modules": sorted(set(sys.modules) - before),
    "threads": len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1,
    "signals": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "environ": environ == dict(os.environ),
    "finders": [type(finder).__module__ for finder in sys.meta_path if "mlc" in type(finder).__module__],
}))
"""

USE = """
import os, sys
import mlc_weights
mlc_weights.download(sys.argv[1])
assert "asyncio" not in sys.modules
"""

FREE_THREADED = """
import sys
sys.version = "3.14.0 free-threading build (main)"
try:
    import mlc_weights
except ImportError as error:
    print(error)
"""


def test_nothing_happens(python: Callable[..., str]) -> None:
    looked = json.loads(python("-c", LOOK))
    assert looked == {"modules": ["mlc_weights"], "threads": 1, "signals": True, "environ": True, "finders": []}


def test_asyncio_is_for_those_who_use_it(python: Callable[..., str]) -> None:
    # Without tqdm, which may import anything.
    python("-c", USE, "HF://test/tiny", HF_HUB_DISABLE_PROGRESS_BARS="1")


def test_free_threaded_python_is_refused_by_name(python: Callable[..., str]) -> None:
    assert "does not support free-threaded Python" in python("-c", FREE_THREADED)


def test_every_name_is_there() -> None:
    for name in mlc_weights.__all__:
        assert getattr(mlc_weights, name).__doc__
    assert set(mlc_weights.__all__) <= set(dir(mlc_weights))
    assert not hasattr(mlc_weights, "no_such_name")


def test_results_can_be_pickled() -> None:
    mlc_weights.download("HF://test/tiny")
    [entry] = mlc_weights.Cache().list()
    assert isinstance(entry.date, datetime)
    results = [
        mlc_weights.download("HF://test/tiny"),
        mlc_weights.plan("HF://test/tiny", force_redo=True),
        entry,
        *mlc_weights.Cache().verify("test/tiny"),
        mlc_weights.Cache().prune(),
    ]
    for result in results:
        assert pickle.loads(pickle.dumps(result)) == result
