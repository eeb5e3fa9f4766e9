"""Failures, and their exceptions."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Callable

import pytest

import mlc_weights
from conftest import TINY


@pytest.mark.parametrize(
    ("model", "expected", "families", "kind"),
    [
        ("tiny", mlc_weights.InvalidInputError, (ValueError,), "invalid_input"),
        ("HF://a/b/c", mlc_weights.InvalidInputError, (ValueError,), "invalid_input"),
        ("HF://test/none", mlc_weights.RefusedError, (ValueError,), "refused"),
        ("HF://test/gated", mlc_weights.RefusedError, (ValueError,), "refused"),
        ("HF://test/corrupt", mlc_weights.IntegrityError, (ValueError,), "integrity"),
    ],
)
def test_models_that_cannot_be_had(
    model: str, expected: type[mlc_weights.MlcWeightsError], families: tuple[type[Exception], ...], kind: str
) -> None:
    with pytest.raises(expected) as caught:
        mlc_weights.download_and_cache_mlc_weights(model)
    check(caught.value, families, kind)


def test_a_policy_that_forbids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MLC_DOWNLOAD_CACHE_POLICY", "OFF"), ("HF_HUB_OFFLINE", "1")):
        with monkeypatch.context() as only:
            only.setenv(name, value)
            with pytest.raises(mlc_weights.NotCachedError, match="OFF") as caught:
                mlc_weights.download_and_cache_mlc_weights(TINY)
        check(caught.value, (RuntimeError,), "not_cached")


def test_a_directory_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(mlc_weights.NotFoundError) as caught:
        mlc_weights.get_or_download_model(str(tmp_path))
    check(caught.value, (FileNotFoundError, OSError), "not_found")


def test_a_hub_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    # A host that does not exist is not retried.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(mlc_weights.NetworkError) as caught:
        mlc_weights.download_and_cache_mlc_weights(TINY)
    check(caught.value, (ConnectionError, OSError, ValueError), "network")
    assert caught.value.transient


def test_a_home_that_is_no_folder(home: Path) -> None:
    home.write_text("", encoding="utf-8")
    with pytest.raises(mlc_weights.DiskError) as caught:
        mlc_weights.download_and_cache_mlc_weights(TINY)
    check(caught.value, (OSError,), "disk")


@pytest.mark.parametrize(("name", "value"), [("MLC_DOWNLOAD_CACHE_POLICY", "MAYBE"), ("HF_ENDPOINT", "ftp://a")])
def test_a_variable_that_cannot_be_used(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    calls: list[Callable[[], object]] = [
        lambda: mlc_weights.download(TINY),
        lambda: mlc_weights.cached(TINY),
        mlc_weights.Cache,
    ]
    for call in calls:
        with pytest.raises(mlc_weights.InvalidInputError, match=name):
            call()


@pytest.mark.parametrize("number", [0, -1])
def test_no_process_at_all(number: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        mlc_weights.download_and_cache_mlc_weights(TINY, number)


def test_values_of_other_types() -> None:
    with pytest.raises(TypeError):
        mlc_weights.download(Path("HF:/a/b"))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        mlc_weights.download(TINY, num_processes="4")  # type: ignore[arg-type]


def test_the_whole_error_is_logged_before_it_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="test/none") as caught:
        mlc_weights.download_and_cache_mlc_weights("HF://test/none")
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [(record.name, record.getMessage()) for record in errors] == [("mlc_weights", str(caught.value))]


def check(error: Exception, families: tuple[type[Exception], ...], kind: str) -> None:
    assert isinstance(error, mlc_weights.MlcWeightsError)
    for family in families:
        assert isinstance(error, family)
    assert error.kind == kind
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.kind, copy.transient) == (
        type(error),
        str(error),
        error.kind,
        error.transient,
    )
