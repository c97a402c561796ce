"""Colours that colour-blind people tell apart."""

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "SKY_BLUE",
    "VERMILION",
    "WHITE",
    "YELLOW",
    "Colour",
    "object_colour",
    "object_round",
]

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255."""

# the palette by Okabe and Ito, and white instead of its black for objects: upon a video black marks are shadows
BLACK: Colour = (0, 0, 0)
SKY_BLUE: Colour = (86, 180, 233)
ORANGE: Colour = (230, 159, 0)
GREEN: Colour = (0, 158, 115)
VERMILION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)
YELLOW: Colour = (240, 228, 66)
BLUE: Colour = (0, 114, 178)
WHITE: Colour = (240, 240, 240)

_OBJECTS = (SKY_BLUE, ORANGE, PURPLE, GREEN, YELLOW, VERMILION, WHITE, BLUE)  # neighbours far from each other


def object_colour(object_id: int) -> Colour:
    """The colour of an object, the same wherever it is drawn."""
    return _OBJECTS[object_id % len(_OBJECTS)]


def object_round(object_id: int) -> int:
    """How many objects before it have its colour: they need another hatching."""
    return object_id // len(_OBJECTS)
