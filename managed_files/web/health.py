"""The routes of /health, for load balancers and orchestrators: no key, and nothing told but yes or no."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from managed_files.errors import Unavailable


def blueprint(ready: Callable[[], bool]) -> Blueprint:
    """GET /health/liveliness (also /liveness) and /health/readiness. `ready` may raise Unavailable."""
    routes = Blueprint("health", __name__)

    @routes.get("/health/liveliness")
    @routes.get("/health/liveness")
    def liveliness() -> Response:
        return jsonify(status="alive")

    @routes.get("/health/readiness")
    def readiness() -> Response:
        if not ready():
            raise Unavailable("The database lacks migrations that this version needs. Run the command migrate.")
        return jsonify(status="ready", database="connected", migrations="applied")

    return routes
