"""What is said to shiphorn, of all that is said where it is."""

from __future__ import annotations

import pytest

from shiphorn.adapters.irc_session import Message
from shiphorn.chat.presence import addressed


@pytest.mark.parametrize(
    ("room", "text", "meant"),
    [
        ("#ops", "horn: status", "status"),
        ("#ops", "HORN, deploy! shop", "deploy! shop"),
        ("#ops", "!status shop", "status shop"),
        ("#ops", "!seen matt", ""),
        ("#ops", "hornet: status", ""),
        ("#ops", "the horn: status", ""),
        ("#ops", "horn:", "help"),
        ("", "status", "status"),
    ],
)
def test_it_is_addressed(room: str, text: str, meant: str) -> None:
    assert addressed(Message("matt!m@host", room, text), "horn") == meant
