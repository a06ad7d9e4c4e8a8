"""The upload form: which parts it may have and how large they may be. Stores nothing."""

from collections.abc import Iterator

from werkzeug.sansio.multipart import Data, Field, File

from managed_files.errors import InvalidRequest, TooLarge
from managed_files.records import FormField, FormFile
from managed_files.web.filenames import clean_filename
from managed_files.web.multipart import MultipartBody, Readable, boundary_of

_AROUND_FILE_BYTES = 1024 * 1024
_MAX_FIELDS = 100
_MAX_FIELD_BYTES = 64 * 1024
_MAX_SHOWN = 100


def events(
    stream: Readable, content_type: str | None, content_length: int | None, *, max_file_bytes: int | None
) -> Iterator[FormField | FormFile | bytes]:
    """Fields in their order; the file, before or after any of them, as one FormFile and then its bytes in pieces.

    `content_length` is None for a chunked body, which ends when the stream does. Raises UnsupportedMediaType, TooLarge
    (before reading, if the length tells), SpoolBroken (the body is cut off) and InvalidRequest; nothing else.
    """
    boundary = boundary_of(content_type)
    if max_file_bytes is not None and (content_length or 0) > max_file_bytes + _AROUND_FILE_BYTES:
        raise _too_large(max_file_bytes)
    return _Form(MultipartBody(stream, boundary), content_length, max_file_bytes).events()


class _Form:
    """The part that is being read, and what has been read of the form."""

    def __init__(self, body: MultipartBody, content_length: int | None, max_file_bytes: int | None):
        self._body = body
        self._content_length = content_length
        self._max_file_bytes = max_file_bytes
        self._file_bytes: int | None = None
        self._fields = 0
        self._name = ""
        self._value: bytearray | None = None  # None: the part is the file

    def events(self) -> Iterator[FormField | FormFile | bytes]:
        for event in self._body.events():
            if isinstance(event, File):
                yield self._begin_file(event)
            elif isinstance(event, Field):
                self._begin_field(event)
            elif isinstance(event, Data):
                yield from self._file_data(event) if self._value is None else self._field_data(event, self._value)
        if self._file_bytes is None:
            raise InvalidRequest("The form has no file: send one part named 'file'.", param="file")

    def _begin_file(self, event: File) -> FormFile:
        if event.name != "file":
            raise InvalidRequest("The file must be sent in a part named 'file'.", param=_shown(event.name))
        if self._file_bytes is not None:
            raise InvalidRequest("The form has more than one file: send each in a request of its own.", param="file")
        self._value, self._file_bytes = None, 0
        return FormFile(
            filename=clean_filename(event.filename),
            content_type=event.headers.get("Content-Type"),
            expected_size=self._body.expected_size(self._content_length),
        )

    def _begin_field(self, event: Field) -> None:
        if not event.name:
            raise InvalidRequest("A part of the form has no name.")
        if event.name == "file":
            raise InvalidRequest(
                "'file' was sent as text: give the part a filename (curl: -F file=@path).", param="file"
            )
        self._fields += 1
        if self._fields > _MAX_FIELDS:
            raise InvalidRequest(f"The form has more than {_MAX_FIELDS} fields.")
        self._name, self._value = event.name, bytearray()

    def _file_data(self, event: Data) -> Iterator[bytes]:
        self._file_bytes = (self._file_bytes or 0) + len(event.data)
        if self._max_file_bytes is not None and self._file_bytes > self._max_file_bytes:
            raise _too_large(self._max_file_bytes)
        if not self._file_bytes and not event.more_data:
            raise InvalidRequest("The file is empty. Send at least one byte.", param="file")
        if event.data:
            yield event.data

    def _field_data(self, event: Data, value: bytearray) -> Iterator[FormField]:
        value += event.data
        if len(value) > _MAX_FIELD_BYTES:
            raise InvalidRequest(f"A field may have {_MAX_FIELD_BYTES} bytes at most.", param=_shown(self._name))
        if not event.more_data:
            yield FormField(self._name, self._text(value))

    def _text(self, value: bytearray) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest("The field is not UTF-8 text.", param=_shown(self._name)) from error


def _shown(name: str | None) -> str | None:
    return name[:_MAX_SHOWN] if name else None


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The file is larger than the {max_bytes} bytes that this gateway takes.", param="file")
