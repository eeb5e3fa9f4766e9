"""The exceptions, each also of the family that MLC-LLM's own functions raise."""

from __future__ import annotations


class MlcWeightsError(Exception):
    """Why a model could not be had. The message has all causes, in one line.

    Attributes:
        kind: what sort of failure it is, in a word: ``"invalid_input"``, ``"not_cached"``, ``"not_found"``,
            ``"refused"``, ``"integrity"``, ``"network"``, ``"disk"``, ``"no_space"``, ``"in_use"`` or ``"other"``.
        transient: whether the same call may well succeed a little later.
    """

    kind: str = "other"
    transient: bool = False


class InvalidInputError(MlcWeightsError, ValueError):
    """A model URL, an argument or an environment variable that cannot be used. Nothing was touched."""


class IntegrityError(MlcWeightsError, ValueError):
    """What was served is not what it must be: a digest or size does not match, or a path is unsafe."""


class RefusedError(MlcWeightsError, ValueError):
    """The hub refuses, or has no such thing: missing, gated, private, or not an MLC model."""


class NotCachedError(MlcWeightsError, RuntimeError):
    """The model is not in the cache, and the policy, or offline mode, forbids a download."""


class NotFoundError(MlcWeightsError, FileNotFoundError):
    """A local path that is not the directory of a model."""


class NetworkError(MlcWeightsError, ConnectionError, ValueError):
    """The hub or the data host could not be reached, after retries.

    Also a ``ValueError``, which the original raises when ``git clone`` fails.
    """


class DiskError(MlcWeightsError, OSError):
    """The local disk: space, permissions, a model that another process is at work on."""


_CLASSES: dict[str, type[MlcWeightsError]] = {
    "invalid_input": InvalidInputError,
    "not_cached": NotCachedError,
    "not_found": NotFoundError,
    "refused": RefusedError,
    "integrity": IntegrityError,
    "network": NetworkError,
    "disk": DiskError,
    "no_space": DiskError,
    "in_use": DiskError,
}


def failure(kind: str, message: str, transient: bool) -> MlcWeightsError:
    """The exception for an error of the Rust library, which calls this."""
    error = _CLASSES.get(kind, MlcWeightsError)(message)
    error.kind = kind
    error.transient = transient
    return error
