"""A process that has imported shiphorn, and forks a `horn` for each request: much faster than a start.

A request is a line of JSON on stdin: `arguments`, `env`, `folder`, `out`, `version`; the answer is a line
with the exit status, negative for a signal.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

MODULES = (
    "asyncssh",
    "dbos",
    "psycopg",
    "uvloop",
    "shiphorn.cli.main",
    "shiphorn.cli.progress",
    "shiphorn.cli.show",
    "shiphorn.cli.desk_here",
    "shiphorn.cli.shipping",
    "shiphorn.engine.durable",
    "shiphorn.service.hosts.fleet",
    "shiphorn.service.shipping",
    "shiphorn.wiring",
)


def main() -> None:
    for name in MODULES:
        import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _be_horn(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _be_horn(request: dict[str, Any]) -> None:
    import shiphorn
    from shiphorn.cli.main import main as horn

    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    for number, path, how in ((0, os.devnull, os.O_RDONLY), (1, request["out"], os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(path, how, 0o600), number)
    os.dup2(1, 2)
    sys.argv = ["horn", *request["arguments"]]
    shiphorn.__version__ = request["version"] or shiphorn.__version__
    status = 1
    try:
        horn()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
