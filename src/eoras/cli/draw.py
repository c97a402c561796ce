"""``eoras draw``: pictures of a result."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from eoras.cli.options import say
from eoras.errors import ConfigError, DataError

if TYPE_CHECKING:
    from eoras.prediction.result import Result

__all__ = ["draw"]

_SHEET = "sheet"


def draw(
    result: Annotated[Path, Parameter(help="What 'eoras predict' has made: its folder, or result.json.")],
    /,
    *,
    style: Annotated[
        Literal["overlay", "outline", "amodal", "side-by-side", "sheet"],
        Parameter(
            help="overlay: the seen part tinted, the hidden one hatched; outline: contours alone; amodal: whole shapes "
            "upon a dark frame; side-by-side: frame and overlay; sheet: of each object the most hidden frames in "
            "which some of it is seen."
        ),
    ] = "overlay",
    video: Annotated[
        Path | None,
        Parameter(help="The video; if not given, the one that was predicted, where it was.", show_default=False),
    ] = None,
    frame: Annotated[
        int | None,
        Parameter(help="Draw this frame alone, by its index from 0.", validator=Number(gte=0), show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(
            help="The .mp4 to make, or the .png of a sheet or a frame; if not given, it lies beside result.json and is "
            "named as the style.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Draw a result upon its video: a film with the video's own times and sound, a sheet, or one frame."""
    if style == _SHEET and frame is not None:
        raise ConfigError("--style sheet --frame: a sheet chooses its frames; leave out one of them")
    folder = result if result.is_dir() else result.parent
    suffix = ".mp4" if style != _SHEET and frame is None else ".png"
    name = {"sheet": "contact_sheet"}.get(style, style) + ("" if frame is None else f"_{frame:05d}")
    path = folder / f"{name}{suffix}" if out is None else out
    if path.suffix.lower() != suffix:
        raise ConfigError(f"--out {path}: expected a name that ends in {suffix}, as the style asks")

    from eoras.prediction.pictures import draw_film, draw_frame, draw_sheet
    from eoras.prediction.result import Result
    from eoras.video import open_video

    loaded = Result.load(result)
    opened = open_video(_source(loaded, folder) if video is None else video)
    if style == _SHEET:
        draw_sheet(path, loaded, opened)
    elif frame is None:
        draw_film(path, loaded, opened, style, progress=True)
    else:
        draw_frame(path, loaded, frame, opened, style)
    say(f"wrote {path}")


def _source(result: "Result", folder: Path) -> Path:
    """The video that was predicted."""
    name = result.info.get("source")
    path = folder / str(name)
    if not name or not path.exists():
        found = f"none at {path}" if name else "no word of it in the result"
        raise DataError(f"{folder}: expected the video {result.info.get('video')}, found {found}; name it with --video")
    return path
