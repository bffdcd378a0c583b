"""Decodes one picture of a listing and writes it anew as WebP, upright, without metadata.

Runs alone in a limited child process: image bytes on standard input; on standard output one line
with width and height in pixels, then the WebP bytes. Exit status 3: not an accepted picture;
4: too many pixels.
"""

import io
import sys
import warnings

from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 20_000_000
MAX_SIDE = 1600
NOT_AN_IMAGE, TOO_LARGE = 3, 4


def main() -> None:
    """Read, check, shrink, write."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    output = io.BytesIO()
    try:
        image = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            sys.exit(TOO_LARGE)
        upright = ImageOps.exif_transpose(image)
        bare = Image.new("RGB", upright.size, "white")
        flat = upright.convert("RGBA")
        bare.paste(flat, mask=flat.getchannel("A"))
        bare.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        bare.save(output, "WEBP", quality=84, method=4)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        sys.exit(TOO_LARGE)
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError):
        sys.exit(NOT_AN_IMAGE)
    sys.stdout.buffer.write(f"{bare.width} {bare.height}\n".encode() + output.getvalue())


main()
