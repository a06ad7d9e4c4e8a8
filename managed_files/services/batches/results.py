"""What became of a part's lines, in OpenAI's shape and under the client's ids. Every line comes exactly once."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock, Semaphore
from typing import Any

from managed_files.batch_lines import asked_for_functions, dumped
from managed_files.batch_records import CHAT, Count, JobState, LineResult, Part
from managed_files.batch_repository import BatchRepository
from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import ConfigError, ProviderFailed
from managed_files.providers.base import Provider
from managed_files.records import Deployment
from managed_files.run_repository import RunRepository
from managed_files.services.batches.places import deployment_at
from managed_files.turns import short_turns

# What is told of a line that has no answer, by how its part ended.
_UNANSWERED = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
    "failed": ("batch_failed", "The provider did not run this part of the batch."),
}
_NO_ANSWER = ("no_answer", "The provider gave no answer to this request.")
_BLOCK = 64 * 1024  # bytes; whoever sends something lets other threads take their turns
# Parts that a process counts at the same time: the more are busy, the longer do all requests wait. Of an account it is
# one at most, so that an account whose results do not come leaves room for others.
_AT_ONCE = 2
_USAGE = ("input_tokens", "output_tokens", "total_tokens", "cached_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line of the output file, or of the error file. `key`: of the line that it answers."""

    key: str
    custom_id: str
    answered: bool
    shape: Mapping[str, Any]

    @property
    def text(self) -> bytes:
        return dumped(dict(self.shape)) + b"\n"


class Results:
    """Reads the results of parts, wherever they are."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        deployments: Sequence[Deployment],
        repository: BatchRepository,
        runs: RunRepository,
    ):
        self._providers = providers
        self._deployments = deployments
        self._repository = repository
        self._runs = runs
        self._counting = Semaphore(_AT_ONCE)
        self._of_account = {account: Lock() for account in providers}

    def lines(self, part: Part) -> Iterator[OutputLine]:
        """Every line of the part, those without an answer last. Memory holds ids, not answers.

        Raises ProviderFailed with status 404 if the provider has no longer what was counted: operators empty buckets,
        and some providers keep results for weeks only.
        """
        with short_turns:
            yield from self._lines(part)

    def _lines(self, part: Part) -> Iterator[OutputLine]:
        waiting = self._repository.custom_ids(part)
        for result in self._kept_results(part):
            custom_id = waiting.pop(result.key, None)
            if custom_id is not None:
                yield self._line(part, custom_id, _blamed(part, result))
        if part.results == "kept" and part.job and part.lines - len(waiting) < (part.job.completed or 0):
            raise _gone(part)
        code, message = _UNANSWERED.get(part.state, _NO_ANSWER)
        if part.state == "failed" and part.error:
            message = part.error
        for key, custom_id in waiting.items():
            yield self._line(part, custom_id, LineResult(key, None, code=code, message=message))

    def blocks(self, parts: Iterable[Part], *, answered: bool) -> Iterator[bytes]:
        """The output file of these parts, or their error file, some lines at a time."""
        block = bytearray()
        for line in chain.from_iterable(map(self.lines, parts)):
            if line.answered == answered:
                block += line.text
            if len(block) >= _BLOCK:
                yield bytes(block)
                block.clear()
        if block:
            yield bytes(block)

    def count(self, part: Part) -> Count:
        """What the part's lines come to. Asks for all of them, once its turn has come."""
        with self._of_account.get(part.place.account, nullcontext()), self._counting:
            return self._counted(part)

    def _counted(self, part: Part) -> Count:
        sizes, numbers, usage = {True: 0, False: 0}, {True: 0, False: 0}, dict.fromkeys(_USAGE, 0)
        for line in self.lines(part):
            sizes[line.answered] += len(line.text)
            numbers[line.answered] += 1
            for name, tokens in _usage(line).items():
                usage[name] += tokens
        return Count(numbers[True], numbers[False], sizes[True], sizes[False], usage)

    def _kept_results(self, part: Part) -> Iterator[LineResult]:
        try:
            yield from self._results(part)
        except ProviderFailed as failure:
            if part.results == "kept" and failure.upstream_status in (404, 410):
                raise _gone(part) from failure
            raise

    def _results(self, part: Part) -> Iterator[LineResult]:
        provider = self._providers.get(part.place.account)
        api = provider.batches() if provider else None
        if part.state == JobState.FAILED and not (part.job and part.job.outputs):
            return iter(())
        if part.job is None:
            return self._runs.results(part)
        if api is None:
            raise ConfigError(f"The configuration has no account {part.place.account} with batches any more.")
        return api.results(part.job)

    def _line(self, part: Part, custom_id: str, result: LineResult) -> OutputLine:
        """OpenAI's shape. Ids follow from what they name, so that a file is the same whenever it is read."""
        digest = hashlib.blake2b(f"{part.batch_id}\n{result.key}".encode(), digest_size=12).hexdigest()
        answered, response, error = self._answer(part, result, digest)
        shape = {"id": f"batch_req_{digest}", "custom_id": custom_id, "response": response, "error": error}
        return OutputLine(result.key, custom_id, answered, shape)

    def _answer(self, part: Part, result: LineResult, digest: str) -> tuple[bool, Any, Any]:
        """Whether it is one, the line's `response` and its `error`."""
        if result.status is None:
            return False, None, {"code": result.code, "message": result.message}
        status, body = result.status, result.body
        if status == 200:
            try:
                body = self._translated(part, result, digest)
            except ProviderFailed as failure:
                return False, None, {"code": failure.code or "provider_error", "message": failure.message}
        request_id = result.request_id or f"req_{digest}"
        return status == 200, {"status_code": status, "request_id": request_id, "body": body}, None

    def _translated(self, part: Part, result: LineResult, digest: str) -> Mapping[str, Any]:
        """What the gateway ran itself is in OpenAI's words already."""
        body = result.body
        if not isinstance(body, Mapping):  # a provider may write anything into its file of results
            raise ProviderFailed(part.place.provider, "The provider answered with JSON that is not an object.")
        if part.job is None or part.endpoint != CHAT:
            return body
        dialect = DIALECTS[self._providers[part.place.account].dialect]
        if dialect.passthrough:
            return body
        functions = asked_for_functions(result.key)
        exchange = Exchange(f"chatcmpl-{digest}", part.created_at, self._model(part), functions=functions)
        return dialect.response(dict(body), exchange)

    def _model(self, part: Part) -> str:
        """As a chat's answer names it. The results outlive the model in the configuration."""
        try:
            return deployment_at(part.place, self._deployments).model
        except ConfigError:
            return part.place.deployment.partition("/")[2] or part.place.deployment


def _gone(part: Part) -> ProviderFailed:
    provider = part.place.provider
    return ProviderFailed(provider, f"{provider} has the results of this batch no more.", upstream_status=404)


def _blamed(part: Part, result: LineResult) -> LineResult:
    """The provider says "cancelled" of a job that the gateway ended because its time was over."""
    if part.state != JobState.EXPIRED or result.code != "batch_cancelled":
        return result
    code, message = _UNANSWERED[part.state]
    return replace(result, code=code, message=message)


def _usage(line: OutputLine) -> dict[str, int]:
    """Tokens of an answer, in the words of OpenAI's batches: those of chats, embeddings and responses differ."""
    usage = ((line.shape["response"] or {}).get("body") or {}).get("usage") if line.answered else None
    if not isinstance(usage, dict):
        return {}
    asked = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    told = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    found = {
        "input_tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "output_tokens": usage.get("completion_tokens", usage.get("output_tokens")),
        "total_tokens": usage.get("total_tokens"),
        "cached_tokens": asked.get("cached_tokens") if isinstance(asked, dict) else None,
        "reasoning_tokens": told.get("reasoning_tokens") if isinstance(told, dict) else None,
    }
    return {name: tokens for name, tokens in found.items() if isinstance(tokens, int)}
