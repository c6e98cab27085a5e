"""The model behind every running inference deploy: it answers with what it was asked.

It speaks what clients of models speak: ``inputs`` with ``parameters`` (or ``params``), and the
chat and text completions that OpenAI's clients send, whole or as a stream. There is one model
behind an endpoint, so that the name a client gives does not matter: some send made-up ones.
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from csgrepo.server.accounts.auth import git_caller
from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType, State
from csgrepo.server.http.bodies import json_object, read_all
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.http.streams import EventStream, data_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.deploys.deploys import Deploy
    from csgrepo.server.http.streams import Pulse

    Handler = Callable[["_Question"], ASGIApp]

__all__ = ["PREFIX", "routes"]

PREFIX = "/_endpoints"
_WORD = re.compile(r"\s*\S+\s*")
_MOST_TOKENS = 100_000


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all endpoints."""
    one = f"{PREFIX}/{{service}}"
    asked = {
        "": generate,
        "/": generate,
        "/generate": generate,
        "/predict": generate,
        "/v1/chat/completions": chat,
        "/v1/completions": complete,
    }
    return [
        *(
            Route(f"{one}{path}", _served(backend, h), methods=["POST"])
            for path, h in asked.items()
        ),
        Route(f"{one}/v1/models", _served(backend, models, body=False), methods=["GET"]),
        Route(f"{one}/health", _served(backend, health, body=False), methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a model is asked."""

    backend: Backend
    deploy: Deploy
    model: str
    body: dict[str, Any]

    def limit(self, *names: str) -> int:
        """Return how many tokens are wanted at most."""
        value = next((self.body[name] for name in names if self.body.get(name) is not None), None)
        return _limit(value)


class _Fault(Exception):
    """A question that is answered with an error, in the words of an inference server."""

    def __init__(self, status: int, words: str, code: str = "invalid_request") -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.code = code

    def answer(self) -> Response:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": self.words, "type": kind, "param": None, "code": self.code}
        return JSONResponse({"error": error}, self.status)


def _served(
    backend: Backend, handler: Handler, *, body: bool = True
) -> Callable[[Request], Awaitable[ASGIApp]]:
    async def answer(request: Request) -> ASGIApp:
        deploy, model = await backend.workers.run(_admitted, backend, request)
        line = f'"{request.method} {request.scope["path"].removeprefix(PREFIX)}"'
        try:
            _need_running(deploy)
            content = json_object(await read_all(request.receive)) if body else {}
            found = handler(_Question(backend, deploy, model, content))
        except _Fault as fault:
            backend.consoles.of(deploy).say(f"{line} {fault.status}")
            return fault.answer()
        await backend.workers.run(_note, backend, deploy, f"{line} 200")
        return found

    return answer


def _admitted(backend: Backend, request: Request) -> tuple[Deploy, str]:
    """Return the deploy that is asked, and its model, for those who may ask it."""
    deploy = backend.deploys.serving(request.path_params["service"])
    if deploy is None or deploy.type not in {DeployType.INFERENCE, DeployType.SERVERLESS}:
        raise Refusal(404, "SYS-ERR-3")
    header = request.headers.get("authorization")
    user = git_caller(backend.accounts, header, ("git", "aigateway"))
    request.scope["csgrepo.user"] = user.name if user else ""
    if deploy.settings.secure_level != 1:
        if user is None:
            raise Refusal(401, "AUTH-ERR-1")
        if backend.accounts.role(user, deploy.namespace) < Access.READ:
            raise Refusal(403, "AUTH-ERR-2")
    if deploy.state in {State.RUNNING, State.SLEEPING}:
        backend.deploys.use(deploy)  # a question wakes what sleeps
        deploy = backend.deploys.serving(deploy.service) or deploy
    repository = backend.catalogue.by_id(deploy.repository_id)
    return deploy, repository.path if repository else deploy.name


def _note(backend: Backend, deploy: Deploy, line: str) -> None:
    """Say what was answered, and by which version where there is more than one."""
    console = backend.consoles.of(deploy)
    answered = backend.revisions.turn(deploy, console.said)
    several = answered is not None and answered.percent < 100
    console.say(f"{line} by {answered.name}" if answered and several else line)


def _need_running(deploy: Deploy) -> None:
    if deploy.state is not State.RUNNING:
        words = f"{deploy.name} is {deploy.state.word}, not Running"
        raise _Fault(503, words, "not_running")


def health(_: _Question) -> Response:
    """Answer that the model is there."""
    return Response(b"")


def models(question: _Question) -> Response:
    """List the one model, as OpenAI's clients want it."""
    created = int(question.deploy.created_at)
    one = {"id": question.model, "object": "model", "created": created, "owned_by": "csgrepo"}
    return JSONResponse({"object": "list", "data": [one]})


def generate(question: _Question) -> ASGIApp:
    """Answer ``inputs``: a text with that text, a list with a list, an object with itself."""
    inputs = question.body.get("inputs")
    parameters = question.body.get("parameters") or question.body.get("params") or {}
    if not isinstance(parameters, dict):
        raise _Fault(422, "parameters must be an object")
    most = _limit(parameters.get("max_new_tokens"))
    if isinstance(inputs, str):
        if question.body.get("stream") is True:
            return _tokens(question, _words(inputs, most))
        return JSONResponse([{"generated_text": "".join(_words(inputs, most))}])
    if isinstance(inputs, list) and all(isinstance(text, str) for text in inputs):
        return JSONResponse([[{"generated_text": "".join(_words(t, most))}] for t in inputs])
    if isinstance(inputs, dict):
        return JSONResponse({"inputs": inputs, "parameters": parameters})
    raise _Fault(422, "inputs must be a text, a list of texts or an object")


def chat(question: _Question) -> ASGIApp:
    """Answer a chat with what its last message says."""
    words = _words(
        _last_message(question.body), question.limit("max_completion_tokens", "max_tokens")
    )
    prompt = sum(len(_WORD.findall(_text(m))) for m in question.body["messages"])
    return _completion(question, words, prompt, chatting=True)


def complete(question: _Question) -> ASGIApp:
    """Answer a prompt with itself."""
    prompt = question.body.get("prompt")
    if not isinstance(prompt, str):
        raise _Fault(400, "prompt must be a text")
    words = _words(prompt, question.limit("max_tokens"))
    return _completion(question, words, len(_WORD.findall(prompt)), chatting=False)


def _completion(
    question: _Question, words: list[str], prompt_tokens: int, *, chatting: bool
) -> ASGIApp:
    most = question.limit("max_completion_tokens", "max_tokens")
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": len(words),
        "total_tokens": prompt_tokens + len(words),
    }
    reason = "length" if len(words) == most else "stop"
    head: dict[str, object] = {
        "id": f"chatcmpl-{uuid.uuid4().hex}" if chatting else f"cmpl-{uuid.uuid4().hex}",
        "object": "chat.completion" if chatting else "text_completion",
        "created": int(time.time()),
        "model": question.model,
    }
    if question.body.get("stream") is True:
        options = question.body.get("stream_options")
        told = usage if isinstance(options, dict) and options.get("include_usage") else None
        return _chunks(question, head, words, reason, told, chatting=chatting)
    text = "".join(words)
    said: dict[str, object] = (
        {"message": {"role": "assistant", "content": text}} if chatting else {"text": text}
    )
    choice = {"index": 0, **said, "logprobs": None, "finish_reason": reason}
    return JSONResponse({**head, "choices": [choice], "usage": usage})


def _chunks(
    question: _Question,
    head: dict[str, object],
    words: list[str],
    reason: str,
    usage: dict[str, int] | None,
    *,
    chatting: bool,
) -> ASGIApp:
    """Send the words one by one, as OpenAI's server does."""
    if chatting:
        head = {**head, "object": "chat.completion.chunk"}

    def chunk(text: str | None, finish: str | None = None, **more: str) -> bytes:
        delta: dict[str, object] = dict(more)
        if text is not None:
            delta["content"] = text
        said: dict[str, object] = {"delta": delta} if chatting else {"text": text or ""}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish}
        return data_event({**head, "choices": [choice]})

    async def events(_: Pulse) -> AsyncIterator[bytes]:
        if chatting:
            yield chunk("", role="assistant")
        for word in words:
            yield chunk(word)
        yield chunk(None, reason)
        if usage:
            yield data_event({**head, "choices": [], "usage": usage})
        yield data_event("[DONE]")

    return EventStream(question.backend.streams, events)


def _tokens(question: _Question, words: list[str]) -> ASGIApp:
    """Send the words one by one, as text-generation-inference does."""

    async def events(_: Pulse) -> AsyncIterator[bytes]:
        for number, word in enumerate(words):
            token = {"id": number, "text": word, "logprob": 0.0, "special": False}
            whole = "".join(words) if number == len(words) - 1 else None
            yield data_event({"token": token, "generated_text": whole, "details": None})

    return EventStream(question.backend.streams, events)


def _last_message(body: dict[str, Any]) -> str:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _Fault(400, "messages must be a list with a message in it")
    return [_text(message) for message in messages][-1]


def _text(message: object) -> str:
    """Return what a message says; of one in parts, its texts."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    raise _Fault(400, "a message must have a content")


def _limit(value: object) -> int:
    if value is None:
        return _MOST_TOKENS
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _Fault(422, "the number of tokens must be above 0")
    return min(value, _MOST_TOKENS)


def _words(text: str, most: int) -> list[str]:
    """Return the text's first words, blanks included: this model's tokens."""
    return _WORD.findall(text)[:most]
