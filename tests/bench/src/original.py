"""A stand-in for the download of MLC-LLM's Python original, for comparison.

It does the same things in the same order: a clone without LFS files, then every record of the manifest in four
processes, in pieces of 8 KiB, with a second read for MD5, and at the end a move into the cache.

Usage: original.py ENDPOINT USER/REPO DESTINATION
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

PIECE = 8 * 1024

try:
    import requests
except ImportError:
    requests = None


def pieces_of(url):
    if requests is not None:
        with requests.get(url, stream=True, timeout=30) as answer:
            answer.raise_for_status()
            yield from answer.iter_content(PIECE)
        return
    import urllib.request

    with urllib.request.urlopen(url, timeout=30) as answer:
        while piece := answer.read(PIECE):
            yield piece


def fetch(url, path, expected):
    with open(path, "wb") as file:
        for piece in pieces_of(url):
            file.write(piece)
    digest = hashlib.md5()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    if digest.hexdigest() != expected:
        raise ValueError(f"{path}: MD5 does not match")


def main(endpoint, model, destination):
    staging = pathlib.Path(destination) / "staging"
    # What a run left that was killed: the original begins anew each time.
    shutil.rmtree(staging, ignore_errors=True)
    clone = ["git", "clone", "--quiet", f"{endpoint}/{model}", str(staging)]
    subprocess.run(clone, check=True, env={**os.environ, "GIT_LFS_SKIP_SMUDGE": "1"})
    records = json.loads((staging / "tensor-cache.json").read_text())["records"]
    with concurrent.futures.ProcessPoolExecutor(max_workers=4) as pool:
        fetching = []
        for record in records:
            name = record["dataPath"]
            url = f"{endpoint}/{model}/resolve/main/{name}"
            fetching.append(pool.submit(fetch, url, staging / name, record["md5sum"]))
        for one in concurrent.futures.as_completed(fetching):
            one.result()
    shutil.move(staging, pathlib.Path(destination) / "model")


if __name__ == "__main__":
    main(*sys.argv[1:])
