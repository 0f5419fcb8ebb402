"""Where regions lie: suppliers' names of regions put under areas, areas under continents.

The table beside this file gives for each area the beginnings of region names that lie in it, or
whole names where a `$` ends them; the longest that fits decides. A region that none fits hangs under the world: it serves demand that may
be served from anywhere, and no other.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from broker.placement.snapshot import TreeNode

ROOT = "world"

_END = "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionTree:
    """Continents and areas, and the beginnings of names that lie in each."""

    nodes: tuple[TreeNode, ...]
    area_by_prefix: Mapping[str, str]

    def area_of(self, region: str) -> str:
        """Return the smallest known area that a region lies in; the world where none is known."""
        name = folded(region)
        whole = f"{name}{_END}"
        fitting = (prefix for prefix in self.area_by_prefix if whole.startswith(prefix))
        longest = max(fitting, key=len, default=None)
        return ROOT if longest is None else self.area_by_prefix[longest]

    def with_regions(self, regions: Iterable[str]) -> tuple[TreeNode, ...]:
        """Return the tree with these regions as leaves, under their areas."""
        known = {node.node for node in self.nodes}
        leaves = [
            TreeNode(node=region, parent=self.area_of(region))
            for region in sorted(set(regions) - known)
        ]
        return (*self.nodes, *leaves)


def region_tree() -> RegionTree:
    """Return the tree of the table that comes with the product."""
    text = files("broker.placement").joinpath("region_tree.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return RegionTree(
        nodes=tuple(TreeNode(node=row["node"], parent=row["parent"] or None) for row in rows),
        area_by_prefix={prefix: row["node"] for row in rows for prefix in row["regions"].split()},
    )


def folded(region: str) -> str:
    """Return a region's name as it is compared: of `reseller/Region_1` that is region-1."""
    return region.rsplit("/", 1)[-1].strip().lower().replace("_", "-").replace(" ", "-")
