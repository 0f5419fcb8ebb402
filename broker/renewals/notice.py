"""Notice: the last day on which we can still say no.

Contracts write notice in days or in months, and a month is not thirty days: three months before
30 September is 30 June, ninety days before it is 2 July. So a period keeps the units it was
written in, and only the calendar turns it into a date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

import holidays
from dateutil.relativedelta import relativedelta

from broker.errors import BadInputError

_ISO_DURATION = re.compile(
    r"P(?:([0-9]{1,4})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,4})W)?(?:([0-9]{1,4})D)?"
)
_ONE_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePeriod:
    """A notice period in the units of its clause, written as an ISO 8601 duration."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0

    def __post_init__(self) -> None:
        if min(self.years, self.months, self.weeks, self.days) < 0:
            raise BadInputError("a notice period is zero or longer")

    @classmethod
    def parse(cls, text: str) -> NoticePeriod:
        """Return the period that an ISO 8601 duration of whole dates means, such as P90D or P3M."""
        found = _ISO_DURATION.fullmatch(text.strip().upper())
        if found is None or not any(found.groups()):
            raise BadInputError(
                f"{text!r} is not a notice period; write P90D, P3M, P2W, P1Y or a mixture of them"
            )
        years, months, weeks, days = (int(part or 0) for part in found.groups())
        return cls(years=years, months=months, weeks=weeks, days=days)

    def __str__(self) -> str:
        parts = ((self.years, "Y"), (self.months, "M"), (self.weeks, "W"), (self.days, "D"))
        return "P" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0D")

    def before(self, day: date) -> date:
        """Return the day this long before: years and months first, clipped to the month's end."""
        try:
            return day - relativedelta(
                years=self.years, months=self.months, weeks=self.weeks, days=self.days
            )
        except (ValueError, OverflowError) as beyond:
            raise BadInputError(
                f"{self} before {day} is outside the calendar; check the notice clause"
            ) from beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDeadline:
    """When notice must have been given."""

    raw_on: date  # by the calendar alone
    due_on: date  # the same day, or the working day before it

    def days_to(self, today: date) -> int:
        """Return the days left; negative when the right is lost."""
        return (self.due_on - today).days


def notice_deadline(
    last_service_day: date, notice: NoticePeriod, *, country: str | None = None
) -> NoticeDeadline:
    """Return the deadline: the last service day less the notice, moved back to a working day.

    Counted from the last day of service, not from the instant after it, which errs early. The
    country is the recipient's: an ISO 3166 code, with its part where holidays differ within the
    country ("GB-ENG"). Without one only Saturdays and Sundays are not worked.
    """
    raw = notice.before(last_service_day)
    return NoticeDeadline(raw_on=raw, due_on=working_day_on_or_before(raw, country=country))


def working_day_on_or_before(day: date, *, country: str | None = None) -> date:
    """Return the day itself if it is worked in the country, else the last one before it that is."""
    calendar = _calendar(country)
    while not _is_worked(day, calendar):
        day -= _ONE_DAY
    return day


def _is_worked(day: date, calendar: holidays.HolidayBase | None) -> bool:
    if calendar is None:
        return day.weekday() < _SATURDAY
    return calendar.is_working_day(day)


def _calendar(country: str | None) -> holidays.HolidayBase | None:
    if country is None:
        return None
    code, _, part = country.strip().upper().partition("-")
    try:
        return holidays.country_holidays(code, subdiv=part or None)
    except NotImplementedError as unknown:
        raise BadInputError(
            f"there is no holiday calendar for {country!r}; use an ISO 3166 code such as US or "
            "GB-ENG, or none to skip weekends only"
        ) from unknown
