"""The Gemini API's batches: the routes. Wire facts: generativelanguage v1beta."""

from managed_files.sandbox.batch_jobs import BatchJobs
from managed_files.sandbox.gemini_batch import ContentBatch
from managed_files.sandbox.gemini_calls import parsed_body
from managed_files.sandbox.gemini_files import FileStore
from managed_files.sandbox.gemini_models import StudioModels
from managed_files.sandbox.google_batches import page_of
from managed_files.sandbox.google_errors import invalid, refused
from managed_files.sandbox.job_book import JobBook
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Reply, Request, json_reply


class ContentBatches(JobBook[ContentBatch]):
    """All batches of all projects, and the handlers of their routes, which are told the key's project."""

    def __init__(self, models: StudioModels, store: FileStore, shelf: Shelf, jobs: BatchJobs):
        super().__init__(jobs)
        self._models = models
        self._store = store
        self._shelf = shelf

    def create(self, request: Request, project: str) -> Reply:
        model = request.args["model"]
        self._models.check(model)
        spec = parsed_body(request, "BatchGenerateContentRequest").get("batch", {})
        source = spec.get("inputConfig", {})
        if not spec.get("displayName") or len(source) != 1:
            raise invalid("* BatchGenerateContentRequest.batch: display_name and one input_config are required.")
        batch = ContentBatch(project, model, spec, self._models, self._store, self._shelf)
        if "fileName" in source:
            batch.input()
        self.note(batch.id, batch)
        reply = json_reply(batch.operation())
        self.worker.submit(batch)
        return reply

    def retrieve(self, request: Request, project: str) -> Reply:
        return json_reply(self._known(request, project).operation())

    def page(self, request: Request, project: str) -> Reply:
        """Newest first. Honours `pageSize` and `pageToken`."""
        mine = [batch.operation() for batch in reversed(list(self.jobs.values())) if batch.project == project]
        size, token = request.query.get("pageSize", "50"), request.query.get("pageToken")
        return json_reply(page_of(mine, size, token, "operations"))

    def cancel(self, request: Request, project: str) -> Reply:
        batch = self._known(request, project)
        if batch.ended:
            raise refused(400, "The batch has ended already.", name="FAILED_PRECONDITION")
        batch.cancel()
        self.worker.hurry(batch)
        return json_reply({})

    def delete(self, request: Request, project: str) -> Reply:
        """Forgets the operation; it does not end it."""
        batch = self._known(request, project)
        self.drop(batch.id)
        return json_reply({})

    def _known(self, request: Request, project: str) -> ContentBatch:
        batch = self.jobs.get(request.args["id"])
        if batch is None or batch.project != project:
            raise refused(404, "Requested entity was not found.")
        return batch
