"""The part of the client that is about placement plans; reached as `Client.plans`.

    with Client(url, key) as api:
        plan = api.plans.make(live=True)
        lost = api.plans.replan(plan.id, lost="p1")
        print(lost.comparison.after.served_share)

It waits for a plan as long as its budget, and a little more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from broker.api.client_answers import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    Door,
    error_of,
    unanswered,
    unknown_shape,
)
from broker.api.wire.plan_changes import ReplanOut, WhatIfOut
from broker.api.wire.plan_explanation import PlanExplanationOut
from broker.api.wire.plans import PlanList, PlanOut

LONGEST_UNSTATED_BUDGET_SECONDS: Final = 600.0
"""So long is waited where the budget is what the server is set to."""

Answer = TypeVar("Answer", bound=BaseModel)
Shape = Mapping[str, Any]


class PlanClient:
    """Placement plans over HTTP. It lives as long as the client that it is part of."""

    def __init__(self, door: Door, http: httpx2.Client) -> None:
        self._door = door
        self._http = http

    def make(
        self,
        snapshot: Shape | None = None,
        *,
        live: bool = False,
        budget_seconds: float | None = None,
        current_plan: str | None = None,
        idempotency_key: str | None = None,
    ) -> PlanOut:
        """Have a snapshot planned, or with `live` the books as they stand.

        Sent again with the same key, the same gets the plan that was made.
        """
        body = {"snapshot": snapshot, "live": live, "current_plan": current_plan}
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return self._post("/v1/plans", body, PlanOut, budget_seconds, headers=headers)

    def list(self, *, limit: int = 50, page_token: str | None = None) -> PlanList:
        """Return plans on record, the newest first."""
        parameters = {"limit": str(limit)}
        if page_token is not None:
            parameters["page_token"] = page_token
        return self._get("/v1/plans", PlanList, parameters)

    def one(self, plan_id: str) -> PlanOut:
        """Return a plan on record."""
        return self._get(_path(plan_id), PlanOut)

    def explanation(
        self, plan_id: str, *, model: str | None = None, pool: str | None = None
    ) -> PlanExplanationOut:
        """Return why a plan is as it is: all of it, or what concerns a model or a pool."""
        parameters = {
            name: value for name, value in (("model", model), ("pool", pool)) if value is not None
        }
        return self._get(f"{_path(plan_id)}/explanation", PlanExplanationOut, parameters)

    def replan(self, plan_id: str, *, lost: str, budget_seconds: float | None = None) -> ReplanOut:
        """Have the loss of a provider answered: a repair, and the full plan."""
        body = {"lost": lost}
        return self._post(f"{_path(plan_id)}/replans", body, ReplanOut, budget_seconds)

    def what_if(
        self, plan_id: str, changes: Sequence[Shape], *, budget_seconds: float | None = None
    ) -> WhatIfOut:
        """Have changes supposed, each as docs/placement.md describes it."""
        body = {"changes": [dict(change) for change in changes]}
        return self._post(f"{_path(plan_id)}/what-ifs", body, WhatIfOut, budget_seconds)

    def _get(
        self, path: str, kind: type[Answer], parameters: Mapping[str, str] | None = None
    ) -> Answer:
        return self._read(path, kind, lambda: self._http.get(path, params=dict(parameters or {})))

    def _post(
        self,
        path: str,
        body: Shape,
        kind: type[Answer],
        budget_seconds: float | None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {name: value for name, value in body.items() if value is not None}
        if budget_seconds is not None:
            sent["budget_seconds"] = budget_seconds
        budget = LONGEST_UNSTATED_BUDGET_SECONDS if budget_seconds is None else budget_seconds
        timeout = httpx2.Timeout(budget + ANSWER_SECONDS, connect=CONNECT_SECONDS)
        return self._read(
            path,
            kind,
            lambda: self._http.post(path, json=sent, headers=dict(headers or {}), timeout=timeout),
        )

    def _read(self, path: str, kind: type[Answer], ask: Callable[[], httpx2.Response]) -> Answer:
        try:
            response = ask()
        except httpx2.RequestError as failure:
            raise unanswered(failure, where=self._door.where) from failure
        if not response.is_success:
            raise error_of(response, where=self._door.where)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError:
            # Not chained: its message quotes the answer, and that holds contract prices.
            raise unknown_shape(path, where=self._door.where) from None


def _path(plan_id: str) -> str:
    return f"/v1/plans/{quote(plan_id, safe='')}"
