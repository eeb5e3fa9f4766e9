"""Puts the wheel together: pack.py PACKAGE BUILT OUT PLATFORM COMPRESSION

PACKAGE is the folder of the Python package, BUILT where cargo has left the module and the command, OUT where the wheel
goes. PLATFORM is its platform without the processor (manylinux_2_17), or empty for that of this machine. COMPRESSION is
`deflated` or `stored`. Prints the wheel's path as the last line.
"""

import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

from wheel.wheelfile import WheelFile

VERSION = "{version}"


def main(package: Path, built: Path, out: Path, platform: str, compression: str) -> None:
    workspace = package.parents[1]
    version = find(workspace / "Cargo.toml", 'version = "').rstrip('"')
    staged = out / "staged"
    shutil.rmtree(staged, ignore_errors=True)
    root = staged / f"mlc_weights-{version}"
    shutil.copytree(package / "python", root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(first(built, "libmlc_weights_py.so", "libmlc_weights_py.dylib", "mlc_weights_py.dll"), root / MODULE)

    scripts = root / f"mlc_weights-{version}.data/scripts"
    scripts.mkdir(parents=True)
    shutil.copy(first(built, "mlc-weights", "mlc-weights.exe"), scripts)

    info = root / f"mlc_weights-{version}.dist-info"
    (info / "licenses").mkdir(parents=True)
    for licence in workspace.glob("LICENSE-*"):
        shutil.copy(licence, info / "licenses")
    metadata = (package / "METADATA.in").read_text(encoding="utf-8").replace(VERSION, version)
    readme = (package / "README.md").read_text(encoding="utf-8")
    (info / "METADATA").write_text(f"{metadata}\n{readme}", encoding="utf-8")
    tag = f"cp39-abi3-{tag_of(platform)}"
    (info / "WHEEL").write_text(
        f"Wheel-Version: 1.0\nGenerator: cargo xtask wheel\nRoot-Is-Purelib: false\nTag: {tag}\n", encoding="utf-8"
    )

    wheel = out / f"mlc_weights-{version}-{tag}.whl"
    with WheelFile(wheel, "w", COMPRESSIONS[compression]) as file:
        file.write_files(root)
    shutil.rmtree(staged)
    print(wheel)


COMPRESSIONS = {"deflated": zipfile.ZIP_DEFLATED, "stored": zipfile.ZIP_STORED}
MODULE = Path("mlc_weights") / ("_native.pyd" if sys.platform == "win32" else "_native.abi3.so")


def tag_of(platform: str) -> str:
    """The platform as wheels name it."""
    own = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"{platform}_{own.partition('_')[2]}" if platform else own


def first(folder: Path, *names: str) -> Path:
    """The file that has one of these names, as each system has its own."""
    return next(folder / name for name in names if (folder / name).is_file())


def find(path: Path, prefix: str) -> str:
    """What stands behind a prefix, on the first line that has it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(line[len(prefix) :] for line in lines if line.startswith(prefix))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *sys.argv[4:])
