"""Holders of leases, over HTTP: they retry, send twice, hang up, fall silent and come back."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2

from tests.broker.faults.tally import Known, Tally

TTL_SECONDS = 2
LONGEST_RETRY_SECONDS = 0.4
PATIENCE_SECONDS = 60
MODELS = ("H100", "B200")

TWICE, HANGS_UP, FALLS_SILENT = 0.15, 0.05, 0.08
RENEWS, CHECKS_KEY, CHECKS_FENCE, SPREADS, WAITS = 0.4, 0.04, 0.06, 0.06, 0.06
LONGEST_WAIT_SECONDS, LOOKS_EVERY_SECONDS = 6.0, 0.2


@dataclass(slots=True, kw_only=True)
class Round:
    """What all holders of one trial share."""

    urls: Sequence[str]
    http: httpx2.AsyncClient
    tally: Tally
    seed: int
    stop_at: float
    counts: Counter[str] = field(default_factory=Counter)
    answered_at: float = field(default_factory=time.monotonic)
    longest_gap: float = 0.0

    def note_answer(self) -> None:
        """Note that somebody was served."""
        now = time.monotonic()
        self.longest_gap = max(self.longest_gap, now - self.answered_at)
        self.answered_at = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer, and when what it answers was first sent."""

    status: int
    body: Any
    sent_at: float

    @property
    def until(self) -> float:
        """Return until when a lease lives at least that this answer grants or renews."""
        return self.sent_at + TTL_SECONDS


class Holder:
    """One holder, whose doings the seed and its number decide."""

    def __init__(self, round_: Round, number: int) -> None:
        self._round = round_
        self._random = random.Random(f"{round_.seed}/{number}")
        self._name = f"holder-{number}"
        self._silent: list[Known] = []

    async def work(self) -> None:
        """Take GPUs and give them back, again and again."""
        while time.monotonic() < self._round.stop_at:
            lease = await self._take()
            if lease is not None:
                await self._use(lease)
            while self._silent and not self._round.tally.is_held(self._silent[0].lease_id):
                await self._come_back(self._silent.pop(0))

    async def _take(self) -> Known | None:
        key = str(UUID(int=self._random.getrandbits(128)))
        body = {
            "gpu_models": self._random.sample(MODELS, self._random.choice((1, 1, 2))),
            "gpu_count": self._how_many(),
            "ttl_seconds": TTL_SECONDS,
            "holder": self._name,
            "queue": self._random.random() < WAITS,
        }
        draw = self._random.random()
        if draw < TWICE:
            self._round.counts["sent_twice"] += 1
            both = await asyncio.gather(self._ask_for(body, key), self._ask_for(body, key))
            lease = both[0] or both[1]
        else:
            hangs_up = draw < TWICE + HANGS_UP
            lease = await self._ask_for(body, key, hangs_up=hangs_up)
        if lease is None:
            await asyncio.sleep(0.005)
        elif self._random.random() < CHECKS_KEY:
            other = {**body, "gpu_count": 1 + self._how_many()}
            told = await self._send("POST", "/v1/capacity-requests", key=key, json=other)
            if other["gpu_count"] != body["gpu_count"] and told.status != 422:
                self._wrong(f"another body under the same key was answered {told.status}")
        return lease

    def _how_many(self) -> int:
        spreads = self._random.random() < SPREADS
        return self._random.randint(20, 34) if spreads else self._random.randint(1, 8)

    async def _ask_for(
        self, body: dict[str, Any], key: str, *, hangs_up: bool = False
    ) -> Known | None:
        """Ask until the outcome is known; return the lease, or None where there is none."""
        path = "/v1/capacity-requests"
        sent_at = time.monotonic()
        if hangs_up:
            self._round.counts["hung_up"] += 1
            sending = asyncio.create_task(self._send_once("POST", path, key=key, json=body))
            await asyncio.wait({sending}, timeout=self._random.random() * 0.02)
            sending.cancel()
            await asyncio.wait({sending})
        told = await self._send("POST", path, key=key, json=body, since=sent_at)
        if told.status == 202:
            told = await self._wait(body, key, told)
        if told.status == 409 and told.body["code"] == "insufficient-capacity":
            self._round.counts["refused"] += 1
            return None
        if told.status == 409 and told.body["code"] == "refused" and body["queue"]:
            return None  # waited in vain
        if told.status != 201 or not told.body["lease"]:
            self._wrong(f"a request was answered {told.status}: {told.body}")
            return None
        lease = Known.of(told.body["lease"], key)
        if told.body["lease"]["state"] not in ("granted", "active"):
            self._round.counts["over_when_told"] += 1
            self._round.tally.granted(lease, until=0.0)
            return None
        self._round.counts["grants"] += 1
        self._round.tally.granted(lease, until=told.until)
        return lease

    async def _wait(self, body: dict[str, Any], key: str, told: Told) -> Told:
        """Look again and again whether it is granted, then cancel; return what became of it.

        It was granted later than the last look that was answered with "pending" was sent.
        """
        self._round.counts["waited"] += 1
        path, since = "/v1/capacity-requests", time.monotonic()
        while told.status == 202:
            if time.monotonic() > since + LONGEST_WAIT_SECONDS:
                await self._send("POST", f"{path}/{told.body['id']}/cancel")
            await asyncio.sleep(LOOKS_EVERY_SECONDS)
            last = told.sent_at
            told = await self._send("POST", path, key=key, json=body)
        self._round.counts["waited_with_success"] += told.status == 201
        return Told(status=told.status, body=told.body, sent_at=last)

    async def _use(self, lease: Known) -> None:
        if self._random.random() < FALLS_SILENT:
            self._round.counts["fell_silent"] += 1
            self._silent.append(lease)
            return
        await asyncio.sleep(self._random.random() * 0.05)
        if self._random.random() < RENEWS and not await self._renew(lease):
            return
        if self._random.random() < CHECKS_FENCE and lease.fence > 1:
            await self._try_another_fence(lease)
        await self._give_back(lease)

    async def _renew(self, lease: Known) -> bool:
        """Keep a lease alive; say whether it is."""
        sent_at = time.monotonic()  # of the last sending, for only that one is surely not later
        told = await self._send(
            "POST", f"/v1/leases/{lease.lease_id}/renew", json={"fence": lease.fence}, since=sent_at
        )
        if told.status == 200:
            self._round.counts["renewals"] += 1
            self._round.tally.keeps(lease.lease_id, until=told.until)
            return True
        self._require_lost(lease, told, "renewed")
        return False

    async def _try_another_fence(self, lease: Known) -> None:
        path, fence = f"/v1/leases/{lease.lease_id}", lease.fence - 1
        renewed = await self._send("POST", f"{path}/renew", json={"fence": fence})
        returned = await self._send("DELETE", f"{path}?fence={fence}")
        if (renewed.status, returned.status) != (409, 409):
            self._wrong(
                f"with another fence a heartbeat was answered {renewed.status}, "
                f"a return {returned.status}"
            )

    async def _give_back(self, lease: Known) -> None:
        was_held = self._round.tally.is_held(lease.lease_id)
        ends = self._round.tally.until(lease.lease_id)
        self._round.tally.gives_back(lease.lease_id)
        told = await self._send("DELETE", f"/v1/leases/{lease.lease_id}?fence={lease.fence}")
        if told.status == 204:
            self._round.counts["releases"] += 1
        elif told.status != 409 or (was_held and time.monotonic() < ends):
            self._wrong(f"lease {lease.lease_id} could not be given back: {told.body}")
        else:
            self._round.counts["lost"] += 1

    async def _come_back(self, lease: Known) -> None:
        """Half dead, and back: either it is still mine, or I am told that it is not."""
        if await self._renew(lease):
            self._round.counts["came_back"] += 1
            await self._give_back(lease)

    def _require_lost(self, lease: Known, told: Told, what: str) -> None:
        if told.status != 409 or self._round.tally.is_held(lease.lease_id):
            self._wrong(f"lease {lease.lease_id} could not be {what}: {told.status} {told.body}")
        self._round.counts["lost"] += 1
        self._round.tally.gives_back(lease.lease_id)

    async def _send(
        self, method: str, path: str, *, since: float | None = None, **what: Any
    ) -> Told:
        """Send until the outcome is known, at whichever server; always with the same key."""
        sent_at = time.monotonic() if since is None else since
        tries = 0
        while time.monotonic() < max(self._round.stop_at, sent_at) + PATIENCE_SECONDS:
            answer = await self._send_once(method, path, **what)
            if answer is not None and answer.status_code < 500:
                self._round.note_answer()
                self._round.counts["replays"] += "idempotent-replayed" in answer.headers
                body = answer.json() if answer.content else None
                return Told(status=answer.status_code, body=body, sent_at=sent_at)
            if answer is not None and answer.status_code != 503:
                self._wrong(f"{method} was answered {answer.status_code}: {answer.text[:300]}")
            self._round.counts["answers_503" if answer is not None else "no_answer"] += 1
            tries += 1
            most = min(LONGEST_RETRY_SECONDS, 0.02 * 2 ** min(tries, 5))
            await asyncio.sleep(most * self._random.random())
        raise TimeoutError("the outcome stayed unknown")

    async def _send_once(
        self, method: str, path: str, *, key: str | None = None, json: Any = None
    ) -> httpx2.Response | None:
        headers = {} if key is None else {"Idempotency-Key": key}
        url = self._random.choice(self._round.urls)
        try:
            return await self._round.http.request(method, url + path, headers=headers, json=json)
        except httpx2.TransportError:
            return None

    def _wrong(self, what: str) -> None:
        self._round.tally.wrong(what)
