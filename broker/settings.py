"""Every setting: one class, one prefix (`TONNAGE_`), one default each.

Read once by the ways in (command line, HTTP) and passed down as values.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be set from the environment; each name is `TONNAGE_` plus the field in capitals."""

    model_config = SettingsConfigDict(env_prefix="TONNAGE_", extra="ignore")

    database_url: str = Field(
        default="sqlite:///tonnage.db",
        description="SQLAlchemy URL of the database; PostgreSQL as postgresql+psycopg://…",
        repr=False,
    )
    as_of: date | None = Field(
        default=None,
        description="Business day that lists and briefs treat as today; unset means the real day",
    )
    key_pepper: SecretStr = Field(
        default=SecretStr(""),
        description="Secret mixed into stored API key hashes; set it before the first key is made",
    )
    rate_limit_per_second: int = Field(
        default=500,
        ge=0,
        le=1_000_000,
        description="Requests a second that a key may send for long; 0 means no limit for anybody",
    )
    rate_limit_burst: int = Field(
        default=1000,
        ge=1,
        le=10_000_000,
        description="Requests that a key which was quiet may send at once",
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="Issuer whose signed tokens sign in beside API keys; needs tonnage[oidc]",
    )
    oidc_audience: str | None = Field(
        default=None,
        description="Audience that such a token must be made for",
    )
    oidc_jwks_url: str | None = Field(
        default=None,
        description="Where the issuer publishes its keys: https, or http on this machine",
    )
    oidc_role_claim: str = Field(
        default="groups",
        description="Claim that names the bearer's groups; a path through objects has dots",
    )
    oidc_role_map: str = Field(
        default="",
        description="Role of each group as a JSON object; the first that fits counts",
    )
    backfill_seconds: int = Field(
        default=300,
        ge=0,
        le=604_800,
        description="How long a capacity request that waits lets smaller ones pass it",
    )
    preemption_budget_gpus: int | None = Field(
        default=None,
        ge=0,
        description="GPUs that preemption may take from a holder at once; unset means no limit",
    )
    plan_budget_seconds: float = Field(
        default=20.0,
        ge=0.1,
        le=600,
        description="How long a placement plan is looked for before the best one found is given",
    )
    api_url: str = Field(
        default="http://127.0.0.1:8440",
        description="Where the dashboard and other clients find the API",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="API key that the dashboard signs in with; unset means it asks for one",
    )
    webhook_url: SecretStr | None = Field(
        default=None,
        description="Where alerts are posted as signed JSON; may hold a secret, never shown",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="Secret of the webhook signature (HMAC-SHA-256)",
    )
    webhook_allow_loopback: bool = Field(
        default=False,
        description="Whether the webhook may be on this machine, also without TLS",
    )
    apprise_urls: SecretStr | None = Field(
        default=None,
        description="Apprise URLs separated by spaces (mail, Slack, Teams, PagerDuty, …)",
    )
    metrics_public: bool = Field(
        default=False,
        description="Whether GET /metrics needs no API key; set it where only Prometheus gets there",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that is logged"
    )

    @property
    def sqlite_path(self) -> Path | None:
        """Return the file of a SQLite database, or None on another database."""
        prefix = "sqlite:///"
        if not self.database_url.startswith(prefix):
            return None
        return Path(self.database_url.removeprefix(prefix))
