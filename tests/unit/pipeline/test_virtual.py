"""Variables that hold virtual modules."""

import ast

import pytest

from djproject.pipeline.virtual import virtual_modules


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lab = dj.VirtualModule('lab', 'lab_main')", {"lab": "lab_main"}),
        ("lab: object = VirtualModule('lab', 'lab_main')", {"lab": "lab_main"}),
        ("lab = dj.create_virtual_module('lab', schema_name='lab_main')", {"lab": "lab_main"}),
        ("lab = dj.create_virtual_module('lab', 'lab_main', create_schema=True)", {"lab": "lab_main"}),
        ("lab = dj.virtual_schema('lab_main')", {"lab": "lab_main"}),
        ("lab = dj.virtual_schema(schema_name='lab_main')", {"lab": "lab_main"}),
        ("lab = dj.virtual_schema('lab_main', 'other')", {"lab": "lab_main"}),
        ("lab = dj.VirtualModule('lab')", {}),
        ("lab = dj.VirtualModule('lab', name)", {}),
        ("lab = dj.VirtualModule('lab', 5)", {}),
        ("lab = dj.VirtualModule('lab', '')", {}),
        ("lab = dj.VirtualModule('lab', other='lab_main')", {}),
        ("lab = dj.Schema('lab', 'lab_main')", {}),
        ("lab = 'lab_main'", {}),
        ("lab: object", {}),
        ("a = b = dj.virtual_schema('lab')", {}),
        ("dj.virtual_schema('lab')", {}),
        ("def f():\n    lab = dj.virtual_schema('lab')", {"lab": "lab"}),
        ("lab = dj.virtual_schema('a')\nlab = dj.virtual_schema('a')", {"lab": "a"}),
        ("lab = dj.virtual_schema('a')\nlab = dj.virtual_schema('b')", {}),
        ("lab = dj.virtual_schema('a')\nlab = 1\nother = dj.virtual_schema('b')", {"other": "b"}),
        ("lab = 1\nlab = dj.virtual_schema('a')", {}),
    ],
)
def test_a_variable_holds_the_virtual_module_of_a_schema(text: str, found: dict[str, str]) -> None:
    assert virtual_modules(ast.parse(text)) == found
