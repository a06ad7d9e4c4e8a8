"""Figures beside their limits, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured promise. `unit` says what both numbers count; a figure without a limit only explains another."""

    what: str
    measured: float
    limit: float | None
    unit: str

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "ok" if self.measured <= self.limit else "over"


def table(figures: Sequence[Figure]) -> str:
    """Aligned columns: what, limit, measured, share of the limit, verdict."""
    rows = [("what", "limit", "measured", "measured/limit", "")]
    rows += [(figure.what, *_numbers(figure), figure.verdict) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    )


def _numbers(figure: Figure) -> tuple[str, str, str]:
    measured = f"{figure.measured:.2f} {figure.unit}"
    if figure.limit is None:
        return "", measured, ""
    share = f"{figure.measured / figure.limit:.2f}" if figure.limit else ""
    return f"≤ {figure.limit:g} {figure.unit}", measured, share
