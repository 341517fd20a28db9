"""Shows the routes and what channels ask for, as ``routes.yaml`` was understood."""

from datetime import time, timedelta
from typing import Any

from monitor.configuration import Configuration
from monitor.fields import written_duration
from monitor.records import ChannelPlan, DigestPlan, QuietHours, Route
from monitor.routesfile import WEEKDAYS

__all__ = ["as_json", "lines"]


def lines(config: Configuration) -> list[str]:
    """Return routes and channels as text."""
    text = []
    for route in config.routes:
        mention = f", mentions {route.mention}" if route.mention else ""
        instead = ", instead of the topic's own channel" if route.instead else ""
        text.append(f"{route.name}: {route.level}{mention}, to {', '.join(route.channels)}{instead}")
        text.append(f"    {'; '.join(_conditions(route)) or 'every story'}")
        if timing := _timing(route):
            text.append("    " + ", ".join(f"{key} {span}" for key, span in timing.items()))
    text += [f"{plan.channel}: {'; '.join(_asked(plan)) or 'nothing'}" for plan in config.channels.values()]
    return text or ["no routes: every story goes to its topic's own channel"]


def _conditions(route: Route) -> list[str]:
    listed = (("topics", route.topics), ("watchlists", route.watchlists), ("feeds tagged", route.tags))
    conditions = [f"{what} {', '.join(sorted(names))}" for what, names in listed if names]
    if band := _band(route):
        conditions.append(f"score {band}")
    if route.least_sources > 1:
        conditions.append(f"{route.least_sources} independent sources")
    return conditions


def _band(route: Route) -> str:
    least, most = route.least_score, route.most_score
    if most < 100:
        return f"from {least:g} to under {most:g}"
    return f"from {least:g}" if least else ""


def _timing(route: Route) -> dict[str, str]:
    spans: dict[str, timedelta | None] = {
        "wait_before_first": route.wait_before_first,
        "update_every": route.update_every,
        "remind_after": route.remind_after,
    }
    return {key: written_duration(span) for key, span in spans.items() if span is not None}


def _asked(plan: ChannelPlan) -> list[str]:
    asked = []
    if quiet := plan.quiet_hours:
        days = "" if len(quiet.days) == len(WEEKDAYS) else f" on {', '.join(_days(quiet))}"
        passing = ", but for urgent stories" if quiet.urgent_passes else ""
        asked.append(f"quiet {_clock(quiet.begin)}-{_clock(quiet.end)} {quiet.time_zone}{days}{passing}")
    asked += [f"digest {_digest(digest)} {digest.time_zone}" for digest in plan.digests]
    return asked


def _days(quiet: QuietHours) -> list[str]:
    return [WEEKDAYS[day] for day in sorted(quiet.days)]


def _digest(digest: DigestPlan) -> str:
    day = f" {WEEKDAYS[digest.weekday]}" if digest.period == "weekly" else ""
    return f"{digest.period}{day} {_clock(digest.at)}"


def _clock(at: time) -> str:
    return f"{at:%H:%M}"


def as_json(config: Configuration) -> dict[str, Any]:
    """Return routes and channels as plain values, called as in the file."""
    return {
        "routes": [_route_json(route) for route in config.routes],
        "channels": {channel: _plan_json(plan) for channel, plan in config.channels.items()},
    }


def _route_json(route: Route) -> dict[str, Any]:
    return {
        "name": route.name,
        "topics": sorted(route.topics),
        "watchlists": sorted(route.watchlists),
        "tags": sorted(route.tags),
        "score": [route.least_score, route.most_score],
        "sources": route.least_sources,
        "to": list(route.channels),
        "level": route.level,
        "mention": route.mention,
        "instead": route.instead,
        **_timing(route),
    }


def _plan_json(plan: ChannelPlan) -> dict[str, Any]:
    quiet = plan.quiet_hours
    return {
        "quiet_hours": quiet
        and {
            "from": _clock(quiet.begin),
            "to": _clock(quiet.end),
            "time_zone": quiet.time_zone,
            "days": _days(quiet),
            "urgent_passes": quiet.urgent_passes,
        },
        "digests": [{"when": _digest(digest), "time_zone": digest.time_zone} for digest in plan.digests],
    }
