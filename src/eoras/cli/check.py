"""``eoras check``: what a data folder holds, and what is wrong with it."""

from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from eoras.cli.options import Json, say
from eoras.errors import ConfigError

if TYPE_CHECKING:
    from eoras.data.check_report import Contents, Problem, Report

__all__ = ["check", "check_and_print"]

_SHOWN = 20  # problems of a kind
_TRACKS = 6  # of a sheet
_BAR = 40  # characters of the longest bar of the histogram


def check(
    data: Annotated[Path, Parameter(help="The data folder: MOVi, MOViD-A, KITTI or COCO-video, found out by itself.")],
    /,
    *,
    sheet: Annotated[Path | None, Parameter(help="Draw a few tracks to this .png, too.", show_default=False)] = None,
    json: Json = False,
) -> int:
    """Read a data folder from end to end, say what it holds, and name each problem with its cure.

    Returns:
        0, or 1 if a problem would break training; a warning alone does not.
    """
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise ConfigError(f"--sheet {sheet}: expected a name that ends in .png")
    return check_and_print(data, json=json, sheet=sheet)


def check_and_print(data: Path, *, json: bool = False, sheet: Path | None = None) -> int:
    """Check a data folder and print the report.

    Args:
        data: the folder.
        json: print JSON instead of text.
        sheet: where to draw a few tracks; None: nowhere.

    Returns:
        The exit code.

    Raises:
        DataError: there are no data of a known format.
        RunError: the sheet cannot be written.
    """
    from eoras.data.check import check as check_data

    report = check_data(data, progress=True)
    print(dumps(report.describe(), indent=2) if json else _text(report))
    if sheet is not None:
        _draw(report.root, sheet)
    return int(report.breaks)


def _draw(root: Path, path: Path) -> None:
    from eoras.data.check import sample
    from eoras.draw import TrackPicture, contact_sheet
    from eoras.files import write_beside

    rows = [TrackPicture(**vars(track)) for track in sample(root, _TRACKS)]
    with write_beside(path) as beside:
        contact_sheet(rows).save(beside, format="PNG")
    say(f"wrote {path}, {len(rows)} tracks")


def _text(report: "Report") -> str:
    lines = [f"{report.root}: {report.layout}; checked: {report.scope}", ""]
    for split, contents in report.contents.items():
        lines += [split, *_rows(contents), ""] if contents.videos else [f"{split}: no videos", ""]
    lines += [*(f"note: {note}" for note in report.notes), ""] if report.notes else []
    kinds = dict.fromkeys(problem.kind for problem in report.problems)
    for kind in kinds:
        lines += _section(kind, [problem for problem in report.problems if problem.kind == kind])
    broken = sum(problem.breaks for problem in report.problems)
    warnings = len(report.problems) - broken
    return "\n".join([*lines, f"problems: {broken}, warnings: {warnings}" if report.problems else "no problems found"])


def _rows(contents: "Contents") -> list[str]:
    plain = contents.describe()
    sizes = [f"{size} in {count} of {contents.videos} videos" for size, count in plain["sizes"].items()]
    rows = {
        "videos": contents.videos,
        "tracks": contents.tracks,
        "frames": contents.frames,
        "sizes": ", ".join(sizes) or "unknown",
        "track frames": f"{contents.track_frames}, of which {contents.annotated_frames} have an amodal mask",
        "fully hidden": f"{contents.hidden_frames} more, in which the object is in the image and not seen",
    }
    lines = [f"  {name:<14}{value}" for name, value in rows.items()]
    return [*lines, *_histogram(plain["occlusion"])] if contents.occlusion else lines


def _histogram(counts: Sequence[int]) -> list[str]:
    """A line a bin of the occlusion rate."""
    names = [f"{10 * place} to {10 * place + 10} %" for place in range(len(counts))]
    bars = ["#" * -(-_BAR * count // max(counts)) for count in counts]
    lines = [f"    {name:<12}{count:>8} {bar}" for name, count, bar in zip(names, counts, bars, strict=True)]
    return ["  occlusion: hidden share of the object, frames", *map(str.rstrip, lines)]


def _section(kind: str, problems: Sequence["Problem"]) -> list[str]:
    lines = [f"{kind}: {len(problems)}"]
    for problem in problems[:_SHOWN]:
        word = "problem" if problem.breaks else "warning"
        lines.append(f"  {word}: {problem.path}: {problem.what}; {problem.cure}")
    if len(problems) > _SHOWN:
        lines.append(f"  and {len(problems) - _SHOWN} more; --json lists all")
    return [*lines, ""]
