"""Draw the method as one diagram: python docs/draw_pipeline.py makes docs/images/pipeline.svg.

Boxes have colours of their own; lines and the words outside of boxes are legible on white and on black.
"""

from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 1160, 470
COLOURS = {  # fill and border, of the palette by Okabe and Ito, lightened
    "given": ("#f2f2f2", "#8c8c8c"),
    "front": ("#d6ebf8", "#0072b2"),
    "bev": ("#fbe7c2", "#c98a00"),
    "slots": ("#cdeee3", "#009e73"),
    "mask": ("#f8dbc9", "#d55e00"),
}
LINE = "#7d8790"
HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
    'font-family="Helvetica, Arial, sans-serif" font-size="13">'
    "<title>EoRaS, from the crops of an object to its masks</title>"
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker></defs>'
)


class Diagram:
    """Pieces of an SVG, in the order of drawing. Places and sizes are in pixels."""

    def __init__(self) -> None:
        self.pieces = [HEAD]

    def box(self, left: int, top: int, width: int, height: int, kind: str, title: str, *lines: str) -> None:
        """A rectangle with a title and some lines below it."""
        fill, border = COLOURS[kind]
        self.pieces.append(
            f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" fill="{fill}" stroke="{border}" '
            'stroke-width="1.5"/>'
        )
        middle, first = left + width / 2, top + height / 2 - 8 * len(lines) + 5
        self.write(middle, first, title, "#111", bold=True)
        for number, line in enumerate(lines):
            self.write(middle, first + 16 * (number + 1), line, "#333", size=11.5)

    def write(self, x: float, y: float, text: str, colour: str = LINE, *, bold: bool = False, size: float = 13) -> None:
        """A line of text about ``x``."""
        weight = ' font-weight="bold"' if bold else ""
        self.pieces.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="middle" fill="{colour}" font-size="{size:g}"{weight}>'
            f"{escape(text)}</text>"
        )

    def arrow(self, *points: tuple[int, int]) -> None:
        """A line through points with a tip at its end."""
        path = " ".join(f"{x},{y}" for x, y in points)
        self.pieces.append(
            f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.8" marker-end="url(#tip)"/>'
        )

    def save(self, path: Path) -> None:
        """Write the file."""
        path.write_text("\n".join([*self.pieces, "</svg>"]) + "\n", encoding="utf-8")


def draw() -> Diagram:
    """The whole way."""
    diagram = Diagram()
    _views(diagram)
    _walks(diagram)
    _masks(diagram)
    return diagram


def _views(diagram: Diagram) -> None:
    """From crops and cameras to the tokens of both views."""
    diagram.box(15, 95, 125, 72, "given", "crops", "T frames of one object", "128 x 128, RGB")
    diagram.box(15, 290, 125, 72, "given", "intrinsics", "a camera for each", "of the T frames")
    diagram.box(180, 95, 125, 72, "front", "backbone", "ResNet-50 and", "feature pyramid")
    diagram.box(345, 95, 125, 72, "front", "front view", "16 x 16 cells,", "256 tokens a frame")
    diagram.box(180, 290, 125, 72, "bev", "lift", "64 x 64 x 5 points", "sample the front view")
    diagram.box(345, 290, 125, 72, "bev", "bird's-eye view", "16 x 16 cells,", "256 tokens a frame")
    diagram.arrow((140, 131), (178, 131))
    diagram.arrow((305, 131), (343, 131))
    diagram.arrow((140, 326), (178, 326))
    diagram.arrow((305, 326), (343, 326))
    diagram.arrow((407, 167), (407, 228), (242, 228), (242, 288))
    diagram.write(325, 221, "features", size=11.5)


def _walks(diagram: Diagram) -> None:
    """Slots, walking through time in both directions."""
    left, step, count = 530, 72, 4
    names = ["1", "2", "...", "T"]
    diagram.arrow((470, 131), (500, 131), (500, 244), (524, 244))
    diagram.arrow((470, 326), (500, 326), (500, 262), (524, 262))
    diagram.write(left + 144, 64, "slots walk through time", bold=True)
    diagram.write(left + 144, 82, "8 vectors; in each frame they attend to each other,", size=11.5)
    diagram.write(left + 144, 97, "to the bird's-eye view, then to the front view", size=11.5)
    diagram.box(
        left - 4, 226, count * step + 4, 54, "given", "both views of each frame", "keys and values, computed once"
    )
    for number in range(count):
        x = left + number * step
        for top in (150, 318):
            diagram.box(x, top, step - 18, 38, "slots", f"{names[number]}")
        diagram.arrow((x + 27, 226), (x + 27, 190))
        diagram.arrow((x + 27, 280), (x + 27, 316))
        if number:
            diagram.arrow((x - 18, 169), (x - 2, 169))
            diagram.arrow((x, 337), (x - 16, 337))
    diagram.write(left + 144, 138, "forward", size=12)
    diagram.write(left + 144, 376, "backward", size=12)


def _masks(diagram: Diagram) -> None:
    """From slots and front view to masks in the image."""
    diagram.box(860, 133, 120, 72, "front", "rewritten", "each frame reads", "its forward slots")
    diagram.box(860, 301, 120, 72, "front", "rewritten", "each frame reads", "its backward slots")
    diagram.arrow((800, 169), (858, 169))
    diagram.arrow((800, 337), (858, 337))
    diagram.box(1020, 217, 125, 72, "mask", "mask heads", "both side by side,", "121 x 121 logits")
    diagram.arrow((980, 169), (1000, 169), (1000, 243), (1018, 243))
    diagram.arrow((980, 337), (1000, 337), (1000, 263), (1018, 263))
    diagram.box(1020, 385, 125, 60, "mask", "masks", "amodal and visible,", "pasted into the image")
    diagram.arrow((1082, 289), (1082, 383))
    diagram.arrow((407, 95), (407, 30), (920, 30), (920, 131))
    diagram.write(664, 23, "tokens of the front view, of each frame", size=11.5)


if __name__ == "__main__":
    draw().save(Path(__file__).parent / "images" / "pipeline.svg")
