"""Videos: files and folders of images read frame by frame, MP4 files written, in bounded memory."""

from eoras.video.read import open_video
from eoras.video.video import Frame, Video
from eoras.video.write import mp4_writer, write_mp4

__all__ = ["Frame", "Video", "mp4_writer", "open_video", "write_mp4"]
