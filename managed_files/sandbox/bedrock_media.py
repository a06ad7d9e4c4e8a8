"""What stands in the content blocks of a Converse request: text, files by value or by their S3 address."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from managed_files.sandbox.answers import Attachment, Json
from managed_files.sandbox.bedrock_errors import bedrock_error, invalid
from managed_files.sandbox.s3 import S3Buckets
from managed_files.sandbox.wire import Refused

MEDIA = ("document", "image", "video", "audio")
_NAME = re.compile(r"[A-Za-z0-9\-()\[\]]+(?: [A-Za-z0-9\-()\[\]]+)*")
_MOST: Mapping[str, int] = {"document": 5, "image": 20, "video": 1, "audio": 1}


@dataclass(frozen=True)
class Model:
    """What one model can do. `budgets`: takes a budget for its thoughts."""

    s3: bool = False
    budgets: bool = True
    tools: bool = True
    media: tuple[str, ...] = ("document", "image")


class Files:
    """Reads the files of one request. Raises what Bedrock answers."""

    def __init__(self, model: Model, buckets: S3Buckets):
        self._model = model
        self._buckets = buckets

    def seen(self, messages: list[Json]) -> list[Attachment | str]:
        """Every file of the request, in order."""
        found = [(kind, block[kind]) for block in _blocks(messages) for kind in MEDIA if kind in block]
        names = [block["name"] for kind, block in found if kind == "document"]
        for name in names:
            if not _NAME.fullmatch(name):
                raise invalid(
                    "The file name can only contain alphanumeric characters, whitespace characters, hyphens, "
                    "parentheses, and square brackets. The name can't contain more than one consecutive whitespace."
                )
        if len(set(names)) < len(names):
            raise invalid("The document names in a request have to differ.")
        for kind, most in _MOST.items():
            if sum(kind == other for other, _ in found) > most:
                raise invalid(f"The request holds more than {most} blocks of type {kind}.")
        return [self._file(kind, block) for kind, block in found]

    def _file(self, kind: str, block: Json) -> Attachment:
        if kind not in self._model.media:
            raise invalid(f"This model doesn't support the {kind} content block. Remove it and try again.")
        name, word, source = block.get("name", kind), block.get("format", "txt"), block["source"]
        if "s3Location" in source:
            return self._stored(name, f"{kind}/{word}", source["s3Location"]["uri"])
        if "bytes" not in source:
            raise invalid("The stand-in reads bytes and s3Location only.")
        return Attachment.of(name, f"{kind}/{word}", base64.b64decode(source["bytes"]))

    def _stored(self, name: str, kind: str, uri: str) -> Attachment:
        if not self._model.s3:
            raise invalid("This model doesn't support S3 as a source. Send the content as bytes and try again.")
        bucket = uri.removeprefix("s3://").partition("/")[0]
        if bucket in self._buckets.foreign:
            raise Refused(bedrock_error(403, f"Access to {uri} is denied."))
        stored = self._buckets.objects.get(uri)
        if stored is None:
            raise invalid(f"The S3 object {uri} could not be found. Check the bucket, the key and the region.")
        return Attachment(name, kind, stored.bytes, stored.sha256, stored.blob.head)


def _blocks(messages: list[Json]) -> Iterator[Json]:
    for message in messages:
        for block in message["content"]:
            yield block
            yield from block.get("toolResult", {}).get("content", ())
