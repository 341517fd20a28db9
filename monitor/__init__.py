"""Watches news feeds for topics described in plain sentences, and tells people in Slack.

The way of an item: ``poll`` finds it, ``read`` fetches its article where that is asked for, ``score`` says
how relevant it is, ``alert`` decides whether to tell and why, ``deliver`` brings the message to its channel.
``docs/design.md`` draws the house.
"""

import os

# The products of vectors here are small: threads that wait for each other by spinning make them ten times as
# slow. It is read when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


__version__ = "0.1.0"
