"""Numbers for Prometheus: what was asked, how long it took, what the hub holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route

from csgrepo.server.operation.inventory import Inventory
from csgrepo.server.repos.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric
    from starlette.requests import Request as HttpRequest
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.http.record import Request
    from csgrepo.server.records.database import Database

__all__ = ["Metrics", "area", "routes"]

_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}
_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300)
_AREAS = {
    "api": "rest",
    "csg": "mapping",
    "hf": "mapping",
    "ms": "mapping",
    "_objects": "objects",
    "_admin": "operations",
    "healthz": "operations",
    "metrics": "operations",
}
_PLURALS = {word for kind in Kind for word in (kind.rest_plural, kind.git_plural)}


def area(path: str) -> str:
    """Return which part of the hub a path belongs to; there are few, whatever is asked.

    Example:
        >>> area("/models/wanda/first.git/info/lfs/objects/batch")
        'lfs'
    """
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    if first in _AREAS:
        return _AREAS[first]
    if first not in _PLURALS:
        return "pages"
    if "/info/lfs/" in path:
        return "lfs"
    return "git" if path.endswith(("/info/refs", "-pack")) else "pages"


class Metrics:
    """The counters of one hub since its start.

    Args:
        database: counted anew for every reading.
    """

    def __init__(self, database: Database) -> None:
        registry = self._registry = CollectorRegistry()
        labels = ("area", "method", "status")
        self._requests = Counter(
            "csgrepo_hub_requests", "Requests that were answered", labels, registry=registry
        )
        self._seconds = Histogram(
            "csgrepo_hub_request_seconds",
            "How long an answer took",
            ("area",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._bytes = Counter(
            "csgrepo_hub_body_bytes",
            "Bytes of bodies that came in or went out",
            ("area", "direction"),
            registry=registry,
        )
        self.running = Gauge(
            "csgrepo_hub_requests_running", "Requests being answered now", registry=registry
        )
        registry.register(_Contents(database))

    def count(self, request: Request) -> None:
        """Count one finished request."""
        where = area(request.path)
        method = request.method if request.method in _METHODS else "other"
        self._requests.labels(where, method, str(request.status)).inc()
        self._seconds.labels(where).observe(request.seconds)
        self._bytes.labels(where, "in").inc(request.body_bytes_received)
        self._bytes.labels(where, "out").inc(request.body_bytes_sent)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _Contents(Collector):
    """Reads the numbers of what the hub holds when they are asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        held = Inventory.of(self._database)
        for name, words, value in (
            ("users", "Accounts", held.users),
            ("organizations", "Organizations", held.organizations),
            ("lfs_objects", "LFS objects", held.objects),
            ("lfs_object_bytes", "Sizes of the LFS objects together", held.object_bytes),
        ):
            yield GaugeMetricFamily(f"csgrepo_hub_{name}", words, value)
        kinds = GaugeMetricFamily("csgrepo_hub_repositories", "Repositories", labels=["type"])
        for kind, count in held.repositories.items():
            kinds.add_metric([kind], count)
        yield kinds


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the route that Prometheus asks."""

    async def answer(_: HttpRequest) -> Response:
        text = await backend.workers.run(backend.metrics.text)
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return [Route("/metrics", answer, methods=["GET"])]
