"""`forges` of shiphorn.yml: what they may be, whose word counts for what, and their pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiphorn.config.service import ServiceConfig, load
from shiphorn.errors import ConfigError
from shiphorn.model.statuses import repository_key
from shiphorn.service.builds.repositories import commit_url, compare_url

OLD, NEW = "a" * 40, "b" * 40


def written(folder: Path, forges: str) -> ServiceConfig:
    path = folder / "shiphorn.yml"
    path.write_text(f"secrets: {{KEY: {{env: KEY}}}}\nforges:\n{forges}")
    return load(path)


def test_a_forge_has_the_repositories_of_its_host_and_speaks_for_those_it_may(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        "  hub: {kind: github, repositories: [acme/*]}\n"
        "  own: {kind: gitlab, url: https://corp.example.com/gitlab/, hosts: [ssh.example.com]}\n"
        "  ci: {kind: jenkins, repositories: [github.com/acme/*]}\n",
    )
    hub, own, ci = config.forges
    addresses = {
        "git@github.com:Acme/Shop.git": ("acme/shop", "", "github.com/acme/shop"),
        "https://user:secret@github.com/acme/shop": ("acme/shop", "", "github.com/acme/shop"),
        "https://github.com/mallory/shop": ("", "", ""),
        "https://github.com.evil.example/acme/shop": ("", "", ""),
        "https://corp.example.com/gitlab/team/sub/shop.git": ("", "team/sub/shop", ""),
        "ssh://git@ssh.example.com:2222/team/shop.git": ("", "team/shop", ""),
        "/srv/git/acme/shop.git": ("", "", ""),
    }
    for address, paths in addresses.items():
        key = repository_key(address)
        assert tuple(one.path_of(key) for one in (hub, own, ci)) == paths, address
    assert [one.api for one in config.forges] == [
        "https://api.github.com",
        "https://corp.example.com/gitlab/api/v4",
        "",
    ]


def test_a_forge_has_pages_of_commits_and_of_what_came_between_them(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        "  lab: {kind: gitlab, url: https://git.example.com}\n"
        "  tea: {kind: gitea, url: https://tea.example.com}\n",
    )
    pages = {
        "https://git.example.com/acme/shop": "https://git.example.com/acme/shop/-/compare/",
        "git@tea.example.com:acme/shop.git": "https://tea.example.com/acme/shop/compare/",
        # Everybody knows where that is.
        "git@github.com:acme/shop.git": "https://github.com/acme/shop/compare/",
    }
    for repo, beginning in pages.items():
        assert compare_url(config, repo, OLD, NEW) == f"{beginning}{OLD}...{NEW}"
    assert commit_url(config, "git@github.com:acme/shop.git", NEW) == (
        f"https://github.com/acme/shop/commit/{NEW}"
    )
    assert compare_url(config, "/srv/git/shop.git", OLD, NEW) == ""
    assert compare_url(config, "git@github.com:acme/shop.git", "", NEW) == ""


def test_problems_of_forges_are_told_without_what_is_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        written(
            tmp_path,
            "  hub: {kind: github, token: ghp_secret, webhook: [{secret: LOST}], deployments: true}\n"
            "  tea: {kind: gitea}\n"
            "  ci: {kind: jenkins, webhook: {secret: KEY}}\n"
            "  lab: {kind: gitlab, url: 'ftp://x', poll: 1s}\n"
            "  any: {kind: generic, repositories: ['*'], deployments: true}\n"
            "  reported: {kind: github, poll: 1s}\n"
            "  odd: {kind: github, deployments: true}\n"
            "  b: {kind: bitb}\n",
        )
    assert list(caught.value.problems) == [
        "shiphorn.yml:3 forges.hub.token: it has to be {secret: NAME}, with that secret under secrets",
        "shiphorn.yml:3 forges.hub.webhook[0]: the secret LOST is not defined under secrets",
        "shiphorn.yml:4 forges.tea: a forge of the kind gitea needs its url",
        'shiphorn.yml:5 forges.ci: jenkins needs "repositories" to speak for: ["github.com/acme/*"]',
        "shiphorn.yml:6 forges.lab.url: it has to be an address such as https://git.example.com",
        "shiphorn.yml:7 forges.any: generic cannot be told of deploys: leave deployments out",
        "shiphorn.yml:8 forges.reported: poll has to be 5s or more, or 0 for never",
        "shiphorn.yml:8 forges.reported: reported is what people report themselves: name it otherwise",
        "shiphorn.yml:9 forges.odd: to be told of deploys it needs a token",
        "shiphorn.yml:10 forges.b.kind: it should be 'github', 'gitlab', 'gitea', 'jenkins' or 'generic'",
    ]
    assert "ghp_secret" not in str(caught.value)
