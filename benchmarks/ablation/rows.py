"""The rows of the table: from the published network made small to the best one, one change at a time.

Changes that leave less to chance or to compute come early: all rows after them profit.
"""

from dataclasses import dataclass
from typing import Literal

from eoras.config import Config
from eoras.config_files import load_config
from eoras.model.weights import SHIPPED

__all__ = ["BEST", "FIRST", "ROWS", "THRICE", "Row", "config_of"]

Answers = Literal["plain", "flip", "union", "damaged", "damaged mask", "alone"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A change, and what it is made to.

    Attributes:
        name: of its runs.
        text: what changes, in the table.
        after: the row that it is compared with; None for the first on its videos.
        changes: of the configuration of ``after``, ``a.b=value`` each.
        weights: the row whose trained network is asked, or ``SHIPPED``, which has seen more than the others; None: one
            of its own.
        answers: how it is asked: plainly, averaged with the mirrored clip, united with the given visible mask, given
            visible masks that are damaged as a tracker's are, not asked at all, for those are the answer, or shown each
            frame alone.
        fresh: whether it is scored on the test videos on which nothing was chosen, neither rows nor their order.
    """

    name: str
    text: str
    after: str | None
    changes: tuple[str, ...] = ()
    weights: str | None = None
    answers: Answers = "plain"
    fresh: bool = False


_WINDOWS = ("model.view.windows=track", "model.view.boxes=round", "model.view.frames=all")

ROWS = {
    row.name: row
    for row in (
        Row(name="faithful", text="the published network and training, narrow (`tiny`)", after=None),
        Row(
            name="schedule",
            text="warm-up, cosine, clipped gradients, averaged weights",
            after="faithful",
            changes=(
                "training.schedule=cosine",
                "training.warmup_steps=30",
                "training.gradient_clip=5",
                "training.average=0.99",
            ),
        ),
        Row(
            name="camera",
            text="the camera of each crop",
            after="schedule",
            changes=("model.view.intrinsics=crop",),
        ),
        Row(
            name="light",
            text="a bird's-eye view of a quarter of the channels",
            after="camera",
            changes=("model.bev_channels=[16]",),
        ),
        Row(name="no_bev", text="no bird's-eye view", after="camera", changes=("model.bev=false",)),
        Row(
            name="input",
            text="the visible mask as an input",
            after="no_bev",
            changes=("model.visible_input=true",),
        ),
        Row(
            name="augment",
            text="augmentation: occluders, zoom, mirror, degraded images, damaged masks",
            after="input",
            changes=("training.augment={cover: 0.5, zoom: 0.3, flip: 0.5, degrade: 0.3, damage: 0.25}",),
        ),
        Row(
            name="visible_skip",
            text="the visible mask past the backbone, too",
            after="augment",
            changes=("model.visible_skip=true",),
        ),
        Row(
            name="lite0",
            text="EfficientNet-Lite0 with ImageNet weights that stay as they are, and normalised images",
            after="visible_skip",
            changes=("model.backbone=lite0", "model.normalise=true", "training.backbone_rate=0"),
        ),
        Row(name="clip", text="all frames look at all frames", after="lite0", changes=("model.temporal=clip",)),
        Row(
            name="windows_before",
            text="windows of one size, rounded boxes, hidden frames kept; with the published loss",
            after="clip",
            changes=_WINDOWS,
        ),
        Row(
            name="skip_before",
            text="finer features in the mask heads, with these windows and the published loss",
            after="windows_before",
            changes=("model.decoder=skip",),
        ),
        Row(
            name="loss",
            text="Dice loss, more weight where hidden",
            after="clip",
            changes=("training.dice_weight=1", "training.hidden_emphasis=1"),
        ),
        Row(
            name="windows",
            text="windows of one size, rounded boxes, hidden frames kept",
            after="loss",
            changes=_WINDOWS,
        ),
        Row(name="skip", text="finer features in the mask heads", after="windows", changes=("model.decoder=skip",)),
        Row(
            name="confidence",
            text="a confidence head",
            after="skip",
            changes=("model.confidence=true",),
        ),
        Row(
            name="one_head",
            text="no head for the visible mask",
            after="confidence",
            changes=("model.mask_heads=[amodal]",),
        ),
        Row(
            name="wide",
            text="more channels (`small`)",
            after="one_head",
            changes=("model.pyramid_channels=96", "model.width=128", "model.feedforward=384"),
        ),
        Row(name="with_bev", text="with the bird's-eye view again", after="wide", changes=("model.bev=true",)),
        Row(
            name="long",
            text="training clips of 24 frames",
            after="wide",
            changes=("training.clip_length=24",),
        ),
        Row(name="flip", text="averaged with the mirrored clip", after="wide", weights="wide", answers="flip"),
        Row(
            name="union",
            text="united with the given visible mask",
            after="wide",
            weights="wide",
            answers="union",
        ),
        Row(
            name="damaged_before",
            text="damaged visible masks given, before augmentation",
            after="input",
            weights="input",
            answers="damaged",
        ),
        Row(
            name="damaged",
            text="damaged visible masks given, after augmentation",
            after="damaged_before",
            weights="augment",
            answers="damaged",
        ),
        Row(
            name="shipped",
            text="`small` as it comes with eoras: trained longer, on more tracks",
            after="wide",
            weights=SHIPPED,
        ),
        Row(
            name="damaged_wide",
            text="damaged visible masks given to `wide`",
            after="wide",
            weights="wide",
            answers="damaged",
        ),
        Row(
            name="damaged_shipped",
            text="damaged visible masks given to `shipped`",
            after="shipped",
            weights=SHIPPED,
            answers="damaged",
        ),
        Row(
            name="damaged_mask",
            text="those masks themselves as the answer",
            after="damaged_shipped",
            weights=SHIPPED,
            answers="damaged mask",
        ),
        Row(
            name="alone",
            text="`shipped`, shown each frame alone",
            after="shipped",
            weights=SHIPPED,
            answers="alone",
        ),
        Row(
            name="fresh_faithful",
            text="`faithful`, on other test videos, on which nothing was chosen",
            after=None,
            weights="faithful",
            fresh=True,
        ),
        Row(name="fresh_wide", text="`wide`, on those", after="fresh_faithful", weights="wide", fresh=True),
        Row(name="fresh_shipped", text="`shipped`, on those", after="fresh_wide", weights=SHIPPED, fresh=True),
    )
}
FIRST, BEST = "faithful", "wide"
THRICE = (FIRST, BEST, "fresh_faithful", "fresh_wide")  # with three seeds, whatever the first one says

_COMMON = (
    "training.epochs=1",
    "training.validation=none",
    "training.save_steps=100",
    "training.keep=1",
    "training.workers=0",
)


def config_of(name: str, seed: int) -> Config:
    """The configuration of a row's network: that of the row before it, and its changes."""
    trained = ROWS[name].weights or name
    if trained == SHIPPED:
        return load_config(SHIPPED)
    return load_config("tiny", [*_COMMON, *_changes(ROWS[trained]), f"training.seed={seed}"])


def _changes(row: Row) -> tuple[str, ...]:
    return (*(_changes(ROWS[row.after]) if row.after else ()), *row.changes)
