from tests.sharing import BROWSER, place_of


def test_a_file_is_one_workers_and_so_is_all_that_needs_a_browser():
    assert place_of("tests/test_loss.py::test_a[x::y]") == "tests/test_loss.py"
    for name in ("test_loss.py", "test_page.py"):
        assert place_of(f"tests/browser/{name}::test_a") == BROWSER


def test_what_needs_a_browser_comes_first(request):
    is_browsers = [place_of(item.nodeid) == BROWSER for item in request.session.items]
    assert is_browsers == sorted(is_browsers, reverse=True)
