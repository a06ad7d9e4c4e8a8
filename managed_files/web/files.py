"""The routes of /files. Reads, calls, shapes, returns."""

import time
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify, request
from marshmallow import Schema, fields, validate

from managed_files.records import Caller, File
from managed_files.services.files import Content, Files
from managed_files.web import forms
from managed_files.web.auth import Authenticator
from managed_files.web.checks import checked, idempotency_key
from managed_files.web.filenames import as_parameters
from managed_files.web.shapes import file_object, page


class ListQuery(Schema):
    """Query of GET /files; empty values count as absent, as SDKs send them so."""

    after = fields.String(load_default=None)
    limit = fields.Integer(load_default=10_000, validate=validate.Range(1, 10_000))
    order = fields.String(load_default="desc", validate=validate.OneOf(("asc", "desc")))
    purpose = fields.String(load_default=None)


def blueprint(auth: Authenticator, files: Files, max_file_bytes: int) -> Blueprint:
    """POST, GET /files; GET, DELETE /files/<id>; GET …/content; POST …/delete."""
    routes = Blueprint("files", __name__)

    def shaped(caller: Caller, file: File) -> dict[str, Any]:
        return file_object(file, partial(files.model_names, caller), time.time())

    @routes.post("/files")
    @auth.required
    def create(caller: Caller) -> Response:
        form = forms.events(
            request.stream, request.headers.get("Content-Type"), request.content_length, max_file_bytes=max_file_bytes
        )
        query = {name: request.args.getlist(name) for name in request.args}
        return jsonify(shaped(caller, files.create(caller, form, query, idempotency_key(request.headers))))

    @routes.get("/files")
    @auth.required
    def index(caller: Caller) -> Response:
        found, has_more = files.page(caller, **_list_query())
        return jsonify(page([shaped(caller, file) for file in found], has_more))

    @routes.get("/files/<file_id>")
    @auth.required
    def retrieve(caller: Caller, file_id: str) -> Response:
        return jsonify(shaped(caller, files.get(caller, file_id)))

    @routes.get("/files/<file_id>/content")
    @auth.required
    def content(caller: Caller, file_id: str) -> Response:
        return _sent(files.content(caller, file_id))

    @routes.delete("/files/<file_id>")
    @routes.post("/files/<file_id>/delete")
    @auth.required
    def delete(caller: Caller, file_id: str) -> Response:
        files.delete(caller, file_id, force=request.args.get("force", "").lower() in ("1", "true"))
        return jsonify(id=file_id, object="file", deleted=True)

    return routes


def _sent(found: Content) -> Response:
    response = Response(found.pieces, content_type="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", **as_parameters(found.file.filename))
    if found.file.batch_id is None:  # what is merged while it is sent may still break, and then must not look whole
        response.headers["Content-Length"] = str(found.file.bytes)
    return response


def _list_query() -> dict[str, Any]:
    return checked(ListQuery(), {name: value for name, value in request.args.items() if value != ""})
