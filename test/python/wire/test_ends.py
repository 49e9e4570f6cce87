"""wire/ends.py: reports of ranks and steps add up."""

from __future__ import annotations

import pytest

from pegaflow.wire.ends import JobEnd, fold_ends, pack_ends, unpack_ends


def test_reports_of_two_ranks_become_one() -> None:
    first = pack_ends({1: JobEnd(1, 0, 0.5), 2: JobEnd(0, 1, 0.25)})
    second = pack_ends({1: JobEnd(1, 0, 2.0), 3: JobEnd(1, 0, 0.0)})
    assert unpack_ends(fold_ends(first, second)) == {
        1: JobEnd(2, 0, 2.0),
        2: JobEnd(0, 1, 0.25),
        3: JobEnd(1, 0, 0.0),
    }


def test_folding_does_not_depend_on_the_order() -> None:
    reports = [pack_ends({n: JobEnd(1, 0, 1.0), 9: JobEnd(0, 1, float(n))}) for n in range(1, 5)]
    forwards, backwards = b"", b""
    for report in reports:
        forwards = fold_ends(forwards, report)
        backwards = fold_ends(report, backwards)
    assert unpack_ends(forwards) == unpack_ends(backwards)
    assert unpack_ends(forwards)[9] == JobEnd(0, 4, 4.0)


def test_other_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="no list of ends"):
        unpack_ends(b"123")
