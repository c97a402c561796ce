"""Video files: written frame by frame, in bounded memory."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from eoras.files import write_beside
from eoras.video.video import Frame

__all__ = ["write_mp4"]


def write_mp4(path: Path, frames: Iterable[np.ndarray] | Iterable[Frame], rate: Fraction | int) -> None:
    """Write an H.264 video that every player shows.

    Args:
        path: the file; it appears when it is complete.
        frames: uint8 ``(H, W, 3)`` each, RGB, all of one size; an odd last row or column is dropped.
        rate: frames a second, exact.

    Raises:
        RunError: the disk is full, or the file cannot be written.
    """
    import av

    with write_beside(path) as beside, av.open(str(beside), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
        stream.pix_fmt = "yuv420p"
        for number, item in enumerate(frames):
            frame = item.pixels if isinstance(item, Frame) else item
            height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
            if number == 0:
                stream.height, stream.width = height, width
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
