"""Who may go when, if so many a second are allowed and a few at once. Pure: the clock is the caller's."""


class Bucket:
    """Turns every ``interval`` seconds, and up to ``burst`` of them at once after a rest."""

    def __init__(self, *, interval: float, burst: int) -> None:
        self._interval = interval
        self._slack = burst * interval
        self._taken_up_to = float("-inf")

    def take(self, now: float) -> float:
        """Take the next turn and return in how many seconds it is; who asks first has the earlier one."""
        self._taken_up_to = max(self._taken_up_to, now) + self._interval
        return max(0.0, self._taken_up_to - now - self._slack)
