"""What shiphorn remembers. Times are Unix seconds; JSON columns hold what `model` can rebuild."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, Integer, MetaData, Table, UniqueConstraint

from shiphorn.store.columns import Milliseconds, String, Text

metadata = MetaData()

deploys = Table(
    "deploys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", String, nullable=False, unique=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("selection", JSON, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("forced", Text, nullable=False),
    Column("config_path", Text, nullable=False),
    Column("config_text", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("executor", String, nullable=False),
    Column("token", Milliseconds, nullable=False),
    Column("release", String, nullable=False),
    Column("sha", String, nullable=False),
    Column("from_sha", String, nullable=False),
    Column("flip_at", Float),
    Column("skew_ms", Float),
    Column("wave", Integer, nullable=False),
    Column("waves", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("wish", String, nullable=False),
    Column("wish_by", String, nullable=False),
    Column("turn", Float),
    Column("doing", Text, nullable=False),
    Column("pause_reason", Text, nullable=False),
    Column("paused_at", Float),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("code", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Index("deploys_of_environment", "app", "environment", "id"),
    Index("deploys_by_state", "state", "id"),
    Index("deploys_by_turn", "app", "environment", "state", "token", "release"),
    Index("deploys_of_actor", "actor", "id"),
    Index("deploys_by_start", "started_at"),
    Index("deploys_of_commit", "sha"),
    sqlite_autoincrement=True,
)
"""One row a deploy or rollback. `phase` is the last one begun; `flip_at` the instant agreed on; `doing` the
last event (JSON) of those that are told and not kept."""

deploy_locks = Table(
    "deploy_locks",
    metadata,
    Column("app", String, primary_key=True),
    Column("environment", String, primary_key=True),
    Column("deploy_id", ForeignKey("deploys.id"), nullable=False),
)
"""The deploy that holds an environment; no row when it is free."""

host_runs = Table(
    "host_runs",
    metadata,
    Column("deploy_id", ForeignKey("deploys.id"), primary_key=True),
    Column("host", String, primary_key=True),
    Column("region", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("target", JSON, nullable=False),
    Column("zone", String, nullable=False, server_default=""),
    Column("roles", Text, nullable=False, server_default="[]"),
    Column("state", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("code", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("cause", String, nullable=False),
    Column("hint", Text, nullable=False),
    Column("previous", String, nullable=False),
    Column("previous_sha", String, nullable=False),
    Column("flipped_at", Float),
    Column("wave", Integer, nullable=False),
    Index("host_runs_of_host", "host", "deploy_id"),
)
"""What a deploy did to each of its hosts. `target` is the host as the inventory named it then;
`region`, `zone` and `roles` (JSON) are parts of it that lists of thousands of hosts are narrowed to."""

health = Table(
    "health",
    metadata,
    Column("deploy_id", ForeignKey("deploys.id"), primary_key=True),
    Column("host", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("baseline", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("passes", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("seen_at", Float, nullable=False),
    Index("health_outcomes", "deploy_id", "outcome"),
)
"""What each check of a host came to, by its position in the config; `baseline` is from before the deploy,
`mark` what the unit or process was known by at the first look after it."""

measured = Table(
    "measured",
    metadata,
    Column("deploy_id", ForeignKey("deploys.id"), primary_key=True),
    Column("host", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("body", JSON, nullable=False),
)
"""The numbers behind a row of `health`, for a check of a metric: those of its last look."""

texts = Table(
    "texts",
    metadata,
    Column("digest", String, primary_key=True),
    Column("text", Text, nullable=False),
)
"""Outputs by sha256: hundreds of hosts that print the same share one row."""

outputs = Table(
    "outputs",
    metadata,
    Column("deploy_id", ForeignKey("deploys.id"), primary_key=True),
    Column("host", String, primary_key=True),
    Column("phase", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("command", Text, nullable=False),
    Column("exit_status", Integer),
    Column("seconds", Float, nullable=False),
    Column("digest", ForeignKey("texts.digest"), nullable=False),
)
"""What each command printed on each host; `host` is "" for build commands on the deployer."""

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("deploy_id", ForeignKey("deploys.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", JSON, nullable=False),
    Index("events_of_deploy", "deploy_id", "id"),
)
"""What happened, in order. Hosts that fare well are in `host_runs` only."""

observed = Table(
    "observed",
    metadata,
    Column("app", String, primary_key=True),
    Column("environment", String, primary_key=True),
    Column("host", String, primary_key=True),
    Column("release", String, nullable=False),
    Column("sha", String, nullable=False),
    Column("releases", JSON, nullable=False),
    Column("seen_at", Float, nullable=False),
    Index("observed_releases", "app", "environment", "host", "release", "seen_at"),
)
"""What `current` of each host was seen to be, and which releases it keeps."""

locks = Table(
    "locks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", String, nullable=False),
    Column("placed_at", Float, nullable=False),
    Column("until", Float),
    Column("deploy_id", ForeignKey("deploys.id")),
    Column("branch", String, nullable=False, server_default=""),
    Column("released_at", Float),
    Column("released_by", String, nullable=False),
    Column("release_reason", Text, nullable=False),
    Index("locks_in_force", "released_at"),
)
"""Locks of people, and of deploys that failed (`deploy_id`). An `app` or `environment` of "" means all.
`branch` is the branch that is out there until it is merged, "" for any other lock.
Rows stay when a lock is released: they are its history."""

_persons_in_force = locks.c.released_at.is_(None) & locks.c.deploy_id.is_(None)
Index(
    "one_lock_of_a_person",
    locks.c.app,
    locks.c.environment,
    unique=True,
    sqlite_where=_persons_in_force,
    postgresql_where=_persons_in_force,
)
"""Two people that lock the same at the same time: one of them is told of the other."""

bad_marks = Table(
    "bad_marks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app", String, nullable=False),
    Column("sha", String, nullable=False),
    Column("deploy_id", ForeignKey("deploys.id")),
    Column("reason", Text, nullable=False),
    Column("marked_by", String, nullable=False),
    Column("marked_at", Float, nullable=False),
    Column("cleared_by", String, nullable=False),
    Column("cleared_at", Float),
    Column("clear_reason", Text, nullable=False),
    Index("bad_marks_of_commit", "app", "sha"),
)
"""Commits that are known to be bad: they are not deployed again unless somebody insists."""

people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("login", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False),
    Column("password", String, nullable=False),
    Column("muted", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("disabled_at", Float),
    sqlite_autoincrement=True,
)
"""Who may sign in. `password` is argon2's hash, "" for who signs in by other means; `muted` silences the
horn."""

identities = Table(
    "identities",
    metadata,
    Column("issuer", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
)
"""How identity providers know a person."""

grants = Table(
    "grants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("role", String, nullable=False),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    UniqueConstraint("person_id", "app", "environment", name="one_role_a_scope"),
)
"""What a person may do, and where. An `app` or `environment` of "" means all."""

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("address", String, nullable=False),
    Column("agent", Text, nullable=False),
    Index("sessions_of_person", "person_id"),
)
"""Browsers that are signed in, by the sha256 of what their cookie holds."""

links = Table(
    "links",
    metadata,
    Column("digest", String, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
)
"""Links that sign a person in once, by the sha256 of their secret: invitations, forgotten passwords."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("used_at", Float),
    Column("revoked_at", Float),
    Column("via", String, nullable=False, server_default="api"),
    Index("tokens_of_person", "person_id"),
)
"""Tokens for the API, by the sha256 of their secret. Each may do what its person may, within its scope.

`via` is the face that it was made for: `cli` where a command line signed in by it, else `api`.
"""

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("login", String, nullable=False),
    Column("address", String, nullable=False),
    Column("at", Float, nullable=False),
    Index("sign_in_failures_at", "at"),
)
"""Attempts to sign in that failed, for as long as they count against further ones."""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),
    Column("via", String, nullable=False),
    Column("address", String, nullable=False),
    Column("act", String, nullable=False),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("previous", String, nullable=False),
    Column("digest", String, nullable=False),
    Index("audit_at", "at"),
)
"""Every act of people: `digest` is over the row and the digest of the row before."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("digest", String, nullable=False),
)
"""One row: how many acts there are, and the last digest. So a removed end shows, too."""

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("after", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("disabled_at", Float),
)
"""Who is told of events: of these `kinds`, or of all, from after event `after` on. `seen` is the last one
that was looked at; `secret` is encrypted."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("webhook_id", ForeignKey("webhooks.id"), nullable=False),
    Column("event_id", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float),
    Column("status", Integer),
    Column("answer", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("delivered_at", Float),
    UniqueConstraint("webhook_id", "event_id", name="one_delivery_an_event"),
    Index("deliveries_due", "next_at"),
)
"""What webhooks are sent, by the number of the event; tests have numbers below 0.
`next_at` is when it is tried (again), None when it is over."""

notified = Table(
    "notified",
    metadata,
    Column("name", String, primary_key=True),
    Column("began", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("known", JSON, nullable=False),
    Column("free_at", Float, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("told_at", Float),
    Column("failed_at", Float),
    Column("problem", Text, nullable=False),
)
"""How far each notifier of shiphorn.yml is: events up to `began` are from before it was there, `seen` is the
last that was looked at, `known` those around it that were, too."""

requests = Table(
    "requests",
    metadata,
    Column("actor", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("deploy_id", ForeignKey("deploys.id"), nullable=False),
    Column("at", Float, nullable=False),
)
"""Orders that came with an idempotency key, and the deploy that the first of them made."""

commit_statuses = Table(
    "commit_statuses",
    metadata,
    Column("sha", String, primary_key=True),
    Column("repository", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("context", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("description", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("commit_statuses_at", "at"),
)
"""The last word of each context on a commit: `source` is the forge of shiphorn.yml that brought it."""

received = Table(
    "received",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nonce", String, nullable=False),
    Column("sender", String, nullable=False),
    Column("delivery", String, nullable=False),
    Column("once", String),
    Column("digest", String),
    Column("kind", String, nullable=False),
    Column("address", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("size", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("problem", Text, nullable=False),
    UniqueConstraint("nonce", name="one_row_a_receipt"),
    UniqueConstraint("sender", "once", name="one_receipt_a_delivery"),
    UniqueConstraint("sender", "digest", name="one_receipt_a_content"),
    Index("received_at", "at"),
)
"""What forges and builds sent, and what was refused. What is taken is taken once, by its name (`once`) and
by what is in it (`digest`); both are NULL of what may come again."""

forge_deployments = Table(
    "forge_deployments",
    metadata,
    Column("deploy_id", ForeignKey("deploys.id"), primary_key=True),
    Column("forge", String, primary_key=True),
    Column("path", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("remote", String, nullable=False),
    Column("state", String, nullable=False),
)
"""How a forge knows a deploy, by its repository, environment and number (`remote`), and what it was told."""

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("sha", String, nullable=False),
    Column("selection", JSON, nullable=False),
    Column("hosts", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("withdrawn_at", Float),
    Index("approvals_of_commit", "app", "environment", "sha"),
)
"""Who approved that a commit goes to hosts: `hosts` is the sha256 of their names then."""

auto_deploys = Table(
    "auto_deploys",
    metadata,
    Column("app", String, primary_key=True),
    Column("environment", String, primary_key=True),
    Column("sha", String, nullable=False),
    Column("round", Integer, nullable=False),
    Column("deploy_id", ForeignKey("deploys.id")),
    Column("settled", Integer, nullable=False),
    Column("seen", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", Float),
    Column("at", Float, nullable=False),
    Column("branch", Text, nullable=False),
    Column("stopped_at", Float),
    Column("stopped_by", String, nullable=False),
    Column("stopped_reason", Text, nullable=False),
)
"""How far an environment is that deploys by itself: the commit it ordered last (in which `round`: a commit
may have another try once somebody has looked), up to which deploy all has been looked at, when it first saw
the commits to come, what it does and why, what it says of a branch that is out, and whether it has been
stopped."""

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("branch", String, nullable=False),
    Column("name", String, nullable=False),
    Column("url", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("owner", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("state", String, nullable=False),
    Column("problem", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tried_at", Float),
    Column("removed_at", Float),
    Index("endpoints_of_app", "app", "environment", "name"),
    Index("endpoints_removed", "removed_at"),
)
"""Branches with an environment and a URL of their own, for a while. `removed_at` is None until they are
off all hosts."""

_there = endpoints.c.removed_at.is_(None)
Index(
    "one_endpoint_a_name",
    endpoints.c.app,
    endpoints.c.environment,
    endpoints.c.name,
    unique=True,
    sqlite_where=_there,
    postgresql_where=_there,
)
Index(
    "one_endpoint_a_branch",
    endpoints.c.app,
    endpoints.c.environment,
    endpoints.c.branch,
    unique=True,
    sqlite_where=_there,
    postgresql_where=_there,
)
Index(
    "one_endpoint_a_url",
    endpoints.c.url,
    unique=True,
    sqlite_where=_there,
    postgresql_where=_there,
)
_has_port = _there & (endpoints.c.port > 0)
Index(
    "one_endpoint_a_port",
    endpoints.c.port,
    unique=True,
    sqlite_where=_has_port,
    postgresql_where=_has_port,
)
"""Two people that make the same at the same time: one of them gets another name, or the other's endpoint."""

codes = Table(
    "codes",
    metadata,
    Column("digest", String, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("purpose", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
)
"""Codes that people take from their account to a chat, by sha256: each works once."""

chat_networks = Table(
    "chat_networks",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("held_until", Float, nullable=False),
    Column("nick", String, nullable=False),
    Column("connected_at", Float),
    Column("rooms", JSON, nullable=False),
    Column("problem", Text, nullable=False),
    Column("failed_at", Float),
)
"""Networks of chats: the process (`holder`) that is there until `held_until`, unless it says so again; its
nick there, the channels that are wanted with what keeps it out of each, and why it had no connection last."""

told_messages = Table(
    "told_messages",
    metadata,
    Column("notifier", String, primary_key=True),
    Column("deploy_id", ForeignKey("deploys.id"), primary_key=True),
    Column("reference", Text, nullable=False),
    Column("at", Float, nullable=False),
)
"""The message of a chat that tells of a deploy, and is written anew when there is more to tell."""

taken_once = Table(
    "taken_once",
    metadata,
    Column("name", String, primary_key=True),
    Column("at", Float, nullable=False),
    Index("taken_once_at", "at"),
)
"""Requests of chats that were taken, by what names each: it is not taken again."""
