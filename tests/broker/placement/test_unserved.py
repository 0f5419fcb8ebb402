from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.placement.recount import Site
from broker.placement.snapshot import Config, Demand, Model, Pool, PoolKind, Provider, Snapshot
from broker.placement.unserved import least_unserved
from tests.broker.placement.known_plan import AS_OF, SNAPSHOT

NODES = ("world", "eu", "us")
FAST = Config(
    config="fast", gpu_model="H100", gpus=1, tokens_per_second={"chat": 1000, "long": 500}
)
LONG = Config(config="long", gpu_model="H100", gpus=1, tokens_per_second={"chat": 10, "long": 400})


def a_site(model: Model, demand: dict[tuple[str, str], float]) -> Site:
    """Return a site with one pool at every node, named after it."""
    return Site.of(
        Snapshot(
            as_of=AS_OF,
            tree=SNAPSHOT.tree,
            providers=(Provider(provider="a"),),
            pools=tuple(
                Pool(
                    pool=node,
                    provider="a",
                    node=node,
                    region=node,
                    gpu_model="H100",
                    kind=PoolKind.CONTRACT,
                    capacity_gpus=100,
                )
                for node in NODES
            ),
            models=(model,),
            demand=tuple(
                Demand(model=model.model, class_name=name, node=node, tokens_per_second=tokens)
                for (name, node), tokens in demand.items()
            ),
        )
    )


def test_what_an_area_has_left_over_helps_the_world_and_not_its_neighbour() -> None:
    model = Model(model="m", configs=(FAST,))
    site = a_site(model, {("chat", "eu"): 1500, ("chat", "us"): 300, ("chat", "world"): 1000})

    unserved = least_unserved(site, model, {("m", "fast", "eu"): 1, ("m", "fast", "us"): 1})

    assert unserved == 500 + 300


def test_classes_share_the_time_of_a_replica() -> None:
    model = Model(model="m", classes=("chat", "long"), configs=(FAST,))
    site = a_site(model, {("chat", "world"): 500, ("long", "world"): 250})

    assert least_unserved(site, model, {("m", "fast", "eu"): 1}) == pytest.approx(0, abs=1e-6)


def test_each_class_goes_where_it_is_served_best() -> None:
    model = Model(model="m", classes=("chat", "long"), configs=(FAST, LONG))
    site = a_site(model, {("chat", "world"): 1000, ("long", "world"): 400})

    replicas = {("m", "fast", "eu"): 1, ("m", "long", "us"): 1}

    assert least_unserved(site, model, replicas) == pytest.approx(0, abs=1e-6)


def test_a_class_that_no_configuration_serves_stays_unserved() -> None:
    deaf = replace(FAST, tokens_per_second={"chat": 1000, "long": 0})
    model = Model(model="m", classes=("chat", "long"), configs=(deaf,))
    site = a_site(model, {("chat", "world"): 100, ("long", "world"): 40})

    assert least_unserved(site, model, {("m", "fast", "eu"): 5}) == pytest.approx(40)


@settings(max_examples=40, deadline=None)
@given(
    tokens=st.lists(st.integers(0, 4000), min_size=3, max_size=3),
    replicas=st.lists(st.integers(0, 4), min_size=3, max_size=3),
    part=st.floats(0.1, 0.9),
)
def test_two_classes_that_are_served_alike_are_one_class(
    tokens: list[int], replicas: list[int], part: float
) -> None:
    even = replace(FAST, tokens_per_second={"chat": 1000, "long": 1000})
    whole = {("chat", node): float(count) for node, count in zip(NODES, tokens, strict=True)}
    split = {
        (name, node): count * share
        for (_, node), count in whole.items()
        for name, share in (("chat", part), ("long", 1 - part))
    }
    one = Model(model="m", configs=(even,))
    two = replace(one, classes=("chat", "long"))
    standing = {("m", "fast", node): it for node, it in zip(NODES, replicas, strict=True)}

    alone = least_unserved(a_site(one, whole), one, standing)

    assert least_unserved(a_site(two, split), two, standing) == pytest.approx(alone, abs=1e-4)
