import pytest

from flask_handoff.errors import RequestMalformedError
from flask_handoff.web.parameters import ParameterReader


@pytest.mark.parametrize(
    ("values", "one"), [((), None), (("",), None), (("x",), "x"), ((" ",), " ")]
)
def test_a_parameter_is_there_once_or_absent(values, one):
    assert ParameterReader({"state": values}, RequestMalformedError).text("state") == one


@pytest.mark.parametrize("values", [("x", "x"), ("", "x"), ("", "")])
def test_a_parameter_that_comes_twice_is_refused_whatever_it_says(values):
    with pytest.raises(RequestMalformedError, match="state: sent twice"):
        ParameterReader({"state": values}, RequestMalformedError).text("state")
