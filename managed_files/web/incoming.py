"""The request at hand as a plain object. Knows Flask's proxy, no route."""

from flask import Request, request


def incoming() -> Request:
    """What `flask.request` stands for. The proxy looks it up at every use, a dozen times in a chat."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]  # Flask types the proxy as its object
    return found
