from coread.readers.rounding import point, shares


def test_rounded_probabilities_sum_to_one_and_keep_their_order() -> None:
    for p in ([1 / 3, 1 / 3, 1 / 3], [0.00004, 0.00004, 0.99992], [0.25004, 0.25004, 0.24996, 0.24996]):
        rounded = shares(p)
        assert round(sum(rounded), 12) == 1
        assert all(abs(a - b) < 2e-4 for a, b in zip(rounded, p, strict=True))
        assert min(rounded) >= 0


def test_points_to_a_hundredth() -> None:
    assert point((1.23456, 2)) == (1.23, 2.0)
