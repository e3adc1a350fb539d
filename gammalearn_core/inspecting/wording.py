"""Numbers, as people read them."""

from __future__ import annotations

from collections.abc import Mapping

from gammalearn_core.inspecting.records import Range


def grouped(number: int) -> str:
    """A whole number; its digits are grouped from five on.

    Examples
    --------
    >>> grouped(1855), grouped(1234567)
    ('1855', '1 234 567')
    """
    return f"{number:,}".replace(",", " ") if abs(number) >= 10_000 else str(number)


def count(number: int, noun: str) -> str:
    """A number of things.

    Examples
    --------
    >>> count(1, "event"), count(20000, "event")
    ('1 event', '20 000 events')
    """
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"


def listed(numbers: Mapping[str, int]) -> str:
    """Numbers of several things.

    Examples
    --------
    >>> listed({"gamma": 31, "proton": 4})
    '31 gamma, 4 proton'
    """
    return ", ".join(f"{grouped(number)} {name}" for name, number in numbers.items())


def digits(value: float, number: int = 3) -> str:
    """A value with so many significant digits, and all digits before the point.

    Examples
    --------
    >>> digits(0.025118864), digits(1234.5), digits(330.0), digits(5.0)
    ('0.0251', '1234', '330', '5')
    """
    return f"{value:.0f}" if abs(value) >= 10**number else f"{value:.{number}g}"


def span(ends: Range, unit: str) -> str:
    """A range, or one value if both ends look the same.

    Examples
    --------
    >>> span((0.0251, 330.0), "TeV"), span((70.0, 70.0), "deg")
    ('0.0251 to 330 TeV', '70 deg')
    """
    low, high = map(digits, ends)
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def angles(ends: Range) -> str:
    """A range of angles, to a tenth of a degree.

    Examples
    --------
    >>> angles((69.98, 70.02)), angles((359.7, 360.4)), angles((359.99, 359.99))
    ('70.0 deg', '359.7 to 360.4 deg', '0.0 deg')
    """
    turns = 360.0 if round(ends[0], 1) >= 360.0 else 0.0
    low, high = (f"{round(end - turns, 1) + 0.0:.1f}" for end in ends)
    return f"{low} deg" if low == high else f"{low} to {high} deg"


def size(number: int) -> str:
    """A number of bytes.

    Examples
    --------
    >>> size(812), size(5191841), size(12_300_000_000)
    ('812 bytes', '5.2 MB', '12.3 GB')
    """
    if number < 1000:
        return f"{number} bytes"
    value, unit = float(number), ""
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007
        value /= 1000
        if value < 999.95:
            break
    return f"{value:.1f} {unit}"


__all__ = ["angles", "count", "digits", "grouped", "listed", "size", "span"]
