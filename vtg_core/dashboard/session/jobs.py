"""The long tasks of an open page: asked for, waiting for their turn, running, and over or stopped."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Event, Lock

from vtg_core.dashboard.inputs import Inputs
from vtg_core.data.answers import AnswerMode


class Task(StrEnum):
    """What a page can be at, each once at a time."""

    READING = "reading"
    AUDIT = "audit"
    LOSS = "forward pass"
    PRECISIONS = "precisions"
    RECIPES = "recipes"
    COMPARISON = "comparison"
    CONTROLS = "check of the controls"
    ANSWER = "answer"
    OVERFIT = "overfit check"
    FILE_AUDIT = "audit of the file"
    FILE_COMPARISON = "comparison of the file"
    SURVEY = "survey of the file"
    GROWTH = "growth of templates"

    @property
    def words(self) -> str:
        """What a person calls it."""
        return str(Task.LOSS) if self in PASSES else str(self)


PASSES = (Task.LOSS, Task.PRECISIONS, Task.RECIPES)
"""The forward passes on the template on screen; one button cancels them all."""

PROBES = (Task.CONTROLS, Task.ANSWER, Task.OVERFIT)
"""The questions to the model about the sample on screen."""

OF_FILE = (Task.FILE_AUDIT, Task.FILE_COMPARISON, Task.SURVEY)
"""What is about the annotation file, whatever sample is on screen."""

OF_NO_SAMPLE = (*OF_FILE, Task.GROWTH)
"""What comes to something step by step, whatever sample is on screen; what it came to stays where it is stopped."""


def needs_model(task: Task) -> bool:
    """Return whether a task runs the model."""
    return task not in (Task.READING, Task.AUDIT, Task.FILE_AUDIT, Task.SURVEY, Task.GROWTH)


def subject_of(task: Task, inputs: Inputs) -> Inputs | None:
    """Return what a task is about: the same inputs give the same, and others do where they make no difference to it.

    A comparison covers every template, and a file or the templates that grow are the same whatever is on screen: None.
    """
    if task in OF_NO_SAMPLE:
        return None
    return sample_of(inputs) if task is Task.COMPARISON else inputs


def sample_of(inputs: Inputs) -> Inputs:
    """Return inputs that are the same whatever template is on screen."""
    return replace(inputs, mode=AnswerMode.STANDARD, template="")


@dataclass(eq=False)
class Job:
    """One run of a task.

    Attributes:
        task: which.
        is_running: it has its turn; until then it waits.
        about: what it runs on; None before that is read, and where it is about no sample.
        is_early: it was asked for while a row was on its way into the page's fields.
        before: what the page was read from when it was asked for: an edit that is not read yet is newer than that.
    """

    task: Task
    is_running: bool = False
    is_early: bool = False
    about: Inputs | None = None
    before: Inputs | None = None
    _stopped: Event = field(default_factory=Event, repr=False)

    def stop(self) -> None:
        """Tell it to end: nobody waits for its result."""
        self._stopped.set()

    def is_stopped(self) -> bool:
        """Return whether it was told to end."""
        return self._stopped.is_set()


class Jobs:
    """The jobs of one page: of each task the last one that was asked for or begun, and is not over."""

    def __init__(self) -> None:
        self._jobs: dict[Task, Job] = {}
        self._lock = Lock()

    def __contains__(self, task: Task) -> bool:
        """Return whether a job waits or runs, be it on its way to an end."""
        return task in self._jobs

    def __len__(self) -> int:
        """Return how many jobs wait or run."""
        return len(self._jobs)

    def is_running(self, task: Task) -> bool:
        """Return whether a job has its turn."""
        job = self._jobs.get(task)
        return job is not None and job.is_running

    def brings(self, task: Task, inputs: Inputs) -> bool:
        """Return whether a job is under way that was not told to end, and is about these inputs or not yet about any."""
        job = self._jobs.get(task)
        if job is None or job.is_stopped():
            return False
        return job.about is None or job.about == subject_of(task, inputs)

    def ask(self, task: Task, before: Inputs | None = None, *, is_early: bool = False) -> bool:
        """Say that a task is asked for and waits for its turn; return whether it is not waiting or running yet.

        Args:
            task: which.
            before: what the page is read from now.
            is_early: a row is on its way into the page's fields.
        """
        with self._lock:
            job = self._jobs.get(task)
            if job is not None and not job.is_stopped():
                return False
            self._jobs[task] = Job(task, is_early=is_early, before=before)
            return True

    def begin(self, task: Task, before: Inputs | None = None) -> Job:
        """Return the job that was asked for, or else a new one, as its turn comes; an earlier one that runs is stopped.

        A new one is of a page that is read from ``before``.

        It is stopped already where it was cancelled while it waited.
        """
        with self._lock:
            job = self._jobs.get(task)
            if job is None or job.is_running:
                if job is not None:
                    job.stop()
                job = self._jobs[task] = Job(task, before=before)
            job.is_running = True
            return job

    def run_on(self, job: Job, inputs: Inputs) -> None:
        """Say what a job runs on: where the page turns to something else, it is stopped."""
        with self._lock:
            job.about = subject_of(job.task, inputs)

    def end(self, job: Job) -> bool:
        """Say that a job is over; return whether its result is still wanted: it was not stopped, and is the last."""
        with self._lock:
            if self._jobs.get(job.task) is job:
                del self._jobs[job.task]
            return not job.is_stopped()

    def cancel(self, task: Task) -> Job | None:
        """Stop a job that waits or runs, and return it; None where there is none."""
        with self._lock:
            job = self._jobs.get(task)
            if job is not None:
                job.stop()
            return job

    def turn_to(self, inputs: Inputs) -> None:
        """Stop what runs on something else than the page shows from now on."""
        with self._lock:
            for job in self._jobs.values():
                if job.about is not None and job.about != subject_of(job.task, inputs):
                    job.stop()

    def stop_all(self) -> None:
        """Stop whatever waits or runs: the page was closed."""
        with self._lock:
            for job in self._jobs.values():
                job.stop()
