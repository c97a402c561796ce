"""Uploaded masks: one file of any kind that ``eoras predict`` reads, or a zip of images."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from eoras.errors import DataError
from eoras.files import UNREADABLE_ARCHIVE

__all__ = ["unpack_masks"]

_MOST = 2 << 30  # bytes that an archive may unpack to
_CHUNK = 1 << 20  # bytes that are unpacked at a time
_IMAGES = {".png", ".bmp", ".tif", ".tiff"}
_SIGNS = (b"PK\x03\x04", ".npz"), (b"\x93NUMPY", ".npy"), (b"{", ".json"), (b"[", ".json")


def unpack_masks(upload: Path, folder: Path) -> Path:
    """Give masks the name that says their kind, found by looking at them.

    Images of a zip get names made of their numbers: none of the archive's own names reaches the file system.

    Args:
        upload: the file.
        folder: where to put them.

    Returns:
        the file, or a folder of images.

    Raises:
        DataError: it is an archive that cannot be read, that unpacks to too much, or whose images are not told apart.
    """
    with upload.open("rb") as file:
        head = file.read(64).lstrip()
    suffix = next((suffix for sign, suffix in _SIGNS if head.startswith(sign)), ".txt")
    if suffix != ".npz":
        return _named(upload, folder / f"masks{suffix}")
    with _reading():
        archive = zipfile.ZipFile(upload)
    with archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if sum(member.file_size for member in members) > _MOST:
            raise DataError("the masks: expected at most 2 GiB when unpacked, found more; use 'eoras predict'")
        if members and all(member.filename.endswith(".npy") for member in members):
            return _named(upload, folder / "masks.npz")
        return _unpack_images(archive, members, folder / "masks")


def _named(upload: Path, path: Path) -> Path:
    path.hardlink_to(upload)
    return path


def _unpack_images(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path) -> Path:
    """Images ``NUMBER.png``, or ``OBJECT/NUMBER.png`` where they lie in a folder whose name is a number."""
    folder.mkdir()
    taken: set[Path] = set()
    for member in members:
        name = PurePosixPath(member.filename)
        numbers = re.findall(r"\d{1,9}", name.stem, re.ASCII)
        suffix = name.suffix.lower()
        if suffix not in _IMAGES or not numbers or name.name.startswith("."):
            continue
        is_object = re.fullmatch(r"\d{1,9}", name.parent.name, re.ASCII) is not None
        below = folder / str(int(name.parent.name)) if is_object else folder
        below.mkdir(exist_ok=True)
        place = below / f"{int(numbers[-1]):05d}"
        if place in taken:
            raise DataError(
                f"the masks: expected one image a frame, found two of frame {int(place.name)}; put each object "
                "into a folder 1/, 2/, ... of its own"
            )
        taken.add(place)
        with place.with_suffix(suffix).open("wb") as target:
            target.writelines(_unpacked(archive, member))
    kinds = {path.is_dir() for path in folder.iterdir()}
    if len(kinds) > 1:
        raise DataError("the masks: expected images, or folders 1/, 2/, ... of them, found both; leave one kind out")
    if not kinds:
        raise DataError("the masks: expected a zip of images such as 00000.png, found none in it; pack them again")
    return folder


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The contents of a member, a chunk at a time; what befalls the one who writes them is not taken for damage."""
    with _reading(), archive.open(member) as source:
        while chunk := source.read(_CHUNK):
            yield chunk


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except UNREADABLE_ARCHIVE as error:
        raise DataError(
            f"the masks: expected an archive, found one that cannot be read ({error}); make it anew"
        ) from None
