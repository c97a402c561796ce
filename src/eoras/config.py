"""What a network is, what it sees and how it is trained: frozen dataclasses (read by ``config_files``)."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

__all__ = [
    "AugmentConfig",
    "Config",
    "MaskName",
    "ModelConfig",
    "TrainingConfig",
    "ViewConfig",
]

Intrinsics = Literal["kubric", "pixel", "unit", "crop"]
Windows = Literal["frame", "track"]
Boxes = Literal["paper", "round"]
Frames = Literal["visible", "all"]
MaskName = Literal["amodal", "visible", "occluded"]

_Size = Annotated[int, Field(ge=1)]
_Count = Annotated[int, Field(ge=0)]
_Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Probability = Annotated[float, Field(ge=0, le=1)]
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ViewConfig:
    """What the network is shown of a video. It travels with the weights.

    Attributes:
        boxes: ``paper`` truncates the corners of the visible box and lets the crop reach one pixel past it, as the
            official code does (formats A.6); ``round`` rounds them and cuts half-open boxes.
        windows: ``frame`` cuts each frame at its own visible box, stretched to a square, as published; ``track`` cuts
            squares of one size over neighbouring frames (see ``geometry.enlarge_alike``), which hidden parts seldom
            leave.
        enlarge: side of the crop over side of the visible box.
        frames: ``visible`` leaves out the frames in which the object is fully hidden, as published; ``all`` keeps
            them, with boxes interpolated between their neighbours.
        intrinsics: the matrix the network was trained with: ``kubric`` (to the unit square, camera looks along -z),
            ``pixel`` (to pixels of the whole image, as published for KITTI), ``unit`` (to the unit square, camera
            looks along +z, y down) or ``crop`` (to the unit square of each frame's crop, camera as with ``unit``: what
            a bird's-eye cell reads is then what the camera saw there, which no published setting has, Q-B1 to Q-B4).
        pad_to: whole tracks of fewer frames repeat their last one up to this many, as the official code does with
            KITTI's also when it tests (Q-M11); None leaves them as they are.
    """

    boxes: Boxes = "paper"
    windows: Windows = "frame"
    enlarge: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    frames: Frames = "visible"
    intrinsics: Intrinsics = "kubric"
    pad_to: _Size | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ModelConfig:
    """The network. The defaults are the published MOVi-B model.

    Attributes:
        backbone_width: channels of the ResNet's stem; 64 is ResNet-50.
        backbone_depths: bottleneck blocks of the four stages.
        pyramid_channels: channels of the feature pyramid.
        bev_channels: channels after each halving of the bird's-eye grid; the grid has ``16 * 2**len`` cells a side.
        camera_position: (x, y, z) of the camera, world units; tilts the bird's-eye lattice by ``atan(z / hypot(x,
            y))``. None leaves it level, as the published MOVi-B and KITTI models do (Q-B4).
        width: channels of tokens and slots.
        feedforward: hidden channels of the transformer layers.
        num_slots: learned object vectors carried through time.
        num_layers: transformer layers of each update.
        num_heads: attention heads.
        dropout: probability, in the transformer layers.
        position_code: ``sincos`` (fixed) or ``learned``.
        backbone: ``resnet``, or ``lite0`` for EfficientNet-Lite0, which has one width and depth.
        normalise: whether images are brought to the statistics of those that the backbone's published weights have
            seen; not so as published (Q-D8).
        bev: whether there is a bird's-eye view.
        decoder: ``plain`` decodes masks from 16x16 features, as published; ``skip`` adds the backbone's finer ones.
        temporal: ``walk`` carries slots through time, forward and backward, as published; with ``clip`` each frame has
            slots of its own, and all frames look at all frames, at their true times.
        confidence: whether the network also says how good its amodal mask is.
        mask_heads: the masks the network answers with; ``amodal`` always among them.
        visible_input: whether the visible mask is a fourth input channel (the paper's "SG", Table 6).
        visible_skip: whether that mask also goes past the backbone, pixel by pixel: to the tokens of the front view and
            into a ``skip`` decoder.
        view: what the network is shown.
    """

    backbone_width: Annotated[int, Field(ge=16, multiple_of=16)] = 64
    backbone_depths: tuple[_Size, _Size, _Size, _Size] = (3, 4, 6, 3)
    pyramid_channels: _Size = 256
    bev_channels: Annotated[tuple[_Size, ...], Field(min_length=1, max_length=3)] = (640, 256)
    camera_position: tuple[float, float, float] | None = None
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 512
    feedforward: _Size = 2048
    num_slots: _Size = 8
    num_layers: _Size = 2
    num_heads: _Size = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    position_code: Literal["sincos", "learned"] = "sincos"
    backbone: Literal["resnet", "lite0"] = "resnet"
    normalise: bool = False
    bev: bool = True
    decoder: Literal["plain", "skip"] = "plain"
    temporal: Literal["walk", "clip"] = "walk"
    confidence: bool = False
    mask_heads: tuple[MaskName, ...] = ("amodal", "visible")
    visible_input: bool = False
    visible_skip: bool = False
    view: ViewConfig = field(default_factory=ViewConfig)

    @model_validator(mode="after")
    def _check(self) -> "ModelConfig":
        if self.width % self.num_heads:
            raise ValueError(f"width must be a multiple of num_heads, found {self.width} and {self.num_heads}")
        if "amodal" not in self.mask_heads or len(set(self.mask_heads)) < len(self.mask_heads):
            raise ValueError(f"mask_heads must name amodal, and each head once, found {list(self.mask_heads)}")
        if self.visible_skip and not self.visible_input:
            raise ValueError("visible_skip needs visible_input: true")
        return self


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class AugmentConfig:
    """How often training clips are changed, with their truth kept; nothing is, as published (``eoras.data.augment``).

    Attributes:
        cover: another track's object passes in front of the object.
        zoom: a part of the windows is looked at.
        flip: left and right change places, in the camera, too.
        degrade: colours change; blur, noise and compression come in.
        damage: the visible mask that the network is given is wrong, as a tracker's is.
    """

    cover: _Probability = 0.0
    zoom: _Probability = 0.0
    flip: _Probability = 0.0
    degrade: _Probability = 0.0
    damage: _Probability = 0.0


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TrainingConfig:
    """How a network is trained. The defaults are the published MOVi commands (Q-T3), but for ``normalise_frames``.

    Attributes:
        epochs: rounds of training; after each the learning rate decays, and the network is validated.
        passes_per_epoch: passes over the training tracks in one epoch, in the same order, with the clips' frames drawn
            anew. The official KITTI trainer makes two (Q-T1).
        clip_length: consecutive frames of a training clip; shorter tracks repeat their last frame (Q-D7).
        batch_size: clips of one forward pass of one process, at most; batch normalisation sees them together.
        normalise_frames: ``together``: batch normalisation sees all frames of these clips at once; ``apart``: their
            first frames, then their second ones, and so on, as published (Q-T4).
        accumulate: forward passes of one step where there is one process. A step takes ``batch_size * accumulate``
            clips, 4 as published, however many processes share them.
        learning_rate: of AdamW.
        backbone_rate: factor on the learning rate of the backbone, below 1 for one that has learned already. Its
            pyramid, of which published weights know nothing, learns at the full rate. With 0 steps are much faster.
        decay: factor on the learning rate after each epoch.
        schedule: ``constant`` but for the decay, as published, or ``cosine``, down to zero at the last step.
        warmup_steps: first steps, over which the learning rate grows from near zero.
        weight_decay: of AdamW.
        gradient_clip: the norm, over all parameters, to which larger gradients of a step are scaled down; None only
            measures it, as published.
        average: decay of running averages of the weights, such as 0.999, which are then validated and saved in place of
            the weights themselves (see ``eoras.training.averages``); None, as published, keeps none.
        focal_gamma: exponent of the focal loss.
        dice_weight: weight of the Dice loss that is added to the focal loss of each mask; 0 as published.
        hidden_emphasis: by how much more the focal loss of the amodal mask counts where the object is hidden; 0 as
            published.
        visible_weight: weight of the visible mask's loss.
        occluded_weight: weight of the occluded mask's loss.
        confidence_weight: weight of the confidence's loss.
        augment: what happens to training clips.
        seed: of the weights, the order of the data, the frames of each clip, the held-out videos and the dropout.
        shuffle_videos: videos whose tracks are shuffled together; the official code shuffles all.
        workers: processes that read data; 0 reads in the training process.
        dtype: ``float32``, or ``bfloat16`` for automatic mixed precision.
        checkpoint_activations: keep less of each forward pass and compute the rest again for the gradient: the same
            weights, with less memory and more time.
        compile: let ``torch.compile`` write the network's layers anew; for GPUs.
        save_steps: steps between checkpoints within an epoch; there is one at the end of each epoch, too.
        keep: newest checkpoints that stay, beside the best.
        validation: what chooses the best checkpoint: ``held_out`` is KITTI's own split ``val``, and for MOVi, which has
            none, sets about 5 % of the training videos aside by seed and name; ``test`` looks at the test split and
            trains on all of ``train``, as the official code does (Q-M16); ``none``.
    """

    epochs: _Size = 50
    passes_per_epoch: _Size = 1
    clip_length: _Size = 12
    batch_size: _Size = 4
    normalise_frames: Literal["together", "apart"] = "together"
    accumulate: _Size = 1
    learning_rate: _Positive = 1e-5
    backbone_rate: _Weight = 1.0
    decay: _Positive = 1.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: _Count = 0
    weight_decay: _Weight = 5e-4
    gradient_clip: _Positive | None = None
    average: Annotated[float, Field(gt=0, lt=1)] | None = None
    focal_gamma: _Weight = 2.0
    dice_weight: _Weight = 0.0
    hidden_emphasis: _Weight = 0.0
    visible_weight: _Weight = 1.0
    occluded_weight: _Weight = 0.0
    confidence_weight: _Weight = 0.1
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 123
    shuffle_videos: _Size = 16
    workers: _Count = 2
    dtype: Literal["float32", "bfloat16"] = "float32"
    checkpoint_activations: bool = False
    compile: bool = False
    save_steps: _Size = 1000
    keep: _Size = 2
    validation: Literal["held_out", "test", "none"] = "held_out"

    @model_validator(mode="after")
    def _check(self) -> "TrainingConfig":
        if self.compile and self.checkpoint_activations:
            raise ValueError("compile and checkpoint_activations do not go together: set one of them to false")
        return self


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Config:
    """One experiment: the network and its training."""

    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @model_validator(mode="after")
    def _check(self) -> "Config":
        if self.training.backbone_rate == 0 and self.model.visible_input and not self.model.visible_skip:
            raise ValueError(
                "with training.backbone_rate: 0 the mask of model.visible_input would not be learned: raise it, or set "
                "model.visible_skip: true"
            )
        return self
