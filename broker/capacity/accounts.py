"""The accounts of a pool, and the transfers that bring them to where the books say.

GPUs move along one line of accounts, and back when the books are corrected:

    supplier ⇄ undelivered ⇄ available ⇄ returned

What is held or leased stays with its holder. It is owed back and moves once the lease has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from broker.capacity.pool import Account
from broker.capacity.supply import Supply


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """GPUs moved from the debited account of a pool to the credited one."""

    debit: Account
    credit: Account
    gpu_count: int
    cause: str

    def __post_init__(self) -> None:
        if self.gpu_count < 1:
            raise ValueError("a transfer moves at least one GPU")
        if self.debit is self.credit:
            raise ValueError("a transfer goes from one account to another")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Where the GPUs of a pool stand; none is below zero. The supplier's is minus their sum."""

    undelivered: int = 0
    available: int = 0
    held: int = 0
    leased: int = 0
    down: int = 0
    returned: int = 0

    def __post_init__(self) -> None:
        for account in OWN:
            if self.of(account) < 0:
                raise ValueError(f"there are not that many GPUs {account}")

    def of(self, account: Account) -> int:
        """Return the balance of one account."""
        if account is Account.SUPPLIER:
            return -self.contracted
        balance: int = getattr(self, account.value)
        return balance

    @property
    def contracted(self) -> int:
        """Return all GPUs that the pool ever had a claim to and still counts."""
        return sum(self.of(account) for account in OWN)

    @property
    def in_use(self) -> int:
        """Return the GPUs that holders have."""
        return self.held + self.leased

    @property
    def in_service(self) -> int:
        """Return the GPUs that are with us, whole or not."""
        return self.available + self.in_use + self.down

    def after(self, transfers: Iterable[Transfer]) -> Accounts:
        """Return the accounts after some transfers; ValueError where one would fall below zero."""
        accounts = self
        for transfer in transfers:
            change = {
                account.value: accounts.of(account) + gpus
                for account, gpus in (
                    (transfer.debit, -transfer.gpu_count),
                    (transfer.credit, transfer.gpu_count),
                )
                if account is not Account.SUPPLIER
            }
            accounts = replace(accounts, **change)
        return accounts


OWN = tuple(account for account in Account if account is not Account.SUPPLIER)
"""The accounts of a pool itself."""


def moves(accounts: Accounts, supply: Supply) -> tuple[Transfer, ...]:
    """Return the transfers from where accounts are to where the supply says, in order.

    Once applied, they are none. As far as holders are in the way, GPUs stay (see `owed`).
    """
    signed = supply.contracted - accounts.contracted
    delivered = signed - (supply.undelivered - accounts.undelivered)
    returned = supply.returned - accounts.returned
    # What never was in service does not pass through it, for else the journal would say it was.
    skipped = max(0, min(delivered, returned))
    restored = max(0, min(-delivered, -returned))
    delivered += restored - skipped
    returned += restored - skipped
    undelivered, available = Account.UNDELIVERED, Account.AVAILABLE
    steps = _Steps(accounts)
    steps.move(signed, Account.SUPPLIER, undelivered, "contracted")
    steps.move(skipped, undelivered, Account.RETURNED, "over before it was delivered")
    steps.move(restored, Account.RETURNED, undelivered, "neither delivered nor over after all")
    steps.move(delivered, undelivered, available, "delivered")
    steps.move(-returned, Account.RETURNED, available, "not over after all")
    steps.take_back(-delivered, undelivered, "not delivered after all")
    steps.take_back(returned, Account.RETURNED, "over")
    left = min(-signed, steps.accounts.undelivered)
    steps.move(left, undelivered, Account.SUPPLIER, "no longer contracted")
    return tuple(steps.made)


def owed(accounts: Accounts, supply: Supply) -> int:
    """Return how many GPUs holders have that the supplier is to get back, after the moves."""
    return max(0, accounts.in_service - supply.delivered)


class _Steps:
    """Transfers made one after another, each from what the one before left."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.made: list[Transfer] = []

    def move(self, gpus: int, debit: Account, credit: Account, cause: str) -> None:
        if gpus > 0:
            transfer = Transfer(debit=debit, credit=credit, gpu_count=gpus, cause=cause)
            self.accounts = self.accounts.after([transfer])
            self.made.append(transfer)

    def take_back(self, gpus: int, credit: Account, cause: str) -> None:
        """Move GPUs out of service, as many as nobody holds.

        Nobody says which ones the supplier takes. Those that work first, so that we never count on
        one that may be gone.
        """
        for debit, taken in self._shares(gpus):
            self.move(taken, debit, credit, cause)

    def _shares(self, gpus: int) -> Iterator[tuple[Account, int]]:
        available = min(gpus, self.accounts.available)
        yield Account.AVAILABLE, available
        yield Account.DOWN, min(gpus - available, self.accounts.down)
