"""Pictures of pages, small: 256 colours, of each sort the most frequent; for the others, edges of letters, the nearest."""

import base64
import struct
import zlib
from collections import Counter

from playwright.sync_api import Page

COLOURS = 256
SORT_BITS = 6  # colours that differ in these low bits alone are of one sort
PIXELS = """async (encoded) => {
    const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes]));
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    let text = "";
    for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
    return [image.width, image.height, btoa(text)];
}"""
Colour = tuple[int, int, int]


def squeezed(page: Page, picture: bytes) -> bytes:
    """The PNG anew; the browser takes it apart."""
    width, height, encoded = page.evaluate(PIXELS, base64.b64encode(picture).decode())
    data = base64.b64decode(encoded)
    pixels: list[Colour] = list(zip(data[0::4], data[1::4], data[2::4], strict=True))
    ordered = by_use(pixels)
    palette = ordered[:COLOURS]
    index = {colour: place for place, colour in enumerate(palette)}
    for colour in ordered[COLOURS:]:
        index[colour] = min(range(COLOURS), key=lambda place: distance(palette[place], colour))
    lines = (b"\0" + bytes(index[pixel] for pixel in pixels[at : at + width]) for at in range(0, len(pixels), width))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes(part for colour in palette for part in colour)),
            chunk(b"IDAT", zlib.compress(b"".join(lines), 9)),
            chunk(b"IEND", b""),
        ]
    )


def by_use(pixels: list[Colour]) -> list[Colour]:
    """The colours, the most frequent first; but one of each sort before all others, so that no hue is lost."""
    ordered = [colour for colour, _ in Counter(pixels).most_common()]
    sorts = {tuple(part >> SORT_BITS for part in colour): colour for colour in reversed(ordered)}
    return list(dict.fromkeys([*sorts.values(), *ordered]))


def distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
