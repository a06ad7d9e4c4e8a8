"""Small real files, made byte by byte, one of each kind that people upload."""

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A file as a client has it on disk. `gemini_type`: the MIME type under which Gemini is told to read it."""

    name: str
    mime_type: str
    gemini_type: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def __str__(self) -> str:
        return self.name


def pdf(text: str = "One file id for every provider.") -> Sample:
    """One page that shows the text. ISO 32000-1, 7.5: header, objects, cross-reference table, trailer."""
    page = f"BT /F1 18 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    size, start = len(objects) + 1, len(data)
    data += b"xref\n0 %d\n%btrailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, table, size, start)
    return Sample("paper.pdf", "application/pdf", "application/pdf", data)


def png() -> Sample:
    """One red pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    return Sample("dot.png", "image/png", "image/png", b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def wav() -> Sample:
    """A fiftieth of a second of silence, 8 kHz, 16 bit, mono."""
    rate = 8000
    silence = bytes(2 * rate // 50)
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    body = b"WAVE" + b"fmt " + form + b"data" + struct.pack("<I", len(silence)) + silence
    return Sample("silence.wav", "audio/wav", "audio/wav", b"RIFF" + struct.pack("<I", len(body)) + body)


def text() -> Sample:
    """Prose with letters outside ASCII."""
    data = "Grüße aus Köln.\nEine Datei, viele Anbieter.\n".encode()
    return Sample("notes.txt", "text/plain", "text/plain", data)


def jsonl() -> Sample:
    """Three JSON objects, one a line."""
    lines = [json.dumps({"number": number, "square": number**2}) for number in range(3)]
    return Sample("rows.jsonl", "application/jsonl", "text/plain", "\n".join([*lines, ""]).encode())


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
