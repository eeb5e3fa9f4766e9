"""MLC-LLM's callers, represented by stand-ins, and its child processes."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module, reload
from pathlib import Path
from typing import Any, Callable

import pytest

import mlc_weights
from conftest import STAND_IN, TINY


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the stand-in importable, and not yet imported."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    yield
    mlc_weights.uninstall()
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlc_llm"]:
        del sys.modules[name]


def module(name: str) -> Any:
    return import_module(f"mlc_llm.{name}")


def test_install_before_mlc_llm(home: Path) -> None:
    mlc_weights.install()
    assert module("serve.engine_base").process_model_args(TINY)[1] == str(home / "model_weights/hf/test/tiny")


def test_install_after_mlc_llm(home: Path) -> None:
    engine = module("serve.engine_base")
    with pytest.raises(NotImplementedError):
        engine.process_model_args(TINY)
    mlc_weights.install()
    config, path = engine.process_model_args(TINY)
    assert path == str(home / "model_weights/hf/test/tiny")
    assert "tokenizer_files" in config


def test_all_callers_are_reached(tmp_path: Path, home: Path) -> None:
    mlc_weights.install()
    path = home / "model_weights/hf/test/tiny"
    assert module("support.auto_config").detect_mlc_chat_config(TINY) == path / "mlc-chat-config.json"
    assert module("serve.engine_base").process_model_args(str(path))[1] == str(path)
    copy = module("interface.package").bundle_weight(TINY, tmp_path / "bundle")
    assert sorted(file.name for file in copy.iterdir()) == sorted(file.name for file in path.iterdir())


def test_what_compile_swallows_is_logged(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    mlc_weights.install()
    with pytest.raises(SystemExit):
        module("support.auto_config").compile_arguments(["HF://test/none"])
    assert "invalid detect_mlc_chat_config value" in capsys.readouterr().err
    assert "test/none" in caplog.messages[-1]


def test_uninstall_gives_the_originals_back() -> None:
    download_cache = module("support.download_cache")
    originals = (download_cache.download_and_cache_mlc_weights, download_cache.get_or_download_model)
    for _ in range(2):
        mlc_weights.install()
        mlc_weights.install()
        assert download_cache.get_or_download_model is mlc_weights.get_or_download_model
        assert download_cache.download_and_cache_mlc_weights is mlc_weights.download_and_cache_mlc_weights
        mlc_weights.uninstall()
        mlc_weights.uninstall()
        assert (download_cache.download_and_cache_mlc_weights, download_cache.get_or_download_model) == originals


def test_uninstall_before_mlc_llm_leaves_nothing() -> None:
    finders = list(sys.meta_path)
    mlc_weights.install()
    mlc_weights.uninstall()
    assert sys.meta_path == finders
    with pytest.raises(NotImplementedError):
        module("serve.engine_base").process_model_args(TINY)


def test_a_module_that_is_loaded_again_is_reached_again() -> None:
    mlc_weights.install()
    download_cache = reload(module("support.download_cache"))
    assert download_cache.get_or_download_model is mlc_weights.get_or_download_model
    mlc_weights.uninstall()
    assert download_cache.get_or_download_model is not mlc_weights.get_or_download_model


def test_the_module_stays_what_it_was() -> None:
    mlc_weights.install()
    download_cache = module("support.download_cache")
    assert download_cache.__spec__.origin == str(STAND_IN / "mlc_llm/support/download_cache.py")
    assert "the original was asked" in (download_cache.__loader__.get_source(download_cache.__name__) or "")


@pytest.fixture
def hook(python: Callable[..., str]) -> Iterator[Path]:
    """Enables the hook; returns its folder."""
    said = python("-m", "mlc_weights", "hook", "enable")
    yield Path(said.partition("enabled in ")[2].partition(";")[0])
    python("-m", "mlc_weights", "hook", "disable")


def serve(python: Callable[..., str], **environ: str) -> str:
    """Like MLC-LLM's server, in a separate process."""
    return python("-m", "mlc_llm", "serve", TINY, PYTHONPATH=str(STAND_IN), **environ)


def test_a_child_process_is_reached(hook: Path, home: Path, python: Callable[..., str]) -> None:
    assert (hook / "mlc_weights_hook.pth").is_file()
    assert serve(python, MLC_WEIGHTS_PYTHON_HOOK="1") == str(home / "model_weights/hf/test/tiny")
    for inactive in ({}, {"MLC_WEIGHTS_PYTHON_HOOK": "0"}):
        with pytest.raises(AssertionError, match="the original was asked"):
            serve(python, **inactive)


@pytest.mark.usefixtures("hook")
def test_the_hook_imports_nothing_where_it_is_not_active(python: Callable[..., str]) -> None:
    show = "import sys; print([name for name in sys.modules if 'mlc' in name])"
    assert python("-c", show) == "[]"
    active = python("-c", show, MLC_WEIGHTS_PYTHON_HOOK="1")
    assert "mlc_weights._install" in active
    assert "_native" not in active


@pytest.mark.usefixtures("hook")
def test_the_hook_never_keeps_python_from_starting(tmp_path: Path) -> None:
    # As if the package were missing or broken.
    (tmp_path / "mlc_weights.py").write_text("raise OSError('broken')", encoding="utf-8")
    environ = {"PYTHONPATH": str(tmp_path), "MLC_WEIGHTS_PYTHON_HOOK": "1"}
    done = subprocess.run([sys.executable, "-c", "print(1)"], env=environ, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_entry_point_for_python_3_15_on(hook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(hook))
    start = pkgutil.resolve_name((hook / "mlc_weights_hook.start").read_text(encoding="utf-8").strip())
    finders = list(sys.meta_path)
    start()
    assert sys.meta_path == finders
    monkeypatch.setenv("MLC_WEIGHTS_PYTHON_HOOK", "1")
    start()
    assert len(sys.meta_path) == len(finders) + 1


def test_the_hook_is_opt_in(python: Callable[..., str]) -> None:
    assert python("-m", "mlc_weights", "hook", "status").startswith("not enabled in ")
    python("-m", "mlc_weights", "hook", "enable")
    assert python("-m", "mlc_weights", "hook", "status").startswith("enabled in ")
    folder = Path(python("-m", "mlc_weights", "hook", "disable").partition("disabled in ")[2])
    assert list(folder.glob("mlc_weights_hook*")) == []
    assert python("-m", "mlc_weights", "hook", "status").startswith("not enabled in ")
