"""The only list of suppliers: one line each. A supplier's file is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from providers.supplier import Supplier

SUPPLIERS: dict[str, str] = {
    "aws": "providers.aws",
    "gcp": "providers.gcp",
    "azure": "providers.azure",
    "oci": "providers.oci",
    "coreweave": "providers.coreweave",
    "nebius": "providers.nebius",
    "crusoe": "providers.crusoe",
    "lambda": "providers.lambda_cloud",
    "runpod": "providers.runpod",
    "verda": "providers.verda",
    "hyperstack": "providers.hyperstack",
    "shadeform": "providers.shadeform",
    "primeintellect": "providers.primeintellect",
    "sfcompute": "providers.sfcompute",
    "digitalocean": "providers.digitalocean",
    "vast": "providers.vast",
    "price_sheet": "providers.price_sheet",
}
"""Key → the module that holds the supplier as `SUPPLIER`."""


class UnknownSupplierError(KeyError):
    """There is no supplier of that key."""

    def __str__(self) -> str:
        return str(self.args[0])


def supplier(key: str) -> Supplier:
    """Return the supplier of a key, or raise UnknownSupplierError naming those that exist."""
    if key not in SUPPLIERS:
        raise UnknownSupplierError(f"{key!r} is no supplier; there are {', '.join(SUPPLIERS)}")
    found: Supplier = import_module(SUPPLIERS[key]).SUPPLIER
    return found


def suppliers() -> tuple[Supplier, ...]:
    """Return every supplier, in the order of the list."""
    return tuple(supplier(key) for key in SUPPLIERS)
