"""`InferenceApi`: ask a model that runs on the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from csgrepo.errors import HubError, InvalidInput, NotRunning
from csgrepo.http.call import SILENCE_TIMEOUT_S
from csgrepo.hub.api import HubApi
from csgrepo.hub.event_stream import events
from csgrepo.redact import redact
from csgrepo.repo_id import RepoType

if TYPE_CHECKING:
    from csgrepo.http import Response
    from csgrepo.hub.deploy_results import Instance
    from csgrepo.redact import Secret

__all__ = ["TASKS", "InferenceApi"]

# Which inputs a task wants: a text (or several), an object with certain keys, or bytes.
TASKS: Mapping[str, frozenset[str] | type] = {
    **dict.fromkeys(
        (
            "feature-extraction",
            "fill-mask",
            "summarization",
            "text-classification",
            "text-generation",
            "text-to-image",
            "text-to-speech",
            "text2text-generation",
            "token-classification",
            "translation",
            "zero-shot-classification",
        ),
        str,
    ),
    "question-answering": frozenset({"question", "context"}),
    "table-question-answering": frozenset({"query", "table"}),
    "sentence-similarity": frozenset({"source_sentence", "sentences"}),
    "conversational": frozenset({"text"}),
    **dict.fromkeys(
        (
            "audio-classification",
            "automatic-speech-recognition",
            "image-classification",
            "image-segmentation",
            "object-detection",
        ),
        bytes,
    ),
}


_REFUSAL = frozenset({"error", "error_type", "message", "code", "type"})


class InferenceApi:
    """A model that runs on the hub, asked as somebody.

    The instance is looked up at the first question: one of yours that runs that model, awake or
    asleep. A question wakes one that sleeps.

    The token goes to the hub and to what runs under its own host name. An instance elsewhere gets
    it only if you name its address as `instance_url`.

    Args:
        repo_id: the model, ``namespace/name``.
        task: such as ``"question-answering"``; what the hub says the model does, where not given.
        token: an access token; ``None`` for the environment's or the kept one.
        endpoint: the hub's address; the environment's where not given.
        instance_url: the instance's own address, not to be looked up.
        timeout: the longest silence, in seconds. A model that answers in one piece is silent for
            as long as it thinks; one that is asked to stream is not.

    Attributes:
        repo_id: the model.

    Raises:
        InvalidInput: the id or the task cannot be one.

    Example:
        >>> inference = InferenceApi("wanda/bert", task="text-generation")
        >>> inference("The goal of life is")
        [{'generated_text': ...}]
        >>> for word in inference.chat("The goal of life is", stream=True):
        ...     print(word, end="|")
        The |...
    """

    def __init__(
        self,
        repo_id: str,
        task: str | None = None,
        token: str | Secret | bool | None = None,
        *,
        endpoint: str | None = None,
        instance_url: str | None = None,
        timeout: float = SILENCE_TIMEOUT_S,
    ) -> None:
        if task is not None and task not in TASKS:
            raise InvalidInput(f"task={task!r} is unknown; use one of {', '.join(sorted(TASKS))}")
        self._api = HubApi(endpoint, token, timeout=timeout)
        self._repo = self._api._hub.repo(repo_id, RepoType.MODEL)
        self.repo_id = str(self._repo)
        self._task = task
        self._named = instance_url.rstrip("/") if instance_url else None
        self._instance: Instance | None = None

    def __enter__(self) -> InferenceApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"InferenceApi({self.repo_id!r}, task={self._task!r})"

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        self._api.close()

    @property
    def task(self) -> str:
        """What the model does: what was given, or else what the hub says, or ``""``.

        The hub is asked for it as for `instance`.
        """
        if self._task is None and self._named is None:
            return self.instance.task
        return self._task or ""

    @property
    def instance(self) -> Instance:
        """The instance that is asked (found with ``GET /api/v1/models/…/run``).

        Raises:
            NotRunning: you have none that runs this model.
            NotFound: there is no such model.
            Unauthorized, Forbidden: there is no token, or the model is not for you to see.

        Example:
            >>> InferenceApi("wanda/bert").instance.status
            'Running'
        """
        if self._instance is None:
            self._instance = self._found()
        return self._instance

    def __call__(
        self,
        inputs: str | Sequence[str] | Mapping[str, object] | None = None,
        params: Mapping[str, object] | None = None,
        *,
        data: bytes | None = None,
    ) -> Any:
        """Ask (``POST {instance}``), and return what the answer's JSON holds, or its bytes.

        Args:
            inputs: a text, several, or an object, as the task wants it.
            params: how to answer, such as ``{"candidate_labels": ["refund", "legal"]}``.
            data: a picture or a sound, for tasks that take one.

        Raises:
            InvalidInput: the task wants other inputs.
            NotRunning: no instance runs this model.
            HubHTTPError: the instance refused; its words are in the message.

        Example:
            >>> inference = InferenceApi("wanda/bert", task="question-answering")
            >>> inference({"question": "Who?", "context": "My name is Clara."})
            {...}
        """
        self._check(inputs, data)
        if data is not None:
            response = self._ask("", data=data)
        else:
            body: dict[str, object] = {"inputs": inputs}
            if params:
                body["parameters"] = dict(params)
            if self._task:
                body["task"] = self._task
            response = self._ask("", body)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind.startswith(("image/", "audio/", "video/")) or kind == "application/octet-stream":
            return response.content
        answer = response.json()
        if isinstance(answer, dict) and answer.keys() <= _REFUSAL and answer.get("error"):
            raise _refused(answer)  # some servers say so with status 200
        return answer

    def generate(self, inputs: str, params: Mapping[str, object] | None = None) -> Iterator[str]:
        """Yield the answer to a text piece by piece, as the model makes it (``POST {instance}``).

        Raises:
            NotRunning: no instance runs this model.
            HubHTTPError: the instance refused.
            HubError: the answer broke off.

        Example:
            >>> inference = InferenceApi("wanda/bert")
            >>> "".join(inference.generate("one two three", {"max_new_tokens": 2}))
            'one two '
        """
        body = {"inputs": inputs, "parameters": dict(params or {}), "stream": True}
        for chunk in self._chunks("", body):
            token = chunk.get("token")
            if isinstance(token, dict) and isinstance(token.get("text"), str):
                yield token["text"]

    def chat(
        self,
        messages: str | Sequence[Mapping[str, object]],
        *,
        stream: bool = False,
        **params: object,
    ) -> Any:
        """Go on with a conversation, as OpenAI's clients do (``POST {instance}/v1/chat/…``).

        Args:
            messages: ``{"role": "user", "content": …}`` and so on; a text is what a user says.
            stream: yield the answer's text piece by piece, not the whole object at its end.
            params: how to answer, such as ``max_tokens=100``.

        Raises:
            NotRunning: no instance runs this model.
            HubHTTPError: the instance refused.
            HubError: while it is read, a stream broke off.

        Example:
            >>> inference = InferenceApi("wanda/bert")
            >>> answer = inference.chat("Hello there", max_tokens=5)
            >>> answer["choices"][0]["message"]["content"]
            'Hello there'
        """
        said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        body = {"model": self.repo_id, "messages": list(said), **params}
        return self._completed("/v1/chat/completions", body, stream=stream)

    def complete(self, prompt: str, *, stream: bool = False, **params: object) -> Any:
        """Go on with a text (``POST {instance}/v1/completions``).

        Args:
            prompt: the text.
            stream: yield what comes piece by piece, not the whole object at its end.
            params: how to answer, such as ``max_tokens=100``.

        Raises:
            NotRunning: no instance runs this model.
            HubHTTPError: the instance refused.
            HubError: while it is read, a stream broke off.

        Example:
            >>> InferenceApi("wanda/bert").complete("once upon")["choices"][0]["text"]
            'once upon'
        """
        body = {"model": self.repo_id, "prompt": prompt, **params}
        return self._completed("/v1/completions", body, stream=stream)

    def _completed(self, path: str, body: dict[str, object], *, stream: bool) -> Any:
        if stream:
            return self._pieces(path, {**body, "stream": True})
        answer = self._ask(path, body).mapping()
        if answer.get("error") and "choices" not in answer:
            raise _refused(answer)
        return answer

    def _pieces(self, path: str, body: dict[str, object]) -> Iterator[str]:
        for chunk in self._chunks(path, body):
            choices = chunk.get("choices")
            for choice in choices if isinstance(choices, list) else []:
                delta = choice.get("delta", choice) if isinstance(choice, dict) else {}
                text = delta.get("content", delta.get("text")) if isinstance(delta, dict) else None
                if isinstance(text, str) and text:
                    yield text

    def _chunks(self, path: str, body: object) -> Iterator[dict[str, Any]]:
        with self._ask(path, body, stream=True) as response:
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise response.unexpected("no stream: this model may give whole answers only")
            over = False
            for event in events(response.arriving()):
                if event.data == "[DONE]":
                    return
                try:
                    chunk = json.loads(event.data)
                except (ValueError, RecursionError) as error:
                    raise HubError("the model's answer holds a piece that is no JSON") from error
                if not isinstance(chunk, dict) or chunk.get("error"):
                    raise HubError(f"the model broke off: {str(chunk)[:500]}")
                over = over or _is_last(chunk)
                yield chunk
            if not over:
                raise HubError("the model's answer broke off before its end; ask again")

    def _ask(
        self, path: str, body: object = None, *, data: bytes | None = None, stream: bool = False
    ) -> Response:
        hub = self._api._hub
        url = self._named or self.instance.endpoint
        trusted = bool(self._named) or _is_under(url, hub.endpoint)
        if not trusted and self.instance.private:
            raise HubError(
                f"the instance is at {urlsplit(url).netloc}, which is not under the hub's own "
                f"name, so it does not get your token. If you trust it, pass instance_url={url!r}."
            )
        token = hub.credentials.token if trusted else None
        headers: dict[str, str | Secret] = {}
        if token:
            headers["Authorization"] = type(token)(f"Bearer {token.reveal()}")
        if data is not None:
            headers["Content-Type"] = "application/octet-stream"
        try:
            return hub.http.request(
                "POST",
                url + path,
                headers=headers,
                json=body,
                data=data,
                stream=stream,
                timeout_s=hub.timeout_s,
            )
        except HubError:
            self._instance = None  # it may have been replaced: look again the next time
            raise

    def _found(self) -> Instance:
        listed = list(self._api.instances.list(self.repo_id))
        for status in ("Running", "Sleeping"):
            for instance in listed:
                if instance.status == status and instance.endpoint:
                    if status == "Sleeping":
                        self._api.instances.wake_up(instance)
                    return instance
        states = ", ".join(f"{item.name or item.id} is {item.status}" for item in listed)
        raise NotRunning(
            f"no instance of {self.repo_id} is running"
            + (f" ({states})" if states else "")
            + ". Start one: api.instances.create(…), then api.instances.wait_until_running(…)."
        )

    def _check(self, inputs: object, data: bytes | None) -> None:
        wanted = TASKS.get(self._task or "")
        if (inputs is None) == (data is None):
            raise InvalidInput("pass inputs, or data")
        if wanted is bytes and data is None:
            raise InvalidInput(f"{self._task} takes data=, the bytes of a picture or a sound")
        if isinstance(wanted, frozenset) and not (
            isinstance(inputs, Mapping) and wanted <= inputs.keys()
        ):
            raise InvalidInput(f"{self._task} takes an object with {', '.join(sorted(wanted))}")


def _refused(answer: Mapping[str, object]) -> HubError:
    said = answer.get("error")
    words = said.get("message", said) if isinstance(said, dict) else said
    return HubError(f"the model refused: {redact(str(words)[:500])}")


def _is_last(chunk: Mapping[str, object]) -> bool:
    """Tell whether a piece says that it ends the answer."""
    choices = chunk.get("choices")
    reasons = (
        [c.get("finish_reason") for c in choices if isinstance(c, dict)]
        if isinstance(choices, list)
        else []
    )
    return bool(chunk.get("generated_text")) or any(reasons)


def _is_under(url: str, endpoint: str) -> bool:
    """Tell whether an address is the hub's own, or on a host below the hub's by name and TLS."""
    there, hub = urlsplit(url), urlsplit(endpoint)
    if (there.scheme, there.netloc.lower()) == (hub.scheme, hub.netloc.lower()):
        return True
    name = (hub.hostname or "").lower()
    if "." not in name or name.rpartition(".")[2].isdecimal() or ":" in name:
        return False  # nothing is below a number, nor below a name that is no domain
    name = "opencsg.com" if name == "hub.opencsg.com" else name
    return there.scheme == "https" and (there.hostname or "").lower().endswith(f".{name}")
