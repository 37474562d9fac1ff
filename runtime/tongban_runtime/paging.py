"""Where the next page of a list begins, as the page before said it."""

from datetime import UTC, datetime


def moment_of(text: str) -> datetime:
    """The instant of a cursor, in UTC. Raises `ValueError` for what is none, or lies where no calendar reaches in UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error
