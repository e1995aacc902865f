import pytest

from renderbench.config import Suite, load_suite, shipped_suites
from renderbench.errors import InputError
from renderbench.methods import registered_methods, resolve_method
from renderbench.resources import resource

DEMO = resource("datasets", "suites", "demo.toml")


@pytest.mark.parametrize("name", shipped_suites())
def test_shipped_suites_load_under_their_own_name_and_name_known_methods(name):
    suite = load_suite(name)
    assert suite.name == name
    for method in suite.method_ids():
        spec, settings = resolve_method(suite, method)
        assert isinstance(settings, spec.settings)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "transfer_function",
            "transfer_functon",
            r"blocks\[0\]\.transfer_functon: unknown key.*'transfer_function'",
        ),
        ("test = 8", "tests = 8", r"views\.tests: unknown key; expected one of .*did you mean 'test'"),
        ('title = "Phantom', 'titel = "Phantom', r"blocks\[0\]\.titel: unknown key.*did you mean 'title'"),
        ("[views]", "[view]", r"view: unknown key.*did you mean 'views'"),
        ("seed = 0", "seed = 0.5", r"seed: .*found 0\.5"),
        ('scans = "test"', 'scans = "tset"', r"blocks\[0\]\.scans: .*'tset'"),
        ('id = "phantom-seen"', 'id = "a/b"', r"block 'a/b': expected letters"),
        ("[[blocks]]", "[[blocks]", "syntax error"),
    ],
)
def test_a_fault_in_a_suite_is_one_clear_line(tmp_path, old, new, line):
    text = DEMO.read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=line) as caught:
        load_suite(str(path))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_unknown_suite_names_the_known_and_the_nearest():
    with pytest.raises(InputError, match=r"suite 'dmo'.*demo.*did you mean 'demo'"):
        load_suite("dmo")
    with pytest.raises(InputError, match="found none"):
        load_suite("nowhere.toml")


def test_a_second_row_of_a_method_has_its_own_settings():
    suite = Suite.model_validate(
        {
            "name": "x",
            "methods": {"agp-gain": {"base": "agp", "settings": {"shading_gain": "fit"}}},
            "blocks": [{"id": "b", "title": "B", "dataset": "d", "methods": ["agp", "agp-gain"]}],
        }
    )
    plain, fitted = (resolve_method(suite, name)[1] for name in ("agp", "agp-gain"))
    assert plain.shading_gain == 1.0
    assert fitted.shading_gain == "fit"


def test_unknown_methods_and_settings_are_refused():
    block = {"id": "b", "title": "B", "dataset": "d", "methods": ["6dgs"]}
    wrong = Suite.model_validate(
        {"name": "x", "methods": {"6dgs": {"settings": {"iteration": 3}}}, "blocks": [block]}
    )
    with pytest.raises(InputError, match=r"methods\.6dgs\.settings: iteration: unknown key.*'iterations'"):
        resolve_method(wrong, "6dgs")
    with pytest.raises(InputError, match=r"method '6dsg'.*did you mean '6dgs'"):
        resolve_method(wrong, "6dsg")


def test_listing_methods_loads_nothing_heavy():
    assert {"agp", "6dgs", "6dgs-agp"} <= set(registered_methods())
