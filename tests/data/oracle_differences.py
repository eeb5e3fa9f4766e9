"""What this workspace answers instead of the original, and why.

`ours(case, original)` is "same", or the outcome here with its reason. Outcomes here come from rules that
stand on their own and do not look at the recorded answer, so recording again keeps them. docs/compat.md
explains the same differences in prose.
"""

from oracle_cases import REPOSITORIES, URLS, Case

GOOD_URLS = {*URLS["both prefixes"], *URLS["every allowed character"], *URLS["revision"]}

VALUE_ERROR = "ValueError"
RUNTIME_ERROR = "RuntimeError"

# Python exceptions that are of one of the two families: they raise the same alarm in a caller.
FAMILY = {"ValueError": VALUE_ERROR, "JSONDecodeError": VALUE_ERROR, "RuntimeError": RUNTIME_ERROR}


def returns(place: str, downloaded: bool) -> dict:
    return {"returns": place, "downloaded": downloaded, "deleted_first": False}


def raises(kind: str) -> dict:
    return {"raises": kind, "deleted_first": False}


# --- the cache ------------------------------------------------------------------------------------


def cache_outcome(case: Case) -> dict:
    """The rules of the cache here, for a good URL and a repository that can be downloaded."""
    forbidden = case.policy in ("OFF", "READONLY")
    if forbidden and case.force_redo is True:
        return raises(RUNTIME_ERROR)
    for index, state in enumerate(case.read_only):
        if state == "whole":
            return returns(f"read_only_{index}", False)
    forced = case.policy == "REDO" if case.force_redo is None else case.force_redo
    if case.writable == "whole" and not forced:
        return returns("writable", False)
    if forbidden:
        return raises(RUNTIME_ERROR)
    return returns("writable", True)


def cache_reason(case: Case, here: dict, original: dict) -> str:
    """Why the outcome here is not the original's; the first that fits."""
    if case.force_redo is True and case.policy in ("OFF", "READONLY"):
        return "a forced download that the policy forbids is refused, and touches nothing"
    if "returns" in here and case.policy == "OFF":
        return "OFF forbids downloads, not the use of what is cached"
    if original["deleted_first"]:
        return "the old copy serves until the new one is complete"
    if original.get("returns", "").startswith("read_only"):
        return "a read-only entry that is not whole is passed over"
    if original.get("returns") == "writable" and not original["downloaded"]:
        return "a directory that is not whole is no hit: it is repaired, or named where the policy forbids that"
    raise AssertionError(f"no reason is written down for {case.name}: {here}, {original}")


# --- single rows ----------------------------------------------------------------------------------

# Repositories that are treated differently: outcome and reason. A file list of None: not the original's.
REPOSITORY = {
    "nowhere": (raises("Refused"), "the hub's answer is a kind of its own, with the hub's words"),
    "blank_md5": (returns("writable", True), "a blank md5sum is an absent one; the LFS SHA-256 still holds"),
    "upper_case_md5": (returns("writable", True), "hexadecimal digits are compared as numbers"),
    "short_shard_no_md5": (raises(VALUE_ERROR), "without an MD5 the size and the LFS SHA-256 are checked"),
    "unlisted_bin": (returns("writable", True), "an LFS file that is not fetched is not left as pointer text"),
    "old_manifest_name": (
        returns("writable", True),
        "both names of the manifest are known; tensor-cache.json is written beside the older one",
    ),
    "no_manifest": (raises("Refused"), "not an MLC model: refused before a shard is fetched"),
    "no_config": (raises("Refused"), "not an MLC model: refused before a shard is fetched"),
    "no_records": (raises("Refused"), "not an MLC model: refused before a shard is fetched"),
    "manifest_without_records": (raises("Refused"), "not an MLC model: refused with what is missing"),
    "manifest_list": (raises("Refused"), "the forms before March 2023 are refused by name"),
    "manifest_not_json": (raises("Refused"), "not an MLC model: refused with the parser's words"),
    "path_leaves": (raises(VALUE_ERROR), "a path that leaves the directory is refused by record number"),
    "record_not_there": (raises("Refused"), "a shard that the commit lacks is found before any is fetched"),
    "symbolic_link": (raises(VALUE_ERROR), "links in a repository are refused by name"),
}

# What the returned directory holds where that is not what the original leaves: added and left out.
FILES = {
    "unlisted_bin": ((), ("pytorch_model.bin",)),
    "old_manifest_name": (("tensor-cache.json",), ()),
}

MODEL = {
    "HF URL, repository without a config": REPOSITORY["no_config"],
    "https URL": (returns("writable", True), "both prefixes of a model URL are URLs here too"),
    "lower-case prefix": (raises(VALUE_ERROR), "almost a URL: refused with the corrected one"),
}

# Model URLs that name a revision; the original takes it for part of the repository's name.
REVISION = {
    "https://huggingface.co/user/repo@v1": (raises("Refused"), "`@v1` is a revision, which the repository lacks"),
}

POLICY = {
    'policy ""': (returns("writable", True), "a variable that is set to nothing counts as not set"),
}


def files_here(case: Case) -> dict:
    """The files left by a download of a repository that is treated differently."""
    more, less = FILES.get(case.repository, ((), ()))
    names = {*REPOSITORIES[case.repository].files, *more} - {*less}
    return {name: "content" for name in sorted(names)}


def outcome(case: Case, original: dict) -> tuple[dict, str]:
    """The outcome here, and the reason to give should it differ."""
    if case.url not in GOOD_URLS and case.group == "url":
        return raises(VALUE_ERROR), "a malformed URL is one error, before disk or network is touched"
    if case.group == "url" and case.url in REVISION:
        return REVISION[case.url]
    if case.group == "get_or_download_model" and case.name in MODEL:
        return MODEL[case.name]
    if case.group == "policy value" and case.name in POLICY:
        return POLICY[case.name]
    if case.group == "download" and case.repository in REPOSITORY:
        here, reason = REPOSITORY[case.repository]
        if "returns" in here:
            here = here | {"files": files_here(case)}
        return here, reason
    if case.group in ("writable tier", "read-only tiers", "both"):
        here = cache_outcome(case)
        return here, cache_reason(case, here, original) if here != original else ""
    if case.name == "HF URL, empty directory cached":
        return cache_outcome(case), "a directory that is not whole is no hit: it is repaired"
    return original, ""


def ours(case: Case, original: dict) -> str | dict:
    """What `ours` holds in the row of this case."""
    here, reason = outcome(case, original)
    if here == original:
        return "same"
    same_family = here.get("raises") == FAMILY.get(original.get("raises"), "none")
    if same_family and here["deleted_first"] == original["deleted_first"]:
        return "same"
    return here | {"reason": reason}
