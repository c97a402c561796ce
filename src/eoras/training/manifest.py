"""What a folder holds, with sizes and hashes, so that damage is found before anything goes on from it."""

import json
from pathlib import Path

from eoras.files import sha256_of, write_beside

__all__ = ["find_damage", "write_manifest"]

_MANIFEST = "manifest.json"


def write_manifest(folder: Path) -> None:
    """Add ``manifest.json``, with size in bytes and SHA-256 of each file in the folder; to be written last.

    Raises:
        RunError: it cannot be written.
    """
    files = {path.name: {"size": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(folder.iterdir())}
    with write_beside(folder / _MANIFEST) as path:
        path.write_text(json.dumps({"files": files}, indent=2) + "\n", encoding="utf-8")


def find_damage(folder: Path) -> str | None:
    """Compare a folder with its manifest.

    Returns:
        The first thing that is wrong, beginning with the file's name; None if every file is as it was written.
    """
    try:
        files = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
        expected = [(name, int(file["size"]), str(file["sha256"])) for name, file in files.items()]
    except FileNotFoundError:
        return f"{_MANIFEST} is missing"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return f"{_MANIFEST} is damaged"
    for name, size, sha256 in expected:
        try:
            found = (folder / name).stat().st_size
            if found != size:
                return f"{name} has {found} bytes, expected {size}"
            if sha256_of(folder / name) != sha256:
                return f"{name} has other contents than were written"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return None
