"""Logos of the demo spaces: initials on the brand colour, drawn at load time."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

SIDE = 256


def png(name: str, colour: str) -> bytes:
    """Return a square PNG with one or two capitals of ``name`` on ``colour`` (``#rrggbb``)."""
    capitals = [letter for letter in name if letter.isupper()]
    text = "".join(capitals[:2]) or name[:1].upper()
    picture = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, SIDE - 1, SIDE - 1), radius=48, fill=colour)
    font = ImageFont.load_default(size=120)
    draw.text((SIDE / 2, SIDE / 2), text, font=font, fill="#ffffff", anchor="mm")
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()
