"""Runs the migrations on the connection that ``storage.engine`` hands over."""

from typing import Any, Literal

from alembic import context

from monitor.storage.tables import Utc, metadata


def _render(kind: str, thing: Any, _autogenerate: Any) -> str | Literal[False]:
    """A migration must not change when the code does: it names plain types only."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, Utc) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=_render,
)
context.run_migrations()
