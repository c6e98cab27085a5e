"""Who may import whom, and the things that happen in one place only.

Read from the source, so that an import inside a function or for types counts like any other.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import csgrepo

ROOT = Path(csgrepo.__file__).parent
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))

# A module imports only from rows below its own, or from its own package.
ROWS = [
    {"errors", "redact", "_version"},
    {"config", "crew", "repo_id", "files"},
    {"git", "http", "progress"},
    {"credentials", "lfs", "jobs", "cache"},
    {"doctor"},
    {"repository", "hub", "server"},
    {"download", "upload"},
    {"cli", "integrations"},
    {"__init__", "__main__"},  # the package itself shows what lies below
]
ROW = {unit: number for number, units in enumerate(ROWS) for unit in units}

# The embedded hub shares nothing with the client that could make the two agree on a mistake.
SERVER_MAY_USE = (
    "_version",
    "config",
    "errors",
    "files",
    "git",
    "lfs.pointer",
    "redact",
    "repo_id",
)

# One place each: what may be imported, and where.
THIRD_PARTY = {
    "git": {"git/refs.py"},
    "gitdb": set[str](),
    "requests": {"http/wire.py"},
    "urllib3": {"http/wire.py"},
}
READS_ENVIRONMENT = {
    "config.py",
    "git/runner.py",  # builds the environment of its children
}
STARTS_PROCESSES = {
    "git/runner.py",  # the one place that starts git
    "jobs/queue.py",  # starts the worker, a Python that outlives this one
    "upload/recurring.py",  # starts what uploads a folder that grows, likewise
}

STARTERS = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput"},
    "os": {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "pty": {"spawn", "fork"},
}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text("utf-8"))


def unit_of(module: str) -> str:
    """Return the top-level module or package that a file belongs to."""
    return module.split("/", maxsplit=1)[0].removesuffix(".py")


def imported_names(module: str) -> Iterator[str]:
    """Yield what a module imports, as absolute dotted names: `csgrepo.errors.GitError`."""
    package = ["csgrepo", *module.split("/")[:-1]]
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, node.module or ""]).strip(".")
            yield from (f"{source}.{alias.name}" for alias in node.names)


def own_imports(module: str) -> Iterator[str]:
    """Yield what it imports of this project, without the `csgrepo.` in front."""
    for name in imported_names(module):
        if name == "csgrepo":
            yield "__init__"
        elif name.startswith("csgrepo."):
            rest = name.removeprefix("csgrepo.")
            yield rest if rest.split(".")[0] in ROW else "__init__"


def attributes(module: str) -> Iterator[tuple[str, str]]:
    """Yield each `name.attribute` that is used, but for a type, or imported."""
    tree = tree_of(module)
    types = {id(node) for part in type_parts(tree) for node in ast.walk(part)}
    for node in ast.walk(tree):
        if id(node) in types:
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def type_parts(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the parts of a module that only say what type something has."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            yield node.returns
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield node.annotation
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from node.body


def starts_processes(module: str) -> bool:
    return any(
        name in STARTERS.get(owner, set())
        or (owner == "os" and name.startswith(("exec", "spawn")))
        or owner.split(".")[0] == "multiprocessing"
        for owner, name in attributes(module)
    )


def test_every_module_has_a_row() -> None:
    assert {unit_of(module) for module in MODULES} <= ROW.keys(), "give the new one a row in ROWS"


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_from_rows_below_or_its_own_package(module: str) -> None:
    unit = unit_of(module)
    wrong = [
        name
        for name in own_imports(module)
        if (other := name.split(".")[0]) != unit and ROW[other] >= ROW[unit]
    ]
    assert not wrong


@pytest.mark.parametrize("module", [name for name in MODULES if unit_of(name) == "server"])
def test_embedded_hub_shares_no_transfer_code_with_the_client(module: str) -> None:
    wrong = [
        name
        for name in own_imports(module)
        if not any(f"{name}.".startswith(f"{mine}.") for mine in ("server", *SERVER_MAY_USE))
    ]
    assert not wrong


@pytest.mark.parametrize("library", THIRD_PARTY)
def test_library_is_imported_in_its_one_place_only(library: str) -> None:
    found = {
        module
        for module in MODULES
        if any(name.split(".")[0] == library for name in imported_names(module))
    }
    assert found <= THIRD_PARTY[library]


def test_modules_that_read_the_environment_are_the_listed_ones() -> None:
    found = {
        module
        for module in MODULES
        if any(owner == "os" and name in ENVIRONMENT for owner, name in attributes(module))
    }
    assert found == READS_ENVIRONMENT


def test_modules_that_start_processes_are_the_listed_ones() -> None:
    assert {module for module in MODULES if starts_processes(module)} == STARTS_PROCESSES


def test_every_module_postpones_annotations() -> None:
    """Or a name imported for types only would be looked up when the module loads."""
    missing = [
        module
        for module in MODULES
        if not any(name == "__future__.annotations" for name in imported_names(module))
        and any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree_of(module).body)
    ]
    assert not missing
