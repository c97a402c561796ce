"""``eoras synthesize``: make videos with exact amodal truth."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from eoras.cli.options import say
from eoras.errors import ConfigError

if TYPE_CHECKING:
    from eoras.synthesis.settings import SceneConfig

__all__ = ["synthesize"]


def synthesize(
    out: Annotated[Path | None, Parameter(help="The data folder to make or to extend.")] = None,
    /,
    *,
    videos: Annotated[int, Parameter(help="Videos in train/.", validator=Number(gte=0))] = 100,
    test_videos: Annotated[
        int | None,
        Parameter(
            help="Videos in test/; a fifth of --videos if not given.", validator=Number(gte=0), show_default=False
        ),
    ] = None,
    preset: Annotated[
        str, Parameter(help="movi_b, movi_d, falling, or a YAML file; or several, with commas, that take turns.")
    ] = "movi_b",
    seed: Annotated[int, Parameter(help="Of the whole set.", validator=Number(gte=0))] = 0,
    overrides: Annotated[
        tuple[str, ...],
        Parameter(name="--set", help="Change a setting: --set objects.held_out_shapes=2.", show_default=False),
    ] = (),
    objects: Annotated[
        Path | None, Parameter(help="A folder of models to use: OBJ, GLB, PLY.", show_default=False)
    ] = None,
    backgrounds: Annotated[
        Path | None,
        Parameter(help="A folder of equirectangular panoramas: PNG, JPEG, HDR, EXR.", show_default=False),
    ] = None,
    workers: Annotated[int, Parameter(help="Processes that make videos.", validator=Number(gte=1))] = 2,
    preview: Annotated[
        Path | None,
        Parameter(help="Draw the first video to this .png or .mp4 instead of making any.", show_default=False),
    ] = None,
) -> int:
    """Make videos in the layout of MOVi, with the whole truth of each object, seen or hidden."""
    from eoras.synthesis.settings import load_scene_config

    folders = {"objects.folder": objects, "backgrounds": backgrounds}
    named = [f"{key}={str(path.resolve())!r}" for key, path in folders.items() if path is not None]
    configs = [load_scene_config(name, (*overrides, *named)) for name in preset.split(",")]
    if preview is not None:
        return _preview(preview, configs[0], seed)
    if out is None:
        raise ConfigError("expected the data folder to make, or --preview FILE; see 'eoras synthesize --help'")
    from eoras.shares import own_share
    from eoras.synthesis.generate import generate

    try:
        missing = generate(
            out,
            configs,
            train_videos=videos,
            test_videos=-(-videos // 5) if test_videos is None else test_videos,
            seed=seed,
            workers=workers,
            share=own_share(),
            progress=True,
        )
    except KeyboardInterrupt:
        say("interrupted; the finished videos stay, and the same command goes on")
        return 130
    if missing:
        say(f"done; other processes have {missing} videos of {out} to make")
    else:
        say(f"{out} is complete; train on it with: eoras train --config tiny --data {out} --out RUN")
    return 0


def _preview(path: Path, config: "SceneConfig", seed: int) -> int:
    """Draw the first training video of a seed."""
    if path.suffix.lower() not in (".png", ".mp4"):
        raise ConfigError(f"--preview {path}: expected a name that ends in .png or .mp4")
    from eoras.files import write_beside
    from eoras.synthesis.generate import require_packages

    require_packages()
    from eoras.synthesis.compose import compose
    from eoras.synthesis.preview import preview_frame, preview_sheet
    from eoras.synthesis.render import render
    from eoras.video import write_mp4

    video = render(compose(config, seed, 0, "train"))
    if path.suffix.lower() == ".mp4":
        write_mp4(path, (preview_frame(video, t) for t in range(len(video.frames))), Fraction(config.fps))
    else:
        with write_beside(path) as beside:
            preview_sheet(video, f"{config.name}, seed {seed}, first training video").save(beside, format="PNG")
    say(f"wrote {path}")
    return 0
