"""Where things are kept that can be made again."""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return this program's folder in the user's cache: ``$XDG_CACHE_HOME``, by default ``~/.cache``."""
    base = environ.get("XDG_CACHE_HOME", "")
    # The specification wants relative paths ignored.
    home = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return home / "news-monitor"
