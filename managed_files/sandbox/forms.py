"""Parses upload bodies as streams: multipart/form-data of the file APIs. Knows werkzeug's parser."""

from dataclasses import dataclass, field

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from managed_files.sandbox.store import Blob, Shelf, Writer
from managed_files.sandbox.wire import Request

_MAX_FIELD = 1 << 20


class BrokenForm(Exception):
    """The body is not a complete multipart form."""


@dataclass
class UploadedFile:
    """The form's file part, stored."""

    filename: str
    content_type: str
    blob: Blob


@dataclass
class Form:
    """Text fields by name; `file` is the part of that name."""

    fields: dict[str, str] = field(default_factory=dict)
    file: UploadedFile | None = None


def read_form(request: Request, shelf: Shelf) -> Form:
    """Reads the whole body; memory stays flat. Raises BrokenForm, and then nothing is left on the shelf."""
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise BrokenForm("the content type is not multipart/form-data with a boundary")
    with shelf.writer() as writer:
        reader = _FormReader(options["boundary"], writer)
        for piece in request.body:
            reader.feed(piece)
        return reader.finish()


class _FormReader:
    """One form: collects fields and sends the part `file` to the writer."""

    def __init__(self, boundary: str, writer: Writer):
        self._decoder = MultipartDecoder(boundary.encode(), max_form_memory_size=_MAX_FIELD)
        self._writer = writer
        self._form = Form()
        self._file: File | None = None
        self._part: Field | File | None = None
        self._text = bytearray()

    def feed(self, data: bytes | None) -> None:
        """The next bytes; None at the body's end. Raises BrokenForm."""
        try:
            self._decoder.receive_data(data)
            while not isinstance(event := self._decoder.next_event(), NeedData | Epilogue):
                self._take(event)
        except (ValueError, RequestEntityTooLarge) as error:
            raise BrokenForm(str(error)) from error

    def finish(self) -> Form:
        """Call at the body's end. Raises BrokenForm when the closing boundary is missing."""
        self.feed(None)
        if self._file is not None:
            content_type = self._file.headers.get("Content-Type", "application/octet-stream")
            self._form.file = UploadedFile(self._file.filename, content_type, self._writer.commit())
        return self._form

    def _take(self, event: object) -> None:
        if isinstance(event, Field | File):
            self._part = event
            self._text.clear()
            if isinstance(event, File) and event.name == "file":
                self._file = event
        elif isinstance(event, Data):
            self._take_data(event)

    def _take_data(self, event: Data) -> None:
        if self._part is self._file:
            self._writer.write(event.data)
        else:
            self._text += event.data
            if not event.more_data and self._part is not None:
                self._form.fields[self._part.name] = self._text.decode()
