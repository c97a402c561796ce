"""Reading videos into clips."""

from eoras.data.coco_video_tracks import CocoVideoTracks
from eoras.data.movi import MoviTracks
from eoras.data.movi_list import Track, read_tracks
from eoras.data.splits import held_out, split_videos
from eoras.data.windows import Draw, TrainingOrder

__all__ = ["CocoVideoTracks", "Draw", "MoviTracks", "Track", "TrainingOrder", "held_out", "read_tracks", "split_videos"]
