"""What each open page shows and waits for, so that no figure stands beside an input it does not belong to."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from threading import Event, Lock

from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.work.probe import OverfitRun
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import VTGError

MAX_VISITS = 1_000
COMPARISON = "comparison"
"""The long task that compares the templates on the sample on screen."""

CONTROLS, ANSWER, OVERFIT = "controls", "answer", "overfit"
PROBES = (CONTROLS, ANSWER, OVERFIT)
"""The long tasks that ask the model about the sample on screen; each has a result of its own."""


@dataclass
class Visit:
    """One open page.

    Attributes:
        current: what its prompts are read from; None before the first, and after an error.
        is_read: those prompts are on screen.
        remark: the notice that the last reading left, a JSON string; empty where it had nothing to say.
        is_stale: what is on screen is of an earlier input, because the last one could not be read.
        scored: what the loss on screen was computed from; None where there is none.
        probed: for each probe on screen, by its name, what it is of.
        overfit: what the last overfit check that was asked for has come to; None where there was none.
        running: what its forward pass is computing now, and the event that stops it.
        audited: the inputs and the choice that the audit on screen is of; None where there is none.
        compared: the sample that the comparison of templates on screen is of; None where there is none.
        is_comparing: that comparison still waits or runs.
        jobs: for each long task that runs now, by its name, the event that stops it.
    """

    current: Inputs | None = None
    is_read: bool = False
    remark: str = ""
    is_stale: bool = False
    scored: Inputs | None = None
    probed: dict[str, Inputs] = field(default_factory=dict)
    overfit: OverfitRun | None = None
    running: tuple[Inputs, Event] | None = None
    audited: object = None
    compared: Inputs | None = None
    is_comparing: bool = False
    jobs: dict[str, Event] = field(default_factory=dict)
    _num_readings: int = 0
    _num_audits: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def begin_reading(self, inputs: Inputs) -> int:
        """Say that the page turns to ``inputs``, and return the reading's number; another forward pass is stopped."""
        with self._lock:
            self._num_readings += 1
            self._turn_to(inputs)
            self.is_read = False
            return self._num_readings

    def end_reading(self, number: int) -> bool:
        """Say that a reading is done; return whether the page still waits for it, and for no later one."""
        with self._lock:
            if number != self._num_readings:
                return False
            self.is_read, self.is_stale = True, False
            return True

    def check_awaited(self, number: int) -> None:
        """Raise ``VTGError`` where a later reading has begun, so that one nobody waits for takes no more time."""
        if number != self._num_readings:
            raise VTGError("a later reading has begun, and this one is given up")

    def fail_reading(self, number: int | None) -> bool:
        """Say that an input could not be read, at reading ``number`` or before it had one; return as above."""
        with self._lock:
            if number not in (None, self._num_readings):
                return False
            self._num_readings += 1  # an earlier reading that still runs is not waited for any more
            self.current, self.is_read, self.is_stale = None, False, True
            return True

    def choose(self, mode: AnswerMode, template: str) -> None:
        """Turn to another template of the same inputs."""
        with self._lock:
            if self.current is not None:
                self._turn_to(replace(self.current, mode=mode, template=template))

    def forget(self) -> None:
        """Say that what was read is no longer kept, so that it is read again when asked for."""
        with self._lock:
            self.current, self.is_read = None, False

    def begin_audit(self) -> int:
        """Say that the page turns to another audit, and return its number."""
        with self._lock:
            self._num_audits += 1
            self.audited = None
            return self._num_audits

    def end_audit(self, number: int, audited: object) -> bool:
        """Say that an audit is done; return whether the page still waits for it, and for no later one."""
        with self._lock:
            if number == self._num_audits:
                self.audited = audited
            return number == self._num_audits

    def begin_job(self, name: str) -> Event:
        """Say that a long task begins, an earlier one of that name stopped; return the event that stops it."""
        with self._lock:
            if name in self.jobs:
                self.jobs[name].set()
            self.jobs[name] = Event()
            return self.jobs[name]

    def end_job(self, name: str, stop: Event) -> bool:
        """Say that it ended; return whether the page still waits for it, and for no later one of that name."""
        with self._lock:
            is_last = self.jobs.get(name) is stop
            if is_last:
                del self.jobs[name]
            return is_last

    def cancel_job(self, name: str) -> bool:
        """Stop a long task; return whether there was one."""
        with self._lock:
            if name in self.jobs:
                self.jobs[name].set()
            return name in self.jobs

    def ask_job(self, name: str) -> bool:
        """Say that a long task is asked for and waits for its turn; return whether it is not waiting or running yet."""
        with self._lock:
            if name in self.jobs and not self.jobs[name].is_set():
                return False
            self.jobs[name] = Event()
            return True

    def take_job(self, name: str) -> Event:
        """Say that the task that was asked for begins; return the event that stops it, set where it was cancelled."""
        with self._lock:
            return self.jobs.setdefault(name, Event())

    def begin_comparison(self, inputs: Inputs) -> None:
        """Say that templates are compared on the sample of ``inputs``."""
        with self._lock:
            self.compared, self.is_comparing = sample_of(inputs), True

    def is_about(self, inputs: Inputs) -> bool:
        """Return whether the page shows the sample of ``inputs``, or nothing that could be read."""
        return self.current is None or sample_of(self.current) == sample_of(inputs)

    def end_comparison(self, inputs: Inputs, *, is_kept: bool) -> bool:
        """Say that the comparison ended, with something to show or not; return whether the page is still about it."""
        with self._lock:
            self.is_comparing = False
            is_shown = self.is_about(inputs)
            self.compared = sample_of(inputs) if is_shown and is_kept else None
            return is_shown

    def keeps_comparison(self) -> bool:
        """Return whether the comparison on screen belongs to what is shown now; forget it where it does not."""
        with self._lock:
            if self.is_comparing:  # it says itself that the page has turned to something else
                return True
            if self.current is None or self.compared != sample_of(self.current):
                self.compared = None
            return self.compared is not None

    def begin_pass(self, inputs: Inputs) -> Event:
        """Say that a forward pass begins; return the event that stops it."""
        with self._lock:
            stop = Event()
            self.running = (inputs, stop)
            return stop

    def end_pass(self, inputs: Inputs, stop: Event, name: str = "") -> bool:
        """Say that it ended, the one of a probe by its name; return whether the page still shows what it was about."""
        with self._lock:
            if self.running is not None and self.running[1] is stop:
                self.running = None
            is_shown = self.current in (None, inputs)
            if is_shown and name in PROBES:
                self.probed[name] = inputs
            elif is_shown:
                self.scored = inputs
            return is_shown

    def cancel(self) -> bool:
        """Stop the forward pass; return whether there was one."""
        with self._lock:
            if self.running is None:
                return False
            self.running[1].set()
            return True

    def leave(self) -> None:
        """Stop whatever runs or waits for this page: it was closed."""
        with self._lock:
            for stop in self.jobs.values():
                stop.set()
            if self.running is not None:
                self.running[1].set()

    def keeps_loss(self) -> bool:
        """Return whether the loss on screen belongs to what is shown now; forget it where it does not."""
        with self._lock:
            if self.scored != self.current:
                self.scored = None
            return self.scored is not None

    def keeps_probe(self, name: str) -> bool:
        """Return whether a probe on screen belongs to what is shown now; forget it where it does not."""
        with self._lock:
            if self.probed.get(name) != self.current:
                self.probed.pop(name, None)
            return name in self.probed

    def _turn_to(self, inputs: Inputs) -> None:
        self.current = inputs
        if self.running is not None and self.running[0] != inputs:
            self.running[1].set()
        if self.is_comparing and COMPARISON in self.jobs and self.compared != sample_of(inputs):
            self.jobs[COMPARISON].set()


def sample_of(inputs: Inputs) -> Inputs:
    """Return inputs that are the same whatever template is on screen: a comparison covers them all."""
    return replace(inputs, mode=AnswerMode.STANDARD, template="")


class Visits:
    """The open pages, by Gradio's session hash; the least recently used are forgotten past ``MAX_VISITS``."""

    def __init__(self) -> None:
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = Lock()

    def of(self, session: str | None) -> Visit:
        """Return the visit of a session, a new one where there was none."""
        with self._lock:
            visit = self._visits.setdefault(session or "", Visit())
            self._visits.move_to_end(session or "")
            while len(self._visits) > MAX_VISITS:
                self._visits.popitem(last=False)
            return visit

    def leave(self, session: str | None) -> None:
        """Stop whatever runs or waits for a session whose page was closed, and forget it."""
        with self._lock:
            visit = self._visits.pop(session or "", None)
        if visit is not None:
            visit.leave()
