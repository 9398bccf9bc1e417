"""The pages, a file each."""

from __future__ import annotations

from shiphorn.web.pages import board, operations, sign_in

PAGES = (
    *sign_in.ROUTES,
    *board.ROUTES,
    *operations.ROUTES,
)
