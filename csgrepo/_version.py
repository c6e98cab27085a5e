"""The version, in one place: the package, its metadata and its requests all quote it."""

__version__ = "0.1.0"
