"""Public holidays of a country or a part of it, as dates with names: resolved once and then kept with the calendar."""

import holidays

from desk.domain.errors import InvalidInput


def public_holidays(country: str, subdivision: str | None, first_year: int, last_year: int) -> dict[str, str]:
    """ISO date to name, in order, both years included.

    ``country``: ISO 3166-1 alpha-2; ``subdivision``: the part of ISO 3166-2 after the hyphen. Substitute days are
    among them. Raises ``InvalidInput`` for a place the list does not know.
    """
    try:
        found = holidays.country_holidays(country, subdiv=subdivision or None, years=range(first_year, last_year + 1))
    except NotImplementedError as error:
        place = f"{country}-{subdivision}" if subdivision else country
        raise InvalidInput(f"No holidays are known for “{place}”; give them as dates.", field="country") from error
    return {day.isoformat(): name for day, name in sorted(found.items())}
