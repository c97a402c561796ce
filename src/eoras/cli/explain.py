"""``eoras explain``: figures of what a network does with one object."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from eoras.cli.options import Cache, Checkpoint, Data, Model, say
from eoras.errors import ConfigError

__all__ = ["explain"]


def explain(
    model: Model,
    *,
    data: Data,
    track: Annotated[
        str, Parameter(help="VIDEO-TRACK, such as 0-3: a video and the track_id of its object; TRACK counts from 0.")
    ],
    out: Annotated[Path, Parameter(help="The folder for the figures.")] = Path("fig"),
    split: Annotated[
        Literal["train", "val", "test"], Parameter(help="Where the track is; only KITTI has val.")
    ] = "test",
    checkpoint: Checkpoint = "best",
    cache: Cache = None,
) -> None:
    """Draw what a network does with one object: its crops, where bird's-eye cells look, attention, and masks."""
    from eoras.data.open import open_tracks
    from eoras.files import write_beside
    from eoras.model.eoras import EoRaS
    from eoras.model.weights import find_model
    from eoras.prediction.explain import explain as draw

    network = EoRaS.from_pretrained(find_model(model, checkpoint))
    video, _, track_id = track.rpartition("-")
    tracks = open_tracks(data, split, network.config.view, videos=[video], cache=cache)
    known = {str(one.track_id): index for index, one in enumerate(tracks.tracks)}
    if track_id not in known:
        raise ConfigError(
            f"--track {track}: expected VIDEO-TRACK of {data}, {split}; "
            + (f"video {video} has the tracks {', '.join(known)}" if known else f"found no video {video or track}")
        )
    for name, figure in draw(network, tracks[known[track_id]]).items():
        with write_beside(out / f"{name}.png") as path:
            figure.savefig(path, format="png")
    say(f"wrote {out}")
