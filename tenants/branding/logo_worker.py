"""Child process that turns an uploaded logo into safe files; started by path, never imported.

Input: the raw upload on standard input. Output: JSON with base64 files, or an error code.
"""

from __future__ import annotations

import base64
import io
import json
import re
import sys

MAX_PIXELS = 40_000_000
MAX_SVG_BYTES = 512 * 1024
MAX_SVG_ELEMENTS = 5_000
MAX_USES = 50
SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = frozenset(
    "svg g path rect circle ellipse line polyline polygon text tspan defs use symbol title desc "
    "linearGradient radialGradient stop clipPath mask pattern".split()
)
ATTRIBUTES = frozenset(
    "id d x y x1 y1 x2 y2 cx cy r rx ry fx fy dx dy points viewBox preserveAspectRatio transform "
    "fill fill-rule fill-opacity stroke stroke-width stroke-linecap stroke-linejoin stroke-opacity "
    "stroke-miterlimit stroke-dasharray stroke-dashoffset opacity clip-path clip-rule mask offset "
    "stop-color stop-opacity gradientUnits gradientTransform spreadMethod patternUnits "
    "patternTransform clipPathUnits maskUnits width height font-family font-size font-weight "
    "text-anchor letter-spacing href".split()
)
REFERENCE = re.compile(r"^#[A-Za-z_][\w.-]*$")
URL = re.compile(r"url\(\s*['\"]?([^)'\"]*)['\"]?\s*\)", re.IGNORECASE)


class Refused(Exception):
    """The upload cannot be used; the code says why."""


def clean_svg(data: bytes) -> bytes:
    """Return the SVG reduced to an allow-list, or raise ``Refused``."""
    from lxml import etree

    if len(data) > MAX_SVG_BYTES:
        raise Refused("svg_too_large")
    if re.search(rb"<!(DOCTYPE|ENTITY)", data, re.IGNORECASE):
        raise Refused("svg_entities")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_pis=True,
        remove_comments=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        raise Refused("svg_unreadable") from None
    if root.tag != f"{SVG}svg" or not root.get("viewBox"):
        raise Refused("svg_no_viewbox")
    elements = list(root.iter())
    if len(elements) > MAX_SVG_ELEMENTS:
        raise Refused("svg_too_complex")
    for element in elements:
        if not isinstance(element.tag, str) or not element.tag.startswith(SVG):
            raise Refused("svg_foreign")
        name = element.tag.removeprefix(SVG)
        if name not in ELEMENTS:
            raise Refused("svg_foreign")
        _clean_attributes(element, name)
    _check_uses(root)
    for size in ("width", "height"):
        if root.get(size) is not None:
            del root.attrib[size]
    return bytes(etree.tostring(root))


def _clean_attributes(element, name: str) -> None:  # type: ignore[no-untyped-def]
    for attribute, value in list(element.attrib.items()):
        local = attribute.rsplit("}", 1)[-1]
        if local not in ATTRIBUTES:
            if local.startswith("on"):
                raise Refused("svg_script")
            del element.attrib[attribute]
            continue
        if local == "href":
            del element.attrib[attribute]
            if name not in {"use", "linearGradient", "radialGradient", "pattern"}:
                continue
            if not REFERENCE.match(value):
                raise Refused("svg_external")
            element.set("href", value)
        elif any(not REFERENCE.match(target) for target in URL.findall(value)):
            raise Refused("svg_external")


def _check_uses(root) -> None:  # type: ignore[no-untyped-def]
    uses = list(root.iter(f"{SVG}use"))
    if len(uses) > MAX_USES:
        raise Refused("svg_too_complex")
    by_id = {element.get("id"): element for element in root.iter() if element.get("id")}
    for use in uses:
        target = by_id.get((use.get("href") or "")[1:])
        if (
            target is None
            or target is use
            or target.find(f".//{SVG}use") is not None
            or target.tag == use.tag
        ):
            raise Refused("svg_too_complex")


def bitmaps(data: bytes) -> dict[str, bytes]:
    """Return the PNG files made from a bitmap: logo, mail logo, icons."""
    import warnings

    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP", "GIF"]) as source:
            if source.width * source.height > MAX_PIXELS:
                raise Refused("image_too_large")
            source.load()
            picture = source.convert("RGBA")
    except Refused:
        raise
    except Exception:  # noqa: BLE001  any decoder error means the same: not a picture
        raise Refused("image_unreadable") from None
    if min(picture.size) < 16:
        raise Refused("image_too_small")
    return {
        "logo": _png(_fitted(picture, 512, 512)),
        "mail_logo": _png(_fitted(picture, 320, 96)),
        "icon": _png(_squared(picture, 192)),
    }


def _fitted(picture, width: int, height: int):  # type: ignore[no-untyped-def]
    copy = picture.copy()
    copy.thumbnail((width, height))
    return copy


def _squared(picture, side: int):  # type: ignore[no-untyped-def]
    from PIL import Image

    inner = _fitted(picture, side, side)
    canvas = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    canvas.paste(inner, ((side - inner.width) // 2, (side - inner.height) // 2))
    return canvas


def _png(picture) -> bytes:  # type: ignore[no-untyped-def]
    target = io.BytesIO()
    picture.save(target, "PNG", optimize=True)
    return target.getvalue()


def main() -> None:
    """Read one upload, write one JSON answer."""
    data = sys.stdin.buffer.read()
    try:
        if data.lstrip()[:1] == b"<" or data[:3] == b"\xef\xbb\xbf":
            answer = {"svg": clean_svg(data)}
        else:
            answer = bitmaps(data)
    except Refused as refused:
        json.dump({"error": str(refused)}, sys.stdout)
        return
    encoded = {name: base64.b64encode(content).decode("ascii") for name, content in answer.items()}
    json.dump({"files": encoded}, sys.stdout)


if __name__ == "__main__":
    main()
