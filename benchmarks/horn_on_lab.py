"""Deploy with horn to a fleet of the lab: horn_on_lab.py INVENTORY REVISION.

The config is written once beside the inventory; then this process becomes `horn`.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    inventory, revision = Path(sys.argv[1]), sys.argv[2]
    lab = json.loads(inventory.read_text())
    folder = inventory.parent / "horn" / str(len(lab["hosts"]))
    config = folder / "deploy.yml"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(config_of(lab))
    if not config.exists() or config.read_text() != text:
        config.write_text(text)
    os.environ |= {"XDG_STATE_HOME": str(folder / "state"), "XDG_CACHE_HOME": str(folder / "cache")}
    horn = Path(sys.executable).with_name("horn")
    os.execv(
        horn, [str(horn), "deploy", f"@{revision}", "production", "--yes", "--mute", "--config", str(config)]
    )


def config_of(lab: dict) -> dict:
    """deploy.yml for a fleet: JSON is YAML."""
    app, ssh = lab["app"], lab["ssh"]
    regions: dict[str, dict] = {}
    for host in lab["hosts"]:
        entry = {"name": host["name"], "address": host["host"], "port": host["port"]}
        regions.setdefault(host["region"], {"hosts": []})["hosts"].append(entry)
    return {
        "app": "app",
        "repo": lab["repo"],
        "deploy_to": app["deploy_to"],
        "keep_releases": app["keep"],
        "shared": {"dirs": app["shared_dirs"], "files": app["shared_files"]},
        "ssh": {
            "user": ssh["user"],
            "identity_file": ssh["key"],
            "known_hosts": ssh["known_hosts"],
            "config": os.devnull,
        },
        "commands": {"restart": [app["restart"]]},
        "environments": {"production": {"regions": regions}},
    }


if __name__ == "__main__":
    main()
