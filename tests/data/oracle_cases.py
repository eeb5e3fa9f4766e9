"""What the original is asked: the repositories it is shown and the table of calls.

Read by record_oracle.py. Nothing here knows what the answers are.
"""

import hashlib
import json
from dataclasses import dataclass, field

MODEL = "HF://user/repo"

POLICIES = ("ON", "OFF", "REDO", "READONLY")
FORCE_REDO = (None, True, False)

# States of one tier's entry for the model. Built from the repository "standard".
#   absent           the tier is there, the entry is not
#   whole            every file of the model
#   empty_directory  the entry is a directory without a file
#   no_config        everything but mlc-chat-config.json
#   missing_shard    everything but the last shard
WRITABLE_STATES = ("absent", "whole", "empty_directory", "missing_shard")
READ_ONLY_STATES = (
    ("absent",),
    ("whole",),
    ("absent", "whole"),
    ("no_config",),
    ("missing_shard",),
)


@dataclass(frozen=True)
class File:
    """One file of a repository: committed as text, or as an LFS pointer to it."""

    text: str
    lfs: bool = False
    # What the data host sends instead of the real bytes.
    served: str | None = None

    @property
    def bytes(self) -> bytes:
        return self.text.encode()

    @property
    def pointer(self) -> str:
        oid = hashlib.sha256(self.bytes).hexdigest()
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(self.bytes)}\n"


@dataclass(frozen=True)
class Repository:
    """What a clone of the model brings. `None` in REPOSITORIES: there is no such repository."""

    about: str
    files: dict[str, File]
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One call, with the cache it finds."""

    name: str
    group: str
    call: str = "download_and_cache_mlc_weights"
    # `{local}` in it stands for the folder that holds the local directories.
    url: str = MODEL
    policy: str = "ON"
    force_redo: bool | None = None
    num_processes: int | None = None
    read_only: tuple[str, ...] = ()
    writable: str = "absent"
    repository: str = "standard"


# --- repositories ---------------------------------------------------------------------------------

CONFIG = json.dumps({"version": "0.1.0", "tokenizer_files": ["tokenizer.json"]})
SHARDS = {f"params_shard_{i}.bin": f"the weights of shard {i}\n" * (i + 1) for i in range(3)}


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def record(path: str, text: str, **changes) -> dict:
    """One record of a manifest, as TVM writes it; a change of `None` leaves the field out."""
    fields = {
        "dataPath": path,
        "format": "raw-shard",
        "nbytes": len(text.encode()),
        "records": [],
        "md5sum": md5(text),
    }
    fields.update(changes)
    return {key: value for key, value in fields.items() if value is not None}


def manifest(records: list[dict]) -> str:
    return json.dumps({"metadata": {"ParamSize": len(records)}, "records": records})


def repository(
    about: str,
    *,
    shards: dict[str, str] = SHARDS,
    records: list[dict] | None = None,
    manifest_name: str = "tensor-cache.json",
    manifest_text: str | None = None,
    manifest_lfs: bool = False,
    without: tuple[str, ...] = (),
    more: dict[str, File] | None = None,
    links: dict[str, str] | None = None,
) -> Repository:
    """The standard repository with some things changed."""
    if records is None:
        records = [record(path, text) for path, text in shards.items()]
    text = manifest(records) if manifest_text is None else manifest_text
    files = {
        ".gitattributes": File("*.bin filter=lfs diff=lfs merge=lfs -text\n"),
        "README.md": File("# A model for tests\n"),
        "mlc-chat-config.json": File(CONFIG),
        manifest_name: File(text, lfs=manifest_lfs),
        "tokenizer.json": File('{"model": {"vocab": {}}}\n', lfs=True),
    }
    files |= {path: File(text, lfs=True) for path, text in shards.items()}
    files |= more or {}
    for path in without:
        del files[path]
    return Repository(about, dict(sorted(files.items())), links or {})


def records_with(changes: dict) -> list[dict]:
    """The standard records, the last one changed."""
    *first, (path, text) = SHARDS.items()
    return [record(p, t) for p, t in first] + [record(path, text, **changes)]


LAST, LAST_TEXT = list(SHARDS.items())[-1]
ESCAPING_PATH, ESCAPING_TEXT = "../escape.bin", "escaped\n"

REPOSITORIES: dict[str, Repository | None] = {
    "standard": repository("config, manifest with MD5, a tokenizer and three shards as LFS files"),
    "nowhere": None,
    "no_md5": repository(
        "a manifest of 2023: no md5sum",
        records=[record(p, t, md5sum=None) for p, t in SHARDS.items()],
    ),
    "blank_md5": repository("one md5sum is an empty string", records=records_with({"md5sum": ""})),
    "upper_case_md5": repository(
        "one md5sum in upper case", records=records_with({"md5sum": md5(LAST_TEXT).upper()})
    ),
    "wrong_md5": repository(
        "one md5sum is that of other bytes", records=records_with({"md5sum": md5("other")})
    ),
    "corrupt_shard": repository(
        "the data host sends other bytes of the same length",
        more={LAST: File(LAST_TEXT, lfs=True, served=LAST_TEXT.replace("weights", "WEIGHTS"))},
    ),
    "short_shard_no_md5": repository(
        "no md5sum, and the data host sends too few bytes",
        records=[record(p, t, md5sum=None) for p, t in SHARDS.items()],
        more={LAST: File(LAST_TEXT, lfs=True, served=LAST_TEXT[:-10])},
    ),
    "shard_in_folder": repository(
        "a shard in a folder", shards=SHARDS | {"sub/dir/params_shard_3.bin": "deep weights\n"}
    ),
    "record_twice": repository(
        "one record stands twice in the manifest",
        records=records_with({}) + [record(LAST, LAST_TEXT)],
    ),
    "unlisted_bin": repository(
        "an LFS file *.bin that the manifest does not list",
        more={"pytorch_model.bin": File("unlisted weights\n", lfs=True)},
    ),
    "unlisted_lfs": repository(
        "LFS files that the manifest does not list and that are not *.bin",
        more={
            "extra.safetensors": File("unlisted tensors\n", lfs=True),
            "lib/model.wasm": File("a library\n", lfs=True),
        },
    ),
    "lfs_manifest": repository("the manifest itself is an LFS file", manifest_lfs=True),
    "plain_shard": repository(
        "one shard is committed as an ordinary file", more={LAST: File(LAST_TEXT)}
    ),
    "old_manifest_name": repository(
        "the manifest's name before September 2025", manifest_name="ndarray-cache.json"
    ),
    "no_manifest": repository("no manifest of either name", without=("tensor-cache.json",)),
    "no_config": repository("no mlc-chat-config.json", without=("mlc-chat-config.json",)),
    "no_records": repository("a manifest with no record", shards={}),
    "manifest_not_json": repository("a manifest that is not JSON", manifest_text="<html></html>"),
    "manifest_without_records": repository(
        "a manifest without its records", manifest_text='{"metadata": {}}'
    ),
    "manifest_list": repository(
        "the manifest's form of February 2023: a bare list",
        manifest_text=json.dumps([record(p, t) for p, t in SHARDS.items()]),
    ),
    "path_leaves": repository(
        "a dataPath that leaves the directory",
        records=records_with({}) + [record(ESCAPING_PATH, ESCAPING_TEXT)],
    ),
    "record_not_there": repository(
        "the manifest lists a shard that the repository lacks",
        records=records_with({}) + [record("params_shard_9.bin", "never committed\n")],
    ),
    "symbolic_link": repository(
        "a symbolic link in the repository", links={"vocab.json": "/etc/hostname"}
    ),
}


# --- calls ----------------------------------------------------------------------------------------


def writable_cases():
    for policy in POLICIES:
        for force in FORCE_REDO:
            for state in WRITABLE_STATES:
                name = f"{policy}, force_redo={force}, writable {state}"
                yield Case(name, "writable tier", policy=policy, force_redo=force, writable=state)


def read_only_cases():
    for states in READ_ONLY_STATES:
        for policy in POLICIES:
            for force in (None, True):
                name = f"{policy}, force_redo={force}, read-only {'+'.join(states)}"
                yield Case(name, "read-only tiers", policy=policy, force_redo=force, read_only=states)


def both_tiers_cases():
    pairs = (
        (("whole",), "whole"),
        (("no_config",), "whole"),
        (("missing_shard",), "whole"),
        (("whole", "whole"), "absent"),
    )
    for states, writable in pairs:
        for policy, force in (("ON", None), ("REDO", None), ("REDO", False), ("READONLY", None)):
            name = f"{policy}, force_redo={force}, read-only {'+'.join(states)}, writable {writable}"
            yield Case(
                name, "both", policy=policy, force_redo=force, read_only=states, writable=writable
            )


URLS = {
    "both prefixes": ["HF://user/repo", "https://huggingface.co/user/repo"],
    "every allowed character": ["HF://User-1/Repo_2.0-q4f16_1-MLC"],
    "prefix": [
        "",
        "user/repo",
        "hf://user/repo",
        "Hf://user/repo",
        "HF:/user/repo",
        "HF//user/repo",
        "HTTPS://huggingface.co/user/repo",
        "https://HuggingFace.co/user/repo",
        "http://huggingface.co/user/repo",
        "https://huggingface.co",
        "https://huggingface.co:443/user/repo",
        "https://www.huggingface.co/user/repo",
        "https://hf.co/user/repo",
        "git@huggingface.co:user/repo",
        " HF://user/repo",
    ],
    "missing segment": ["HF://", "HF://user", "https://huggingface.co/", "https://huggingface.co/user"],
    "extra segment": [
        "HF://user/repo/extra",
        "HF://huggingface.co/user/repo",
        "https://huggingface.co/user/repo/tree/main",
        "https://huggingface.co/models/user/repo",
    ],
    "trailing slash": ["HF://user/repo/", "https://huggingface.co/user/repo/"],
    "empty segment": [
        "HF://user//repo",
        "https://huggingface.co//user/repo",
        "HF:///repo",
        "HF://user/",
        "HF:///",
        "https://huggingface.co//repo",
    ],
    "dots": ["HF://../repo", "HF://user/..", "HF://./repo", "HF://user/.", "HF://user/.repo", "HF://.user/repo"],
    "white space": ["HF://user/repo ", "HF://user/repo\n", "HF://us er/repo", "HF://user/\trepo"],
    "other characters": [
        "HF://user/re\\po",
        "HF://user\\repo",
        "HF://user/re:po",
        "HF://user/re%20po",
        "HF://user/rep\u00f6",
        "HF://user/repo\u0000",
        "HF://user/~repo",
        "HF://-user/repo",
        "HF://user/-repo",
    ],
    "revision": ["HF://user/repo@main", "https://huggingface.co/user/repo@v1"],
    "query or fragment": [
        "HF://user/repo?download=true",
        "https://huggingface.co/user/repo?download=true",
        "HF://user/repo#readme",
        "https://huggingface.co/user/repo#readme",
    ],
    "over-long segment": ["HF://user/" + "r" * 97],
}


def url_cases():
    for kind, urls in URLS.items():
        for url in urls:
            yield Case(f"{kind}: {json.dumps(url)}", "url", url=url)


def policy_cases():
    for value in ("", "on", "ON ", "CACHE"):
        yield Case(f"policy {json.dumps(value)}", "policy value", policy=value)


def download_cases():
    for repo in REPOSITORIES:
        yield Case(f"repository {repo}", "download", repository=repo)
    for number in (1, 8, 0):
        yield Case(f"num_processes={number}", "download", num_processes=number)


def get_or_download_cases():
    call, group = "get_or_download_model", "get_or_download_model"
    yield Case("HF URL, nothing cached", group, call)
    yield Case("HF URL, cached", group, call, writable="whole")
    yield Case("HF URL, read-only tier", group, call, read_only=("whole",))
    yield Case("HF URL, OFF, nothing cached", group, call, policy="OFF")
    yield Case("HF URL, empty directory cached", group, call, writable="empty_directory")
    yield Case("HF URL, repository without a config", group, call, repository="no_config")
    yield Case("HF URL, malformed", group, call, url="HF://user/repo/extra")
    yield Case("https URL", group, call, url="https://huggingface.co/user/repo")
    yield Case("lower-case prefix", group, call, url="hf://user/repo")
    yield Case("local directory with a config", group, call, url="{local}/whole")
    yield Case("local directory with nothing but a config", group, call, url="{local}/only_config")
    yield Case("local directory without a config", group, call, url="{local}/no_config")
    yield Case("local directory that is not there", group, call, url="{local}/nowhere")
    yield Case("local path of a file", group, call, url="{local}/whole/mlc-chat-config.json")


def all_cases() -> list[Case]:
    cases = [
        *writable_cases(),
        *read_only_cases(),
        *both_tiers_cases(),
        *url_cases(),
        *policy_cases(),
        *download_cases(),
        *get_or_download_cases(),
    ]
    names = [(case.group, case.name) for case in cases]
    assert len(set(names)) == len(names), "two rows share a name"
    return cases
