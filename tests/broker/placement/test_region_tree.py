from __future__ import annotations

import pytest

from broker.placement.region_tree import ROOT, region_tree
from broker.placement.snapshot import TreeNode


@pytest.mark.parametrize(
    ("region", "area"),
    [
        ("us-east-1", "us-e"),
        ("US-EAST-04A", "us-e"),
        ("eastus", "us-e"),
        ("us-southcentral1-a", "us-c"),
        ("WestUS", "us-w"),
        ("US-1", "us"),
        ("US", "us"),
        ("CANADA-1", "ca"),
        ("primeintellect/hyperstack/CANADA-1", "ca"),
        ("northamerica-northeast1", "ca"),
        ("eu-north1", "eu-n"),
        ("eu_north", "eu-n"),
        ("swedencentral", "eu-n"),
        ("SE", "eu-n"),
        ("helsinki-finland-5", "eu-n"),
        ("FIN-03", "eu-n"),
        ("EU-RO-1", "eu-c"),
        ("DE", "eu-c"),
        ("desmoines-usa-1", "us-c"),
        ("europe-west4", "eu-w"),
        ("asia-northeast3", "ap-ne"),
        ("ap-southeast-1", "ap-se"),
        ("ap-southeast-2", "oc"),
        ("sea-3", "us-w"),
        ("moon-1", ROOT),
        ("", ROOT),
    ],
)
def test_a_region_lies_in_the_area_that_its_name_begins_like(region: str, area: str) -> None:
    assert region_tree().area_of(region) == area


def test_the_table_is_a_tree_with_one_root() -> None:
    nodes = region_tree().nodes
    parents = {node.node: node.parent for node in nodes}

    assert len(parents) == len(nodes)
    assert [node for node, parent in parents.items() if parent is None] == [ROOT]
    for node in parents:
        above: str | None = node
        for _ in nodes:
            above = None if above is None else parents[above]
        assert above is None


def test_no_beginning_stands_in_two_areas() -> None:
    tree = region_tree()
    nodes = {node.node for node in tree.nodes}

    assert set(tree.area_by_prefix.values()) <= nodes
    assert all(prefix == prefix.lower() for prefix in tree.area_by_prefix)


def test_regions_are_leaves_under_their_areas_and_areas_stay_what_they_are() -> None:
    tree = region_tree().with_regions(["us-east-1", "moon-1", "eu", "us-east-1"])

    assert tree[-2:] == (
        TreeNode(node="moon-1", parent=ROOT),
        TreeNode(node="us-east-1", parent="us-e"),
    )
    assert len(tree) == len(region_tree().nodes) + 2
