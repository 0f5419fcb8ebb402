"""Suppliers that are polled, as they cross the network. Credentials are named, never shown."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from broker.flows.show_providers import Provider


class PlaceOut(BaseModel):
    """A region of a supplier; null means the supplier as a whole."""

    region: str | None
    state: str
    tried_at: datetime
    seen_at: datetime | None = Field(description="when it last answered whole")
    offers: int
    error_kind: str | None
    error: str | None


class ProviderOut(BaseModel):
    """How a supplier stands."""

    supplier: str
    name: str
    state: str = Field(description="of the last poll; never-polled or not-configured without one")
    missing: list[str] = Field(description="environment variables that must be set first")
    capabilities: list[str]
    public: list[str] = Field(description="what can be asked without any credential")
    price_source: str
    stock_source: str
    sharing: str
    is_reseller: bool
    poll_every_seconds: int
    polled_at: datetime | None
    last_ok_at: datetime | None
    age_seconds: int | None
    is_stale: bool
    offers: int
    skips: dict[str, int] = Field(description="what the last answer left out, by reason")
    error_kind: str | None
    error: str | None
    places: list[PlaceOut]

    @classmethod
    def of(cls, provider: Provider) -> ProviderOut:
        """Return a supplier as it is shown."""
        profile = provider.profile
        return cls(
            supplier=profile.key,
            name=profile.name,
            state=provider.state,
            missing=list(provider.missing),
            capabilities=sorted(profile.capabilities),
            public=sorted(profile.public),
            price_source=profile.price_source.value,
            stock_source=profile.stock_source.value,
            sharing=profile.sharing.value,
            is_reseller=profile.is_reseller,
            poll_every_seconds=int(profile.poll_every.total_seconds()),
            polled_at=provider.polled_at,
            last_ok_at=provider.last_ok_at,
            age_seconds=provider.age_seconds,
            is_stale=provider.is_stale,
            offers=provider.offers,
            skips=dict(provider.skips),
            error_kind=provider.error_kind,
            error=provider.error,
            places=[
                PlaceOut(
                    region=place.region,
                    state=place.state,
                    tried_at=place.tried_at,
                    seen_at=place.seen_at,
                    offers=place.offers,
                    error_kind=place.error_kind,
                    error=place.error,
                )
                for place in provider.places
            ],
        )


class ProviderList(BaseModel):
    """Every supplier of the registry."""

    providers: list[ProviderOut]
