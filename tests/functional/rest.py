"""The hub's REST interface, asked with one token or none."""

from __future__ import annotations

import base64

import requests

__all__ = ["NEEDED", "Api", "b64", "said"]


NEEDED = {"spaces": {"sdk": "gradio", "resource_id": 1, "cluster_id": "local"}}


class Api:
    """REST, asked with one token or none."""

    def __init__(self, url: str, token: str = "", name: str = "") -> None:
        self.url = url
        self.name = name
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method: str, path: str, **more: object) -> requests.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        more.setdefault("allow_redirects", False)
        return requests.request(method, self.url + path, headers=headers, timeout=60, **more)

    def get(self, path: str, **query: object) -> object:
        """Return what a successful answer's envelope holds."""
        answer = self("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["msg"] == "OK"
        return answer.json().get("data")

    def create(self, name: str, plural: str = "models", **body: object) -> str:
        """Make a repository of the caller's own and return its path below ``/api/v1``."""
        body = {"namespace": self.name, "name": name, **NEEDED.get(plural, {}), **body}
        answer = self("POST", f"/api/v1/{plural}", json=body)
        assert answer.status_code == 200, answer.text
        return f"/api/v1/{plural}/{body['namespace']}/{name}"

    def put_file(self, base: str, path: str, content: bytes, **body: object) -> None:
        """Add a file to a repository's main branch."""
        body = {"message": f"Add {path}", "branch": "main", "content": b64(content), **body}
        answer = self("POST", f"{base}/raw/{path}", json=body)
        assert (answer.status_code, answer.json()) == (200, {"msg": "OK", "data": {}})

    def paths(self, base: str, ref: str = "main") -> list[str]:
        """Return the paths of all files of a model."""
        mapped = base.replace("/api/v1/", "/csg/api/")
        found = self("GET", f"{mapped}/revision/{ref}").json()
        return [sibling["rfilename"] for sibling in found["siblings"] or []]


def b64(content: bytes) -> str:
    """Return Base64 as JSON carries it."""
    return base64.b64encode(content).decode()


def said(answer: requests.Response) -> tuple[int, str]:
    """Return an answer's status and the code in its envelope."""
    return answer.status_code, answer.json().get("code", "")
