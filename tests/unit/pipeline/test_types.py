"""What a server makes of the values of an enum; the same cases are declared on both servers in the integration tests."""

import pytest

from djproject.pipeline.types import enum_values, refused_parameters


@pytest.mark.parametrize(
    ("written", "postgresql", "mysql"),
    [
        ("enum('a', 'b')", "", ""),
        ("enum('a', 'A')", "", "equal"),
        ("enum('e', 'é')", "", "equal"),
        ("enum('a', 'a ')", "", "equal"),
        ("enum('a', 'a')", "equal", "equal"),
        ('enum("a", "b")', "", "double quote"),
        ("enum('a\\b', 'c')", "", "backslash"),
        ("enum('a,b', 'c')", "comma", ""),
        ("enum(a, b)", "single quotes", "single quotes"),
        (f"enum('{'a' * 64}')", "63 bytes", "63 bytes"),
    ],
)
def test_an_enum_is_refused_by_the_servers_that_refuse_it(written: str, postgresql: str, mysql: str) -> None:
    for backend, reason in (("postgresql", postgresql), ("mysql", mysql)):
        said = refused_parameters(written, backend)
        assert bool(said) is bool(reason)
        assert reason in said


def test_the_values_of_an_enum_are_read_with_their_quotes() -> None:
    assert enum_values("enum('a, b', 'it''s', \"c\",'5 %%')") == ("a, b", "it's", "c", "5 %")
