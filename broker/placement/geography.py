"""Geography: the tree of places, and which place lies under which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.snapshot import TreeNode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Geography:
    """Nodes by number, in the order of their names. A root is its own parent.

    `covers[a, b]` says that b is a, or lies under it.
    """

    names: tuple[str, ...]
    parent: Ints
    depth: Ints
    covers: Flags

    def deepest_of(self, nodes: Ints, *, at: Ints) -> Ints:
        """Return, for each place of `at`, the deepest of `nodes` that covers it, or -1."""
        found = np.full(len(at), -1, dtype=np.int64)
        for node in sorted(set(nodes.tolist()), key=lambda node: int(self.depth[node])):
            found[self.covers[node, at]] = node
        return found

    def root_of(self, node: int) -> int:
        """Return the root above a node."""
        while self.parent[node] != node:
            node = int(self.parent[node])
        return node


def geography_of(tree: Sequence[TreeNode]) -> Geography:
    """Number the nodes by name, so that the order in which they came does not matter."""
    ordered = sorted(tree, key=lambda node: node.node)
    number = {node.node: index for index, node in enumerate(ordered)}
    parent = np.array(
        [
            index if node.parent is None else number[node.parent]
            for index, node in enumerate(ordered)
        ],
        dtype=np.int64,
    )
    size = len(ordered)
    covers = np.eye(size, dtype=np.bool_)
    above = np.arange(size)
    for _ in range(size):
        lifted = parent[above] if size else above
        if np.array_equal(lifted, above):
            break
        above = lifted
        covers[above, np.arange(size)] = True
    return Geography(
        names=tuple(number), parent=parent, depth=covers.sum(axis=0).astype(np.int64), covers=covers
    )
