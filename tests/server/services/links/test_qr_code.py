"""QR codes of links."""

from __future__ import annotations

from io import BytesIO

import segno
from PIL import Image

from jupyter_figserve.server.services.links.qr_code import make_qr_code

URL = "https://hub.example.org/services/figserve/f/DRVnT7TP7-lR71i4wE5LGh95wdbKFxr6"


def test_png_has_the_modules_of_the_url_and_a_quiet_zone():
    """Black on white, each module eight pixels wide, with four of them around."""
    image = Image.open(BytesIO(make_qr_code(URL, "png"))).convert("L")
    modules = segno.make_qr(URL, error="m").matrix
    size = len(modules) + 8
    assert image.size == (8 * size, 8 * size)
    centres = [8 * (place + 4) + 4 for place in range(len(modules))]
    inside = [[image.getpixel((x, y)) == 0 for x in centres] for y in centres]
    assert inside == [[bool(module) for module in row] for row in modules]
    assert {image.getpixel((place, 20)) for place in range(image.width)} == {255}


def test_svg_is_inert():
    """It has neither scripts nor links."""
    text = make_qr_code(URL, "svg").decode()
    assert text.count("<svg") == 1
    assert not [part for part in ("<script", "href", "DRVnT7TP7") if part in text]
