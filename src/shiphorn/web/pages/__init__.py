"""The pages, a file each."""

from __future__ import annotations

from shiphorn.web.pages import (
    account,
    app,
    app_forms,
    board,
    cli_login,
    deploy,
    fleet,
    history,
    operations,
    settings,
    settings_apps,
    settings_audit,
    settings_freezes,
    settings_metrics,
    settings_notifiers,
    settings_people,
    settings_webhooks,
    ship,
    sign_in,
    sign_in_oidc,
)

PAGES = (
    *sign_in.ROUTES,
    *sign_in_oidc.ROUTES,
    *board.ROUTES,
    *cli_login.ROUTES,
    *app.ROUTES,
    *app_forms.ROUTES,
    *ship.ROUTES,
    *deploy.ROUTES,
    *fleet.ROUTES,
    *history.ROUTES,
    *settings.ROUTES,
    *settings_apps.ROUTES,
    *settings_people.ROUTES,
    *settings_audit.ROUTES,
    *settings_webhooks.ROUTES,
    *settings_freezes.ROUTES,
    *settings_notifiers.ROUTES,
    *settings_metrics.ROUTES,
    *account.ROUTES,
    *operations.ROUTES,
)
