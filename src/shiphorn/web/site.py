"""Where the service is reached, and answers that every page gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

NOTE_COOKIE = "horn_note"


@dataclass(frozen=True, slots=True)
class Site:
    """Where people come to. `base` is the path in front of every page, "" or `/deploy`; `url` the whole
    address, "" when nobody said; `secure` whether it is HTTPS, and cookies go nowhere else.
    """

    base: str = ""
    url: str = ""
    secure: bool = False

    def inner(self, path: str) -> str:
        """A path of this site, as asked for by a browser; the board for anything else.

        Somebody may be sent a link whose `next` leads to another site: it is not followed.
        """
        if self.base and (path == self.base or path.startswith(f"{self.base}?")):
            # A request for the board has lost its last slash on the way here.
            path = f"{self.base}/{path.removeprefix(self.base)}"
        parts = urlsplit(path)
        own = path.startswith(f"{self.base}/") and not path.startswith(("//", "/\\")) and "\\" not in path
        return path if own and not parts.netloc and not parts.scheme else f"{self.base}/"

    def back(self, path: str, note: str = "") -> Response[Any]:
        """Lead to a page of this site after a form was sent, with a note that is shown there once."""
        answer = Redirect(f"{self.base}{path}", status_code=303)
        if note:
            cookie = Cookie(NOTE_COOKIE, value=quote(note), path=self.base or "/", max_age=30)
            answer.set_cookie(cookie)
        return answer


def site_at(url: str) -> Site:
    """The site of an address such as `https://example.com/deploy`."""
    parts = urlsplit(url)
    return Site(parts.path.rstrip("/"), url.rstrip("/"), parts.scheme == "https")
