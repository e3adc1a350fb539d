"""Conditions as text: what they mean, what they refuse, and that nothing makes them hang."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core import SettingsError
from gammalearn_core.api import EventTable
from gammalearn_core.builtin.filters.cut import Cut
from gammalearn_core.builtin.filters.expression import Expression

X = np.array([-2.0, 0.0, 0.5, 1.0, 3.0, 10.0, np.inf, np.nan])
Y = np.array([3.0, -1.0, 0.5, 2.0, np.nan, 0.0, 1.0, 2.0])
N = np.array([1, 2, 3, 4, 5, 6, 7, 8])


def table(**columns: NDArray[np.generic]) -> EventTable:
    columns = columns or {"x": X, "y": Y, "n": N}
    return EventTable(columns, len(next(iter(columns.values()))))


def kept(text: str) -> list[int]:
    """Numbers ``n``, from 1 to 8, of the rows that a condition keeps."""
    return N[Expression(text)(table())].tolist()


def refused(text: str) -> tuple[str, str]:
    """What a condition is refused with, and what is shown."""
    with pytest.raises(SettingsError) as caught:
        Expression(text)
    (problem,) = caught.value.problems
    assert problem.where == "expression"
    return problem.what, problem.hint.replace("\n    ", "\n")


# Meaning.


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("x > 0.5", [4, 5, 6, 7]),
        ("x >= 0.5", [3, 4, 5, 6, 7]),
        ("x < 0", [1]),
        ("x <= 0", [1, 2]),
        ("x == 0.5", [3]),
        ("x != 0.5", [1, 2, 4, 5, 6, 7]),
        ("n in [1, 3, 8]", [1, 3, 8]),
        ("n not in [1, 3, 8]", [2, 4, 5, 6, 7]),
        ("x in [-2, +3]", [1, 5]),
        ("0 < x < 3", [3, 4]),
        ("0 <= x <= y", [3, 4]),
        ("3 > x >= 0.5 != n", [3, 4]),
        ("isfinite(x)", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_comparisons_keep_what_they_say(text: str, rows: list[int]) -> None:
    assert kept(text) == rows


def test_and_and_or_bind_weaker_than_comparisons() -> None:
    assert kept("x > 0.5 & n < 6") == kept("(x > 0.5) & (n < 6)") == [4, 5]
    assert kept("x > 5 | n < 2") == kept("(x > 5) | (n < 2)") == [1, 6, 7]


def test_and_binds_stronger_than_or() -> None:
    assert kept("n == 1 | n > 2 & n < 5") == kept("n == 1 | (n > 2 & n < 5)") == [1, 3, 4]
    assert kept("(n == 1 | n > 2) & n < 5") == [1, 3, 4]
    assert kept("n > 2 & n < 5 | n == 1") == [1, 3, 4]
    assert kept("n > 2 & (n < 5 | n == 8)") == [3, 4, 8]


def test_not_is_about_the_whole_comparison() -> None:
    assert kept("~n > 5") == kept("~(n > 5)") == kept("not n > 5") == [1, 2, 3, 4, 5]
    assert kept("~n > 5 & n > 2") == [3, 4, 5]
    assert kept("~~n > 5") == [6, 7, 8]
    assert kept("not (n > 2 and n < 5)") == [1, 2, 5, 6, 7, 8]


def test_words_mean_the_same_as_signs() -> None:
    assert kept("n > 2 and n < 5 or not n < 8") == kept("n > 2 & n < 5 | ~n < 8") == [3, 4, 8]


def test_nan_compares_false_with_everything() -> None:
    for operator in ("<", "<=", ">", ">=", "==", "!="):
        assert 8 not in kept(f"x {operator} 1")
        assert 8 not in kept(f"1 {operator} x")
        assert 8 not in kept(f"x {operator} x")
    assert 8 not in kept("x in [1, 2]")
    assert 8 not in kept("x not in [1, 2]")


def test_the_contrary_of_a_comparison_with_nan_is_true() -> None:
    assert 8 in kept("~(x > 1)")
    assert kept("~isfinite(x)") == [7, 8]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n + 2 * 3", 7.0),
        ("(n + 2) * 3", 9.0),
        ("n - 2 - 3", -4.0),
        ("8 / 4 / 2 * n", 1.0),
        ("n * 7 % 4", 3.0),
        ("-n ** 2", -1.0),
        ("n * 2 ** 3 ** 2", 512.0),
        ("n * 2 ** -1", 0.5),
        ("n * 2 ** -2 ** 2", 1 / 16),
        ("- - n", 1.0),
        ("-n % 3", 2.0),
        ("n + .5e1 + 1.", 7.0),
        ("abs(-n)", 1.0),
        ("sqrt(n * 16)", 4.0),
        ("log(n * 100) / log(10)", 2.0),
        ("log10(1000 * n)", 3.0),
        ("exp(n - 1)", 1.0),
        ("hypot(3 * n, 4)", 5.0),
        ("minimum(n, 0.5) + maximum(n, 7)", 7.5),
    ],
)
def test_arithmetic_has_the_usual_order(text: str, value: float) -> None:
    for condition, truth in ((f"abs({text} - ({value})) < 1e-9", True), (f"{text} > {value} + 1e-6", False)):
        assert Expression(condition)(table())[0] == truth


def test_angles_of_functions_are_in_degrees() -> None:
    angle = table(true_alt=np.array([30.0, 60.0, 90.0]))
    assert Expression("abs(sin(true_alt) - 0.5) < 1e-9")(angle).tolist() == [True, False, False]
    assert Expression("abs(cos(true_alt) - 0.5) < 1e-9")(angle).tolist() == [False, True, False]


def test_what_has_no_value_is_nan_and_compares_false() -> None:
    assert kept("sqrt(x) >= 0 & log(x) < 100") == [2, 3, 4, 5, 6]
    assert kept("x / 0 > 1") == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.int64, np.uint64, np.float32, bool])
def test_columns_of_any_type_of_number_are_computed_with_alike(dtype: type) -> None:
    values = np.array([0, 1, 1], dtype=dtype)
    assert Expression("-5 < x - 1 < 0")(table(x=values)).tolist() == [True, False, False]
    assert Expression("x * 200 + 100 == 300")(table(x=values)).tolist() == [False, True, True]


def test_columns_are_listed_once_in_the_order_of_the_text() -> None:
    assert Expression("hypot(b, a) > 1 & b in [1] | c < a").columns == ("b", "a", "c")


@pytest.mark.parametrize(
    ("text", "truth"), [("x > 1", False), ("x > 1 & true_energy > 1", True), ("untrue_x > 1", False)]
)
def test_a_cut_knows_whether_it_reads_truth(text: str, truth: bool) -> None:
    assert Cut(text).truth is truth


def test_a_table_without_rows_is_cut_too() -> None:
    result = Expression("x > 5 & n in [1]")(table(x=np.empty(0), n=np.empty(0, dtype=int)))
    assert (result.dtype, result.shape) == (np.dtype(bool), (0,))


def test_the_result_is_the_callers_own() -> None:
    result = Expression("x > 5")(table())
    result[:] = True
    assert kept("x > 5") == [6, 7]


def test_a_condition_may_have_several_lines() -> None:
    assert kept("x > 0\n  & n < 5\n") == [3, 4]


def test_whole_numbers_that_float64_cannot_tell_apart_are_an_error() -> None:
    with pytest.raises(DataError, match=r"'x' holds whole numbers from 2\*\*53"):
        Expression("x == 1")(table(x=np.array([2**53 + 1])))
    assert Expression("x == 9007199254740991")(table(x=np.array([2**53 - 2, 2**53 - 1]))).tolist() == [False, True]


@pytest.mark.parametrize("values", [np.zeros((2, 3)), np.array(["a", "b"]), np.array([1j, 2j])])
def test_a_column_that_holds_no_numbers_is_an_error(values: NDArray[np.generic]) -> None:
    with pytest.raises(DataError, match="the column 'x' does not hold one number a row"):
        Expression("x == 1")(EventTable({"x": values}, 2))


# What is refused.


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("", "there is no condition", 0),
        ("  ", "there is no condition", 0),
        ("x", "expected a condition here, and this is a number", 0),
        ("x > 5 & y", "expected a condition here, and this is a number", 8),
        ("x + 1 | y > 2", "expected a condition here, and this is a number", 0),
        ("~x", "expected a condition here, and this is a number", 1),
        ("(x > 5) + 1 > 2", "expected a number here, and this is a condition", 0),
        ("1 + (x > 5) > 2", "expected a number here, and this is a condition", 4),
        ("(x > 5) == (y > 3)", "expected a number here, and this is a condition", 0),
        ("abs(x > 5) > 1", "expected a number here, and this is a condition", 4),
        ("2 ** (x > 5) > 1", "expected a number here, and this is a condition", 5),
        ("-(x > 5) > 1", "expected a number here, and this is a condition", 1),
        ("isfinite(x) > 1", "expected a number here, and this is a condition", 0),
        ("(x > 1) in [1]", "expected a number here, and this is a condition", 0),
        ("x >", "expected a number, a column or '(', found the end", 3),
        ("x > & y < 3", "expected a number, a column or '(', found '&'", 4),
        ("x > and y < 3", "expected a number, a column or '(', found 'and'", 4),
        ("x > 5 y", "expected an operator, found 'y'", 6),
        ("x > 5)", "expected an operator, found ')'", 5),
        ("(x > 5", "this '(' is never closed", 0),
        ("abs(x > 5", "expected a number here, and this is a condition", 4),
        ("abs(x", "this '(' is never closed", 3),
        ("(x > 5]", "expected an operator or ')', found ']'", 6),
        ("x in 5", "expected a list such as [1, 2], found '5'", 5),
        ("x in []", "expected a number, found ']'", 6),
        ("x in [1, y]", "expected a number, found 'y'", 9),
        ("x in [1", "this '[' is never closed", 5),
        ("x not 5", "expected 'in', found '5'", 6),
        ("[1, 2] == x", "expected a number, a column or '(', found '['", 0),
        ("x > 50GeV", "'50G…' is neither a number nor a name", 4),
        ("x > 1.2.3", "'1.2.…' is neither a number nor a name", 4),
        ("x > 1_000", "'1_…' is neither a number nor a name", 4),
        ("x > 1e999", "the number 1e999 is too large to compare with", 4),
        ("x > 9007199254740993", "the number 9007199254740993 is too large to compare with", 4),
        ("lg(x) > 1", "there is no function 'lg'", 0),
        ("hypot(x) > 1", "hypot takes 2 values, got 1", 0),
        ("abs() > 1", "abs takes 1 values, got 0", 0),
        ("1 < 2", "names no column, so it would keep everything or nothing", 0),
        ("x = 5", "'=' means nothing here", 2),
        ("x := 5", "':' means nothing here", 2),
        ("x ^ 2 > 5", "'^' means nothing here", 2),
        ("!x > 5", "'!' means nothing here", 0),
        ("x > 5; y > 3", "';' means nothing here", 5),
        ("x == 'gamma'", '"\'" means nothing here', 5),
        ('x == "gamma"', "'\"' means nothing here", 5),
        ("x.real > 5", "'.' means nothing here", 1),
        ("x.__class__ > 5", "'.' means nothing here", 1),
        ("x[0] > 5", "expected an operator, found '['", 1),
        ("x > 5 if y > 3", "expected an operator, found 'if'", 6),
        ("lambda: 1", "':' means nothing here", 6),
        ("x > é", "'é' means nothing here", 4),
        ("x > \x00", "'\\x00' means nothing here", 4),
        ("x // 2 > 5", "expected a number, a column or '(', found '/'", 3),
        ("x && y", "expected a number, a column or '(', found '&'", 3),
        ("f(x)(y) > 1", "there is no function 'f'", 0),
        ("abs(x)(y) > 1", "expected an operator, found '('", 6),
        ("__import__(1) > 1", "there is no function '__import__'", 0),
        ("x > 5 & (y > 3", "this '(' is never closed", 8),
    ],
)
def test_what_is_no_condition_is_refused_at_its_place(text: str, what: str, place: int) -> None:
    told, shown = refused(text)
    assert told == what
    line, mark = shown.split("\n")[:2]
    assert len(mark) - 1 == place
    assert line.startswith(text.rstrip().replace("\x00", " "))


def test_hints_say_what_to_write_instead() -> None:
    assert refused("x = 5")[1].endswith("^\nwrite == to compare")
    assert refused("x ^ 2 > 1")[1].endswith("^\nwrite ** for a power")
    assert refused("lgo10(x) > 1")[1].endswith("^\ndid you mean 'log10'?")
    assert refused("where(x) > 1")[1].split("\n")[2].startswith("there are abs, cos, exp, hypot")


def test_the_place_is_shown_in_its_own_line() -> None:
    assert refused("x > 5\n& y >\n")[1] == "& y >\n     ^"
    assert refused("x > 5\n& y > # 3\n& x < 3")[1] == "& y > # 3\n      ^"


def test_of_a_long_line_only_the_part_around_the_place_is_shown() -> None:
    text = " & ".join(["x > 5"] * 30) + " & ? & " + " & ".join(["x > 5"] * 30)
    line, mark = refused(text)[1].split("\n")
    assert line[len(mark) - 1] == "?"
    assert line.startswith("…")
    assert line.endswith("…")
    assert len(line) <= 102


def test_texts_beyond_reason_are_refused() -> None:
    assert refused("x > 5 | " * 250 + "x > 5")[0] == "it is longer than 2000 characters"
    for text in ("(" * 30 + "x > 5" + ")" * 30, "abs(" * 30 + "x" + ")" * 30 + " > 5", "x" + " ** x" * 30 + " > 5"):
        assert refused(text)[0] == "goes deeper than 25 levels"


@pytest.mark.parametrize(
    "text",
    [
        "9 ** 9 ** 9 ** 9 ** 9 ** 9 > x",
        "x ** 999999999999 > 5",
        "~" * 1900 + "x > 5",
        "-" * 1900 + "x > 5",
        "x" + " + x" * 480 + " > 5",
        "x > 5" + " & x > 5" * 240,
        "x < 5" + " < x" * 480,
        "x in [" + "1," * 950 + "1]",
        "(" * 25 + "x > 5" + ")" * 25,
    ],
)
def test_nothing_that_is_allowed_takes_long(text: str) -> None:
    start = time.perf_counter()
    Expression(text)(table(x=np.linspace(0, 9, 1000)))
    assert time.perf_counter() - start < 2


# Random conditions, computed a second time without the parser.

Node = tuple[str, NDArray[np.float64]]
LEVELS = {"|": 0, "&": 1, "~": 2, "compare": 3, "+": 4, "-": 4, "*": 5, "/": 5, "sign": 6, "**": 7, "atom": 8}


def bracketed(text: str, level: int, needed: int, draw: random.Random) -> str:
    """In brackets where they are needed, and sometimes where they are not."""
    return f"({text})" if level < needed or draw.random() < 0.15 else text


def number(draw: random.Random, depth: int) -> tuple[str, int, NDArray[np.float64]]:
    kind = draw.choice(["atom", "atom", "+", "-", "*", "/", "**", "sign", "abs"]) if depth else "atom"
    if kind == "atom":
        name = draw.choice(["x", "y", "n", "2", "0.5"])
        return (
            name,
            8,
            {"x": X, "y": Y, "n": N.astype(float)}.get(name, np.full(8, float(name) if name[0] in "0123456789" else 0)),
        )
    if kind == "sign":
        text, level, value = number(draw, depth - 1)
        return f"-{bracketed(text, level, 6, draw)}", 6, -value
    if kind == "abs":
        text, _, value = number(draw, depth - 1)
        return f"abs({text})", 8, np.abs(value)
    own = LEVELS[kind]
    left, right = number(draw, depth - 1), number(draw, depth - 1)
    compute: Callable[..., NDArray[np.float64]] = {
        "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power
    }[kind]  # fmt: skip
    needed = (8, 6) if kind == "**" else (own, own + 1)
    one, other = (bracketed(t, lv, need, draw) for (t, lv, _), need in zip((left, right), needed, strict=True))
    return f"{one} {kind} {other}", own, compute(left[2], right[2])


def condition(draw: random.Random, depth: int) -> tuple[str, int, NDArray[np.bool_]]:
    kind = draw.choice(["compare", "|", "&", "~"]) if depth else "compare"
    if kind == "compare":
        (a, level_a, one), (b, level_b, other) = number(draw, 2), number(draw, 2)
        sign = draw.choice(["<", "<=", ">", ">=", "==", "!="])
        known = ~(np.isnan(one) | np.isnan(other))
        value = {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other, "==": one == other}
        result = value[sign] if sign in value else (one != other) & known
        return f"{bracketed(a, level_a, 4, draw)} {sign} {bracketed(b, level_b, 4, draw)}", 3, result
    if kind == "~":
        text, level, result = condition(draw, depth - 1)
        return f"{draw.choice(['~', 'not '])}{bracketed(text, level, 2, draw)}", 2, ~result
    left, right = condition(draw, depth - 1), condition(draw, depth - 1)
    own = LEVELS[kind]
    word = draw.choice([kind, {"|": "or", "&": "and"}[kind]])
    text = f"{bracketed(*left[:2], own, draw)} {word} {bracketed(*right[:2], own, draw)}"
    return text, own, left[2] | right[2] if kind == "|" else left[2] & right[2]


def test_random_conditions_mean_what_they_are_made_of() -> None:
    draw, different = random.Random(2), set()
    for _ in range(3000):
        with np.errstate(all="ignore"):
            text, _, expected = condition(draw, 3)
        if not re.search(r"\b[xyn]\b", text):
            continue
        result = Expression(text)(table())
        assert result.tolist() == expected.tolist(), text
        different.add(tuple(expected.tolist()))
    assert len(different) > 50


PIECES = [
    *"xyn1()[],+-*/%<>&|~=.'^é",
    "2.5",
    "1e3",
    "**",
    "<=",
    ">=",
    "==",
    "!=",
    "and",
    "or",
    "not",
    "in",
    "abs",
    "hypot",
]


def spoilt(text: str, draw: random.Random) -> str:
    """A condition with a few pieces removed, added or replaced."""
    words = re.findall(r"\w+|\S", text)
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(words) + 1)
        words[place : place + draw.randint(0, 1)] = draw.choices(PIECES, k=draw.randint(0, 2))
    return draw.choice(["", " "]).join(words)


def test_any_text_is_a_condition_or_a_problem() -> None:
    draw, understood, problems = random.Random(1), 0, set()
    for turn in range(6000):
        with np.errstate(all="ignore"):
            sound, _, _ = condition(draw, 2)
        text = spoilt(sound, draw) if turn % 3 else " ".join(draw.choices(PIECES, k=draw.randint(0, 12)))
        try:
            result = Expression(text)(table())
        except (SettingsError, DataError) as error:  # 'xy' is a column that the data do not have
            problems.add(re.sub(r"'.*", "", str(error)))
            continue
        understood += 1
        assert (result.dtype, result.shape) == (np.dtype(bool), (8,)), text
    assert understood > 100
    assert len(problems) > 10
