"""S3's lists of objects. Knows pages, not whose objects they are. Source: S3's REST API, ListObjectsV2."""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlencode

from managed_files.providers.aws_credentials import element
from managed_files.providers.s3_upload import Objects

_KEY = re.compile(r"<Contents>.*?<Key>([^<]*)</Key>", re.DOTALL)


def below(objects: Objects, folder: str) -> Iterator[str]:
    """The `s3://` addresses of all objects below that of a folder, in the order of their names, page by page."""
    bucket, _, key = folder.removeprefix("s3://").partition("/")
    query = {"encoding-type": "url", "list-type": "2", "prefix": f"{key.rstrip('/')}/"}
    while True:
        page = objects.call("GET", f"s3://{bucket}/", urlencode(query, quote_via=quote, safe="")).content
        for name in _KEY.findall(page.decode()):
            yield f"s3://{bucket}/{unquote(html.unescape(name))}"
        token = element(page, "NextContinuationToken")
        if not token:
            return
        query["continuation-token"] = token
