"""Gets MLC model weights from a hub into the cache that MLC-LLM reads, and verifies every byte.

    import mlc_weights

    path = mlc_weights.download("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC").path

In a program that uses MLC-LLM, ``mlc_weights.install()`` is enough: MLC-LLM's engines, server and tools
then get their models through this package.

Importing the package has no effects: no thread, no signal handler, no access to the environment or the disk. What a
name needs is imported when the name is first used.
"""

import sys

if "free-threading build" in sys.version:
    raise ImportError(
        "mlc_weights does not support free-threaded Python, whose extension modules have another binary "
        f"interface; {sys.executable} is such a build"
    )

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._cache import Cache as Cache
    from ._download import cached as cached
    from ._download import download as download
    from ._download import download_async as download_async
    from ._download import plan as plan
    from ._drop_in import download_and_cache_mlc_weights as download_and_cache_mlc_weights
    from ._drop_in import get_or_download_model as get_or_download_model
    from ._errors import DiskError as DiskError
    from ._errors import IntegrityError as IntegrityError
    from ._errors import InvalidInputError as InvalidInputError
    from ._errors import MlcWeightsError as MlcWeightsError
    from ._errors import NetworkError as NetworkError
    from ._errors import NotCachedError as NotCachedError
    from ._errors import NotFoundError as NotFoundError
    from ._errors import RefusedError as RefusedError
    from ._install import install as install
    from ._install import uninstall as uninstall
    from ._results import CachedModel as CachedModel
    from ._results import FileReport as FileReport
    from ._results import Model as Model
    from ._results import Plan as Plan
    from ._results import PlannedFile as PlannedFile
    from ._results import Progress as Progress
    from ._results import PrunedModel as PrunedModel
    from ._results import Pruning as Pruning
    from ._results import Removal as Removal
    from ._results import VerifyReport as VerifyReport

_MODULES = {
    "_cache": ("Cache",),
    "_download": ("cached", "download", "download_async", "plan"),
    "_drop_in": ("download_and_cache_mlc_weights", "get_or_download_model"),
    "_errors": (
        "DiskError",
        "IntegrityError",
        "InvalidInputError",
        "MlcWeightsError",
        "NetworkError",
        "NotCachedError",
        "NotFoundError",
        "RefusedError",
    ),
    "_install": ("install", "uninstall"),
    "_results": (
        "CachedModel",
        "FileReport",
        "Model",
        "Plan",
        "PlannedFile",
        "Progress",
        "PrunedModel",
        "Pruning",
        "Removal",
        "VerifyReport",
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Cache",
    "CachedModel",
    "DiskError",
    "FileReport",
    "IntegrityError",
    "InvalidInputError",
    "MlcWeightsError",
    "Model",
    "NetworkError",
    "NotCachedError",
    "NotFoundError",
    "Plan",
    "PlannedFile",
    "Progress",
    "PrunedModel",
    "Pruning",
    "RefusedError",
    "Removal",
    "VerifyReport",
    "cached",
    "download",
    "download_and_cache_mlc_weights",
    "download_async",
    "get_or_download_model",
    "install",
    "plan",
    "uninstall",
]


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
