"""The pages, a file each."""

from __future__ import annotations

from shiphorn.web.pages import board, cli_login, sign_in

PAGES = (
    *sign_in.ROUTES,
    *board.ROUTES,
    *cli_login.ROUTES,
)
