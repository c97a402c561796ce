"""Pictures for people: what a video's objects look like whole, and how predicted masks compare with the truth."""

from eoras.draw.marks import outline_overlay
from eoras.draw.overlay import STYLES, DrawnObject, Style, draw_overlay
from eoras.draw.sheets import TrackPicture, contact_sheet, telling_frames

__all__ = [
    "STYLES",
    "DrawnObject",
    "Style",
    "TrackPicture",
    "contact_sheet",
    "draw_overlay",
    "outline_overlay",
    "telling_frames",
]
