"""A picture as PNG and as PDF, made of its SVG by libraries that are installed on demand: `djproject[images]`."""

import importlib.util
import io
import re
from pathlib import Path

from djproject.errors import EnvironmentUnavailableError, ProjectError

LIBRARIES = {"png": ("resvg_py", "reportlab"), "pdf": ("svglib", "reportlab")}
ZOOM = 2.0  # points of the image for one px of the SVG: sharp on screens and slides
MOST_POINTS = 100_000_000  # 400 MB while it is drawn
FONT = "Bitstream Vera Sans"  # comes with reportlab; a machine without a screen has none of its own


def require_libraries(kind: str) -> None:
    """Raise an EnvironmentUnavailableError where what draws a `png` or `pdf` is not installed."""
    if any(importlib.util.find_spec(name) is None for name in LIBRARIES[kind]):
        raise EnvironmentUnavailableError(
            f"A .{kind} file needs packages that are not installed.", hint="pip install 'djproject[images]'"
        )


def as_png(svg: str) -> bytes:
    """The picture as PNG, twice as large as the SVG; smaller where it would have too many points.

    Raises
    ------
    ProjectError
        Nothing could be read in an image of the size that can be drawn.
    """
    import reportlab
    import resvg_py

    width, height = _size(svg)
    zoom = min(ZOOM, (MOST_POINTS / (width * height)) ** 0.5)
    if zoom < ZOOM / 4:
        raise ProjectError(
            f"The picture is {width:,.0f} by {height:,.0f} px: too large for a .png file.",
            hint="djproject graph -o pipeline.pdf  (or: djproject graph --level module -o pipeline.png)",
        )
    fonts = Path(reportlab.__file__).parent / "fonts"
    files = [str(fonts / name) for name in ("Vera.ttf", "VeraBd.ttf")]
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, font_files=files, sans_serif_family=FONT))


def as_pdf(svg: str) -> bytes:
    """The picture as a PDF of one page of its size, which can be enlarged without loss."""
    from reportlab.graphics import renderPDF
    from svglib.svglib import svg2rlg

    data: bytes = renderPDF.drawToString(svg2rlg(io.BytesIO(svg.encode())))
    return data


def _size(svg: str) -> tuple[float, float]:
    width, height = re.findall(r'<svg [^>]*?width="(\d+)" height="(\d+)"', svg)[0]
    return float(width), float(height)
