"""The exceptions. Each also belongs to the family that MLC-LLM's own functions raise."""

from __future__ import annotations


class MlcWeightsError(Exception):
    """Why a call failed. The message includes all causes, in one line.

    Attributes:
        kind: the kind of failure: ``"invalid_input"``, ``"not_cached"``, ``"not_found"``,
            ``"refused"``, ``"integrity"``, ``"network"``, ``"disk"``, ``"no_space"``, ``"in_use"`` or ``"other"``.
        transient: whether the same call may succeed a little later.
    """

    kind: str = "other"
    transient: bool = False


class InvalidInputError(MlcWeightsError, ValueError):
    """An unusable model URL, argument or environment variable. Nothing was touched."""


class IntegrityError(MlcWeightsError, ValueError):
    """Wrong content: a digest or size does not match, or a path is unsafe."""


class RefusedError(MlcWeightsError, ValueError):
    """The hub refuses, or the model is missing, gated, private, or not an MLC model."""


class NotCachedError(MlcWeightsError, RuntimeError):
    """The model is not in the cache, and the policy, or offline mode, forbids a download."""


class NotFoundError(MlcWeightsError, FileNotFoundError):
    """A local path that is not the directory of a model."""


class NetworkError(MlcWeightsError, ConnectionError, ValueError):
    """The hub or the data host could not be reached, after retries.

    Also a ``ValueError``, which the original raises when ``git clone`` fails.
    """


class DiskError(MlcWeightsError, OSError):
    """A failure of the local disk: no space, no permission, or a model that another process is using."""


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
