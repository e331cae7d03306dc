"""What several workers share of the tests: files, and the browser's folder as one."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

BROWSER = "tests/browser"


class SharedFiles(LoadFileScheduling):
    """Gives a worker the tests of one place after the other, see :func:`place_of`."""

    def _split_scope(self, nodeid: str) -> str:
        return place_of(nodeid)


def place_of(nodeid: str) -> str:
    """Return what goes to one worker whole: a test's file, or all files of the browser.

    Each worker that has one of these starts a server and a browser, and loads the page for a first time. Together they
    are also the longest that a worker gets at once: they come first, or the others would wait for them at the end.
    """
    file, *_ = nodeid.split("::", 1)
    return BROWSER if PurePosixPath(file).is_relative_to(BROWSER) else file
