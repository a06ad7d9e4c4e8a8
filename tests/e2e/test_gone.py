"""Clients that go away in the middle of an upload leave nothing behind."""

import psycopg

from tests.e2e import raw
from tests.e2e.gateway import wait_until

HALF = bytes(range(256)) * 1024  # 256 KiB: enough to fill every buffer on the way
WHOLE = raw.form(HALF + HALF)
UNTIL_HALF = WHOLE[: len(HALF)]


def state_of_files(url):
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT state FROM files")]


def settled(providers, url):
    """Whether every upload has ended, one way or the other, here and at the providers."""
    return providers.idle() and set(state_of_files(url)) <= {"deleting"}


def begun_at_vertex(providers):
    """Waits until Cloud Storage has opened a session, into which a chunk of 8 MiB goes at once or at the end."""
    providers.google.wait_for(lambda request: request.path.startswith("/upload/") and request.finished)


def test_nothing_stays_of_a_client_that_went_away(client, gateway, providers, url):
    with raw.upload(gateway) as upload:
        upload.begin(f"Content-Length: {len(WHOLE)}")
        upload.send(UNTIL_HALF)
        begun_at_vertex(providers)
        providers.openai.wait_for(lambda request: request.path == "/v1/files" and request.size > 0)
    wait_until(lambda: settled(providers, url), "the upload is given up")
    assert (providers.stored(), client.files.list().data) == ({}, [])


def test_nothing_stays_of_a_chunked_upload_that_stopped(client, gateway, providers, url):
    with raw.upload(gateway) as upload:
        upload.begin("Transfer-Encoding: chunked")
        upload.send_chunk(UNTIL_HALF)
        begun_at_vertex(providers)
    wait_until(lambda: settled(providers, url), "the upload is given up")
    assert (providers.stored(), client.files.list().data) == ({}, [])
