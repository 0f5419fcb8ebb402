"""What the parts of a snapshot say of each other: names once, references to something, one tree."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

from broker.placement.json_faults import FaultCode, Faults, listed, path_to, shown
from broker.placement.snapshot import Model, Snapshot, TreeNode


def check_references(faults: Faults, snapshot: Snapshot) -> None:
    """Note every name that is given twice or refers to nothing, and whatever makes no tree.

    Names that could not be read are the empty text and are passed over: they are faults already.
    """
    _check_once(faults, "tree", "node", (node.node for node in snapshot.tree))
    _check_once(faults, "providers", "provider", (each.provider for each in snapshot.providers))
    _check_once(faults, "pools", "pool", (pool.pool for pool in snapshot.pools))
    _check_once(faults, "models", "model", (model.model for model in snapshot.models))
    _check_tree(faults, snapshot.tree)
    nodes = {node.node for node in snapshot.tree}
    providers = {each.provider for each in snapshot.providers}
    for position, pool in enumerate(snapshot.pools):
        path = f"pools[{position}]"
        _check_known(faults, f"{path}.provider", pool.provider, providers, kind="provider")
        _check_known(faults, f"{path}.node", pool.node, nodes, kind="node")
    for position, model in enumerate(snapshot.models):
        _check_model(faults, model, f"models[{position}]")
    models = {model.model: model for model in snapshot.models}
    _check_demand(faults, snapshot, models, nodes)
    _check_current(faults, snapshot, models)


def _check_tree(faults: Faults, tree: Sequence[TreeNode]) -> None:
    nodes = {node.node for node in tree}
    for position, node in enumerate(tree):
        if node.parent is not None:
            _check_known(faults, f"tree[{position}].parent", node.parent, nodes, kind="node")
    roots = [node.node for node in tree if node.parent is None]
    if len(roots) > 1:
        message = f"the tree has {len(roots)} roots ({_few(roots)}); give all but one a parent"
        faults.add(FaultCode.BAD_TREE, "tree", message)
    if not roots and not faults.has("tree"):
        message = "the tree has no root; add a node without a parent, such as world"
        faults.add(FaultCode.BAD_TREE, "tree", message)
    circling = _circling({node.node: node.parent for node in tree})
    for position, node in enumerate(tree):
        if node.node in circling:
            message = f"{shown(node.node)} is under itself; correct a parent on the way up from it"
            faults.add(FaultCode.BAD_TREE, f"tree[{position}].parent", message)


def _circling(parents: Mapping[str, str | None]) -> set[str]:
    """Return the nodes that are above themselves."""
    circling: set[str] = set()
    seen: set[str] = set()
    for start in parents:
        way: dict[str, None] = {}  # in the order of the climb
        at: str | None = start
        while at is not None and at not in seen:
            seen.add(at)
            way[at] = None
            at = parents.get(at)
        if at in way:
            names = list(way)
            circling.update(names[names.index(at) :])
    return circling


def _check_model(faults: Faults, model: Model, path: str) -> None:
    repeated = _repeated(model.classes)
    for position in repeated:
        message = f"the class {shown(model.classes[position])} stands twice; take one out"
        faults.add(FaultCode.DUPLICATE, f"{path}.classes[{position}]", message)
    _check_once(faults, f"{path}.configs", "config", (config.config for config in model.configs))
    for position, config in enumerate(model.configs):
        rates = f"{path}.configs[{position}].tokens_per_second"
        for name in config.tokens_per_second:
            known = set(model.classes)
            _check_known(faults, path_to(rates, name), name, known, kind="class of the model")


def _check_demand(
    faults: Faults, snapshot: Snapshot, models: Mapping[str, Model], nodes: Collection[str]
) -> None:
    rows = [(row.model, row.class_name, row.node) for row in snapshot.demand]
    for position, row in enumerate(snapshot.demand):
        path = f"demand[{position}]"
        _check_known(faults, f"{path}.node", row.node, nodes, kind="node")
        _check_known(faults, f"{path}.model", row.model, models, kind="model")
        if row.model in models:
            known = models[row.model].classes
            _check_known(faults, f"{path}.class", row.class_name, known, kind="class of the model")
    for position in _repeated(rows):
        message = "this model, class and node has a row already; add the two together"
        faults.add(FaultCode.DUPLICATE, f"demand[{position}]", message)


def _check_current(faults: Faults, snapshot: Snapshot, models: Mapping[str, Model]) -> None:
    pools = {pool.pool: pool for pool in snapshot.pools}
    for position, row in enumerate(snapshot.current):
        path = f"current[{position}]"
        _check_known(faults, f"{path}.pool", row.pool, pools, kind="pool")
        _check_known(faults, f"{path}.model", row.model, models, kind="model")
        if row.model not in models:
            continue
        configs = {config.config: config for config in models[row.model].configs}
        _check_known(faults, f"{path}.config", row.config, configs, kind="config of the model")
        pool, config = pools.get(row.pool), configs.get(row.config)
        if pool and config and pool.gpu_model and config.gpu_model not in {"", pool.gpu_model}:
            message = (
                f"{shown(row.config)} runs on {shown(config.gpu_model)}, and the pool has "
                f"{shown(pool.gpu_model)}; correct one of them"
            )
            faults.add(FaultCode.CONTRADICTION, f"{path}.config", message)
    for position in _repeated([(row.model, row.config, row.pool) for row in snapshot.current]):
        message = "this model, config and pool has a row already; add the two together"
        faults.add(FaultCode.DUPLICATE, f"current[{position}]", message)


def _check_once(faults: Faults, path: str, field: str, names: Iterable[str]) -> None:
    given = list(names)
    for position in _repeated(given):
        message = f"the {field} {shown(given[position])} stands twice; rename or take out one"
        faults.add(FaultCode.DUPLICATE, f"{path}[{position}].{field}", message)


def _check_known(
    faults: Faults, path: str, name: str, known: Collection[str], *, kind: str
) -> None:
    if not name or name in known:
        return
    hint = faults.hint(name, known)
    where = _HOMES[kind]
    message = f"there is no {kind} {shown(name)}; {hint}name another or add it to {where}"
    faults.add(FaultCode.UNKNOWN_NAME, path, message)


_HOMES = {
    "node": "tree",
    "provider": "providers",
    "pool": "pools",
    "model": "models",
    "class of the model": "its classes",
    "config of the model": "its configs",
}


def _repeated(names: Sequence[Hashable]) -> list[int]:
    """Return the positions of names that stood before; unreadable ones are passed over."""
    seen: set[Hashable] = set()
    repeated = []
    for position, name in enumerate(names):
        is_readable = bool(name) if isinstance(name, str) else "" not in _parts(name)
        if is_readable and name in seen:
            repeated.append(position)
        seen.add(name)
    return repeated


def _parts(name: Hashable) -> tuple[object, ...]:
    return name if isinstance(name, tuple) else (name,)


def _few(names: Sequence[str]) -> str:
    return listed([shown(name) for name in names[:5]]) + (", …" if len(names) > 5 else "")
