#!/usr/bin/env python3
"""Records the verdicts of the Python original into oracle.json.

The original is `python/mlc_llm/support/download_cache.py` of the repository mlc-ai/mlc-llm, with the
`constants.py` beside it. Both are read from the git repository whose path is given, at one commit, and
run as they are. What they reach for is replaced: `subprocess` (git and git-lfs act on a repository made
up here), `requests` (serves that repository's files), the process pool (threads), and the project's
logging, progress and style modules. Nothing is fetched, and every row has a temporary home of its own.

A row is a call, the cache it finds, and two outcomes: `original` is recorded, `ours` comes from
oracle_differences.py. The rows are in oracle_cases.py. Python 3.11 or later, standard library only.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
from collections import Counter
from pathlib import Path
from unittest import mock
from urllib.parse import unquote

sys.dont_write_bytecode = True
from oracle_cases import (  # noqa: E402
    ESCAPING_PATH,
    ESCAPING_TEXT,
    REPOSITORIES,
    Case,
    Repository,
    all_cases,
)
from oracle_differences import ours  # noqa: E402

SOURCES = {
    "constants": "python/mlc_llm/support/constants.py",
    "download_cache": "python/mlc_llm/support/download_cache.py",
}
PACKAGE = "original_support"
HUB = "https://huggingface.co/"


# --- the original's code --------------------------------------------------------------------------


class Sources:
    """The two files of the original, at one commit."""

    def __init__(self, repository: Path, revision: str):
        def git(*arguments: str) -> str:
            command = ["git", "-C", str(repository), *arguments]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

        self.commit = git("rev-parse", f"{revision}^{{commit}}").strip()
        self.code = {
            name: compile(git("show", f"{self.commit}:{path}"), path, "exec")
            for name, path in SOURCES.items()
        }

    def load(self) -> types.ModuleType:
        """A fresh copy of the module; the environment is read while it loads, as in the original."""
        package = types.ModuleType(PACKAGE)
        package.__path__ = []
        modules = {PACKAGE: package, "requests": types.ModuleType("requests")}
        for name, stand_in in stand_ins().items():
            setattr(package, name, stand_in)
            modules[f"{PACKAGE}.{name}"] = stand_in
        with mock.patch.dict(sys.modules, modules):
            for name, code in self.code.items():
                module = types.ModuleType(f"{PACKAGE}.{name}")
                module.__package__ = PACKAGE
                sys.modules[module.__name__] = module
                exec(code, module.__dict__)
        return module


def stand_ins() -> dict[str, types.ModuleType]:
    """The original's own helpers for messages, progress and bold text: all silent."""
    logging, tqdm, style = (types.ModuleType(name) for name in ("logging", "tqdm", "style"))
    logging.getLogger = lambda _name: mock.Mock()
    tqdm.redirect = contextlib.nullcontext
    tqdm.tqdm = lambda items, **_options: items
    style.bold = str
    return {"logging": logging, "tqdm": tqdm, "style": style}


# --- the world it sees ----------------------------------------------------------------------------


class HTTPError(Exception):
    """What `requests` raises for an error status."""


class Hub:
    """git, git-lfs and HTTP for one repository, and what was asked of them."""

    def __init__(self, repository: Repository | None, entry: Path):
        self.repository = repository
        self.entry = entry
        self.clones = 0
        self.entry_gone_at_clone = False
        self.workers = None

    def install(self, module: types.ModuleType) -> None:
        """Puts this hub in the place of the module's view of the world."""
        module.subprocess = types.SimpleNamespace(
            run=self.run,
            check_output=self.check_output,
            CalledProcessError=subprocess.CalledProcessError,
            DEVNULL=subprocess.DEVNULL,
            STDOUT=subprocess.STDOUT,
        )
        module.requests = types.SimpleNamespace(get=self.get)
        module.cf = types.SimpleNamespace(
            ProcessPoolExecutor=self.pool, as_completed=concurrent.futures.as_completed
        )

    def run(self, command, *, cwd, **_options):
        """`git clone URL NAME`, with LFS files left as pointers."""
        assert command[:2] == ["git", "clone"], command
        self.clones += 1
        self.entry_gone_at_clone |= not self.entry.exists()
        if self.repository is None:
            raise subprocess.CalledProcessError(128, command)
        work_tree = Path(cwd) / command[3]
        write_tree(work_tree, self.repository, smudge=False)
        (work_tree / ".git").mkdir()
        (work_tree / ".git" / "HEAD").write_text("ref: refs/heads/main\n")

    def check_output(self, command, **_options):
        """`git -C DIR lfs ls-files -n` and `git -C DIR lfs pull --include FILE`."""
        git, option, directory, lfs, *rest = command
        assert (git, option, lfs) == ("git", "-C", "lfs"), command
        files = self.repository.files
        if rest == ["ls-files", "-n"]:
            return "".join(f"{path}\n" for path, file in files.items() if file.lfs).encode()
        pull, include, path = rest
        assert (pull, include) == ("pull", "--include"), command
        (Path(directory) / path).write_bytes(files[path].bytes)
        return b""

    def get(self, url, **_options):
        """One file by its URL below `resolve/main/`."""
        name = unquote(url.removeprefix(HUB).split("/resolve/main/", 1)[1])
        file = self.repository.files.get(name)
        # No git tree holds such a name, but nothing keeps a server from answering to it.
        if file is None and name == ESCAPING_PATH:
            return Response(ESCAPING_TEXT.encode())
        if file is None:
            return Response(None)
        return Response(file.bytes if file.served is None else file.served.encode())

    def pool(self, max_workers):
        """One thread instead of processes.

        A thread sees the stand-ins; one alone makes every recording the same. (With more, two records that
        share a path are written into the same file at once, and the MD5 fits or not by chance.)
        """
        # For its own refusals; no process is started before work is submitted.
        concurrent.futures.ProcessPoolExecutor(max_workers=max_workers).shutdown()
        self.workers = max_workers
        return concurrent.futures.ThreadPoolExecutor(max_workers=1)


class Response:
    """The part of a `requests` response that the original uses; no body: the status is an error."""

    def __init__(self, body: bytes | None):
        self.body = body

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return False

    def raise_for_status(self):
        if self.body is None:
            raise HTTPError("404")

    def iter_content(self, chunk_size):
        for start in range(0, len(self.body), chunk_size):
            yield self.body[start : start + chunk_size]


def write_tree(
    root: Path, repository: Repository, *, smudge: bool, without: tuple[str, ...] = ()
) -> None:
    """The repository's files below `root`; LFS files as their content (`smudge`) or as pointers."""
    root.mkdir(parents=True)
    for path, file in repository.files.items():
        if path not in without:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.text if smudge or not file.lfs else file.pointer)
    for path, target in repository.links.items():
        (root / path).symlink_to(target)


def make_entry(entry: Path, state: str) -> None:
    """One tier's entry in one of the states that oracle_cases.py lists."""
    standard = REPOSITORIES["standard"]
    last_shard = max(path for path in standard.files if path.startswith("params_shard_"))
    match state:
        case "absent":
            pass
        case "whole":
            write_tree(entry, standard, smudge=True)
        case "empty_directory":
            entry.mkdir(parents=True)
        case "no_config":
            write_tree(entry, standard, smudge=True, without=("mlc-chat-config.json",))
        case "missing_shard":
            write_tree(entry, standard, smudge=True, without=(last_shard,))
        case _:
            raise ValueError(f"no such state: {state}")


# --- one row --------------------------------------------------------------------------------------


class Stage:
    """The folders of one row, prepared as its case asks."""

    def __init__(self, root: Path, case: Case):
        # The entry of the model that the tiers hold, whatever the case's URL is.
        model = Path("hf", "user", "repo")
        self.home = root / "home"
        self.tiers = [root / f"tier_{index}" for index in range(len(case.read_only))]
        self.scratch = root / "scratch"
        self.local = root / "local"
        self.entry = self.home / "model_weights" / model
        for folder in (self.home, *self.tiers, self.scratch, self.local):
            folder.mkdir()
        for tier, state in zip(self.tiers, case.read_only):
            make_entry(tier / model, state)
        make_entry(self.entry, case.writable)
        make_entry(self.local / "whole", "whole")
        make_entry(self.local / "no_config", "no_config")
        (self.local / "only_config").mkdir()
        (self.local / "only_config" / "mlc-chat-config.json").write_text("{}")

    def environment(self, case: Case) -> dict[str, str]:
        variables = {
            "HOME": str(self.home),
            "MLC_LLM_HOME": str(self.home),
            "MLC_TEMP_DIR": str(self.scratch),
            "MLC_DOWNLOAD_CACHE_POLICY": case.policy,
        }
        if self.tiers:
            variables["MLC_LLM_READONLY_WEIGHT_CACHE"] = os.pathsep.join(map(str, self.tiers))
        return variables

    def place(self, path: Path) -> str:
        """A returned path by its place, so that no path of this machine is recorded."""
        if path == self.entry:
            return "writable"
        for index, tier in enumerate(self.tiers):
            if path.is_relative_to(tier):
                return f"read_only_{index}"
        if path.is_relative_to(self.local):
            return f"{{local}}/{path.relative_to(self.local).as_posix()}"
        return f"{{home}}/{path.relative_to(self.home).as_posix()}"


def left_in(directory: Path, repository: Repository) -> dict[str, str]:
    """Every file below `directory` and what it is: see `outcome.files` in `record`."""

    def kind(name: str) -> str:
        path, file = directory / name, repository.files.get(name)
        if path.is_symlink():
            return "link"
        if file is not None and path.read_bytes() == file.bytes:
            return "content"
        return "pointer" if file is not None and path.read_text() == file.pointer else "other"

    paths = sorted(path for path in directory.rglob("*") if path.is_symlink() or path.is_file())
    names = [path.relative_to(directory).as_posix() for path in paths]
    return {name: kind(name) for name in names}


def call(module: types.ModuleType, case: Case, stage: Stage) -> Path:
    """The call itself; arguments that the case leaves out are left to their defaults."""
    url = case.url.replace("{local}", str(stage.local))
    if case.call == "get_or_download_model":
        return module.get_or_download_model(url)
    options = {"force_redo": case.force_redo}
    if case.num_processes is not None:
        options["num_processes"] = case.num_processes
    return module.download_and_cache_mlc_weights(url, **options)


def verdict(sources: Sources, case: Case, root: Path) -> dict:
    """Runs one case in the empty folder `root`."""
    stage = Stage(root, case)
    hub = Hub(REPOSITORIES[case.repository], stage.entry)
    existed = stage.entry.exists()
    with mock.patch.dict(os.environ, stage.environment(case), clear=True):
        try:
            module = sources.load()
            hub.install(module)
            path = call(module, case, stage)
            outcome = {"returns": stage.place(path), "downloaded": hub.clones > 0}
        # A bare StopIteration is one of the original's answers, so: whatever it raises.
        except Exception as error:
            outcome = {"raises": type(error).__name__}
    gone = hub.entry_gone_at_clone or not stage.entry.exists()
    outcome["deleted_first"] = existed and gone
    if case.group == "download" and "returns" in outcome:
        outcome["files"] = left_in(path, hub.repository)
        expected = case.num_processes or 4
        assert hub.workers == expected, f"{hub.workers} workers, not {expected}"
    return outcome


# --- the file -------------------------------------------------------------------------------------


def row(sources: Sources, case: Case) -> dict:
    """What oracle.json holds of one case; settings that the group does not vary are left out."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as root:
        recorded = verdict(sources, case, Path(root))
    fields = {
        "group": case.group,
        "name": case.name,
        "call": case.call,
        "url": case.url,
        "policy": case.policy,
        "force_redo": case.force_redo,
        "num_processes": case.num_processes,
        "read_only": list(case.read_only),
        "writable": case.writable,
        "repository": case.repository,
    }
    return fields | {"original": recorded, "ours": ours(case, recorded)}


def repositories() -> dict:
    """The repositories as the replay needs them: LFS files by their content."""

    def file(entry) -> dict:
        fields = {"lfs": entry.lfs, "text": entry.text}
        return fields if entry.served is None else fields | {"served": entry.served}

    return {
        name: repository
        and {
            "about": repository.about,
            "files": {path: file(entry) for path, entry in repository.files.items()},
            "links": repository.links,
        }
        for name, repository in REPOSITORIES.items()
    }


def render(head: dict, rows: list[dict]) -> str:
    """JSON with one row to a line, so that a change of one verdict is a change of one line."""
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    repository_lines = ",\n".join(
        f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in repositories().items()
    )
    lines.append(f'  "repositories": {{\n{repository_lines}\n  }}')
    row_lines = ",\n".join(f"    {json.dumps(fields)}" for fields in rows)
    lines.append(f'  "rows": [\n{row_lines}\n  ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def record(sources: Sources) -> str:
    """The whole of oracle.json."""
    rows = [row(sources, case) for case in all_cases()]
    head = {
        "about": "Verdicts of the Python original, and what this workspace does instead. Generated; do not edit.",
        "original": {
            "repository": "mlc-ai/mlc-llm",
            "commit": sources.commit,
            "files": list(SOURCES.values()),
        },
        "record_again": "python3 tests/data/record_oracle.py PATH_OF_AN_MLC_LLM_CHECKOUT",
        "outcome": {
            "returns": "the directory's place: writable, read_only_N, or a path below {home} or {local}",
            "downloaded": "whether the network was used",
            "raises": "the Python exception; for ours the one that its kind of error stands for (InvalidInput, "
            "Integrity: ValueError; NotCached: RuntimeError; NotFound: FileNotFoundError), else that kind",
            "deleted_first": "whether an entry of the writable tier was gone before its successor was complete",
            "files": "the files of the returned directory: content (the bytes that were committed), pointer "
            "(LFS pointer text), link, or other",
        },
    }
    return render(head, rows)


def summary(text: str) -> str:
    rows = json.loads(text)["rows"]
    groups = Counter(fields["group"] for fields in rows)
    different = Counter(fields["group"] for fields in rows if fields["ours"] != "same")
    lines = [f"{group}: {count} rows, {different[group]} different here" for group, count in groups.items()]
    return "\n".join([*lines, f"{len(rows)} rows, {different.total()} different here"])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "original", type=Path, help="an mlc-llm checkout or git directory (its commits are read, not its files)"
    )
    parser.add_argument("--revision", default="HEAD", help="the commit to record from (default: HEAD)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).with_name("oracle.json"),
        help="the file to write (default: oracle.json beside this script)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the file is not what would be written"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if not shutil.which("git"):
        print("record_oracle: git is needed to read the original's files", file=sys.stderr)
        return 1
    try:
        sources = Sources(options.original, options.revision)
    except subprocess.CalledProcessError as error:
        print(f"record_oracle: {error.stderr.strip()}", file=sys.stderr)
        return 1
    text = record(sources)
    print(summary(text))
    if options.check:
        if options.output.read_text() != text:
            print(f"record_oracle: {options.output.name} is out of date", file=sys.stderr)
            return 1
        return 0
    options.output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
