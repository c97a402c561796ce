"""Random damage to the files of a data set."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

__all__ = ["damage"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

_NUMBERS = [-1, 0, 7, 2.5, 10**9, 10**400, -1e300, float("nan"), float("inf"), float("-inf")]
_TEXTS = ["", "text", "../..", "a\0b", "\ud800", "/etc/passwd", "x" * 5000, "1" * 5000]
_LISTS = [[], {}, [[]], [None], [[0, 0, 1e6, 0, 1e6, 1e6]], {"size": [1, 1]}]
_ODD = st.sampled_from([None, True, *_NUMBERS, *_TEXTS, *_LISTS])
_MODES = st.sampled_from(["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
_ENTRIES = st.sampled_from(
    ["..-0", ".-0", "a\nb-0", "a-99999999999", "a-\u0663", f"{'x' * 300}-0", "a\0b-0", "/etc-0", "-0"]
)
_PLACES = st.floats(0, 1, exclude_max=True)  # in a file: its length, as that of a cache, may differ from run to run
_WORDS = st.sampled_from(["nan", "inf", "1e999", "1e300", "-1", "text", "P3:", ""])


def damage(draw: Draw, root: Path, outside: Path) -> None:
    """Do one or two things to random files below ``root``; ``outside`` is a folder that they may be moved to."""
    for _ in range(draw(st.integers(1, 2))):
        if not (paths := sorted(path for path in root.rglob("*") if path.is_file())):
            return
        path = draw(st.sampled_from(paths))
        kinds = [_cut, _overwrite, _remove, _empty, _replace_by_folder, _link, _swap, _rewrite]
        kinds += [_of_kind(path)] * 6
        draw(st.sampled_from(kinds))(draw, path, root, outside)


def _of_kind(path: Path) -> Callable[[Draw, Path, Path, Path], None]:
    known = {".png": _paint, ".json": _edit_json, ".pkl": _edit_pickle, ".npy": _edit_list}
    return known.get(path.suffix, _edit_text)


def _cut(draw: Draw, path: Path, *_: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(draw(_PLACES) * len(content))])


def _overwrite(draw: Draw, path: Path, *_: Path) -> None:
    content = bytearray(path.read_bytes())
    for _flip in range(draw(st.integers(1, 3))):
        if content:
            content[int(draw(_PLACES) * len(content))] = draw(st.integers(0, 255))
    path.write_bytes(content)


def _remove(_: Draw, path: Path, *__: Path) -> None:
    path.unlink()


def _empty(_: Draw, path: Path, *__: Path) -> None:
    path.write_bytes(b"")


def _rewrite(draw: Draw, path: Path, *_: Path) -> None:
    path.write_bytes(draw(st.binary(max_size=40)))


def _replace_by_folder(_: Draw, path: Path, *__: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(draw: Draw, path: Path, _: Path, outside: Path) -> None:
    """A link to the file, which has moved away; a link to nothing; or one to itself."""
    target = outside / f"{len(list(outside.iterdir()))}{path.suffix}"
    kind = draw(st.sampled_from(["elsewhere", "nowhere", "itself"]))
    path.rename(target)
    path.symlink_to({"elsewhere": target, "nowhere": outside / "nothing", "itself": path}[kind])


def _swap(draw: Draw, path: Path, root: Path, outside: Path) -> None:
    other = draw(st.sampled_from(sorted(path for path in root.rglob("*") if path.is_file())))
    path.rename(outside / "swapped")
    if other != path:
        other.rename(path)
    (outside / "swapped").rename(other)


def _paint(draw: Draw, path: Path, *_: Path) -> None:
    """Another image, of another mode, size or content."""
    height, width, mode = draw(st.integers(1, 30)), draw(st.integers(1, 30)), draw(_MODES)
    try:
        with Image.open(path) as image:
            old = image.copy()
    except OSError:
        old = Image.new("RGB", (width, height))
    new = old.resize((width, height)) if draw(st.booleans()) else old
    if draw(st.booleans()):
        grey = np.full((new.height, new.width), 9, np.uint16 if mode == "I;16" else np.uint8)
        new = Image.fromarray(grey).convert(mode)
    new.save(path)


def _edit_json(draw: Draw, path: Path, *_: Path) -> None:
    try:
        record = json.loads(path.read_bytes())
    except ValueError:
        return
    path.write_text(json.dumps(_changed(draw, record)))


def _edit_pickle(draw: Draw, path: Path, *_: Path) -> None:
    try:
        record = pickle.loads(path.read_bytes())
    except Exception:  # damaged before
        return
    path.write_bytes(pickle.dumps(_changed(draw, record), draw(st.integers(1, 5))))


def _changed(draw: Draw, record: Any) -> Any:
    """The record with a value somewhere in it taken out or changed, or a key renamed."""
    if not isinstance(record, dict | list) or not record or draw(st.integers(0, 9)) == 0:
        return draw(_ODD)
    keys = list(record) if isinstance(record, dict) else list(range(len(record)))
    key = draw(st.sampled_from(keys))
    action = draw(st.sampled_from(["within"] * 6 + ["remove", "rename"]))
    if action == "within":
        record[key] = _changed(draw, record[key])
    elif action == "remove":
        del record[key]
    elif isinstance(record, dict):
        odd = draw(_ODD.filter(lambda value: not isinstance(value, list | dict)))
        record[odd] = record.pop(key)
    return record


def _edit_list(draw: Draw, path: Path, *_: Path) -> None:
    names = [*draw(st.lists(st.text(max_size=5), max_size=3)), draw(_ENTRIES)]
    np.save(
        path, np.array(names) if draw(st.booleans()) else np.array(draw(st.sampled_from([[1], [[""]], ["a-0"] * 3])))
    )


def _edit_text(draw: Draw, path: Path, *_: Path) -> None:
    words = path.read_text(encoding="utf-8", errors="replace").split(" ")
    words[int(draw(_PLACES) * len(words))] = draw(_WORDS)
    path.write_text(" ".join(words), encoding="utf-8")
