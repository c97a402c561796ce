"""``eoras download``: published data and checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from eoras.cli.options import say
from eoras.download.addresses import PUBLISHED, Name

if TYPE_CHECKING:
    from eoras.download.addresses import Published

__all__ = ["download"]


def download(
    name: Annotated[Name, Parameter(help="What to fetch.")],
    /,
    *,
    out: Annotated[Path, Parameter(help="The folder to put it in.")],
    mirror: Annotated[
        str | None,
        Parameter(help="Fetch from this address instead; it holds the same files.", show_default=False),
    ] = None,
) -> int:
    """Fetch published data or checkpoints; archives are unpacked beside themselves and checked.

    Returns:
        0, or 1 if the check of the data found problems that would break training.
    """
    files = PUBLISHED[name]
    try:
        folders = _fetch(files, out, mirror)
    except KeyboardInterrupt:
        say("interrupted; what came stays, and the same command goes on")
        return 130
    if name == "checkpoints":
        for file in files:
            config = Path(file.name).parts[0]
            say(f"now: eoras convert checkpoint {out / file.name} MODEL --config {config}")
        return 0
    return _check(folders)


def _fetch(files: Sequence["Published"], out: Path, mirror: str | None) -> list[Path]:
    """Fetch files and unpack the archives among them; gives the folders."""
    from eoras.download.extract import extract
    from eoras.download.transfer import transfer

    folders = []
    for file in files:
        path = out / file.name
        folder = out / file.name.removesuffix(".zip").removesuffix(".tar.gz")
        if not (file.is_archive and folder.is_dir()):
            transfer(file.at(mirror), path, size=file.size, sha256=file.sha256, progress=True)
        if not file.is_archive:
            continue
        if not folder.is_dir():
            extract(path, folder, progress=True)
            say(f"unpacked {path} to {folder}; the archive is no longer needed")
        folders.append(folder)
    return folders


def _check(folders: Sequence[Path]) -> int:
    """Put an archive that completes the first one in its place, and check what there is now."""
    from eoras.cli.check import check_and_print
    from eoras.data.check import find_data
    from eoras.download.arrange import arrange_kitti

    root = find_data(folders[0])
    for missing in folders[1:]:
        for path in arrange_kitti(missing, root):
            say(f"moved {path}")
    return check_and_print(root)
