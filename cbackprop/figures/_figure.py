"""The figures' class. It imports matplotlib, so it is imported when the first figure is drawn."""

from __future__ import annotations

import io

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that notebooks show even if they have not been told about matplotlib."""

    def _repr_png_(self) -> bytes:
        return png_of(self)


def png_of(figure: matplotlib.figure.Figure) -> bytes:
    """The figure as a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
