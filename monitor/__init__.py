"""Watches news feeds for topics described in plain sentences, and tells people in Slack.

The way of an item: ``poll`` finds it, ``read`` fetches its article where that is asked for, ``score`` says
how relevant it is, ``alert`` decides whether to tell and why, ``deliver`` brings the message to its channel.
``docs/design.md`` draws the house.
"""

__version__ = "0.1.0"
