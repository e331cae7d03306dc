"""What each open page shows, and what that belongs to, so that no figure stands beside an input it is not of."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from time import monotonic

from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.samples import Samples
from vtg_core.dashboard.session.jobs import Job, Jobs, Task, subject_of
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.probe import OverfitRun

MAX_VISITS = 1_000
MAX_WAIT = 120
"""Seconds for which a run waits for a row that is being read: PyTorch may be imported meanwhile."""
Chosen = tuple[object, float | None]


@dataclass
class Visit:
    """One open page.

    Attributes:
        current: what its prompts are read from; None before the first, and after an error.
        is_read: those prompts are on screen.
        remark: the notice that the last reading left, a JSON string; empty where it had nothing to say.
        is_stale: what is on screen is of an earlier input, because the last one could not be read.
        audited: the inputs and the choice that the audit on screen is of; None where there is none.
        results: for each task whose result is on screen, what that is of.
        overfit: what the last overfit check that was asked for has come to; None where there was none.
        jobs: what it waits for.
        is_filled: no row is on its way into the page's fields; one is until the first was read.
        device: where the next pass runs, as a person chose; empty where they did not.
        uploaded: the rows of the file that a person uploaded; None where the page shows what it was started with.
    """

    current: Inputs | None = None
    is_read: bool = False
    remark: str = ""
    is_stale: bool = False
    audited: object = None
    results: dict[Task, Inputs | None] = field(default_factory=dict)
    overfit: OverfitRun | None = None
    jobs: Jobs = field(default_factory=Jobs)
    is_filled: Event = field(default_factory=Event, repr=False)
    device: str = ""
    uploaded: Samples | None = None
    _asked: int = 0
    _chosen: Chosen = (None, None)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def settings(self, given: Settings) -> Settings:
        """Return what the page shows samples of, and runs them on: ``given`` at its start, or what was chosen since."""
        shown = given if self.uploaded is None else self.uploaded.settings
        return replace(shown, device=self.device) if self.device else shown

    def samples(self, given: Samples) -> Samples:
        """Return what can be picked: ``given`` at the start, or the rows of a file that was uploaded since."""
        return self.uploaded or given

    def begin_reading(self, inputs: Inputs) -> Job:
        """Say that the page turns to ``inputs``; what runs on others is stopped, and so is an earlier reading."""
        with self._lock:
            job = self.jobs.begin(Task.READING)
            self._turn_to(inputs)
            self.is_read = False
            return job

    def end_reading(self, job: Job) -> bool:
        """Say that a reading is done; return whether the page still waits for it, and for no later one."""
        with self._lock:
            is_wanted = self.jobs.end(job)
            if is_wanted:
                self.is_read, self.is_stale = True, False
                self.is_filled.set()
            return is_wanted

    def fail_reading(self, job: Job | None, *, clears: bool = False) -> bool:
        """Say that an input could not be read, in a reading or before there was one; return as above.

        Args:
            job: the reading; None before there was one.
            clears: what is on screen is taken away, and does not stay beside the reason.
        """
        with self._lock:
            if job is not None and not self.jobs.end(job):
                return False
            self.jobs.cancel(Task.READING)  # an earlier one that still runs is not waited for any more
            self.current, self.is_read, self.is_stale = None, False, not clears
            self.is_filled.set()
            return True

    def choose(self, mode: str, template: str) -> None:
        """Turn to another template of the same inputs."""
        with self._lock:
            if self.current is not None:
                self._turn_to(replace(self.current, mode=mode, template=template))

    def forget(self) -> None:
        """Say that what was read is no longer kept, so that it is read again when asked for."""
        with self._lock:
            self.current, self.is_read = None, False

    def newest(self, number: int, chosen: Chosen) -> Chosen:
        """Return whose mask the page asks for: what came with its ``number``-th audit, or with a later one that came first.

        Two events of the page reach us in any order: the mask that was chosen first must not be shown last.

        Args:
            number: how many audits the page had asked for with this one; 0 where it does not say.
            chosen: the mask, and the row of a batch.
        """
        with self._lock:
            if not number or number >= self._asked:
                self._asked, self._chosen = max(self._asked, number), chosen
            return self._chosen

    def ask(self, task: Task) -> bool:
        """Say that a task is asked for now; return whether it is not waiting or running yet."""
        return self.jobs.ask(task, self.current, is_early=not self.is_filled.is_set())

    def begin(self, task: Task) -> Job:
        """Return the job of a task whose turn has come."""
        return self.jobs.begin(task, self.current)

    def run_on(self, job: Job, inputs: Inputs) -> None:
        """Say what a job runs on; the steps of an overfit check are shown from the first on."""
        self.jobs.run_on(job, inputs)
        if job.task is Task.OVERFIT:
            self.results[job.task] = inputs

    def wait_for_row(self, job: Job) -> bool:
        """Return whether a row was on its way into the page's fields when a job was asked for; it is waited for."""
        if not job.is_early:
            return False
        end = monotonic() + MAX_WAIT
        while not (self.is_filled.wait(0.05) or job.is_stopped() or monotonic() > end):
            pass
        return True

    def begin_audit(self) -> Job:
        """Say that the page turns to another audit; an earlier one is not waited for any more."""
        with self._lock:
            self.audited = None
            return self.jobs.begin(Task.AUDIT)

    def end_audit(self, job: Job, audited: object) -> bool:
        """Say that an audit is done; return whether the page still waits for it, and for no later one."""
        with self._lock:
            is_wanted = self.jobs.end(job)
            if is_wanted:
                self.audited = audited
            return is_wanted

    def is_about(self, job: Job) -> bool:
        """Return whether the page shows what a job is about, or is about to, or nothing that could be read."""
        current = self.current
        if job.about is None or current is None:
            return True
        if current is job.before:  # the reading of what was typed is still to come
            return True
        return job.about == subject_of(job.task, current)

    def shows(self, job: Job) -> bool:
        """Return as above; where it does, the job's result is on screen from now on."""
        with self._lock:
            is_shown = self.is_about(job)
            if is_shown:
                self.results[job.task] = job.about
            return is_shown

    def keeps(self, task: Task) -> bool:
        """Return whether the result on screen belongs to what is shown now; forget it where it does not.

        Where there is none, and one is under way, nothing needs to be taken away: that could come after what it brings.
        """
        with self._lock:
            if task is Task.COMPARISON and self.jobs.is_running(task):
                return True  # it says itself that the page has turned to something else
            if self.current is not None and task not in self.results and self.jobs.brings(task, self.current):
                return True
            if self.current is None or self.results.get(task) != subject_of(task, self.current):
                self.results.pop(task, None)
            return task in self.results

    def _turn_to(self, inputs: Inputs) -> None:
        self.current = inputs
        self.jobs.turn_to(inputs)


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
            visit.jobs.stop_all()
