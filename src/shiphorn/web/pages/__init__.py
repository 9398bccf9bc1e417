"""The pages, a file each."""

from __future__ import annotations

from shiphorn.web.pages import app, app_forms, board, deploy, ship, sign_in

PAGES = (
    *sign_in.ROUTES,
    *board.ROUTES,
    *app.ROUTES,
    *app_forms.ROUTES,
    *ship.ROUTES,
    *deploy.ROUTES,
)
