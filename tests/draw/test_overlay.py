"""Objects drawn upon a frame: what is marked, what is left alone, and that it can be told apart."""

from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from eoras.draw import STYLES, DrawnObject, Style, draw_overlay
from eoras.draw.colours import object_colour, object_round

HEIGHT, WIDTH = 200, 320
TINTING: list[Style] = ["overlay", "side-by-side"]


def disc(row: float, column: float, radius: float, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    rows, columns = np.ogrid[: size[0], : size[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def thing(amodal: np.ndarray, visible: np.ndarray, object_id: int = 1, rate: float | None = None) -> DrawnObject:
    return DrawnObject(
        object_id=object_id, amodal=amodal, visible=visible, occlusion_rate=rate, hidden=not visible.any()
    )


def half_hidden(object_id: int = 1) -> DrawnObject:
    """A disc whose right half is hidden."""
    amodal = disc(110, 160, 40)
    visible = amodal.copy()
    visible[:, 160:] = False
    return thing(amodal, visible, object_id)


def grey(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after[:, -before.shape[1] :]).any(axis=2)


INSIDE_SEEN, INSIDE_HIDDEN = (slice(95, 125), slice(130, 152)), (slice(95, 125), slice(168, 190))


@pytest.mark.parametrize("style", STYLES)
def test_far_from_the_objects_and_their_labels_a_frame_stays_as_it_is(style: Style) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    kept = frame.copy()
    drawn = draw_overlay(frame, [half_hidden()], style)
    assert np.array_equal(frame, kept), "the frame itself"
    assert drawn.shape == (HEIGHT, WIDTH * (2 if style == "side-by-side" else 1), 3)
    assert drawn.dtype == np.uint8
    if style == "amodal":
        return
    far = ~disc(110, 160, 40 + 8) & (np.arange(HEIGHT)[:, None] > 70)
    assert not changed(frame, drawn)[far].any()


def test_an_object_without_a_pixel_changes_nothing() -> None:
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    assert np.array_equal(draw_overlay(grey(), [thing(nothing, nothing)]), grey())
    assert np.array_equal(draw_overlay(grey(), []), grey())


def test_the_seen_part_is_tinted_evenly_and_the_hidden_one_striped() -> None:
    drawn = draw_overlay(grey(), [half_hidden()])
    seen = drawn[INSIDE_SEEN].reshape(-1, 3)
    assert len(np.unique(seen, axis=0)) == 1
    assert np.argmax(np.abs(seen[0].astype(int) - 128)) == np.argmax(np.abs(np.array(object_colour(1)) - 128))
    hidden = np.abs(drawn[INSIDE_HIDDEN].astype(int) - object_colour(1)).max(axis=2)
    assert 0.25 < (hidden < 40).mean() < 0.75, "stripes of its colour, and between them the frame"


def test_marks_of_a_hidden_part_are_where_it_is_hidden_and_nowhere_else() -> None:
    amodal = disc(110, 160, 40)
    whole, part = (draw_overlay(grey(), [thing(amodal, visible)]) for visible in (amodal, half_hidden().visible))
    differs = (whole != part).any(axis=2)
    edge = 8
    right = disc(110, 160, 40 + edge) & (np.arange(WIDTH) > 160 - edge)
    assert not differs[~right].any()
    assert differs[INSIDE_HIDDEN].mean() > 0.9


def test_slivers_that_are_not_visible_are_not_hatched() -> None:
    amodal, visible = disc(110, 160, 40), disc(110, 160, 39)
    drawn = draw_overlay(grey(), [thing(amodal, visible)])
    whole = draw_overlay(grey(), [thing(visible, visible)])
    below_the_label = slice(75, None)
    assert np.array_equal(drawn[below_the_label], whole[below_the_label])


def test_a_contour_is_solid_where_seen_and_dashed_where_hidden() -> None:
    drawn = draw_overlay(grey(), [half_hidden()], "outline")
    coloured = np.abs(drawn.astype(int) - object_colour(1)).max(axis=2) < 60
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)

    def found(angle: float) -> bool:
        row, column = round(110 + 40 * np.sin(angle)), round(160 + 40 * np.cos(angle))
        return bool(coloured[row - 1 : row + 2, column - 1 : column + 2].any())

    seen = [found(angle) for angle in angles if np.cos(angle) < -0.2]
    hidden = [found(angle) for angle in angles if np.cos(angle) > 0.2]
    assert np.mean(seen) > 0.97
    assert 0.35 < np.mean(hidden) < 0.9
    assert np.abs(np.diff(np.array(hidden, int))).sum() > 8, "several dashes"


def test_outlines_leave_the_inside_as_it_is() -> None:
    drawn = draw_overlay(grey(), [half_hidden()], "outline")
    assert (drawn[INSIDE_SEEN] == 128).all()
    assert (drawn[INSIDE_HIDDEN] == 128).all()


def test_whole_shapes_stand_upon_a_dark_frame() -> None:
    drawn = draw_overlay(grey(), [half_hidden()], "amodal")
    assert (drawn[180:, :60] < 64).all()
    assert np.array_equal(drawn[110, 135], drawn[110, 185]), "seen or not"
    assert drawn[110, 135].max() > 100


def test_side_by_side_is_the_frame_and_its_overlay() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    drawn = draw_overlay(frame, [half_hidden()], "side-by-side")
    assert np.array_equal(drawn[:, :WIDTH], frame)
    assert np.array_equal(drawn[:, WIDTH:], draw_overlay(frame, [half_hidden()]))


@pytest.mark.parametrize("style", STYLES)
def test_the_same_input_gives_the_same_pixels(style: Style) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    objects = [half_hidden(1), thing(disc(60, 80, 30), disc(60, 80, 30), 2, 0.0)]
    assert np.array_equal(draw_overlay(frame, objects, style), draw_overlay(frame, objects, style))


def test_colours_of_objects_are_far_apart_for_all_eyes() -> None:
    # what the long or the middle cones' absence leaves of linear colours (Viénot, Brettel and Mollon 1999)
    red_blind = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    green_blind = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    colours = np.array([object_colour(k) for k in range(8)]) / 255
    for eyes in (np.eye(3), red_blind, green_blind):
        seen = np.clip(colours**2.2 @ eyes.T, 0, 1) ** (1 / 2.2)
        assert min(np.abs(one - other).max() for one, other in combinations(seen, 2)) > 0.1


def test_objects_of_one_colour_differ_in_their_hatching() -> None:
    assert object_colour(1) == object_colour(9)
    assert object_round(1) != object_round(9)
    pictures = [draw_overlay(grey(), [half_hidden(k)])[INSIDE_HIDDEN] for k in (1, 9, 17, 25)]
    for one, other in combinations(pictures, 2):
        assert (one != other).any(axis=2).mean() > 0.2


def test_a_tint_does_not_cover_the_lines_of_the_object_behind_it() -> None:
    occluder = thing(disc(110, 200, 30), disc(110, 200, 30), 2)
    behind = half_hidden()
    one, other = (draw_overlay(grey(), order) for order in ([behind, occluder], [occluder, behind]))
    region = disc(110, 200, 20) & behind.amodal & ~behind.visible
    assert np.array_equal(one[region], other[region])


@pytest.mark.parametrize("side", [256, 640, 1920])
def test_marks_and_letters_grow_with_the_frame(side: int) -> None:
    frame = grey(side // 2, side)
    middle = disc(side * 0.3, side / 2, side / 8, (side // 2, side))
    drawn = draw_overlay(frame, [thing(middle, middle, rate=0.4)], "outline")
    rows = np.flatnonzero(changed(frame, drawn)[: round(side * 0.17)].any(axis=1))
    assert 0.02 < len(rows) / side < 0.07, "the label"
    line = np.flatnonzero(changed(frame, drawn)[round(side * 0.3)])
    left = line[line < side / 2]
    assert 3 <= len(left) <= 4 + side / 150


def test_labels_do_not_lie_upon_each_other() -> None:
    objects = [thing(disc(100, 150 + k, 20), disc(100, 150 + k, 20), k, 0.5) for k in range(4)]
    drawn = draw_overlay(grey(), objects, "outline")
    rims = {k: (np.abs(drawn.astype(int) - object_colour(k)).max(axis=2) < 25).sum() for k in range(4)}
    alone = {}
    for k, item in enumerate(objects):
        alone_drawn = draw_overlay(grey(), [item], "outline")
        alone[k] = (np.abs(alone_drawn.astype(int) - object_colour(k)).max(axis=2) < 25).sum()
    assert all(rims[k] > 0.6 * alone[k] for k in range(4))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 319), (199, 0), (199, 319), (100, 160)])
@pytest.mark.parametrize("style", STYLES)
def test_objects_of_one_pixel_are_seen_anywhere(row: int, column: int, style: Style) -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[row, column] = True
    for visible in (mask, np.zeros_like(mask)):
        drawn = draw_overlay(grey(), [thing(mask, visible, rate=0.0)], style)
        assert changed(grey(), drawn).any()


@pytest.mark.parametrize("size", [(16, 16), (1, 40), (40, 1), (375, 1242)])
def test_frames_of_any_size_are_drawn(size: tuple[int, int]) -> None:
    mask = np.ones(size, bool)
    for style in STYLES:
        assert draw_overlay(grey(*size), [thing(mask, mask)], style).shape[0] == size[0]


def test_an_object_at_the_border_is_open_there() -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[50:150, :60] = True
    drawn = draw_overlay(grey(), [thing(mask, mask)], "outline")
    assert (drawn[80:120, :10] == 128).all()


def test_only_what_lies_around_an_object_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bounds, and a margin of a few lines; so five objects in a large frame take a fraction of a second."""
    size, side = (720, 1280), 2 * 130 + 1 + 2 * 10
    filtered: list[tuple[int, int]] = []
    blur = Image.Image.filter

    def count(image: Image.Image, kind: ImageFilter.Filter) -> Image.Image:
        filtered.append(image.size)
        return blur(image, kind)

    monkeypatch.setattr(Image.Image, "filter", count)
    objects = []
    for k in range(5):
        amodal = disc(360, 250 + 180 * k, 130, size)
        visible = amodal & ~disc(360, 250 + 180 * (k + 1), 130, size)
        objects.append(thing(amodal, visible, k, 0.4))
    draw_overlay(grey(*size), objects)
    assert len(filtered) == 5 * 4, "three masks of each, and how far its hidden part reaches"
    assert max(map(max, filtered)) <= side
