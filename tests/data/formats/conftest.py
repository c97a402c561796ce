import pytest
from small_videos import HEIGHT, WIDTH, rectangle

from eoras.data.annotations import MaskTrack, MaskVideo
from eoras.data.masks import encode


@pytest.fixture
def video() -> MaskVideo:
    """Two frames of one object: partly seen, then with its visible mask unknown."""
    whole = encode(rectangle(2, 0, 4, 3))
    track = MaskTrack(
        track_id=0, category="object", visible=(encode(rectangle(2, 0, 4, 1)), None), amodal=(whole, whole)
    )
    return MaskVideo(name="v", height=HEIGHT, width=WIDTH, images=(None, None), tracks=(track,))
