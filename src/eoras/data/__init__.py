"""Reading videos into clips."""

from eoras.data.coco_video_tracks import CocoVideoTracks
from eoras.data.kitti import KittiTracks
from eoras.data.movi import MoviTracks
from eoras.data.movi_list import Track, read_tracks
from eoras.data.open import open_tracks
from eoras.data.splits import held_out, split_videos
from eoras.data.windows import Draw, TrainingOrder

__all__ = [
    "CocoVideoTracks",
    "Draw",
    "KittiTracks",
    "MoviTracks",
    "Track",
    "TrainingOrder",
    "held_out",
    "open_tracks",
    "read_tracks",
    "split_videos",
]
