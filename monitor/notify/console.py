"""Prints messages to standard output, for those who have no Slack token yet."""

import sys

from monitor.notify.plain import plain_lines
from monitor.records import Delivery, NotPosted, Posted, PostOutcome, Receipt


class ConsoleNotifier:
    """Every channel is the terminal."""

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Print the delivery; a closed standard output is worth another try."""
        try:
            sys.stdout.write("\n".join((*_lines(delivery), "", "")))
            sys.stdout.flush()
        except (OSError, ValueError) as error:  # ValueError: closed, or of an encoding without our letters
            return NotPosted(reason=f"standard output: {error}")
        if delivery.kind == "edit" and delivery.parent:
            return Posted(receipt=delivery.parent)
        return Posted(receipt=Receipt(channel="console", ts=delivery.id))

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Nobody can look at what a terminal showed: print it again."""
        return NotPosted(reason="a terminal cannot be looked at")


def _lines(delivery: Delivery) -> list[str]:
    """A reply is set in, as in a thread; an edit says that it is one."""
    heading, *rest = plain_lines(delivery.message)
    mark = "(edited) " if delivery.kind == "edit" else ""
    lines = [f"[{delivery.channel}] {mark}{heading}", *(f"    {line}" for line in rest)]
    return [f"    {line}" for line in lines] if delivery.kind == "reply" else lines
