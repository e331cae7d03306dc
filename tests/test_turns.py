import threading

import pytest

from tests.turns import turn


class Worker(threading.Thread):
    """Takes a turn, says so, and ends it when it is told to."""

    def __init__(self, folder, *, is_alone):
        super().__init__(daemon=True)
        self.folder, self.is_alone = folder, is_alone
        self.is_in, self.may_leave = threading.Event(), threading.Event()
        self.start()

    def run(self):
        with turn(self.folder, is_alone=self.is_alone):
            self.is_in.set()
            self.may_leave.wait(10)

    def leave(self):
        self.may_leave.set()
        self.join(10)


def test_tests_that_may_share_the_machine_do(tmp_path):
    workers = [Worker(tmp_path, is_alone=False) for _ in range(2)]
    assert all(worker.is_in.wait(10) for worker in workers)
    for worker in workers:
        worker.leave()


@pytest.mark.parametrize("first", [True, False])
def test_a_test_that_must_be_alone_is(tmp_path, first):
    inside = Worker(tmp_path, is_alone=first)
    assert inside.is_in.wait(10)
    outside = Worker(tmp_path, is_alone=not first)
    assert not outside.is_in.wait(0.2)
    inside.leave()
    assert outside.is_in.wait(10)
    outside.leave()


def test_who_must_be_alone_is_not_overtaken(tmp_path):
    inside = Worker(tmp_path, is_alone=False)
    assert inside.is_in.wait(10)
    alone = Worker(tmp_path, is_alone=True)
    assert not alone.is_in.wait(0.2)
    later = Worker(tmp_path, is_alone=False)
    assert not later.is_in.wait(0.2)
    inside.leave()
    assert alone.is_in.wait(10)
    assert not later.is_in.is_set()
    alone.leave()
    later.leave()
