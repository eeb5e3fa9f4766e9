"""Like ``mlc_llm package``: copies the whole directory."""

import shutil
from pathlib import Path

from mlc_llm.support import download_cache


def bundle_weight(model: str, bundle: Path) -> Path:
    path = download_cache.get_or_download_model(model)
    return Path(shutil.copytree(path, bundle / path.name))
