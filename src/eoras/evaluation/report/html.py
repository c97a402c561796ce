"""Pieces of the page: tables and bar charts. Everything that is put into them is escaped here."""

from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["Cell", "bar_chart", "data_attributes", "legend", "table"]

Cell = str | tuple[str, str]  # a value, and what stands small below it
Bars = Mapping[str, Sequence[float | None]]  # heights in per cent, by name of the series

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 420, 170, 34, 8, 22
_COLOURS = 7  # classes of the style sheet, .c0 and on
_TICKS = 4


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], data: Sequence[Mapping[str, str]] = ()
) -> str:
    """A table that scrolls sideways where it is wider than the screen; the first cell of each row names it.

    Args:
        caption: what it holds.
        head: names of the columns.
        rows: the cells.
        data: what a filter looks at, for each row; if not given, there is nothing.
    """
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr{data_attributes(found)}><th scope="row">{_cell(first)}</th>'
        f"{''.join(f'<td>{_cell(cell)}</td>' for cell in rest)}</tr>\n"
        for (first, *rest), found in zip(rows, data or [{}] * len(rows), strict=True)
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<caption><span>{escape(caption)}</span></caption>\n<thead><tr>{columns}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def data_attributes(values: Mapping[str, str]) -> str:
    """What a filter looks at, as attributes of an element."""
    return "".join(f' data-{name}="{escape(value)}"' for name, value in values.items())


def legend(names: Sequence[str]) -> str:
    """Which colour is which series, in the order of the charts."""
    items = "".join(f'<li><i class="b{number % _COLOURS}"></i>{escape(name)}</li>' for number, name in enumerate(names))
    return f'<ul class="legend">{items}</ul>\n'


def bar_chart(title: str, groups: Sequence[str], series: Bars, first_colour: int = 0) -> str:
    """Groups of bars, a series a colour; a bar says its height where a pointer rests on it.

    Args:
        title: what is shown.
        groups: names below the groups; an empty one writes nothing.
        series: a height for each group.
        first_colour: number of the first series' colour.
    """
    top = _round_up(max((value or 0 for values in series.values() for value in values), default=0))
    high = _HEIGHT - _TOP - _BOTTOM
    parts = []
    for step in range(_TICKS + 1):
        y = _TOP + high * (1 - step / _TICKS)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 4}" y="{y + 4:.1f}" text-anchor="end">{top * step / _TICKS:g}</text>')
    pitch = (_WIDTH - _LEFT) / max(len(groups), 1)
    wide = 0.84 * pitch / max(len(series), 1)
    for place, group in enumerate(groups):
        left = _LEFT + place * pitch
        parts.append(f'<text x="{left + pitch / 2:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(group)}</text>')
        for number, (name, values) in enumerate(series.items()):
            value = values[place]
            if value is None:
                continue
            tall = high * value / top
            parts.append(
                f'<rect class="c{(first_colour + number) % _COLOURS}" '
                f'x="{left + 0.08 * pitch + number * wide:.1f}" width="{wide:.1f}" '
                f'y="{_TOP + high - tall:.1f}" height="{tall:.1f}">'
                f"<title>{escape(f'{group}: {name} {value:.1f}')}</title></rect>"
            )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg></figure>\n'
    )


def _round_up(value: float) -> float:
    """A round number that is not less, for the top of an axis in per cent."""
    return next((top for top in (4, 10, 20, 40, 60, 80) if value <= top), 100)


def _cell(cell: Cell) -> str:
    return escape(cell) if isinstance(cell, str) else f"{escape(cell[0])}<small>{escape(cell[1])}</small>"
