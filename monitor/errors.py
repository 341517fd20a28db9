"""Outages and bad input that stop the thing asked for.

What is expected on any day (a feed that times out, Slack saying no) is a value, not an exception.

MonitorError
├── ConfigurationError     the files need mending; carries every problem found
├── ModelError             the encoder's files are missing, altered or not loadable
└── StorageError           the database cannot be opened or may not be trusted
    ├── NoDatabaseError    there is none yet
    └── DatabaseInUseError another process has it
"""

from collections.abc import Sequence

from monitor.records import Problem

__all__ = [
    "ConfigurationError",
    "DatabaseInUseError",
    "ModelError",
    "MonitorError",
    "NoDatabaseError",
    "StorageError",
]


class MonitorError(Exception):
    """Something the user can mend; the text says what and how."""


class ConfigurationError(MonitorError):
    """The configuration has problems; ``str()`` is one ``FILE:LINE:COL: message`` line per problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ModelError(MonitorError):
    """The encoder's model is missing, altered or not loadable."""


class StorageError(MonitorError):
    """The database cannot be opened, or may not be trusted with data."""


class NoDatabaseError(StorageError):
    """There is no database yet where one was to be read."""


class DatabaseInUseError(StorageError):
    """Another process is using the database, and only one may write."""
