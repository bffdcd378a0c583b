"""Decodes one bitmap and writes it anew without metadata.

Runs alone in a limited child process: image bytes on standard input; on standard output one line
with the media type, then the new bytes. Exit status 3: not an accepted image; 4: too many pixels.
"""

import io
import sys
import warnings

from PIL import Image, ImageOps, ImageSequence

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
MAX_PIXELS = 40_000_000
MAX_FRAMES = 200
NOT_AN_IMAGE, TOO_LARGE = 3, 4


def encode(image: Image.Image, kind: str) -> bytes:
    """Return the pixels of ``image`` in the format ``kind``, nothing else of the original."""
    output = io.BytesIO()
    frames = getattr(image, "n_frames", 1)
    if kind == "GIF" and frames > 1:
        if frames > MAX_FRAMES or frames * image.width * image.height > MAX_PIXELS:
            sys.exit(TOO_LARGE)
        copies = [_bare(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]
        copies[0].save(
            output,
            "GIF",
            save_all=True,
            append_images=copies[1:],
            duration=image.info.get("duration", 100),
            loop=image.info.get("loop", 0),
            disposal=2,
        )
        return output.getvalue()
    upright = ImageOps.exif_transpose(image)
    if kind == "JPEG":
        _bare(upright.convert("RGB")).save(output, "JPEG", quality=90, optimize=True)
    else:
        has_alpha = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
        _bare(upright.convert("RGBA" if has_alpha else "RGB")).save(output, kind)
    return output.getvalue()


def _bare(image: Image.Image) -> Image.Image:
    image.info.clear()
    return image


def main() -> None:
    """Read, check, write."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        image = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=FORMATS)
        kind = image.format or ""
        if image.width * image.height > MAX_PIXELS:
            sys.exit(TOO_LARGE)
        data = encode(image, kind)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        sys.exit(TOO_LARGE)
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError):
        sys.exit(NOT_AN_IMAGE)
    sys.stdout.buffer.write(f"image/{kind.lower()}\n".encode() + data)


main()
