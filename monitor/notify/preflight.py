"""Asks Slack whether messages can reach it: tokens, scopes, clock, and each channel. Posts nothing.

auth.test ──► scopes, clock ──► conversations.list ──► each channel: info, history
apps.connections.open, if there is an app-level token
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from monitor.records import Check, CheckState

__all__ = ["check_slack"]

TIMEOUT = 10.0
"""Seconds for one call of Slack's API."""
CLOCK_ALLOWED = timedelta(minutes=1)
CLOCK_WRONG = timedelta(minutes=30)
"""From there on what is in doubt may be looked for at the wrong time, and ages of items are wrong too."""
NEEDED = ("chat:write", "channels:read", "groups:read", "channels:history", "groups:history")
USEFUL = ("reactions:read", "files:write")

_COPY_IT = "copy the token from the app's page again, and see that the app is installed (docs/slack.md)"
_REMEDIES = {
    "invalid_auth": _COPY_IT,
    "not_authed": _COPY_IT,
    "account_inactive": _COPY_IT,
    "token_expired": _COPY_IT,
    "token_revoked": _COPY_IT,
    "not_allowed_token_type": "put the bot token (xoxb-) and the app-level token (xapp-) where each belongs",
    "missing_scope": "add the scope to the app, and install it again (docs/slack.md)",
    "is_archived": "unarchive the channel, or name another one",
    "ratelimited": "ask again in a minute",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Why a call brought no answer."""

    reason: str

    def check(self, subject: str) -> Check:
        return Check(subject=subject, state="failed", text=self.reason, remedy=_REMEDIES.get(self.reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What Slack answered with ``ok: true``."""

    data: Mapping[str, Any]
    headers: Mapping[str, str]


async def check_slack(
    api_url: str, token: str, app_token: str | None, channels: Collection[str], now: Callable[[], datetime]
) -> AsyncIterator[Check]:
    """Yield what Slack says of the tokens, their scopes, our clock, and each of these channels."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
        client = AsyncWebClient(token=token, base_url=api_url, session=session, retry_handlers=[])
        us = await _asked(client.auth_test())
        if isinstance(us, _Refusal):
            yield us.check("Slack token")
        else:
            bot = us.data.get("user")
            yield Check(subject="Slack token", state="ok", text=f"@{bot} in {us.data.get('team')}")
            yield _scopes(us)
            yield _clock(us, now())
            async for check in _channels(client, sorted(channels), f"/invite @{bot}"):
                yield check
        if app_token is not None:
            opened = await _asked(client.apps_connections_open(app_token=app_token))
            if isinstance(opened, _Refusal):
                yield opened.check("Slack app token")
            else:
                yield Check(subject="Slack app token", state="ok", text="Socket Mode can be used")


def _scopes(us: _Answer) -> Check:
    granted = {scope.strip() for scope in us.headers.get("x-oauth-scopes", "").split(",")}
    missing = [scope for scope in NEEDED if scope not in granted]
    absent = [scope for scope in USEFUL if scope not in granted]
    if not missing and not absent:
        return Check(subject="Slack scopes", state="ok", text=", ".join((*NEEDED, *USEFUL)))
    text = "; ".join(
        f"{what} {', '.join(scopes)}"
        for what, scopes in (("missing", missing), ("without, something is left out:", absent))
        if scopes
    )
    return Check(
        subject="Slack scopes",
        state="failed" if missing else "warning",
        text=text,
        remedy=_REMEDIES["missing_scope"],
    )


def _clock(us: _Answer, now: datetime) -> Check:
    try:
        ahead = now - parsedate_to_datetime(us.headers.get("Date", ""))
    except (TypeError, ValueError):
        return Check(subject="clock", state="warning", text="Slack does not say what time it is")
    text = f"{abs(ahead.total_seconds()):.0f} s {'ahead of' if ahead > timedelta(0) else 'behind'} Slack's"
    if abs(ahead) < CLOCK_ALLOWED:
        return Check(subject="clock", state="ok", text=text)
    state: CheckState = "warning" if abs(ahead) < CLOCK_WRONG else "failed"
    return Check(subject="clock", state=state, text=text, remedy="have this machine's clock set by NTP")


async def _channels(client: AsyncWebClient, channels: Collection[str], invite: str) -> AsyncIterator[Check]:
    ids: Mapping[str, str] | _Refusal = {}
    if any(channel.startswith("#") for channel in channels):
        ids = await _ids(client)
    for channel in channels:
        if not channel.startswith("#"):
            yield await _channel(client, channel, channel, invite)
        elif isinstance(ids, _Refusal):
            yield ids.check(channel)
        elif channel in ids:
            yield await _channel(client, channel, ids[channel], invite)
        else:
            remedy = f"make the channel; if it is there and private, {invite}"
            yield Check(subject=channel, state="failed", text="there is no such channel", remedy=remedy)


async def _channel(client: AsyncWebClient, channel: str, channel_id: str, invite: str) -> Check:
    info = await _asked(client.conversations_info(channel=channel_id))
    if isinstance(info, _Refusal):
        return info.check(channel)
    match info.data.get("channel"):
        case {"is_archived": True}:
            return _Refusal(reason="is_archived").check(channel)
        case {"is_member": True}:
            pass
        case _:
            return Check(subject=channel, state="failed", text="the bot is not a member", remedy=invite)
    history = await _asked(client.conversations_history(channel=channel_id, limit=1))
    if isinstance(history, _Refusal):
        text = f"{history.reason}: what is in doubt cannot be looked up, and may appear twice"
        return Check(subject=channel, state="warning", text=text, remedy=_REMEDIES.get(history.reason))
    return Check(subject=channel, state="ok", text="the bot is a member, and can look messages up")


async def _ids(client: AsyncWebClient) -> Mapping[str, str] | _Refusal:
    """Return the ids of all channels by ``#name``."""
    ids: dict[str, str] = {}
    cursor = None
    while True:
        page = await _asked(
            client.conversations_list(types="public_channel,private_channel", limit=1000, cursor=cursor)
        )
        if isinstance(page, _Refusal):
            return page
        ids |= {f"#{found['name']}": found["id"] for found in page.data.get("channels", [])}
        cursor = (page.data.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return ids


async def _asked(call: Awaitable[Any]) -> _Answer | _Refusal:
    try:
        response = await call
    except SlackApiError as error:
        data = getattr(error.response, "data", error.response)
        code = data.get("error") if isinstance(data, Mapping) else None
        return _Refusal(reason=str(code or "Slack's answer is none of its API's"))
    except TimeoutError:
        return _Refusal(reason=f"Slack did not answer within {TIMEOUT:.0f} s")
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
        return _Refusal(reason=f"cannot reach Slack: {error}")
    except Exception as error:  # noqa: BLE001 - the SDK passes on what an answer that is none leads it to
        return _Refusal(reason=f"connection to Slack broke: {type(error).__name__}")
    return _Answer(data=response.data, headers=response.headers)
