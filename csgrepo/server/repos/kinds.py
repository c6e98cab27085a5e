"""The types of repositories that the contract knows, and what each is called where."""

from __future__ import annotations

from enum import Enum

from csgrepo.errors import InvalidInput

__all__ = ["IN_REST", "WITH_FILES", "Kind"]


class Kind(str, Enum):
    """What a repository holds; the value is the word in the database."""

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"
    CODE = "code"
    MCP = "mcp"
    SKILL = "skill"
    PROMPT = "prompt"
    TEMPLATE = "template"

    @classmethod
    def parse(cls, word: str | None) -> Kind:
        """Return the type of that name, singular or plural; a model where none is given.

        Raises:
            InvalidInput: for any other word.
        """
        for kind in cls:
            if word in {None, kind.value, kind.rest_plural, kind.git_plural}:
                return kind
        raise InvalidInput(f"{word!r} is no type of repository; use one of {', '.join(cls)}")

    @property
    def rest_plural(self) -> str:
        """The word in REST paths and in the addresses of web pages."""
        return f"{self.value}s"

    @property
    def git_plural(self) -> str:
        """The word in git and LFS addresses (``mcpservers`` there)."""
        return "mcpservers" if self is Kind.MCP else self.rest_plural

    def __str__(self) -> str:
        return self.value


# Those that REST knows; the contract gives templates to git and Git LFS alone.
IN_REST = tuple(kind for kind in Kind if kind is not Kind.TEMPLATE)
# Those whose files REST reads and writes in the common way; prompts have routes of their own.
WITH_FILES = tuple(kind for kind in IN_REST if kind is not Kind.PROMPT)
