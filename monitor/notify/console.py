"""Prints messages to standard output, for those who have no Slack token yet."""

import sys

from monitor.notify.blocks import plain_lines
from monitor.records import Delivery, NotPosted, Posted, PostOutcome, Receipt


class ConsoleNotifier:
    """Every channel is the terminal."""

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Print the delivery; a closed standard output is worth another try."""
        heading, *rest = plain_lines(delivery.message)
        lines = [f"[{delivery.channel}] {heading}", *(f"    {line}" for line in rest), "", ""]
        try:
            sys.stdout.write("\n".join(lines))
            sys.stdout.flush()
        except (OSError, ValueError) as error:  # ValueError: closed, or of an encoding without our letters
            return NotPosted(reason=f"standard output: {error}")
        return Posted(receipt=Receipt(channel="console", ts=delivery.id))

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Nobody can look at what a terminal showed: print it again."""
        return NotPosted(reason="a terminal cannot be looked at")
